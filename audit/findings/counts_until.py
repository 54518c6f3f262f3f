"""Until when one more message of the same kind would count to a finding; what happened stays, whatever comes.

The moment is worked out from the check's own window and then tried: one more message just before it counts, one at it
does not. What that does not bear out is not said.
"""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import check
from audit.findings.check_context import Audited
from audit.findings.checks import repeat_after_purchase
from audit.findings.registry import find
from audit.findings.schema import worded
from audit.population.context import Context

_JUST = timedelta(microseconds=1)
_MORE = "\U0010ffff-one-more"

Row = dict[str, Any]


def counts_until(events: pl.DataFrame, context: Context, row: Row) -> datetime | None:
    """The moment (UTC) for a finding `row` (`worded`, naming sensitive topics) of the customer of `events`; None where it is
    over, where no day ends it, and where none is known.
    """
    moment = _by_its_window(Audited(events, context), row)
    if moment is None or moment <= context.at:
        return None
    return moment if _tried(events, context, row, moment) else None


def _by_its_window(audited: Audited, row: Row) -> datetime | None:
    if row["verdict"] == "cannot_tell" or not row["messages"]:
        return None
    limits = check(row["check"]).thresholds
    if row["check"] in ("duplicate-message", "cart-burst"):
        last: datetime = _times(audited, pl.col("event_id").is_in(row["messages"]))[-1]
        return last + timedelta(hours=limits["hours"])
    if row["check"] == "over-frequency":
        return _of_a_cap(audited, row, limits)
    if row["check"] == "repeat-after-purchase":
        return repeat_after_purchase.due(audited, check(row["check"]), row["messages"][-1])
    return None


def _of_a_cap(audited: Audited, row: Row, limits: dict[str, Any]) -> datetime:
    """The window after the message that is as many from the end as the limit allows."""
    window = timedelta(days=1 if row["case"] == "day" else 7)
    channel = row["subject"].rpartition(":")[0]
    limit: int = limits[row["case"]]
    return _times(audited, pl.col("channel").fill_null("unknown") == channel)[-limit] + window


def _times(audited: Audited, which: pl.Expr) -> list[datetime]:
    return audited.mailings.filter(which)["occurred_at"].to_list()


def _tried(events: pl.DataFrame, context: Context, row: Row, moment: datetime) -> bool:
    """Whether one more message like the newest of the finding counts just before `moment`, and not at it."""
    own = events.filter(pl.col("event_id") == row["messages"][-1])
    copies = pl.concat(_with_one_more(events, own, name, at) for name, at in _both(moment))
    found = worded(find(copies, context, checks=[row["check"]]), names_sensitive=True).filter(
        pl.col("subject").eq_missing(row["subject"]), pl.col("messages").list.contains(_MORE)
    )
    return found["customer"].to_list() == ["before"]


def _both(moment: datetime) -> list[tuple[str, datetime]]:
    return [("before", moment - _JUST), ("then", moment)]


def _with_one_more(events: pl.DataFrame, own: pl.DataFrame, name: str, at: datetime) -> pl.DataFrame:
    more = own.with_columns(
        pl.lit(at).cast(events.schema["occurred_at"]).alias("occurred_at"),
        pl.lit(_MORE).alias("event_id"),
        pl.lit(_MORE).alias("message_id"),
    )
    both = pl.concat([events, more]).with_columns(pl.lit(name).alias("customer_id"))
    return both.sort("occurred_at", "event_id")
