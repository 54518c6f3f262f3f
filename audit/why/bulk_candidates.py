"""Which acts have to do with what a message is about, for many messages at once.

Both sides are put into keys, so that an act and a message have to do with each other exactly where they share
one: the same item, the same or a close category, a topic, a word. `candidates` says the same of a single message,
and how close they are.
"""

from collections.abc import Callable

import polars as pl

from audit.why.candidates import ACT_TEXTS, KINDS, MESSAGE_TEXTS, common_words, words_in


def akin(placed: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """The acts before each of `messages` that have to do with it: `message, act`, positions in the history.

    `placed`: events in order with `act`, their position; `messages`: rows of them with `message`, theirs.
    """
    acts = placed.filter(pl.col("kind").is_in(KINDS)).join(
        messages.select("customer_id").unique(), on="customer_id", how="semi", maintain_order="left"
    )
    return (
        _of_messages(messages)
        .join(_of_acts(acts), on=("customer_id", "key"))
        .filter(pl.col("act") < pl.col("message"))
        .select("message", "act")
        .unique()
    )


def _of_messages(messages: pl.DataFrame) -> pl.DataFrame:
    """What each message asks for: `customer_id, message, key`."""
    words = _words(messages, MESSAGE_TEXTS, "message").filter(~pl.col("key").is_in(list(common_words())))
    return _keys(messages, "message", words, _asks)


def _of_acts(acts: pl.DataFrame) -> pl.DataFrame:
    """What each act answers to: `customer_id, act, key`."""
    return _keys(acts, "act", _words(acts, ACT_TEXTS, "act"), _answers)


def _keys(
    rows: pl.DataFrame, name: str, words: pl.DataFrame, of_category: Callable[[str], list[str]]
) -> pl.DataFrame:
    own = ["customer_id", name]
    items = rows.select(*own, pl.col("item_id").alias("key")).drop_nulls("key")
    topics = (
        rows.select(*own, pl.col("topics").alias("key")).explode("key", empty_as_null=True).drop_nulls("key")
    )
    paths = rows["category"].drop_nulls().unique()
    known = pl.DataFrame(
        {"category": paths, "key": [of_category(path) for path in paths]},
        schema={"category": pl.String, "key": pl.List(pl.String)},
    )
    categories = rows.select(*own, "category").join(known, on="category").explode("key", empty_as_null=True)
    return pl.concat(
        part.select(*own, pl.concat_str(pl.lit(sign), "key").alias("key"))
        for sign, part in (("i", items), ("t", topics), ("w", words), ("", categories.drop_nulls("key")))
    )


def _words(rows: pl.DataFrame, texts: tuple[str, ...], name: str) -> pl.DataFrame:
    """Each word of each row's `texts` and category: `customer_id`, `name`, `key`."""
    said = [*texts, "category"]
    known = rows.select(said).unique().with_columns(words_in(*texts).alias("key"))
    return (
        rows.select("customer_id", name, *said)
        .join(known, on=said, nulls_equal=True)
        .select("customer_id", name, "key")
        .explode("key", empty_as_null=True)
        .drop_nulls("key")
        .unique()
    )


def _asks(path: str) -> list[str]:
    """A message about `path` asks for what lies under it or beside it, and for what lies two levels and deeper above."""
    levels = path.split(" > ")
    above = [" > ".join(levels[:count]) for count in range(2, len(levels))]
    return [f"u{path.rpartition(' > ')[0] or path}", *(f"c{one}" for one in above)] if path else []


def _answers(path: str) -> list[str]:
    """An act in `path` lies there, and under every path above it."""
    above = [path[:end] for end in range(len(path)) if path.startswith(" > ", end)]
    return [f"c{path}", f"u{path}", *(f"u{one}" for one in above)] if path else []
