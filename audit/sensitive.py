"""The sensitive map: which categories, queries, topics and segments touch a sensitive topic."""

import re
import tomllib
from collections.abc import Mapping
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
    levels = {
        topic: "|".join(re.escape(level) for row in _signs(topic) for level in row["levels"])
        for topic in titles()
    }
    return _first(category, {topic: rf"(^| > )({names})($| > )" for topic, names in levels.items()})


def of_query(query: pl.Expr) -> pl.Expr:
    """The sensitive topic of what somebody searched for, by whole words; null for most."""
    words = {
        topic: "|".join(re.escape(word) for row in _signs(topic) for word in row["words"])
        for topic in titles()
    }
    return _first(query, {topic: rf"(^|[^\p{{L}}])({one})($|[^\p{{L}}])" for topic, one in words.items()})


def of_segment(segment: pl.Expr) -> pl.Expr:
    """The sensitive topic that a segment's name speaks of; null for most."""
    rows = {row["id"]: row["segments"] for row in _map()["topic"]}
    parts = {topic: "|".join(re.escape(part) for part in names) for topic, names in rows.items()}
    return _first(segment, parts)


def of_topics(topics: pl.Expr) -> pl.Expr:
    """The first of a row's topics that is a sensitive one; null for most."""
    return topics.list.eval(pl.element().filter(pl.element().is_in(list(titles())))).list.first()


def mapped(frame: pl.DataFrame, column: str, topic_of: "pl.Expr", name: str) -> pl.DataFrame:
    """`frame` with the column `name`: `topic_of` (an expression of `column`), worked out once a distinct value."""
    known = frame.select(column).drop_nulls().unique().with_columns(topic_of.alias(name)).drop_nulls(name)
    return frame.join(known, on=column, how="left", maintain_order="left")


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
    return tomllib.loads(files("audit").joinpath("sensitive.toml").read_text(encoding="utf-8"))


def _signs(topic: str) -> list[dict[str, list[str]]]:
    return [row for row in _map()["sign"] if row["topic"] == topic]


def _first(text: pl.Expr, patterns: dict[str, str]) -> pl.Expr:
    folded = text.str.to_lowercase()
    return pl.coalesce(
        pl.when(folded.str.contains(pattern)).then(pl.lit(topic)) for topic, pattern in patterns.items()
    )
