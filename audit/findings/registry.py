"""All checks, and the calls that run them over any number of whole customers."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from audit.errors import NotFoundError
from audit.events.messages import message_counts
from audit.events.schema import TIME
from audit.findings import catalogue
from audit.findings.catalogue import VERDICTS
from audit.findings.check import Check
from audit.findings.check_context import CheckContext
from audit.findings.checks.after_opt_out import AfterOptOut
from audit.findings.checks.browse_pursuit import BrowsePursuit
from audit.findings.checks.cart_after_purchase import CartAfterPurchase
from audit.findings.checks.cart_burst import CartBurst
from audit.findings.checks.dead_address import DeadAddress
from audit.findings.checks.declared_rules import DeclaredRules
from audit.findings.checks.duplicate_message import DuplicateMessage
from audit.findings.checks.ignored_streak import IgnoredStreak
from audit.findings.checks.life_changed import LifeChanged
from audit.findings.checks.lookalike_segment import LookalikeSegment
from audit.findings.checks.over_frequency import OverFrequency
from audit.findings.checks.repeat_after_purchase import RepeatAfterPurchase
from audit.findings.checks.same_address import SameAddress
from audit.findings.checks.sensitive_audience import SensitiveAudience
from audit.findings.checks.sensitive_inference import SensitiveInference
from audit.findings.checks.shared_account import SharedAccount
from audit.findings.checks.unexplained import Unexplained
from audit.findings.checks.unrequested_shipment import UnrequestedShipment
from audit.findings.schema import SCHEMA, severity_rank, to_findings, worst_first
from audit.findings.suggested_rule import for_the_dead
from audit.workspace.context import Context

CHECKS: dict[str, Check] = {
    check.id: check
    for check in (
        RepeatAfterPurchase(),
        OverFrequency(),
        DeclaredRules(),
        DuplicateMessage(),
        IgnoredStreak(),
        CartAfterPurchase(),
        CartBurst(),
        BrowsePursuit(),
        SharedAccount(),
        AfterOptOut(),
        SameAddress(),
        DeadAddress(),
        UnrequestedShipment(),
        LifeChanged(),
        SensitiveInference(),
        SensitiveAudience(),
        LookalikeSegment(),
        Unexplained(),
    )
}
"""Every check, by its id. A new one stands here, has a row in the catalogue and a file of its own in `checks/`."""


def check(check_id: str) -> Check:
    """The check of that id. Raises NotFoundError where it does not exist or only lends its sources to another."""
    row = catalogue.row(check_id)
    if check_id not in CHECKS:
        raise NotFoundError(f"{check_id} makes no findings of its own; it is a source of {row.reported_as}")
    return CHECKS[check_id]


_EVENT = ["customer_id", "event_id"]


def find(events: pl.DataFrame, ctx: Context, *, checks: Iterable[str] | None = None) -> pl.DataFrame:
    """What the checks (all, or these) find in whole customers: a frame of `SCHEMA`, each customer's worst first.

    Raises NotFoundError for a check that does not exist.
    """
    return find_in(CheckContext(events, ctx), checks)


def find_in(context: CheckContext, checks: Iterable[str] | None = None) -> pl.DataFrame:
    """`find` in the customers of a context."""
    asked = map(check, CHECKS if checks is None else checks)
    frames = [_findings(one, context) for one in asked if _can_find(one, context)]
    findings = worst_first(pl.concat([pl.DataFrame(schema=SCHEMA), *frames]))
    ctx = context.population
    if ctx.early is None or findings.is_empty():
        return findings
    return _known_then(findings, context.events, ctx.early, replace(ctx, early=None))


def _known_then(
    findings: pl.DataFrame, events: pl.DataFrame, early: pl.DataFrame, ctx: Context
) -> pl.DataFrame:
    """Findings of persons of several ids, without messages from before these were joined (`early`) of which no id alone is told
    the same: who sent them could not know of the other's history.
    """
    message = ["id", *_EVENT]
    early_messages = _messages(findings).join(early, on=_EVENT, how="semi")
    affected = pl.col("customer_id").is_in(early_messages["customer_id"].unique().implode())
    members, histories = early.filter(affected), events.filter(affected)
    names = members.select("customer_id", "member").unique().sort("customer_id", "member")
    by_one_id = []
    for _, layer in names.with_columns(nth=pl.int_range(pl.len()).over("customer_id")).group_by("nth"):
        unknown = members.join(layer, on=["customer_id", "member"], how="anti")
        by_one_id.append(find(histories.join(unknown, on=_EVENT, how="anti", maintain_order="left"), ctx))
    justified = pl.concat([_messages(layer) for layer in by_one_id]) if by_one_id else early_messages.clear()
    accused = early_messages.join(justified, on=message, how="anti").join(
        findings.select("id", "check"), on="id"
    )
    for (check_id,), wrongly in accused.group_by("check"):
        customers = pl.col("customer_id").is_in(wrongly["customer_id"].unique().implode())
        remaining = histories.filter(customers).join(wrongly, on=_EVENT, how="anti", maintain_order="left")
        again = find(remaining, ctx, checks=[str(check_id)])
        still = _messages(again).join(early, on=_EVENT, how="anti")["id"].unique()
        again = again.filter(pl.col("id").is_in(pl.concat([still, justified["id"]]).unique().implode()))
        of_check = (pl.col("check") == check_id) & pl.col("customer").is_in(wrongly["customer_id"].implode())
        findings = pl.concat([findings.filter(~of_check), again])
    return worst_first(findings) if accused.height else findings


def _messages(findings: pl.DataFrame) -> pl.DataFrame:
    rows = findings.select("id", customer_id="customer", event_id="messages")
    return rows.explode("event_id").drop_nulls("event_id")


def locate(events: pl.DataFrame, ctx: Context, finding_id: str) -> pl.DataFrame:
    """The finding of that id in one customer's events, a frame of `SCHEMA` of one row or none.

    One check after the other, the slowest last, until one has it.
    """
    context = CheckContext(events, ctx)
    able = (one for one in CHECKS.values() if _can_find(one, context))
    for candidate in sorted(able, key=lambda check: check.slow):
        findings = _findings(candidate, context).filter(pl.col("id") == finding_id)
        if findings.height:
            return findings
    return pl.DataFrame(schema=SCHEMA)


def _can_find(check: Check, context: CheckContext) -> bool:
    """Whether there are events of each of the kinds that the check needs: of many histories half the checks need not be asked."""
    needs = (
        need.kinds
        for need in catalogue.row(check.id).needs
        if need.kinds and not (need.columns or need.somewhere)
    )
    return all(not context.kinds.isdisjoint(kinds) for kinds in needs)


def _findings(check: Check, context: CheckContext) -> pl.DataFrame:
    rows = check.detect(context)
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    return to_findings(for_the_dead(rows, context.events), catalogue.row(check.id))


TRIAGE_SCHEMA: dict[str, pl.DataType] = {
    "customer": pl.String(),
    "severity": pl.String(),
    "headline": pl.String(),
    "check": pl.String(),
    "people": pl.UInt32(),
    "events": pl.UInt32(),
    "messages": pl.UInt32(),
    "findings": pl.UInt32(),
    "last": TIME,
}
"""The columns of whysent.customers/1. `check`: what found the headline; `people`: of how many it found something as severe.
`severity`, `headline` and these are null where nothing was found; `findings` leaves out what cannot be told."""

_FEW = 11
"""House value: what fewer people have is all alike rare."""


def people(events: pl.DataFrame) -> pl.DataFrame:
    """A row a customer of `events`: `customer, events, last, messages`, the newest event's time and how many there are."""
    return (
        events.group_by("customer_id", maintain_order=True)
        .agg(pl.len().alias("events"), pl.col("occurred_at").max().alias("last"))
        .join(message_counts(events), on="customer_id", how="left", maintain_order="left")
        .rename({"customer_id": "customer"})
    )


