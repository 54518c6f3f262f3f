"""The events a segment rests on, and what did not happen."""

from datetime import datetime

import polars as pl

from audit.segments.contributions import contributions, runs
from audit.segments.event_selection import Selected
from audit.segments.model import LEARNED, Condition, Definition
from audit.segments.models import explain as learned

_SEGMENT = ("place", "person", "group")

_ROWS = pl.lit(2**32, pl.UInt64)
"""More than a frame has rows."""


def evidence(
    selected: Selected, chosen: tuple[Definition, ...], holding: pl.DataFrame, at: datetime
) -> pl.DataFrame:
    """What stands behind the conditions that hold (`condition, place, person, group, value`).

    Columns `place, person, group, evidence, count, first, last, item, absent`: event_ids oldest first; the value of
    the first condition that holds; times (UTC) of the oldest and newest event and the newest item's name; JSON.
    """
    conditions = [condition for one in chosen for condition in one.when]
    spots = holding.select(_SEGMENT).unique(maintain_order=True).with_row_index("spot")
    standing = set(holding["condition"].unique())
    placed = holding.join(spots, on=_SEGMENT)
    rows = pl.concat(
        _rows(selected, condition, at)
        .select("row", *_key(condition))
        .join(
            placed.filter(pl.col("condition") == number).select("spot", *_key(condition)), on=_key(condition)
        )
        .select("spot", "row")
        for number, condition in enumerate(conditions)
        if number in standing
    )
    behind = (
        selected.told(_each_once(rows))
        .group_by("spot", maintain_order=True)
        .agg(
            pl.col("event_id").alias("evidence"),
            pl.col("occurred_at").first().alias("first"),
            pl.col("occurred_at").last().alias("last"),
            pl.col("item_name").drop_nulls().last().alias("item"),
            pl.col("item_id").drop_nulls().last().alias("item_id"),
        )
    )
    nothing = pl.lit([], pl.List(pl.String))  # of a learned group that rests on what was seldom done
    return (
        spots.join(behind, on="spot", how="left", maintain_order="left")
        .with_columns(pl.col("evidence").fill_null(nothing))
        .join(_counts(holding), on=_SEGMENT, how="left")
        .with_columns(_absent(chosen).alias("absent"))
        .join(_why(selected, chosen, at), on=("place", "person"), how="left", maintain_order="left")
    )


def _each_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The pairs of `spot` and `row` in order, sorted as one number."""
    both = rows.select((pl.col("spot").cast(pl.UInt64) * _ROWS + pl.col("row")).alias("both")).sort("both")
    return both.filter(pl.col("both").ne_missing(pl.col("both").shift(1))).select(
        (pl.col("both") // _ROWS).cast(pl.UInt32).alias("spot"),
        (pl.col("both") % _ROWS).cast(pl.UInt32).alias("row"),
    )


def _key(condition: Condition) -> tuple[str, ...]:
    return ("person", "group") if condition.by and condition.test not in LEARNED else ("person",)


def _why(selected: Selected, chosen: tuple[Definition, ...], at: datetime) -> pl.DataFrame:
    """What a model says of why: `place, person, why`."""
    said = [
        learned.why(selected, condition, at).select(pl.lit(place, pl.UInt16).alias("place"), "person", "why")
        for place, one in enumerate(chosen)
        for condition in one.when
        if condition.test in LEARNED and not selected.rows(condition.events).is_empty()
    ]
    schema = {"place": pl.UInt16, "person": pl.UInt32, "why": pl.String}
    return pl.concat(said) if said else pl.DataFrame(schema=schema)


def _rows(selected: Selected, condition: Condition, at: datetime) -> pl.DataFrame:
    """The events that `condition` rests on at `at`: `row, person, group`."""
    if condition.test in LEARNED:
        return learned.behind(selected, condition, at)
    if condition.test == "state" and condition.by:
        rows = selected.grouped(condition).with_columns(runs().alias("run"))
        return rows.filter(pl.col("run") == pl.col("run").max().over("person"))
    if condition.test in ("open", "state"):
        live = (pl.col("enter") <= at) & (pl.col("leave").is_null() | (pl.col("leave") > at))
        return contributions(selected, condition).filter(live)
    rows = selected.grouped(condition)
    if condition.test == "first":
        return rows.unique(("person", "group"), keep="first", maintain_order=True)
    if condition.test == "absent":
        return rows.filter(pl.col("occurred_at") == pl.col("occurred_at").max().over("person", "group"))
    if condition.window is not None:
        rows = rows.filter(pl.col("occurred_at") > at - condition.window)
    if condition.test == "sum":
        return rows.drop_nulls("price")
    return rows.drop_nulls("item_id") if condition.things == "item" else rows


def _counts(holding: pl.DataFrame) -> pl.DataFrame:
    return (
        holding.sort("condition")
        .unique(_SEGMENT, keep="first", maintain_order=True)
        .select(*_SEGMENT, pl.col("value").alias("count"))
    )


def _absent(chosen: tuple[Definition, ...]) -> pl.Expr:
    """What did not happen since the newest evidence, as JSON; null for what rests on acts alone."""
    since = _iso(pl.col("last")).alias("since")
    told = pl.lit(None, pl.String)
    for place, one in enumerate(chosen):
        for condition in one.when:
            kinds = {"absent": condition.events.kinds, "open": condition.ends}.get(condition.test)
            if kinds:
                fields = [pl.lit(list(kinds), pl.List(pl.String)).alias("kind"), since]
                fields += [pl.col("item_id")] if condition.same == "item_id" else []
                told = (
                    pl.when(pl.col("place") == place)
                    .then(pl.struct(fields).struct.json_encode())
                    .otherwise(told)
                )
    return told


def _iso(time: pl.Expr) -> pl.Expr:
    whole = time.dt.microsecond() == 0
    return (
        pl.when(whole)
        .then(time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .otherwise(time.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    )
