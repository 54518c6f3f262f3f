"""The events that a definition looks at and that do not count, each with what keeps it from counting."""

from collections.abc import Collection

import polars as pl

from audit.population.context import Context
from audit.segments import models
from audit.segments.event_selection import Selected
from audit.segments.model import LEARNED, Condition, Definition

PASSED_OVER: dict[str, pl.DataType] = {"event_id": pl.String(), "why": pl.String()}
"""The columns of `passed_over`."""

_ROWS = {"row": pl.UInt32, "why": pl.String}

_WHY = {
    "first": "only the first of them counts",
    "absent": "a newer one stands for them",
    "state": "says nothing of it, or another row says what is so now",
    "open": "bought, taken out or ended since, or not within its time",
}
"""Test → what is said of events it looks at and does not rest on, whenever they were."""


def passed_over(
    events: pl.DataFrame, ctx: Context, one: Definition, segment_id: str, behind: Collection[str]
) -> pl.DataFrame:
    """Of one customer's `events`, those that `one` looks at for the segment `segment_id` and does not rest on, in order.

    `behind`: the event_ids that it rests on.
    """
    selected = Selected(events, ctx.at, ctx.facts.prices, ctx.models)
    group = segment_id.partition(":")[2]
    looked = [_looked_at(selected, condition, group, ctx) for condition in one.when]
    found = pl.concat([pl.DataFrame(schema=_ROWS), *looked]).unique("row", keep="first").sort("row")
    told = selected.told(found)
    return told.filter(~pl.col("event_id").is_in(list(behind))).select(*PASSED_OVER)


def _looked_at(selected: Selected, condition: Condition, group: str, ctx: Context) -> pl.DataFrame:
    if selected.rows(condition.events).is_empty():
        return pl.DataFrame(schema=_ROWS)
    if condition.test in LEARNED:
        return models.passed_over(selected, condition, ctx.at)
    rows = selected.grouped(condition)
    if condition.by and condition.test != "state":
        rows = rows.filter(pl.col("group") == group)
    return rows.select("row", _why(condition, ctx).alias("why"))


def _why(condition: Condition, ctx: Context) -> pl.Expr:
    if condition.test in _WHY:
        return pl.lit(_WHY[condition.test])
    lacking = pl.lit("its row lacks what is counted")
    if condition.window is None:
        return lacking
    days = condition.window.days
    early = pl.lit(f"more than {days} days ago: too long" if days > 1 else "too long ago")
    return pl.when(pl.col("occurred_at") <= ctx.at - condition.window).then(early).otherwise(lacking)
