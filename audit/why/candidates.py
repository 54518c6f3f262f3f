"""What could be behind a message that nobody states a reason for: every act that has something to do with it."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from audit.events.schema import under

LEVELS = ("the same item", "the same category", "a category close to it", "a shared topic", "words of it")
"""How an act can have to do with a message, the closest first."""

KINDS = (
    "order_completed", "product_added", "checkout_started", "wishlist_added", "registry_created",
    "segment_entered", "segment_snapshot", "product_viewed", "products_searched", "recommendation_clicked",
    "content_consumed", "product_reviewed",
)  # fmt: skip
"""The kinds of acts that can be behind a message, the strongest first."""

MESSAGE_TEXTS = ("subject", "campaign_name", "item_name")
"""Where a message says in words what it is about."""

ACT_TEXTS = ("item_name", "query", "segment_id")
"""Where an act does."""


def candidates(events: pl.DataFrame, message: Mapping[str, Any]) -> pl.DataFrame:
    """The acts before `message` (a row) that have to do with what it is about, the likeliest first.

    Rows of `events` with `level` (index into `LEVELS`): closer first, then newer, then stronger kinds.
    """
    earlier = (pl.col("occurred_at") < message["occurred_at"]) | (
        (pl.col("occurred_at") == message["occurred_at"]) & (pl.col("event_id") < message["event_id"])
    )
    acts = events.filter(pl.col("kind").is_in(KINDS) & earlier)
    strength = pl.col("kind").replace_strict(
        {kind: rank for rank, kind in enumerate(KINDS)}, return_dtype=pl.Int8
    )
    return (
        acts.with_columns(_level(message).alias("level"), strength.alias("_strength"))
        .filter(pl.col("level").is_not_null())
        .sort("level", "occurred_at", "_strength", "event_id", descending=[False, True, False, False])
        .drop("_strength")
    )


def says_what_it_is_about(message: Mapping[str, Any]) -> bool:
    """Whether the row names an item, a category, topics, or at least words that could be compared."""
    return any(message.get(name) for name in ("item_id", "category", "topics")) or bool(_words_of(message))


def _level(message: Mapping[str, Any]) -> pl.Expr:
    item = _equal("item_id", message.get("item_id"))
    category = message.get("category")
    same = parent = pl.lit(value=False)
    if category:
        same = under(pl.col("category"), category) | _is_above(pl.col("category"), category)
        above = category.rpartition(" > ")[0]
        parent = under(pl.col("category"), above) if above else pl.lit(value=False)
    topics = message.get("topics") or []
    topic = pl.col("topics").list.eval(pl.element().is_in(list(topics))).list.any()
    level = pl.when(item).then(0).when(same).then(1).when(parent).then(2).when(topic).then(3)
    return level.when(_shares_words(message)).then(4).otherwise(None).cast(pl.Int8)


def _equal(column: str, value: str | None) -> pl.Expr:
    return pl.lit(value=False) if value is None else pl.col(column) == value


def _is_above(category: pl.Expr, path: str) -> pl.Expr:
    """Whether a category of at least two levels lies above `path`."""
    levels = path.split(" > ")
    above = [" > ".join(levels[:count]) for count in range(2, len(levels))]
    return category.is_in(above)


def _shares_words(message: Mapping[str, Any]) -> pl.Expr:
    own = _words_of(message)
    if not own:
        return pl.lit(value=False)
    return words_in(*ACT_TEXTS).list.eval(pl.element().is_in(own)).list.any()


def _words_of(message: Mapping[str, Any]) -> list[str]:
    row = pl.DataFrame(
        {name: [message.get(name)] for name in (*MESSAGE_TEXTS, "category")},
        schema=dict.fromkeys((*MESSAGE_TEXTS, "category"), pl.String),
    )
    words = row.select(words_in(*MESSAGE_TEXTS).alias("word"))["word"].explode(empty_as_null=True)
    return sorted(set(words.drop_nulls()) - common_words())


def words_in(*texts: str) -> pl.Expr:
    """The words of four letters and more in the columns `texts` and in the last level of the category, without
    a plural s.
    """
    leaf = pl.col("category").str.split(" > ").list.last()
    text = pl.concat_str(*texts, leaf, separator=" ", ignore_nulls=True).str.to_lowercase()
    return text.str.extract_all(r"\p{L}{4,}").list.eval(pl.element().str.strip_suffix("s"))


@cache
def common_words() -> frozenset[str]:
    text = files("audit.why").joinpath("common_words.toml").read_text(encoding="utf-8")
    return frozenset(word.removesuffix("s") for words in tomllib.loads(text).values() for word in words)
