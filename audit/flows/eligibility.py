"""Which messages a flow gives, and which of its conditions did not hold, for whole customers at once."""

from datetime import timedelta

import polars as pl

from audit.events.purchases import ORDER, TAKEN_BACK, without_undone
from audit.events.vocabulary import (
    NOES,
    OPT_INS,
    SCOPE,
    comes_before_expr,
    may_bear_on_expr,
    says_no_expr,
)
from audit.flows import predicate, triggers
from audit.flows.model import Flow, Step
from audit.flows.triggers import LIVE
from audit.population.stats import moments, own_intervals

ELIGIBLE: dict[str, pl.DataType] = {
    **LIVE,
    "step": pl.String(),
    "due": pl.Datetime("us", "UTC"),
    "fails": pl.List(pl.String()),
}
"""A row for each message and each act that could have set it off. `step`: the step of the series it is, by the log,
else by its time; `due`: from when on that step may come (UTC), null where that cannot be said; `fails`: what is wrong
with it: `no_such_step` (the flow has none), `too_early`, `too_late`, `repeated` (that step had already been sent for that act)."""

AUDIENCE: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "message": pl.String(),
    "condition": pl.String(),
    "holds": pl.Boolean(),
    "events": pl.List(pl.String()),
}
"""A row for each message and each condition on whom it goes to: `list`, `segment`, `rhythm`. `events`: what puts the
customer there, or took them out; for `rhythm`, the one before."""

MESSAGE = tuple(dict.fromkeys((*triggers.MESSAGE, "series_step", "channel", "sender", "topics")))
"""What is read of a message beside its customer_id."""

IN, OUT = ("segment_entered", "segment_snapshot"), ("segment_left",)


