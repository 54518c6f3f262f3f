"""What a check looked at and did not count to a finding, and why not: an account of what was left out."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from audit.events.schema import BEHAVIOUR
from audit.findings.catalogue import check
from audit.findings.check_context import Audited, with_area
from audit.findings.checks import declared_rules, sensitive_inference
from audit.findings.checks.carts import reminders, reminding
from audit.population.context import Context
from audit.rules.reference import histories
from audit.why.model import Reason
from audit.why.wording import day, several

Row = Mapping[str, Any]
Rest = tuple[str, pl.DataFrame, str]
"""What they are called, what is about the same thing, and why it does not count."""

_LEVELS = 2
"""How many levels of a category are an area, as the checks have it."""


def passed_over(events: pl.DataFrame, context: Context, row: Row) -> Iterator[Reason]:
    """The leaves for a finding `row` (`worded`, naming sensitive topics) of the customer of `events`; none where it cannot
    tell.
    """
    if row["verdict"] == "cannot_tell":
        return
    counted = [*row["messages"], *row["evidence"], *row["cause"]]
    for noun, rows, why in _REST[row["check"]](Audited(events, context), row):
        rest = rows.filter(~pl.col("event_id").is_in(counted)).unique("event_id", maintain_order=True)
        yield from _leaf(rest, noun, why)


def _parted(audited: Audited, row: Row, rows: pl.DataFrame, early: str, late: str) -> Iterator[Rest]:
    """Messages, those before the first cause apart from those after it."""
    first = audited.events.filter(pl.col("event_id").is_in(row["cause"]))["occurred_at"].min()
    before = pl.lit(value=False) if first is None else pl.col("occurred_at") < first
    yield "message", rows.filter(before), early
    yield "message", rows.filter(~before), late


def _leaf(rows: pl.DataFrame, noun: str, why: str) -> Iterator[Reason]:
    if rows.height:
        first, last = day(rows["occurred_at"][0]), day(rows["occurred_at"][-1])
        span = f"on {first}" if first == last else f"from {first} to {last}"
        yield Reason(f"{several(rows.height, f'other {noun}')} {span}: {why}", tuple(rows["event_id"]))


def _limit(row: Row, name: str) -> Any:
    return check(row["check"]).thresholds[name]


def _after_purchase(audited: Audited, row: Row) -> Iterator[Rest]:
    key = "category" if row["case"] == "category" else "item_id"
    rows = audited.mailings.filter(pl.col(key) == row["subject"])
    few = f"the next purchase was due, or fewer than {_limit(row, 'messages')} came after that one"
    return _parted(audited, row, rows, "before it was bought", few)


def _frequency(audited: Audited, row: Row) -> Iterator[Rest]:
    channel = row["subject"].rpartition(":")[0]
    rows = audited.mailings.filter(pl.col("channel").fill_null("unknown") == channel)
    why = f"within the limit of {_limit(row, row['case'])} when it came"
    yield "message", rows, why


def _streak(audited: Audited, row: Row) -> Iterator[Rest]:
    campaign = pl.coalesce("campaign_id", "campaign_name", "category")
    why = "answered, or parted from the run by an answer"
    yield "message", audited.mailings.filter(campaign == row["subject"]), why


def _twice(audited: Audited, row: Row) -> Iterator[Rest]:
    what = pl.coalesce("campaign_id", "campaign_name", "subject")
    why = f"nothing like it in the {_limit(row, 'hours')} hours before it"
    yield "message", audited.mailings.filter(what == row["subject"]), why


def _burst(audited: Audited, row: Row) -> Iterator[Rest]:
    hours, steps = _limit(row, "hours"), _limit(row, "steps")
    why = f"{hours} hours or more after the one before, and among the first {steps} for its cart"
    yield "message", reminding(audited).filter(pl.col("campaign") == row["subject"]), why


def _cart(audited: Audited, row: Row) -> Iterator[Rest]:
    rows = reminders(audited).filter(pl.coalesce("item_id", "act_item_id") == row["subject"])
    return _parted(
        audited,
        row,
        rows,
        "before it was bought",
        "put into the cart again since, or long after the purchase",
    )


def _pursuit(audited: Audited, row: Row) -> Iterator[Rest]:
    rows = with_area(audited.mailings, _LEVELS).filter(
        pl.col("area") == row["subject"], pl.col("known_trigger").is_in(_limit(row, "triggers"))
    )
    why = f"among the first after a look and within {_limit(row, 'days')} days of it, or after a purchase"
    return _parted(audited, row, rows, "before that look", why)


def _opt_out(audited: Audited, row: Row) -> Iterator[Rest]:
    rows = audited.messages.filter(pl.col("channel").fill_null("all channels") == row["subject"])
    return _parted(audited, row, rows, "before the no", "of another case, or after a yes")


def _life(audited: Audited, row: Row) -> Iterator[Rest]:
    return _parted(
        audited, row, audited.mailings, "before it was recorded", "from another trigger, about something else"
    )


def _area(audited: Audited, row: Row) -> Iterator[Rest]:
    rows = with_area(audited.mailings, _LEVELS).filter(pl.col("area") == row["subject"])
    return _parted(audited, row, rows, "before that act", "rests on another act, or went to a list")


def _own_acts(audited: Audited, row: Row) -> Iterator[Rest]:
    acts = audited.of_kind(*BEHAVIOUR).filter(pl.col("occurred_at") <= row["to"])
    yield "act", acts, "about something else, or not the customer's own"


def _topic(audited: Audited, row: Row) -> Iterator[Rest]:
    own = audited.acts.filter(pl.col("sensitive") == row["subject"])
    yield "act", own, "after the first that was decided of it"
    sent = sensitive_inference.decisions(audited).filter(pl.col("topic") == row["subject"])
    yield "message", sent.filter(pl.col("kind") == "message_sent"), "a consent that names it was in force"


def _orders(audited: Audited, row: Row) -> Iterator[Rest]:
    thing = pl.coalesce("item_id", "category", "order_id", "event_id") == row["subject"]
    yield "order", audited.orders.filter(thing), "not placed by the sender"


def _declared(audited: Audited, row: Row) -> Iterator[Rest]:
    for rule in audited.context.declared:
        if rule.id == row["subject"]:
            kept = histories.sent(audited.events).filter(declared_rules.within(rule))
            yield "message", kept, "kept to what is declared when it came"


_REST: dict[str, Callable[[Audited, Row], Iterator[Rest]]] = {
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
    "sensitive-inference": _topic,
    "unrequested-shipment": _orders,
    "declared-vs-observed": _declared,
}
