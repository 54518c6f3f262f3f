"""When conditions, and the segments made of them, begin and cease to hold."""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from audit.segments.at_moment import present
from audit.segments.contributions import (
    contributions,
    least,
    turns,
    values,
)
from audit.segments.event_selection import Selected
from audit.segments.model import Condition, Definition

AT_CONDITION = ("condition", "person", "group")
AT_SEGMENT = ("place", "person", "group")
"""What a segment of a customer is known by: its definition's number, the customer's, the group."""

_ADDED = ("enter", "leave", "weight", "part")

_PERSONS = pl.lit(2**32, pl.UInt64)
"""More than a frame has persons."""

_ROUNDING = 1e-9
"""A third of three is one, whatever floating point makes of it."""

HOLDS = (pl.col("value") >= pl.col("least")) & (
    pl.col("part") >= pl.col("share") * pl.col("value") - _ROUNDING
)
"""Whether what a condition counts (`value`) and holds against it (`part`) is what it asks for (`least`, `share`)."""

CONTRIBUTED: dict[str, pl.DataType] = {
    "condition": pl.UInt16(), "place": pl.UInt16(), "person": pl.UInt32(), "group": pl.String(),
}  # fmt: skip


def contributed(
    selected: Selected,
    chosen: tuple[Definition, ...],
    asked: dict[str, pl.Series],
    only: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What every event adds to every condition of `chosen`, numbered through: see `spells`.

    Columns `condition, place, person, group, enter, leave, weight, part`. `asked`: of a sensitive definition, the
    persons of whom it may be asked. `only`: the segments (`place, person, group`) it is limited to, if any.
    """
    made = []
    for number, place, one, condition in _numbered(selected, chosen):
        wanted = None if only is None else only.filter(pl.col("place") == place).select("person", "group")
        if wanted is None or not wanted.is_empty():
            added = _allowed(contributions(selected, condition, wanted), asked.get(one.id))
            made.append(added.select(*_numbers(number, place), "person", "group", *_ADDED))
    return pl.concat(made) if made else pl.DataFrame(schema=CONTRIBUTED)


def holding(
    selected: Selected, chosen: tuple[Definition, ...], asked: dict[str, pl.Series], at: datetime
) -> pl.DataFrame:
    """The conditions that hold at `at`, of segments that do: `condition, place, person, group, value`."""
    made = [
        _allowed(present(selected, condition, at), asked.get(one.id)).select(
            *_numbers(number, place), "person", "group", "value", "part"
        )
        for number, place, one, condition in _numbered(selected, chosen)
    ]
    if not made:
        return pl.DataFrame(schema={**CONTRIBUTED, "value": pl.Int64()})
    return (
        pl.concat(made)
        .join(_limits(chosen).drop("place"), on="condition")
        .filter(HOLDS)
        .filter(pl.len().over(AT_SEGMENT) >= pl.col("needed"))
    )


def _numbered(
    selected: Selected, chosen: tuple[Definition, ...]
) -> Iterator[tuple[int, int, Definition, Condition]]:
    """The conditions that look at any event: their number, their definition's, it and themselves."""
    pairs = ((place, one, condition) for place, one in enumerate(chosen) for condition in one.when)
    for number, (place, one, condition) in enumerate(pairs):
        if not selected.rows(condition.events).is_empty():
            yield number, place, one, condition


def _numbers(number: int, place: int) -> tuple[pl.Expr, pl.Expr]:
    return pl.lit(number, pl.UInt16).alias("condition"), pl.lit(place, pl.UInt16).alias("place")


def _allowed(rows: pl.DataFrame, asked: pl.Series | None) -> pl.DataFrame:
    return rows if asked is None else rows.filter(pl.col("person").is_in(asked.implode()))


def segments(contributed: pl.DataFrame, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """The moments at which segments begin and cease to hold: `place, person, group, time, on`, in order of time."""
    at_segment = ("place", "person", "number")
    turned = _turned(contributed, chosen)
    states = (
        turned.group_by(*at_segment, "time")
        .agg(
            pl.when("on").then(1).otherwise(-1).cast(pl.Int64).sum().alias("delta"),
            pl.col("needed", "group").first(),
        )
        .sort(*at_segment, "time")
        .with_columns(pl.col("delta").cum_sum().over(at_segment).alias("holding"))
    )
    found = turns(states, pl.col("holding") >= pl.col("needed"), *at_segment, "group")
    return found.select(*AT_SEGMENT, "time", "on")


def _turned(contributed: pl.DataFrame, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """The moments at which conditions begin and cease to hold: what `_limits` has of them, `person, group, time, on`.

    `number` stands for `group`: numbers sort faster than names, and one for condition, group and person fastest.
    """
    named = contributed.select("condition", "group").unique().with_row_index("name")
    named = named.join(_limits(chosen), on="condition")
    named = named.with_columns(pl.col("group").rank("dense").alias("number"))
    key = pl.col("name").cast(pl.UInt64) * _PERSONS + pl.col("person")
    counted = contributed.join(named.select("condition", "group", "name"), on=("condition", "group"))
    changes = values(counted.select(key.alias("key"), *_ADDED)).with_columns(
        (pl.col("key") // _PERSONS).cast(pl.UInt32).alias("name")
    )
    limited = changes.join(named.select("name", "least", "share"), on="name", maintain_order="left")
    turned = turns(limited, HOLDS, "key").with_columns(
        (pl.col("key") // _PERSONS).cast(pl.UInt32).alias("name"),
        (pl.col("key") % _PERSONS).cast(pl.UInt32).alias("person"),
    )
    return turned.join(named, on="name")


def _limits(chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """What each condition must reach, and how many of a segment's conditions must hold (`needed`)."""
    rows = [
        (place, least(condition), condition.share, 1 if one.any_of else len(one.when))
        for place, one in enumerate(chosen)
        for condition in one.when
    ]
    schema = {"place": pl.UInt16, "least": pl.Int64, "share": pl.Float64, "needed": pl.Int64}
    return (
        pl.DataFrame(rows, schema=schema, orient="row")
        .with_row_index("condition")
        .cast({"condition": pl.UInt16})
    )
