"""When a condition holds: every matching event adds its weight from one moment until another.

A frame of *contributions* has `person, group, enter, leave, weight, part`: from `enter` on and before `leave`
(null: without end) the event adds `weight` to what the condition counts, and `part` to what it holds against it.
So windows `(t - w, t]` are exact, ties included, and the moments after the present say when it will end.
"""

import re
from datetime import timedelta

import polars as pl

from audit.segments import profile_values as profile
from audit.segments.distinct_events import CENTS, reduced
from audit.segments.event_selection import Selected
from audit.segments.model import LEARNED, Condition

_KEYS = ("person", "group")

_APART = ("count", "sum", "share", "first", "absent")
"""Tests for which the events of one group say nothing about another."""


def contributions(selected: Selected, condition: Condition, only: pl.DataFrame | None = None) -> pl.DataFrame:
    """The contributions of the events that `condition` looks at; `row` where one event stands for itself.

    `only`: the groups of persons (`person, group`) that are asked for, if not all.
    """
    if only is not None and condition.test == "lifetime":
        from audit.segments.models import explain

        return explain.contributed(selected, condition, only)
    if only is None or condition.test not in _APART:
        if condition not in selected.contributed:
            selected.contributed[condition] = _contributions(selected, condition)
        made = selected.contributed[condition]
        return made if only is None else made.join(only, on=_KEYS, how="semi", maintain_order="left")
    rows = reduced(selected, condition).join(only, on=_KEYS, how="semi", maintain_order="left")
    return _made(rows, condition, selected)


def _contributions(selected: Selected, condition: Condition) -> pl.DataFrame:
    if condition.test in LEARNED:
        from audit.segments.models import explain

        return explain.contributed(selected, condition)
    return _made(reduced(selected, condition), condition, selected)


def _made(rows: pl.DataFrame, condition: Condition, selected: Selected) -> pl.DataFrame:
    made = _MAKERS[condition.test](rows, condition, selected)
    return made.filter(pl.col("leave").is_null() | (pl.col("enter") < pl.col("leave")))


