"""What happened to messages after they were sent: opened, clicked, converted, complained, opted out.

Counts of a past that was no experiment. Engagement is joined by customer and message_id, and machines are left out.
"""

from datetime import timedelta
from math import sqrt
from statistics import NormalDist

import msgspec
import polars as pl

from audit.events.document import Document
from audit.events.vocabulary import OPT_OUTS, is_human_expr
from audit.population.coverage import Coverage

CONVERSION = timedelta(days=7)
"""An order counts as a message's when it follows a click on it within this time."""

_NEEDS = {
    "response": ("message_clicked",),
    "order": ("message_clicked", "order_completed"),
    "complaint": ("message_complained",),
    "opt_out": (),
}
_FLAG = {"response": "clicked", "order": "converted", "complaint": "complained", "opt_out": "opted_out"}


class Rate(Document):
    """A share with its 95 % interval; all null where nothing of the kind is in the data at all."""

    n: int
    among: int = msgspec.field(name="of")
    rate: float | None
    low: float | None
    high: float | None


class Rates(Document):
    """What followed on messages, in numbers of them."""

    messages: int
    response: Rate
    """A click by a person, or an answer to mail on paper."""
    order: Rate
    """An order after a response, of the same item or category, within 7 days."""
    complaint: Rate
    """Among the messages whose mailbox provider's complaints are known."""
    opt_out: Rate


_Z = NormalDist().inv_cdf(0.975)
"""Of a normal distribution, 95 % lies within so many standard deviations."""


def of(events: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """What became of `messages` (as `prepare.sent` gives them), a row each, in their order.

    Columns `customer_id, event_id`, and bool: `opened, clicked, converted, complained, opted_out`, and
    `complaint_known` (a complaint by somebody of the same mailbox provider is in the data).
    """
    human = events.filter(pl.col("message_id").is_not_null() & is_human_expr())
    flagged = messages.select("customer_id", "event_id", "message_id", "mailbox_provider")
    for flag in ("opened", "clicked", "complained"):
        acts = human.filter(pl.col("kind") == f"message_{flag}").select("customer_id", "message_id").unique()
        flagged = _flag(flagged, acts, flag, "message_id")
    flagged = _flag(flagged, _converted(events, human, messages), "converted", "event_id")
    flagged = _flag(flagged, _opted_out(events, messages), "opted_out", "event_id")
    providers = flagged.filter("complained")["mailbox_provider"].unique()
    return flagged.with_columns(
        pl.col("mailbox_provider").is_in(providers.implode(), nulls_equal=True).alias("complaint_known")
    ).drop("message_id", "mailbox_provider")


def rates(cells: pl.DataFrame, coverage: Coverage) -> Rates:
    """The rates of response, order, complaint and opt-out among the messages of `cells`, `n` each."""
    shares: dict[str, Rate] = {}
    for name, flag in _FLAG.items():
        among = cells.filter("complaint_known") if name == "complaint" else cells
        recorded = coverage.holds(*_NEEDS[name]) and (name != "opt_out" or any(map(coverage.holds, OPT_OUTS)))
        shares[name] = share(int(among.filter(flag)["n"].sum()), int(among["n"].sum()) if recorded else 0)
    return Rates(messages=int(cells["n"].sum()), **shares)


def share(count: int, among: int) -> Rate:
    """The rate of `count` among so many, rounded to six digits; null of none."""
    if not among:
        return Rate(n=count, among=among, rate=None, low=None, high=None)
    low, high = (round(bound, 6) for bound in interval(count, among))
    return Rate(n=count, among=among, rate=round(count / among, 6), low=low, high=high)


def interval(count: int, among: int) -> tuple[float, float]:
    """The 95 % interval of the rate `count / among` (Wilson, JASA 22, 1927, 209-212; as in Newcombe, 1998, method 3)."""
    middle = (2 * count + _Z**2) / (2 * (among + _Z**2))
    half = _Z * sqrt(4 * count * (among - count) / among + _Z**2) / (2 * (among + _Z**2))
    return (middle - half if count else 0.0), (middle + half if count < among else 1.0)


def _flag(frame: pl.DataFrame, acts: pl.DataFrame, flag: str, key: str) -> pl.DataFrame:
    if acts.is_empty():
        return frame.with_columns(pl.lit(value=False).alias(flag))
    marked = acts.with_columns(pl.lit(value=True).alias(flag))
    return frame.join(marked, on=("customer_id", key), how="left", maintain_order="left").with_columns(
        pl.col(flag).fill_null(value=False)
    )


def _converted(events: pl.DataFrame, human: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """Messages with a click and then an order of their item, else category: `customer_id, event_id`."""
    clicks = human.filter(pl.col("kind") == "message_clicked").select(
        "customer_id", "message_id", clicked_at="occurred_at", click_id="event_id"
    )
    if clicks.is_empty():
        return clicks.select("customer_id", event_id="click_id")
    clicked = messages.select("customer_id", "event_id", "message_id", "item_id", "category").join(
        clicks, on=("customer_id", "message_id")
    )
    orders = events.filter(pl.col("kind") == "order_completed").select(
        "customer_id", "item_id", "category", ordered_at="occurred_at", order_event="event_id"
    )
    by_item = clicked.filter(pl.col("item_id").is_not_null()).join(
        orders.drop("category"), on=("customer_id", "item_id")
    )
    by_category = clicked.filter(pl.col("item_id").is_null()).join(
        orders.drop("item_id"), on=("customer_id", "category")
    )
    columns = ("customer_id", "event_id", "clicked_at", "click_id", "ordered_at", "order_event")
    later = (pl.col("ordered_at") > pl.col("clicked_at")) | (
        (pl.col("ordered_at") == pl.col("clicked_at")) & (pl.col("order_event") > pl.col("click_id"))
    )
    return (
        pl.concat([by_item.select(columns), by_category.select(columns)])
        .filter(later & (pl.col("ordered_at") - pl.col("clicked_at") <= CONVERSION))
        .select("customer_id", "event_id")
        .unique()
    )


def _opted_out(events: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """Messages with an opt-out after them and before the customer's next: `customer_id, event_id`."""
    in_order = ("customer_id", "occurred_at", "event_id")
    acts = events.filter(pl.col("kind").is_in(OPT_OUTS)).select(*in_order, message=pl.lit(None, pl.String))
    if acts.is_empty():
        return acts.select("customer_id", "event_id")
    return (
        pl.concat([acts, messages.select(*in_order, message="event_id")])
        .sort(in_order)
        .with_columns(pl.col("message").forward_fill().over("customer_id").alias("last"))
        .filter(pl.col("message").is_null() & pl.col("last").is_not_null())
        .select("customer_id", event_id="last")
        .unique()
    )
