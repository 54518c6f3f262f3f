"""What conditions count at one moment, without the spells that led there."""

from datetime import datetime

import polars as pl

from audit.segments import profile_values as profile
from audit.segments.contributions import contributions
from audit.segments.distinct_events import reduced
from audit.segments.event_selection import Selected
from audit.segments.model import Condition
from audit.segments.models import explain as learned

_KEYS = ("person", "group")


def present(selected: Selected, condition: Condition, at: datetime) -> pl.DataFrame:
    """What `condition` counts at `at`, the moment until which `selected` reads: `person, group, value, part`.

    It is what the contributions (see `spells`) that have entered and not left add up to. Where all events inside the
    window count, they are added up as they are: a fleet has many groups that nobody is in, and their past is not asked.
    """
    if condition.test == "lifetime":
        best = learned.worth_most(selected, condition, at)
        return pl.select(best, group=pl.lit(""), value=pl.lit(1, pl.Int64), part=pl.lit(0, pl.Int64))
    if condition.test not in ("count", "sum", "share"):
        made = contributions(selected, condition)
        live = (pl.col("enter") <= at) & (pl.col("leave").is_null() | (pl.col("leave") > at))
        return _counted(made.filter(live), pl.col("weight").sum(), pl.col("part").sum())
    rows = reduced(selected, condition)
    if condition.window is not None:
        rows = rows.filter(pl.col("occurred_at") > at - condition.window)
    if condition.test == "sum":
        return _counted(rows, pl.col("weight").sum())
    if condition.test == "share":
        return _counted(rows, pl.len(), profile.carries(condition.keys).sum())
    if condition.things != "event":
        rows = rows.filter(pl.col("again").is_null())
    return _counted(rows, pl.len())


def _counted(rows: pl.DataFrame, value: pl.Expr, part: pl.Expr | None = None) -> pl.DataFrame:
    held = pl.lit(0) if part is None else part
    return rows.group_by(_KEYS).agg(value.cast(pl.Int64).alias("value"), held.cast(pl.Int64).alias("part"))
