"""What a segment exists once for each of: categories, bands of prices, parts of the day, topics, values of a profile."""

import zoneinfo
from functools import cache
from itertools import pairwise

import polars as pl

from audit.events.schema import first_label, first_levels
from audit.events.sensitive_topics import in_category, titles
from audit.segments.model import BETWEEN, Condition
from audit.storage import toml_input

_NOTHING = ("", "unknown", "none", "null")
"""What stands in a profile where nothing is known."""


def grouped(rows: pl.DataFrame, condition: Condition, prices: pl.DataFrame) -> pl.DataFrame:
    """Add `group`: the parts that `condition` groups by, joined; empty where it does not group.

    A row that lacks a part is in no group and left out; one with several topics stands once for each. `prices`: where
    the thirds of a category's prices part (`audit.population.stats.PRICES`). Sensitive categories and topics make no group.
    """
    if not condition.by:
        return rows.with_columns(pl.lit("").alias("group"))
    for part in condition.by:
        rows = _PARTS[part](rows, condition, prices)
    parts = [pl.col(f"by_{part}") for part in condition.by]
    group = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=BETWEEN)
    return rows.with_columns(group.alias("group")).drop_nulls("group")


def _category(rows: pl.DataFrame, condition: Condition, _: pl.DataFrame) -> pl.DataFrame:
    levels = first_levels(pl.col("category"), condition.depth or 1)
    categories = rows.select("category").unique().with_columns(levels.alias("by_category")).drop_nulls()
    return rows.with_columns(
        _by_category(categories.filter(~in_category(pl.col("by_category"))), "by_category")
    )


def _by_category(categories: pl.DataFrame, column: str) -> pl.Expr:
    """The `column` of `categories` for the category of a row; null where there is none."""
    return (
        pl.col("category")
        .replace_strict(
            categories["category"], categories[column], default=None, return_dtype=categories.schema[column]
        )
        .alias(column)
    )


def _price_band(rows: pl.DataFrame, _: Condition, prices: pl.DataFrame) -> pl.DataFrame:
    bands = {
        "low price": pl.col("price") <= pl.col("low"),
        "high price": pl.col("price") >= pl.col("high"),
        "middle price": pl.col("price").is_not_null() & pl.col("low").is_not_null(),
    }
    limits = rows.select("price", _by_category(prices, "low"), _by_category(prices, "high"))
    return rows.with_columns(limits.select(first_label(bands).alias("by_price_band"))["by_price_band"])


def _daypart(rows: pl.DataFrame, _: Condition, __: pl.DataFrame) -> pl.DataFrame:
    """The part of the day where the customer is; none where no zone is known."""
    zones = [zone for zone in rows["zone"].unique().drop_nulls().sort() if zone in _zones()]
    hours = [
        part.select("row", hour=pl.col("occurred_at").dt.convert_time_zone(zone).dt.hour())
        for zone in zones
        if not (part := rows.filter(pl.col("zone") == zone)).is_empty()
    ]
    if not hours:
        return rows.with_columns(pl.lit(None, pl.String).alias("by_daypart"))
    dayparts = pl.concat(hours).unique().with_columns(_daypart_of_hour().alias("by_daypart"))
    return rows.join(dayparts, on="row", how="left", maintain_order="left")


def _daypart_of_hour() -> pl.Expr:
    hour = pl.col("hour")
    return first_label(
        {
            name: hour.is_between(begin, end - 1) if begin < end else (hour >= begin) | (hour < end)
            for name, (begin, end) in dayparts().items()
        }
    )


def _topic(rows: pl.DataFrame, _: Condition, __: pl.DataFrame) -> pl.DataFrame:
    topics = pl.col("topics").list.unique(maintain_order=True).alias("by_topic")
    by_topic = rows.with_columns(topics).explode("by_topic", empty_as_null=True)
    return by_topic.filter(~pl.col("by_topic").is_in(list(titles())))


def _value(rows: pl.DataFrame, condition: Condition, _: pl.DataFrame) -> pl.DataFrame:
    """What the profile says, or the band that its number lies in."""
    if not condition.bands:
        return rows.with_columns(_profile_value(condition).alias("by_value"))
    number = _profile_value(condition).str.extract(r"^\D*(\d+(?:\.\d+)?)").cast(pl.Float64)
    lowest, highest = condition.bands[0], condition.bands[-1]
    bands = {f"under {lowest:g}": number < lowest, f"{highest:g}+": number >= highest}
    for begin, end in pairwise(condition.bands):
        text = f"{begin:g}-{end - 1:g}" if end - begin > 1 else f"{begin:g}"
        bands[text] = (number >= begin) & (number < end)
    return rows.with_columns(first_label(bands).alias("by_value"))


_PARTS = {
    "category": _category,
    "price_band": _price_band,
    "daypart": _daypart,
    "topic": _topic,
    "value": _value,
}


@cache
def dayparts() -> dict[str, tuple[int, int]]:
    return {
        name: (begin, end)
        for name, (begin, end) in toml_input.shipped("audit.segments", "dayparts.toml")["part"].items()
    }


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def mentions(condition: Condition) -> pl.Expr:
    """Whether a row can say anything of the condition's columns and attributes: what is cheap to find out."""
    written = pl.col("attributes").str.contains_any([f'"{key}"' for key in condition.keys or (" ",)])
    return pl.any_horizontal(
        written.fill_null(value=False), *(pl.col(name).is_not_null() for name in condition.columns)
    )


def profile_values(condition: Condition) -> list[pl.Expr]:
    """The values of the condition's columns and attributes, as text in lower case.

    JSON is parsed only where a key is written at all.
    """
    json = pl.when(mentions(condition)).then("attributes")
    attributes = [json.str.json_path_match(f'$["{key}"]') for key in condition.keys]
    columns = [pl.col(name) for name in condition.columns]
    return [value.str.to_lowercase() for value in (*columns, *attributes)]


def _profile_value(condition: Condition) -> pl.Expr:
    """The first of the condition's values that says something, a column as it is written; null where none does."""
    columns = [pl.col(name) for name in condition.columns]
    as_written = [*columns, *profile_values(condition)[len(columns) :]]
    return pl.coalesce(
        pl.when(~value.str.to_lowercase().str.strip_chars().is_in(_NOTHING)).then(value.str.strip_chars())
        for value in as_written
    )
