"""What a check looked at and did not count to a finding, and why not: an account of what was left out."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from audit.context import Context
from audit.events import BEHAVIOUR
from audit.findings.audited import Audited, with_area
from audit.findings.carts import reminders
from audit.findings.catalogue import check
from audit.why.model import Reason
from audit.why.words import day, several

Row = Mapping[str, Any]
Rest = tuple[pl.DataFrame, str, str]
"""What is about the same thing; why it does not count before the first cause; why not later."""

_LEVELS = 2
"""How many levels of a category are an area, as the checks have it."""


def passed_over(events: pl.DataFrame, context: Context, row: Row) -> Iterator[Reason]:
    """The leaves for a finding `row` (`worded`, naming sensitive topics) of the customer of `events`; none of a check that
    looks at nothing else, and where it cannot tell.
    """
    looked_at = _REST.get(row["check"])
    if looked_at is None or row["verdict"] == "cannot_tell":
        return
    rows, early, late = looked_at(Audited(events, context), row)
    counted = [*row["messages"], *row["evidence"], *row["cause"]]
    rest = rows.filter(~pl.col("event_id").is_in(counted)).unique("event_id", maintain_order=True)
    first = events.filter(pl.col("event_id").is_in(row["cause"]))["occurred_at"].min()
    before = pl.col("occurred_at") < first if first is not None else pl.lit(value=False)
    noun = "act" if row["check"] in _BY_ACTS else "message"
    if early == late:
        yield from _leaf(rest, noun, late)
        return
    for which, why in ((before, early), (~before, late)):
        yield from _leaf(rest.filter(which), noun, why)


def _leaf(rows: pl.DataFrame, noun: str, why: str) -> Iterator[Reason]:
    if rows.height:
        first, last = day(rows["occurred_at"][0]), day(rows["occurred_at"][-1])
        span = f"on {first}" if first == last else f"from {first} to {last}"
        yield Reason(f"{several(rows.height, f'other {noun}')} {span}: {why}", tuple(rows["event_id"]))


def _limit(row: Row, name: str) -> Any:
    return check(row["check"]).thresholds[name]


def _after_purchase(audited: Audited, row: Row) -> Rest:
    key = "category" if row["case"] == "category" else "item_id"
    rows = audited.mailings.filter(pl.col(key) == row["subject"])
    few = f"the next purchase was due, or fewer than {_limit(row, 'messages')} came after that one"
    return rows, "before it was bought", few


def _frequency(audited: Audited, row: Row) -> Rest:
    channel = row["subject"].rpartition(":")[0]
    rows = audited.mailings.filter(pl.col("channel").fill_null("unknown") == channel)
    why = f"within the limit of {_limit(row, row['case'])} when it came"
    return rows, why, why


def _streak(audited: Audited, row: Row) -> Rest:
    campaign = pl.coalesce("campaign_id", "campaign_name", "category")
    why = "answered, or parted from the run by an answer"
    return audited.mailings.filter(campaign == row["subject"]), why, why


def _twice(audited: Audited, row: Row) -> Rest:
    what = pl.coalesce("campaign_id", "campaign_name", "subject")
    why = f"nothing like it in the {_limit(row, 'hours')} hours before it"
    return audited.mailings.filter(what == row["subject"]), why, why


def _burst(audited: Audited, row: Row) -> Rest:
    hours, steps = _limit(row, "hours"), _limit(row, "steps")
    why = f"{hours} hours or more after the one before, and among the first {steps} for its cart"
    return reminders(audited).filter(pl.col("campaign") == row["subject"]), why, why


def _cart(audited: Audited, row: Row) -> Rest:
    rows = reminders(audited).filter(pl.coalesce("item_id", "act_item_id") == row["subject"])
    return rows, "before it was bought", "put into the cart again since, or long after the purchase"


def _pursuit(audited: Audited, row: Row) -> Rest:
    rows = with_area(audited.mailings, _LEVELS).filter(
        pl.col("area") == row["subject"], pl.col("known_trigger").is_in(_limit(row, "triggers"))
    )
    why = f"among the first after a look and within {_limit(row, 'days')} days of it, or after a purchase"
    return rows, "before that look", why


def _opt_out(audited: Audited, row: Row) -> Rest:
    rows = audited.messages.filter(pl.col("channel").fill_null("all channels") == row["subject"])
    return rows, "before the no", "of another case, or after a yes"


def _life(audited: Audited, _: Row) -> Rest:
    return audited.mailings, "before it was recorded", "from another trigger, about something else"


def _area(audited: Audited, row: Row) -> Rest:
    rows = with_area(audited.mailings, _LEVELS).filter(pl.col("area") == row["subject"])
    return rows, "before that act", "rests on another act, or went to a list"


def _own_acts(audited: Audited, row: Row) -> Rest:
    acts = audited.of_kind(*BEHAVIOUR).filter(pl.col("occurred_at") <= row["to"])
    why = "about something else, or not the customer's own"
    return acts, why, why


_REST: dict[str, Callable[[Audited, Row], Rest]] = {
    "repeat-after-purchase": _after_purchase,
    "over-frequency": _frequency,
    "ignored-streak": _streak,
    "duplicate-message": _twice,
    "cart-burst": _burst,
    "cart-after-purchase": _cart,
    "browse-pursuit": _pursuit,
    "after-opt-out": _opt_out,
    "life-changed": _life,
    "shared-account": _area,
    "by-likeness": _own_acts,
    "unexplained": _own_acts,
}

_BY_ACTS = ("by-likeness", "unexplained")
"""Checks that looked for an act, and found none that fits."""