def triage(events: pl.DataFrame, ctx: Context, listed: pl.DataFrame | None = None) -> pl.DataFrame:
    """`ranked` of the customers of `events`; `listed`: the findings where the caller has them already, as `find` gives them."""
    return ranked(people(events), find(events, ctx) if listed is None else listed)


def ranked(customers: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """One row a customer (rows of `people`), worst first: by the severity of the finding that is their headline, and of one severity
    the worst of each check in turn: by its verdict and number of messages, then the number of findings and messages, then pseudonym.

    The headline is the most severe finding, of several the one whose check found fewest people here, where that is a number
    that says something (`_FEW`), then the newest.
    """
    worst = (
        findings.filter(pl.col("verdict") != "cannot_tell")
        .with_columns(pl.col("customer").n_unique().over("check", "severity").alias("people"))
        .sort(
            "customer",
            severity_rank(),
            pl.col("people").clip(_FEW),
            "to",
            descending=[False, False, False, True],
            maintain_order=True,
        )
        .group_by("customer", maintain_order=True)
        .agg(
            pl.col("severity", "check", "people").first(),
            pl.col("text").first().alias("headline"),
            pl.len().alias("findings"),
            pl.col("count").first().alias("_count"),
            pl.col("verdict").first().cast(pl.Enum(VERDICTS)).alias("_verdict"),
        )
    )
    rank = severity_rank().alias("_rank")
    worst_first = ["_rank", "_verdict", "_count", "findings", "messages", "customer"]
    return (
        customers.join(worst, on="customer", how="left")
        .with_columns(rank)
        .sort(worst_first, descending=[False, False, True, True, True, False], nulls_last=True)
        .with_columns(pl.int_range(pl.len()).over("_rank", "check").alias("_turn"))
        .sort("_rank", "_turn", maintain_order=True, nulls_last=True)
        .with_columns(pl.col("messages", "findings").fill_null(0))
        .select(pl.col(name).cast(dtype) for name, dtype in TRIAGE_SCHEMA.items())
    )  # fmt: skip
