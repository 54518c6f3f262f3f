"""Which earlier acts have to do with what a message is about, and how closely: for many messages at once.

Messages and acts are put into keys, so that an act is related to a message exactly where they share one: the item, the
same or a close category, a topic, a word.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import polars as pl

from audit.events import sensitive_topics
from audit.events.schema import TIME
from audit.events.vocabulary import comes_before_expr, words_expr
from audit.storage import toml_input

LEVELS = (
    "the same item", "weak: the same category", "weak: a category close to it", "weak: a shared topic", "weak: words of it",
    "goes with it: bought by the same people",
)  # fmt: skip
"""How an act can be related to a message, the closest first; the last one to what was shown only."""

KINDS = (
    "order_completed", "product_added", "checkout_started", "wishlist_added", "registry_created",
    "segment_entered", "segment_snapshot", "product_viewed", "products_searched", "recommendation_clicked",
    "content_consumed", "product_reviewed",
)  # fmt: skip
"""The kinds of acts that can be behind a message, the strongest first."""

ITEM, _CATEGORY, _CLOSE_CATEGORY, _TOPIC, _WORD, GOES_WITH = range(len(LEVELS))

_NEAR = (_CLOSE_CATEGORY, _WORD)
"""Levels that only guess."""

_NEVER_GUESSED = "health"
"""The sensitive topic of which nothing is listed as a guess."""

_MESSAGE_TEXTS = ("subject", "campaign_name", "item_name")
"""Where a message says in words what it is about."""

_ACT_TEXTS = ("item_name", "query", "segment_id")
"""Where an act does."""

_MESSAGE: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "item_id": pl.String(),
    "category": pl.String(),
    "topics": pl.List(pl.String()),
    **dict.fromkeys(_MESSAGE_TEXTS, pl.String()),
}
"""What is read of a message."""


def related_acts(
    placed: pl.DataFrame, messages: pl.DataFrame, frequent_words: Collection[str] = ()
) -> pl.DataFrame:
    """The acts before each of `messages` that are related to it: `message, act` (positions), `level` (index into `LEVELS`).

    `placed`: events in order with `act`, their position; `messages`: rows of them with `message`, theirs; sharing one of
    `frequent_words` relates nothing.
    """
    if messages.is_empty():
        return pl.DataFrame(schema={"message": pl.UInt32, "act": pl.UInt32, "level": pl.Int8})
    acts = placed.filter(pl.col("kind").is_in(KINDS)).join(
        messages.select("customer_id").unique(), on="customer_id", how="semi", maintain_order="left"
    )
    related = (
        _message_keys(messages)
        .filter(~pl.col("key").is_in([f"w{word}" for word in frequent_words]))
        .join(_act_keys(acts), on=("customer_id", "key"))
        .filter(pl.col("act") < pl.col("message"))
        .group_by("message", "act")
        .agg(pl.col("level").min())
    )
    return _without_guesses_at_health(related, placed)


def _without_guesses_at_health(related: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """`related` without the acts on health that are only near what a message is about."""
    is_near = pl.col("level").is_in(_NEAR)
    near = related.filter(is_near)["act"]
    if near.is_empty():
        return related
    acts = placed[near.unique().sort()]
    touched = sensitive_topics.touched(acts).filter(pl.col("topic") == _NEVER_GUESSED)
    guessed = acts["act"].gather(touched["row"])
    return related.filter(~(is_near & pl.col("act").is_in(guessed.implode())))


def candidates(events: pl.DataFrame, message: Mapping[str, Any]) -> pl.DataFrame:
    """The acts before `message` (a row) that are related to it, the likeliest first.

    Rows of `events` with `level` (index into `LEVELS`): closer first, then newer, then stronger kinds.
    """
    earlier = comes_before_expr(
        "occurred_at", "event_id", pl.lit(message["occurred_at"], TIME), pl.lit(message["event_id"])
    )
    acts = events.filter(pl.col("kind").is_in(KINDS) & earlier).with_row_index("act")
    row = _frame(message).with_columns(pl.lit(acts.height, pl.UInt32).alias("message"))
    strength = pl.col("kind").replace_strict(
        {kind: rank for rank, kind in enumerate(KINDS)}, return_dtype=pl.Int8
    )
    return (
        acts.join(related_acts(acts, row).select("act", "level"), on="act")
        .sort("level", "occurred_at", strength, "event_id", descending=[False, True, False, False])
        .drop("act")
    )


def says_what_it_is_about(message: Mapping[str, Any]) -> bool:
    """Whether the row names an item, a category, topics, or at least words that could be compared."""
    if any(message.get(name) for name in ("item_id", "category", "topics")):
        return True
    return _message_words(_frame(message).with_columns(pl.lit(0).alias("message"))).height > 0


def _frame(message: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{name: message.get(name) for name in _MESSAGE}], schema=_MESSAGE)


def _message_keys(messages: pl.DataFrame) -> pl.DataFrame:
    """What each message asks for: `customer_id, message, key, level`."""
    return _keys(messages, "message", _message_words(messages), _asked_by_category)


def _message_words(messages: pl.DataFrame) -> pl.DataFrame:
    words = _words(messages, _MESSAGE_TEXTS, "message")
    return words.filter(~pl.col("key").is_in(list(_common_words())))


def _act_keys(acts: pl.DataFrame) -> pl.DataFrame:
    """What each act answers to: `customer_id, act, key`."""
    return _keys(acts, "act", _words(acts, _ACT_TEXTS, "act"), _answered_by_category).drop("level")


def _keys(
    rows: pl.DataFrame,
    position: str,
    words: pl.DataFrame,
    of_category: Callable[[str], list[tuple[str, int]]],
) -> pl.DataFrame:
    ids = ["customer_id", position]
    items = rows.select(*ids, pl.col("item_id").alias("key")).drop_nulls("key")
    topics = (
        rows.select(*ids, pl.col("topics").alias("key")).explode("key", empty_as_null=True).drop_nulls("key")
    )
    paths = rows["category"].drop_nulls().unique()
    by_path = pl.DataFrame(
        [(path, *key) for path in paths for key in of_category(path)],
        schema={"category": pl.String, "key": pl.String, "level": pl.Int8},
        orient="row",
    )
    categories = rows.select(*ids, "category").join(by_path, on="category")
    return pl.concat(
        part.select(*ids, pl.concat_str(pl.lit(sign), "key").alias("key"), level.cast(pl.Int8).alias("level"))
        for sign, part, level in (
            ("i", items, pl.lit(ITEM)),
            ("t", topics, pl.lit(_TOPIC)),
            ("w", words, pl.lit(_WORD)),
            ("", categories, pl.col("level")),
        )
    )


def _words(rows: pl.DataFrame, texts: tuple[str, ...], position: str) -> pl.DataFrame:
    """Each word of four letters and more, without a plural s, of each row's `texts` and its category's last level:
    `customer_id`, `position`, `key`.
    """
    columns = [*texts, "category"]
    leaf = pl.col("category").str.split(" > ").list.last()
    text = pl.concat_str(*texts, leaf, separator=" ", ignore_nulls=True)
    words = words_expr(text)
    return (
        rows.select("customer_id", position, *columns)
        .join(rows.select(columns).unique().with_columns(words.alias("key")), on=columns, nulls_equal=True)
        .select("customer_id", position, "key")
        .explode("key", empty_as_null=True)
        .drop_nulls("key")
    )


def _asked_by_category(path: str) -> list[tuple[str, int]]:
    """A message about `path` asks for what lies under it or two levels and deeper above it, else for what lies beside it.

    A first level in common is a department, which says nothing of why.
    """
    if not path:
        return []
    levels = path.split(" > ")
    above = [" > ".join(levels[:count]) for count in range(2, len(levels))]
    parent = path.rpartition(" > ")[0]
    beside = [(f"u{parent}", _CLOSE_CATEGORY)] if " > " in parent else []
    return [(f"u{path}", _CATEGORY), *((f"c{category}", _CATEGORY) for category in above), *beside]


def _answered_by_category(path: str) -> list[tuple[str, int]]:
    """An act in `path` lies there, and under every path above it."""
    above = [path[:end] for end in range(len(path)) if path.startswith(" > ", end)]
    keys = [f"c{path}", f"u{path}", *(f"u{category}" for category in above)] if path else []
    return [(key, _CATEGORY) for key in keys]


@cache
def _common_words() -> frozenset[str]:
    return frozenset(
        word.removesuffix("s")
        for words in toml_input.shipped("audit.why", "common_words.toml").values()
        for word in words
    )
