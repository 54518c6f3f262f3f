"""When conditions, and the segments made of them, begin and cease to hold."""

from datetime import datetime

import polars as pl

from audit.segments.model import Condition, Definition
from audit.segments.select import Selected
from audit.segments.spells import contributions, least, turns, values

AT_CONDITION = ("condition", "person", "group")
AT_SEGMENT = ("place", "person", "group")
"""What a segment of a customer is known by: its definition's number, the customer's, the group."""

_ROUNDING = 1e-9
"""A third of three is one, whatever floating point makes of it."""

_HOLDS = (pl.col("value") >= pl.col("least")) & (
    pl.col("part") >= pl.col("share") * pl.col("value") - _ROUNDING
)

CONTRIBUTED: dict[str, pl.DataType] = {
    "condition": pl.UInt16(), "place": pl.UInt16(), "person": pl.UInt32(), "group": pl.String(),
}  # fmt: skip


def contributed(
    selected: Selected, chosen: tuple[Definition, ...], asked: dict[str, pl.Series]
) -> pl.DataFrame:
    """What every event adds to every condition of `chosen`, numbered through: see `spells`.

    Columns `condition, place, person, group, enter, leave, weight, part`. `asked`: of a sensitive definition, the
    persons of whom it may be asked.
    """
    numbered = [(place, one, condition) for place, one in enumerate(chosen) for condition in one.when]
    made = [
        _contributed(selected, condition, asked.get(one.id), number, place)
        for number, (place, one, condition) in enumerate(numbered)
        if not selected.rows(condition.events).is_empty()
    ]
    return pl.concat(made) if made else pl.DataFrame(schema=CONTRIBUTED)


def _contributed(
    selected: Selected, condition: Condition, asked: pl.Series | None, number: int, place: int
) -> pl.DataFrame:
    made = contributions(selected, condition).select(
        pl.lit(number, pl.UInt16).alias("condition"),
        pl.lit(place, pl.UInt16).alias("place"),
        "person",
        "group",
        "enter",
        "leave",
        "weight",
        "part",
    )
    return made if asked is None else made.filter(pl.col("person").is_in(asked.implode()))


def holding(contributed: pl.DataFrame, chosen: tuple[Definition, ...], at: datetime) -> pl.DataFrame:
    """The conditions that hold at `at`, of segments that do: `condition, place, person, group, value`."""
    live = (pl.col("enter") <= at) & (pl.col("leave").is_null() | (pl.col("leave") > at))
    return (
        contributed.filter(live)
        .group_by("place", *AT_CONDITION)
        .agg(pl.col("weight").sum().alias("value"), pl.col("part").sum())
        .join(_limits(chosen).drop("place"), on="condition")
        .filter(_HOLDS)
        .filter(pl.len().over(AT_SEGMENT) >= pl.col("needed"))
    )


def segments(contributed: pl.DataFrame, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """The moments at which segments begin and cease to hold: `place, person, group, time, on`, in order of time."""
    limits = _limits(chosen)
    names = contributed.select("group").unique().with_row_index("name")  # a number sorts faster than a name
    changes = values(contributed.join(names, on="group"), "condition", "person", "name")
    turned = turns(
        changes.join(limits, on="condition", maintain_order="left"), _HOLDS, "condition", "person", "name"
    )
    at_segment = ("place", "person", "name")
    states = (
        turned.join(limits, on="condition")
        .group_by(*at_segment, "time")
        .agg(
            pl.when("on").then(1).otherwise(-1).cast(pl.Int64).sum().alias("delta"), pl.col("needed").first()
        )
        .sort(*at_segment, "time")
        .with_columns(pl.col("delta").cum_sum().over(at_segment).alias("holding"))
    )
    found = turns(states, pl.col("holding") >= pl.col("needed"), *at_segment)
    return found.join(names, on="name", maintain_order="left").select(*AT_SEGMENT, "time", "on")


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
