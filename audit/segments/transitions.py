"""When conditions, and the segments made of them, begin and cease to hold, and which do at one moment."""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from audit.events.vocabulary import carries
from audit.segments.contributions import contributions, least, live, spent, turns, unit, values
from audit.segments.event_selection import SelectedEvents
from audit.segments.model import LEARNED, Condition, Definition
from audit.segments.models import explain as learned

AT_SEGMENT = ("position", "person", "group")
"""What a segment of a customer is known by: its definition's position, the customer's number, the group."""

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
    "condition": pl.UInt16(), "position": pl.UInt16(), "person": pl.UInt32(), "group": pl.String(),
}  # fmt: skip


def condition_contributions(
    selected: SelectedEvents, condition: Condition, only: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The contributions to `condition`, by counting or by a model. `only`: the groups of persons asked for, if not all."""
    if condition.test in LEARNED:
        return learned.contributions(selected, condition, only)
    return contributions(selected, condition, only)


def contributed(
    selected: SelectedEvents,
    definitions: tuple[Definition, ...],
    allowed: dict[str, pl.Series],
    only: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What every event adds to every condition of `definitions`, numbered through: see `contributions`.

    Columns `condition, position, person, group, enter, leave, weight, part`. `allowed`: of a sensitive definition, the
    persons of whom it may be asked. `only`: the segments (`position, person, group`) it is limited to, if any.
    """
    parts = []
    asked = None if only is None else only.partition_by("position", as_dict=True, include_key=False)
    for number, position, definition, condition in _numbered(selected, definitions):
        groups = None
        if asked is not None:
            groups = asked.get((position,))
            if groups is None:
                continue
        added = condition_contributions(selected, condition, groups).lazy()
        added = _of_allowed(added, allowed.get(definition.id))
        parts.append(added.select(*_numbers(number, position), "person", "group", *_ADDED))
    return pl.concat(parts).collect() if parts else pl.DataFrame(schema=CONTRIBUTED)


def holding(
    selected: SelectedEvents, definitions: tuple[Definition, ...], allowed: dict[str, pl.Series], at: datetime
) -> pl.DataFrame:
    """The conditions that hold at `at`, of segments that do: `condition, position, person, group, value`."""
    parts = [
        _of_allowed(counted_at(selected, condition, at), allowed.get(definition.id)).select(
            *_numbers(number, position), "person", "group", "value", "part"
        )
        for number, position, definition, condition in _numbered(selected, definitions)
    ]
    if not parts:
        return pl.DataFrame(schema={**CONTRIBUTED, "value": pl.Int64()})
    return (
        pl.concat(parts)
        .join(_limits(definitions).drop("position").lazy(), on="condition")
        .filter(HOLDS)
        .filter(pl.len().over(AT_SEGMENT) >= pl.col("needed"))
        .collect()
    )


def counted_at(selected: SelectedEvents, condition: Condition, at: datetime) -> pl.LazyFrame:
    """What `condition` counts at `at`, the moment until which `selected` reads: `person, group, value, part`.

    It is what the contributions that are live add up to. Where all events inside the window count, they are added up as
    they are: a fleet has many groups that nobody is in, and their past is not asked.
    """
    if condition.test == "lifetime":
        best = learned.worth_most(selected, condition, at)
        return pl.select(best, group=pl.lit(""), value=pl.lit(1, pl.Int64), part=pl.lit(0, pl.Int64)).lazy()
    if condition.test not in ("count", "sum", "share"):
        added = condition_contributions(selected, condition).lazy().filter(live(at))
        return _counted(added, pl.col("weight").sum(), pl.col("part").sum())
    rows = selected.grouped(condition).lazy()
    if condition.window is not None:
        rows = rows.filter(pl.col("occurred_at") > at - condition.window)
    if condition.test == "sum":
        return _counted(rows, spent().sum(), pl.lit(0))
    if condition.test == "share":
        return _counted(rows, pl.len(), carries(condition.keys).sum())
    if condition.things != "event":
        rows = (
            rows.select("person", "group", unit(condition.things).alias("unit")).drop_nulls("unit").unique()
        )
    return _counted(rows, pl.len(), pl.lit(0))


def _counted(rows: pl.LazyFrame, value: pl.Expr, part: pl.Expr) -> pl.LazyFrame:
    return rows.group_by("person", "group").agg(
        value.cast(pl.Int64).alias("value"), part.cast(pl.Int64).alias("part")
    )


def _numbered(
    selected: SelectedEvents, definitions: tuple[Definition, ...]
) -> Iterator[tuple[int, int, Definition, Condition]]:
    """The conditions that look at any event: their number, their definition's, it and themselves."""
    pairs = (
        (position, definition, condition)
        for position, definition in enumerate(definitions)
        for condition in definition.when
    )
    for number, (position, definition, condition) in enumerate(pairs):
        if not selected.rows(condition.events).is_empty():
            yield number, position, definition, condition


def _numbers(number: int, position: int) -> tuple[pl.Expr, pl.Expr]:
    return pl.lit(number, pl.UInt16).alias("condition"), pl.lit(position, pl.UInt16).alias("position")


def _of_allowed(rows: pl.LazyFrame, persons: pl.Series | None) -> pl.LazyFrame:
    return rows if persons is None else rows.filter(pl.col("person").is_in(persons.implode()))


def segments(contributed: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """The moments at which segments begin and cease to hold: `position, person, group, time, on`, in order of time."""
    at_segment = ("position", "person", "number")
    states = (
        _turned(contributed, definitions)
        .group_by(*at_segment, "time")
        .agg(
            pl.when("on").then(1).otherwise(-1).cast(pl.Int64).sum().alias("delta"),
            pl.col("needed", "group").first(),
        )
        .sort(*at_segment, "time")
        .with_columns(pl.col("delta").cum_sum().over(at_segment).alias("holding"))
    )
    turned = turns(states, pl.col("holding") >= pl.col("needed"), *at_segment, "group")
    return turned.select(*AT_SEGMENT, "time", "on")


def _turned(contributed: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """The moments at which conditions begin and cease to hold: what `_limits` has of them, `person, group, time, on`.

    `number` stands for `group`: numbers sort faster than names, and one for condition, group and person fastest.
    """
    names = contributed.select("condition", "group").unique().with_row_index("name")
    names = names.join(_limits(definitions), on="condition")
    names = names.with_columns(pl.col("group").rank("dense").alias("number"))
    key = pl.col("name").cast(pl.UInt64) * _PERSONS + pl.col("person")
    counted = contributed.join(names.select("condition", "group", "name"), on=("condition", "group"))
    changes = values(counted.select(key.alias("key"), *_ADDED)).with_columns(
        (pl.col("key") // _PERSONS).cast(pl.UInt32).alias("name")
    )
    limited = changes.join(names.select("name", "least", "share"), on="name", maintain_order="left")
    turned = turns(limited, HOLDS, "key").with_columns(
        (pl.col("key") // _PERSONS).cast(pl.UInt32).alias("name"),
        (pl.col("key") % _PERSONS).cast(pl.UInt32).alias("person"),
    )
    return turned.join(names, on="name")


def _limits(definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """What each condition must reach, and how many of a segment's conditions must hold (`needed`)."""
    rows = [
        (position, least(condition), condition.share, 1 if definition.any_of else len(definition.when))
        for position, definition in enumerate(definitions)
        for condition in definition.when
    ]
    schema = {"position": pl.UInt16, "least": pl.Int64, "share": pl.Float64, "needed": pl.Int64}
    return (
        pl.DataFrame(rows, schema=schema, orient="row")
        .with_row_index("condition")
        .cast({"condition": pl.UInt16})
    )