def least(condition: Condition) -> int:
    """What the weights of `condition` must reach."""
    if condition.test in ("count", "share"):
        return int(-(-condition.at_least // 1))
    return round(condition.at_least * CENTS) if condition.test == "sum" else 1


def _count(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    if condition.things == "event":
        return _windowed(rows, condition.window)
    again = pl.col("again")
    leave = (
        again
        if condition.window is None
        else pl.min_horizontal(pl.col("occurred_at") + condition.window, again)
    )
    return _contribution(rows.with_columns(leave.alias("leave")), pl.col("occurred_at"), pl.col("leave"))


def _sum(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    return _windowed(rows, condition.window, weight=pl.col("weight"))


def _share(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    at_once = rows.group_by(*_KEYS, "occurred_at").agg(
        pl.len().alias("weight"), profile.carries(condition.keys).sum().alias("part")
    )
    return _windowed(at_once, condition.window, weight=pl.col("weight"), part=pl.col("part"))


def _first(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    first = rows.unique(_KEYS, keep="first", maintain_order=True)
    return _windowed(first, condition.window)


def _absent(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    moments = rows.select(*_KEYS, "occurred_at").unique().sort(*_KEYS, "occurred_at")
    with_next = moments.with_columns(_next(*_KEYS).alias("leave"))
    return _contribution(with_next, pl.col("occurred_at") + condition.window, pl.col("leave"))


def _open(rows: pl.DataFrame, condition: Condition, selected: Selected) -> pl.DataFrame:
    ending = selected.ending(condition.ends).with_columns(pl.lit("").alias("group"))
    both = pl.concat([rows.with_columns(opens=True), ending.with_columns(opens=False)]).sort("row", "opens")
    closing = pl.when(~pl.col("opens")).then("occurred_at")
    if condition.same is None:
        closes = closing.backward_fill().over("person")
    else:
        same = pl.col(condition.same)
        any_of_them = pl.when(same.is_null()).then(closing).backward_fill().over("person")
        closes = pl.min_horizontal(closing.backward_fill().over("person", condition.same), any_of_them)
    stale = (
        pl.col("occurred_at") + condition.window
        if condition.window
        else pl.lit(None, rows.schema["occurred_at"])
    )
    made = both.with_columns(pl.min_horizontal(closes, stale).alias("leave")).filter("opens")
    if condition.same == "item_id":
        made = made.drop_nulls("item_id")
    return _contribution(made, pl.col("occurred_at") + condition.after, pl.col("leave"), "row")


def _state(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    """Of a profile the newest row that says something stands; so does each group of what it says."""
    told = says(rows, condition)
    if condition.by:
        return _steady(told)
    newest = told.with_columns(_next("person").alias("leave"))
    return _contribution(newest.filter(fits(condition)), pl.col("occurred_at"), pl.col("leave"), "row")


def says(rows: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    """Those of `rows` that say anything of what the state `condition` asks."""
    return rows.filter(pl.any_horizontal(value.is_not_null() for value in profile.values(condition)))


def _steady(newest: pl.DataFrame) -> pl.DataFrame:
    """One contribution for each run of rows that say the same, from its first row until another says otherwise."""
    first = newest.filter(runs() != runs().shift(1).over("person").fill_null(0))
    made = first.with_columns(_next("person").alias("leave"))
    return _contribution(made, pl.col("occurred_at"), pl.col("leave"), "row")


def runs() -> pl.Expr:
    """Numbers from 1 on, for each customer, the runs of rows that are in one group."""
    return (pl.col("group") != pl.col("group").shift(1)).fill_null(value=True).cum_sum().over("person")


def fits(condition: Condition) -> pl.Expr:
    """Whether what the profile says is what the condition asks."""
    values = profile.values(condition)
    if condition.equals:
        each = [value.is_in(condition.equals) for value in values]
    elif condition.starts:
        place = [pl.concat_str(pl.col("country").str.to_lowercase(), pl.lit(":"), value) for value in values]
        each = [one.str.contains(_starting(condition.starts)) for one in place]
    else:
        numbers = (value.str.extract(r"^\s*(\d+(?:\.\d+)?)").cast(pl.Float64) for value in values)
        each = [number >= condition.at_least for number in numbers]
    return pl.any_horizontal(one.fill_null(value=False) for one in each)


def _starting(starts: tuple[str, ...]) -> str:
    return f"^(?:{'|'.join(map(re.escape, starts))})"


_MAKERS = {
    "count": _count,
    "sum": _sum,
    "share": _share,
    "first": _first,
    "absent": _absent,
    "open": _open,
    "state": _state,
}


def _next(*by: str) -> pl.Expr:
    """The time of the next row with the same `by`, in a frame where those stand together."""
    together = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in by)
    return pl.when(together).then(pl.col("occurred_at").shift(-1))


def _windowed(
    rows: pl.DataFrame,
    window: timedelta | None,
    *,
    weight: pl.Expr | None = None,
    part: pl.Expr | None = None,
) -> pl.DataFrame:
    leave = pl.lit(None, rows.schema["occurred_at"]) if window is None else pl.col("occurred_at") + window
    return _contribution(rows, pl.col("occurred_at"), leave, weight=weight, part=part)


def _contribution(
    rows: pl.DataFrame,
    enter: pl.Expr,
    leave: pl.Expr,
    *kept: str,
    weight: pl.Expr | None = None,
    part: pl.Expr | None = None,
) -> pl.DataFrame:
    return rows.select(
        *_KEYS,
        *kept,
        enter.alias("enter"),
        leave.alias("leave"),
        (pl.lit(1) if weight is None else weight).cast(pl.Int64).alias("weight"),
        (pl.lit(0) if part is None else part).cast(pl.Int64).alias("part"),
    )


def values(contributed: pl.DataFrame) -> pl.DataFrame:
    """What is counted from each moment of change on: `key, time, value, part`, sorted.

    `contributed` has one `key`, a number, for all that is counted together.
    """
    start = contributed.select("key", pl.col("enter").alias("time"), "weight", "part")
    stop = contributed.drop_nulls("leave").select(
        "key", pl.col("leave").alias("time"), -pl.col("weight"), -pl.col("part")
    )
    moved = pl.concat([start, stop]).sort("key", "time")
    last = (pl.col("key") != pl.col("key").shift(-1)) | (pl.col("time") != pl.col("time").shift(-1))
    return moved.select(
        "key",
        "time",
        pl.col("weight").cum_sum().over("key").alias("value"),
        pl.col("part").cum_sum().over("key"),
    ).filter(last.fill_null(value=True))


def turns(changes: pl.DataFrame, holds: pl.Expr, *keys: str) -> pl.DataFrame:
    """The moments at which `holds` becomes true or false: `*keys, time, on`."""
    on = changes.with_columns(holds.alias("on"))
    before = pl.col("on").shift(1).over(*keys).fill_null(value=False)
    return on.filter(pl.col("on") != before).select(*keys, "time", "on")
