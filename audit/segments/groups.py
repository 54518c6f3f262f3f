"""What a segment exists once for each of: categories, bands of prices, parts of the day, topics, values of a profile."""

import tomllib
import zoneinfo
from functools import cache
from importlib.resources import files

import polars as pl

from audit.events.schema import first_levels
from audit.events.sensitive_topics import in_category, titles
from audit.segments.model import BETWEEN, Condition
from audit.segments.profile_values import said


def grouped(rows: pl.DataFrame, condition: Condition, prices: pl.DataFrame) -> pl.DataFrame:
    """Add `group`: the parts that `condition` groups by, joined; empty where it does not group.

    A row that lacks a part is in no group and left out; one with several topics stands once for each. `prices`: where
    the thirds of a category's prices part (`audit.population.quantiles.PRICES`). Sensitive categories and topics make no group.
    """
    if not condition.by:
        return rows.with_columns(pl.lit("").alias("group"))
    for part in condition.by:
        rows = _PARTS[part](rows, condition, prices)
    parts = [pl.col(f"by_{part}") for part in condition.by]
    group = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=BETWEEN)
    return rows.with_columns(group.alias("group")).drop_nulls("group")


def _category(rows: pl.DataFrame, condition: Condition, _: pl.DataFrame) -> pl.DataFrame:
    deep = first_levels(pl.col("category"), condition.depth or 1)
    kept = rows.select("category").unique().with_columns(deep.alias("by_category")).drop_nulls()
    kept = kept.filter(~in_category(pl.col("by_category")))
    return rows.with_columns(_of_category(kept, "by_category"))


def _of_category(known: pl.DataFrame, column: str) -> pl.Expr:
    """What `column` of `known` says of the category of a row; null where it says nothing."""
    told = known.schema[column]
    said = pl.col("category").replace_strict(
        known["category"], known[column], default=None, return_dtype=told
    )
    return said.alias(column)


def _price_band(rows: pl.DataFrame, _: Condition, prices: pl.DataFrame) -> pl.DataFrame:
    band = (
        pl.when(pl.col("price") <= pl.col("low"))
        .then(pl.lit("low price"))
        .when(pl.col("price") >= pl.col("high"))
        .then(pl.lit("high price"))
        .when(pl.col("price").is_not_null() & pl.col("low").is_not_null())
        .then(pl.lit("middle price"))
    )
    limits = rows.select("price", _of_category(prices, "low"), _of_category(prices, "high"))
    return rows.with_columns(limits.select(band.alias("by_price_band"))["by_price_band"])


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
    named = pl.concat(hours).unique().with_columns(_part_of_day().alias("by_daypart"))
    return rows.join(named, on="row", how="left", maintain_order="left")


def _part_of_day() -> pl.Expr:
    named = pl.lit(None, pl.String)
    for name, (begin, end) in _dayparts().items():
        hour = pl.col("hour")
        within = hour.is_between(begin, end - 1) if begin < end else (hour >= begin) | (hour < end)
        named = pl.when(within).then(pl.lit(name)).otherwise(named)
    return named


def _topic(rows: pl.DataFrame, _: Condition, __: pl.DataFrame) -> pl.DataFrame:
    told = rows.with_columns(pl.col("topics").list.unique(maintain_order=True).alias("by_topic"))
    told = told.explode("by_topic", empty_as_null=True)
    return told.filter(~pl.col("by_topic").is_in(list(titles())))


def _value(rows: pl.DataFrame, condition: Condition, _: pl.DataFrame) -> pl.DataFrame:
    """What the profile says, or the band that its number lies in."""
    if not condition.bands:
        return rows.with_columns(said(condition).alias("by_value"))
    number = said(condition).str.extract(r"^\D*(\d+(?:\.\d+)?)").cast(pl.Float64)
    band = pl.when(number >= condition.bands[-1]).then(pl.lit(f"{condition.bands[-1]:g}+"))
    lowest = pl.when(number < condition.bands[0]).then(pl.lit(f"under {condition.bands[0]:g}"))
    named: pl.Expr = band.otherwise(lowest)
    for begin, end in zip(condition.bands, condition.bands[1:], strict=False):
        label = f"{begin:g}-{end - 1:g}" if end - begin > 1 else f"{begin:g}"
        named = pl.when((number >= begin) & (number < end)).then(pl.lit(label)).otherwise(named)
    return rows.with_columns(named.alias("by_value"))


_PARTS = {
    "category": _category,
    "price_band": _price_band,
    "daypart": _daypart,
    "topic": _topic,
    "value": _value,
}


@cache
def _dayparts() -> dict[str, tuple[int, int]]:
    text = files("audit.segments").joinpath("dayparts.toml").read_text("utf-8")
    return {name: (begin, end) for name, (begin, end) in tomllib.loads(text)["part"].items()}


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
