"""The sensitive map: which categories, queries, topics and segments touch a sensitive topic."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import polars as pl


@cache
def titles() -> dict[str, str]:
    """Topic → how a reviewer reads it."""
    return {row["id"]: row["title"] for row in _map()["topic"]}


def of_category(category: pl.Expr) -> pl.Expr:
    """The sensitive topic of a category path, by the names of its levels; null for most."""
    return _first(category, _levels())


def of_query(query: pl.Expr) -> pl.Expr:
    """The sensitive topic of what somebody searched for, by whole words; null for most."""
    return _first(query, _words())


def of_segment(segment: pl.Expr) -> pl.Expr:
    """The sensitive topic that a segment's name speaks of; null for most."""
    return _first(segment, _names())


def of_topics(topics: pl.Expr) -> pl.Expr:
    """The first of a row's topics that is a sensitive one; null for most."""
    return topics.list.eval(pl.element().filter(pl.element().is_in(list(titles())))).list.first()


def mapped(frame: pl.DataFrame, column: str, topic_of: "pl.Expr", name: str) -> pl.DataFrame:
    """`frame` with the column `name`: `topic_of` (an expression of `column`), worked out once a distinct value."""
    if frame.is_empty():
        return frame.with_columns(topic_of.alias(name))
    topics = frame.select(column).drop_nulls().unique().with_columns(topic_of.alias(name)).drop_nulls(name)
    return frame.join(topics, on=column, how="left", maintain_order="left")


def touched(rows: pl.DataFrame) -> pl.DataFrame:
    """Which sensitive topics each of `rows` (canonical columns) touches: `row` (its position), `topic`, each once.

    All of them, through category, query, item, segment, trigger or topics.
    """
    placed = rows.with_row_index("row")
    fields = {
        "category": _levels(), "query": _words(), "item_name": _words(), "segment_id": _names(), "trigger": _names(),
    }  # fmt: skip
    by_text = [
        placed.select("row", name).join(_topics_in(rows[name], patterns), on=name).select("row", "topic")
        for name, patterns in fields.items()
        if rows[name].null_count() < rows.height
    ]
    stated = placed.select("row", pl.col("topics").alias("topic")).explode("topic", empty_as_null=True)
    return (
        pl.concat([*by_text, stated.filter(pl.col("topic").is_in(list(titles())))])
        .unique()
        .sort("row", "topic")
    )


def _topics_in(column: pl.Series, patterns: dict[str, str]) -> pl.DataFrame:
    """All topics of each distinct text of `column`: that column and `topic`."""
    folded = pl.col(column.name).str.to_lowercase()
    hits = [pl.when(folded.str.contains(pattern)).then(pl.lit(topic)) for topic, pattern in patterns.items()]
    texts = column.drop_nulls().unique().to_frame()
    return (
        texts.with_columns(pl.concat_list(hits).alias("topic"))
        .explode("topic", empty_as_null=True)
        .drop_nulls("topic")
    )


def topic_of_row(row: Mapping[str, Any]) -> str | None:
    """The sensitive topic that one event touches through its category, query, item, segment, trigger or topics."""
    texts = tuple(row.get(name) for name in ("category", "query", "item_name", "segment_id", "trigger"))
    return _topic(texts, tuple(row.get("topics") or ()))


@lru_cache(maxsize=4096)
def _topic(texts: tuple[str | None, ...], topics: tuple[str, ...]) -> str | None:
    category, query, item, segment, trigger = (pl.lit(text, pl.String) for text in texts)
    found = (of_category(category), of_query(query), of_query(item), of_segment(segment), of_segment(trigger))
    topic: str | None = pl.select(
        pl.coalesce(*found, of_topics(pl.lit(list(topics), pl.List(pl.String))))
    ).item()
    return topic


def signs() -> frozenset[str]:
    """Every word and every name of a category level that touches a sensitive topic, in lower case."""
    return frozenset(sign for row in _map()["sign"] for sign in (*row["words"], *row["levels"]))


def speaks(text: pl.Expr) -> pl.Expr:
    """Whether one of `signs` stands in a text, as whole words."""
    return text.str.to_lowercase().str.contains(
        rf"(?:^|[^\p{{L}}])(?:{_any(sorted(signs()))})(?:$|[^\p{{L}}])"
    )


def is_name(name: str) -> bool:
    """Whether one name speaks of a sensitive topic, as `in_name` says it of many."""
    return re.search(_patterns()[0], name.lower()) is not None


def in_name(name: pl.Expr) -> pl.Expr:
    """Whether a segment's name speaks of a sensitive topic."""
    return name.str.to_lowercase().str.contains(_patterns()[0])


def in_category(category: pl.Expr) -> pl.Expr:
    """Whether a level of a category path is one of the sensitive map."""
    return category.str.to_lowercase().str.contains(_patterns()[1])


@cache
def _patterns() -> tuple[str, str]:
    """One pattern for all sensitive names of segments, one for all sensitive category paths, in lower case."""
    names = "|".join(re.escape(part) for row in _map()["topic"] for part in row["segments"])
    levels = "|".join(re.escape(level) for row in _map()["sign"] for level in row["levels"])
    return names, f"(?:^| > )(?:{levels})(?: > |$)"


@cache
def _map() -> dict[str, Any]:
    return tomllib.loads(files("audit.events").joinpath("sensitive_topics.toml").read_text(encoding="utf-8"))


@cache
def _levels() -> dict[str, str]:
    """Topic → the pattern of a category path that touches it."""
    levels = {topic: _any(level for row in _signs(topic) for level in row["levels"]) for topic in titles()}
    return {topic: rf"(^| > )({names})($| > )" for topic, names in levels.items()}


@cache
def _words() -> dict[str, str]:
    """Topic → the pattern of a query that touches it, by whole words."""
    words = {topic: _any(word for row in _signs(topic) for word in row["words"]) for topic in titles()}
    return {topic: rf"(^|[^\p{{L}}])({one})($|[^\p{{L}}])" for topic, one in words.items()}


@cache
def _names() -> dict[str, str]:
    """Topic → the pattern of a segment's name that speaks of it."""
    return {row["id"]: _any(row["segments"]) for row in _map()["topic"]}


def _any(texts: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in texts)


def _signs(topic: str) -> list[dict[str, list[str]]]:
    return [row for row in _map()["sign"] if row["topic"] == topic]


def _first(text: pl.Expr, patterns: dict[str, str]) -> pl.Expr:
    folded = text.str.to_lowercase()
    return pl.coalesce(
        pl.when(folded.str.contains(pattern)).then(pl.lit(topic)) for topic, pattern in patterns.items()
    )