def reads(flow: Flow) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds of events, and their columns, that decide whether `flow` gives a message."""
    trigger = flow.trigger
    kinds = [*(trigger.read if trigger else ()), *((ORDER, *TAKEN_BACK) if flow.by_rhythm else ())]
    kinds += [*OPT_INS, *NOES] if flow.list_id else []
    kinds += [*IN, *OUT] if flow.segment else []
    named = predicate.columns(trigger.where) if trigger and trigger.where else []
    columns = (*triggers.READ, *SCOPE, "machine", *named)
    return tuple(dict.fromkeys(kinds)), tuple(dict.fromkeys(columns))


def eligible_acts(events: pl.DataFrame, messages: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """The acts that could have set off each of `messages`, in the shape of `ELIGIBLE`.

    `messages`: every message of the flow that these customers were sent, in order, with the columns `MESSAGE`.
    """
    if flow.trigger is None:
        return pl.DataFrame(schema=ELIGIBLE)
    rows = triggers.acts(events, messages, flow.trigger)
    if not flow.steps or rows.is_empty():
        return rows.with_columns(
            pl.lit(None, pl.String).alias("step"),
            pl.lit(None, rows.schema["act_at"]).alias("due"),
            pl.lit([], pl.List(pl.String)).alias("fails"),
        ).select(*ELIGIBLE)
    sent = messages.select(
        "customer_id", pl.col("event_id").alias("message"), pl.col("occurred_at").alias("t"), "series_step"
    )
    rows = rows.join(sent, on=("customer_id", "message"), how="left", maintain_order="left")
    interval = (
        own_interval(events, rows) if flow.by_rhythm else pl.lit(None, pl.Duration("us")).alias("interval")
    )
    placed = _placed(rows.with_columns(interval), flow.steps)
    return _judged(placed, flow.steps).select(*ELIGIBLE)


def gives_message() -> pl.Expr:
    """Whether a row of `ELIGIBLE` gives its message: nothing ended the act, and no condition fails."""
    return pl.col("ended_by").is_null() & (pl.col("fails").list.len() == 0)


def own_interval(events: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """The customer's own median interval between orders of each act's item, up to that act; null where it is unknown."""
    items = events.select("customer_id", pl.col("event_id").alias("act"), "item_id")
    acts = rows.select("customer_id", "act", "act_at").join(
        items, on=("customer_id", "act"), how="left", maintain_order="left"
    )
    key = ("customer_id", "item_id", "act_at")
    times = moments(without_undone(events).filter(pl.col("kind") == ORDER), "item_id")
    intervals = own_intervals(times, acts.select(key).drop_nulls().unique(), "item_id")
    return acts.join(intervals, on=key, how="left", maintain_order="left")["interval"]


def _placed(rows: pl.DataFrame, steps: tuple[Step, ...]) -> pl.DataFrame:
    """Add `number` (of the step; null: no such step), `after` and `leeway`."""
    elapsed = pl.col("t") - pl.col("act_at")
    after = [
        pl.col("interval") if step.after is None else pl.lit(step.after, pl.Duration("us")) for step in steps
    ]
    reached = [pl.when(elapsed >= delay).then(pl.lit(number)) for number, delay in enumerate(after)]
    by_name = pl.col("series_step").replace_strict(
        {step.name: number for number, step in enumerate(steps)}, default=None, return_dtype=pl.Int32
    )
    by_time = pl.max_horizontal(*reached, pl.lit(0)).cast(pl.Int32)
    number = pl.when(pl.col("series_step").is_null()).then(by_time).otherwise(by_name)

    def of_step(values: list[pl.Expr]) -> pl.Expr:
        chosen = [pl.when(pl.col("number") == number).then(value) for number, value in enumerate(values)]
        return pl.coalesce(*chosen)

    leeway = [pl.lit(step.leeway, pl.Duration("us")) for step in steps]
    return rows.with_columns(number.alias("number")).with_columns(
        of_step(after).alias("after"), of_step(leeway).alias("leeway"), elapsed.alias("elapsed")
    )


def _judged(rows: pl.DataFrame, steps: tuple[Step, ...]) -> pl.DataFrame:
    names = {number: step.name for number, step in enumerate(steps)}
    early = pl.col("elapsed") < pl.col("after")
    late = pl.col("elapsed") > pl.col("after") + pl.col("leeway")
    in_time = pl.col("number").is_not_null() & ~early.fill_null(value=False) & ~late.fill_null(value=False)
    rows = rows.with_columns((in_time & pl.col("ended_by").is_null()).alias("sent")).sort(
        "customer_id", "t", "message", "act_at", "act"
    )
    nth = pl.col("sent").cast(pl.Int32).cum_sum().over("customer_id", "act", "number")
    wrong = {
        "no_such_step": pl.col("number").is_null(),
        "too_early": early,
        "too_late": late,
        "repeated": pl.col("sent") & (nth > 1),
    }
    reasons = [pl.when(failed.fill_null(value=False)).then(pl.lit(name)) for name, failed in wrong.items()]
    step = pl.col("number").replace_strict(names, default=None, return_dtype=pl.String)
    return rows.with_columns(
        pl.coalesce("series_step", step).alias("step"),
        (pl.col("act_at") + pl.col("after")).alias("due"),
        pl.concat_list(reasons).list.drop_nulls().alias("fails"),
    ).sort("customer_id", "message", "act_at", "act")


def audience(events: pl.DataFrame, messages: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """Whether each of `messages` went to somebody that the flow goes to, in the shape of `AUDIENCE`.

    On a list: the newest yes or no before the message that bears on it (or may, where it names no channel, sender or
    topic), as a message of that list, is a yes; complaints are addressed (`vocabulary.with_addresses`). In a segment: the
    newest log row of it before the message says so.
    """
    parts = [pl.DataFrame(schema=AUDIENCE)]
    if flow.list_id is not None:
        said = events.filter(pl.col("kind").is_in(OPT_INS) | says_no_expr())
        of_list = messages.with_columns(pl.lit(flow.list_id).alias("list_id"))
        parts.append(_member(said, of_list, "list", OPT_INS, SCOPE))
    if flow.segment is not None:
        of_segment = (pl.col("segment_id") == flow.segment).fill_null(value=False)
        moves = events.filter(of_segment, pl.col("kind").is_in([*IN, *OUT]))
        parts.append(_member(moves, messages, "segment", IN, ()))
    if flow.every is not None:
        parts.append(_rhythm(messages, flow.every))
    return pl.concat(parts)


def _member(
    events: pl.DataFrame, messages: pl.DataFrame, condition: str, yes: tuple[str, ...], scope: tuple[str, ...]
) -> pl.DataFrame:
    """Whether the newest of `events` before each message is one of the kinds `yes`; with a `scope`, of those that bear on it."""
    acts = events.select(
        "customer_id", pl.col("event_id").alias("act"), pl.col("occurred_at").alias("act_at"),
        pl.col("kind").is_in(yes).alias("yes"), *(pl.col(name).alias(f"act_{name}") for name in scope),
    )  # fmt: skip
    recipients = messages.select(
        "customer_id", pl.col("event_id").alias("message"), pl.col("occurred_at").alias("t"), *scope
    )
    bearing = [may_bear_on_expr()] if scope else []
    before = comes_before_expr("act_at", "act", "t", "message")
    last_no = pl.int_range(pl.len()).filter(~pl.col("yes")).max().fill_null(-1)
    newest = (
        recipients.join(acts, on="customer_id")
        .filter(before, *bearing)
        .sort("customer_id", "message", "act_at", "act")
        .group_by("customer_id", "message", maintain_order=True)
        .agg(
            pl.col("yes").last().alias("holds"),
            pl.when(pl.col("yes").last())
            .then(pl.col("act").filter(pl.int_range(pl.len()) > last_no).implode())
            .otherwise(pl.col("act").tail(1).implode())
            .first()
            .alias("events"),
        )
    )
    return (
        recipients.select("customer_id", "message")
        .join(newest, on=("customer_id", "message"), how="left", maintain_order="left")
        .select(
            "customer_id", "message", pl.lit(condition).alias("condition"), pl.col("holds").fill_null(value=False),
            pl.col("events").fill_null(pl.lit([], pl.List(pl.String))),
        )
    )  # fmt: skip


def _rhythm(messages: pl.DataFrame, interval: timedelta) -> pl.DataFrame:
    """Whether the one before lies at least `interval` back; half a day sooner is the same rhythm."""
    previous = pl.col("event_id").shift(1).over("customer_id")
    soon = pl.col("occurred_at").diff().over("customer_id") < interval - timedelta(hours=12)
    return messages.sort("customer_id", "occurred_at", "event_id").select(
        "customer_id",
        pl.col("event_id").alias("message"),
        pl.lit("rhythm").alias("condition"),
        (~soon.fill_null(value=False)).alias("holds"),
        pl.when(previous.is_not_null())
        .then(pl.concat_list(previous))
        .otherwise(pl.lit([], pl.List(pl.String)))
        .alias("events"),
    )
