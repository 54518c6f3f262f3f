"""When a condition holds: every matching event adds its weight from one moment until another.

A frame of *contributions* has `person, group, enter, leave, weight, part`: from `enter` on and before `leave`
(null: without end) the event adds `weight` to what the condition counts, and `part` to what it holds against it.
So windows `(t - w, t]` are exact, ties included, and the moments after the present say when it will end.
"""

import re
from datetime import timedelta

import polars as pl

from audit.events import first_levels
from audit.segments.model import Condition
from audit.segments.select import Selected

CENTS = 100
"""Money is summed in whole hundredths, so that adding and taking away leave nothing over."""

_KEYS = ("person", "group")


def contributions(selected: Selected, condition: Condition) -> pl.DataFrame:
    """The contributions of the events that `condition` looks at; `row` where one event stands for itself."""
    rows = grouped(selected.rows(condition.events), condition)
    made = _MAKERS[condition.test](rows, condition, selected)
    return made.filter(pl.col("leave").is_null() | (pl.col("enter") < pl.col("leave")))


def grouped(rows: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    """Add `group`: the category cut to the condition's depth, else empty."""
    if condition.depth is None:
        return rows.with_columns(pl.lit("").alias("group"))
    deep = first_levels(pl.col("category"), condition.depth)
    return rows.with_columns(deep.alias("group")).drop_nulls("group")


def least(condition: Condition) -> int:
    """What the weights of `condition` must reach."""
    if condition.test in ("count", "share"):
        return int(-(-condition.at_least // 1))
    return round(condition.at_least * CENTS) if condition.test == "sum" else 1


def carries(keys: tuple[str, ...]) -> pl.Expr:
    """Whether an event carries one of the attributes `keys` with something in it: not empty, 0, false or null.

    Works on the JSON as text, in two passes: attributes with nothing in them are taken away, then any is left or none.
    """
    key = f'"(?:{"|".join(map(re.escape, keys))})"\\s*:\\s*'
    nothing = rf'(?i){key}(?:""|"?(?:false|null|none|no)"?|\[\]|\{{\}}|"?-?0*\.?0*"?)\s*([,}}])'
    return pl.col("attributes").str.replace_all(nothing, "$1").str.contains(key).fill_null(value=False)


def _values(keys: tuple[str, ...]) -> list[pl.Expr]:
    """The values of these attributes as text; JSON is parsed only where a key is written at all."""
    mentioned = pl.col("attributes").str.contains_any([f'"{key}"' for key in keys])
    json = pl.when(mentioned).then("attributes")
    return [json.str.json_path_match(f'$["{key}"]') for key in keys]


def _count(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    if condition.things == "event":
        return _windowed(rows, condition.window)
    units = rows.with_columns(_unit(condition.things).alias("unit")).drop_nulls("unit")
    units = units.select(*_KEYS, "unit", "occurred_at").unique().sort(*_KEYS, "unit", "occurred_at")
    again = _next(*_KEYS, "unit")
    leave = (
        again
        if condition.window is None
        else pl.min_horizontal(pl.col("occurred_at") + condition.window, again)
    )
    return _contribution(units.with_columns(leave.alias("leave")), pl.col("occurred_at"), pl.col("leave"))


def _unit(things: str) -> pl.Expr:
    if things == "order":
        return pl.coalesce("order_id", pl.concat_str(pl.lit("event:"), "event_id"))
    return pl.col("item_id") if things == "item" else pl.col("occurred_at").dt.date().cast(pl.String)


def _sum(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    spent = (pl.col("quantity").fill_null(1.0) * pl.col("price") * CENTS).round().cast(pl.Int64)
    at_once = rows.group_by(*_KEYS, "occurred_at").agg(spent.sum().alias("weight"))
    return _windowed(at_once, condition.window, weight=pl.col("weight"))


def _share(rows: pl.DataFrame, condition: Condition, _: Selected) -> pl.DataFrame:
    at_once = rows.group_by(*_KEYS, "occurred_at").agg(
        pl.len().alias("weight"), carries(condition.keys).sum().alias("part")
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
    values = [value.str.to_lowercase() for value in _values(condition.keys)]
    said = rows.filter(pl.any_horizontal(value.is_not_null() for value in values))
    if condition.equals:
        fits = pl.any_horizontal(value.is_in(condition.equals).fill_null(value=False) for value in values)
    else:
        numbers = (value.str.extract(r"^\s*(\d+(?:\.\d+)?)").cast(pl.Float64) for value in values)
        fits = pl.any_horizontal((number >= condition.at_least).fill_null(value=False) for number in numbers)
    made = said.with_columns(fits.alias("fits"), _next(*_KEYS).alias("leave")).filter("fits")
    return _contribution(made, pl.col("occurred_at"), pl.col("leave"), "row")


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


def values(contributed: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """What is counted from each moment of change on: `*keys, time, value, part`, sorted."""
    start = contributed.select(*keys, pl.col("enter").alias("time"), "weight", "part")
    stop = contributed.drop_nulls("leave").select(
        *keys, pl.col("leave").alias("time"), -pl.col("weight"), -pl.col("part")
    )
    return (
        pl.concat([start, stop])
        .group_by(*keys, "time")
        .agg(pl.col("weight").sum(), pl.col("part").sum())
        .sort(*keys, "time")
        .with_columns(
            pl.col("weight").cum_sum().over(*keys).alias("value"), pl.col("part").cum_sum().over(*keys)
        )
        .select(*keys, "time", "value", "part")
    )


def turns(changes: pl.DataFrame, holds: pl.Expr, *keys: str) -> pl.DataFrame:
    """The moments at which `holds` becomes true or false: `*keys, time, on`."""
    on = changes.with_columns(holds.alias("on"))
    before = pl.col("on").shift(1).over(*keys).fill_null(value=False)
    return on.filter(pl.col("on") != before).select(*keys, "time", "on")
