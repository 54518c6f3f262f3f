"""Whether anything a customer did could be behind a segment that somebody else logged."""

import tomllib
from functools import cache
from importlib.resources import files

import polars as pl

from audit.events.schema import BEHAVIOUR
from audit.segments.event_selection import Selected
from audit.segments.model import Definition

_BY = ("customer_id", "segment_id")
_WORD = r"\p{L}{4,}"


def could_be(
    events: pl.DataFrame, selected: Selected, logged: pl.DataFrame, definitions: tuple[Definition, ...]
) -> pl.DataFrame:
    """Of logged memberships (`customer_id, segment_id, definition, since, category`), those with a possible cause.

    That is an act of the customer at or before `since` which the definition looks at or, where none is met, whose
    words or category are those of the segment's name. Columns `customer_id, segment_id`.
    """
    met = [_of_definition(selected, logged, one) for one in definitions]
    return pl.concat([*met, _of_words(events, logged.filter(pl.col("definition").is_null()))]).unique()


def _of_definition(selected: Selected, logged: pl.DataFrame, one: Definition) -> pl.DataFrame:
    asked = logged.filter(pl.col("definition") == one.id)
    if asked.is_empty():
        return logged.select(_BY).clear()
    acts = pl.concat(
        selected.rows(condition.events).select("person", "occurred_at") for condition in one.when
    )
    named = acts.join(selected.people, on="person").select("customer_id", "occurred_at")
    return asked.join(named, on="customer_id").filter(pl.col("occurred_at") <= pl.col("since")).select(_BY)


def _of_words(events: pl.DataFrame, logged: pl.DataFrame) -> pl.DataFrame:
    asked = logged.with_columns(_words(pl.col("segment_id")).alias("stem")).explode(
        "stem", empty_as_null=True
    )
    told = (
        events.filter(pl.col("kind").is_in(BEHAVIOUR))
        .join(asked.select("customer_id").unique(), on="customer_id", how="semi")
        .select("customer_id", "occurred_at", "category", _text().alias("text"))
        .group_by("customer_id", "category", "text")
        .agg(pl.col("occurred_at").min())
        .with_columns(pl.col("text").str.to_lowercase().str.extract_all(_WORD).alias("word"))
        .explode("word", empty_as_null=True)
    )
    says = pl.col("word").str.starts_with(pl.col("stem"))
    under = (pl.col("category_right") + " > ").str.starts_with(pl.col("category") + " > ")
    return (
        asked.join(told, on="customer_id")
        .filter(pl.col("occurred_at") <= pl.col("since"))
        .filter(says.fill_null(value=False) | under.fill_null(value=False))
        .select(_BY)
    )


def _text() -> pl.Expr:
    fields = ("category", "item_name", "query", pl.col("topics").list.join(" "))
    return pl.concat_str(fields, separator=" ", ignore_nulls=True)


def _words(name: pl.Expr) -> pl.Expr:
    """The telling words of a segment's name, without a plural s."""
    words = name.str.to_lowercase().str.extract_all(_WORD)
    telling = words.list.eval(pl.element().filter(~pl.element().is_in(list(_common()))))
    return telling.list.eval(pl.element().str.strip_suffix("s"))


@cache
def _common() -> tuple[str, ...]:
    text = files("audit.segments").joinpath("common_words.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["words"])
