"""All checks, and the calls that run them over any number of whole customers."""

from collections.abc import Iterable

import polars as pl

from audit.errors import NotFoundError
from audit.events import sensitive_topics
from audit.findings import catalogue
from audit.findings.check import Check
from audit.findings.check_context import CheckContext, with_topic_of
from audit.findings.checks.after_opt_out import AfterOptOut
from audit.findings.checks.browse_pursuit import BrowsePursuit
from audit.findings.checks.cart_after_purchase import CartAfterPurchase
from audit.findings.checks.cart_burst import CartBurst
from audit.findings.checks.declared_rules import DeclaredRules
from audit.findings.checks.duplicate_message import DuplicateMessage
from audit.findings.checks.ignored_streak import IgnoredStreak
from audit.findings.checks.life_changed import LifeChanged
from audit.findings.checks.lookalike_segment import LookalikeSegment
from audit.findings.checks.over_frequency import OverFrequency
from audit.findings.checks.repeat_after_purchase import RepeatAfterPurchase
from audit.findings.checks.sensitive_inference import SensitiveInference
from audit.findings.checks.shared_account import SharedAccount
from audit.findings.checks.unexplained import Unexplained
from audit.findings.checks.unrequested_shipment import UnrequestedShipment
from audit.findings.schema import SCHEMA, to_findings, worst_first
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
        UnrequestedShipment(),
        LifeChanged(),
        SensitiveInference(),
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


def find(events: pl.DataFrame, ctx: Context, *, checks: Iterable[str] | None = None) -> pl.DataFrame:
    """What the checks (all, or these) find in whole customers: a frame of `SCHEMA`, each customer's worst first.

    Sensitive topics are not named; `schema.worded` names them to those who may read them. Raises NotFoundError for
    a check that does not exist.
    """
    context = CheckContext(events, ctx)
    frames = [_findings(check(check_id), context) for check_id in (CHECKS if checks is None else checks)]
    return worst_first(pl.concat([pl.DataFrame(schema=SCHEMA), *frames]))


def locate(events: pl.DataFrame, ctx: Context, finding_id: str) -> pl.DataFrame:
    """The finding of that id in one customer's events, a frame of `SCHEMA` of one row or none.

    One check after the other, the slowest last, until one has it.
    """
    context = CheckContext(events, ctx)
    for candidate in sorted(CHECKS.values(), key=lambda check: check.slow):
        findings = _findings(candidate, context).filter(pl.col("id") == finding_id)
        if findings.height:
            return findings
    return pl.DataFrame(schema=SCHEMA)


def _findings(check: Check, context: CheckContext) -> pl.DataFrame:
    rows = with_topic_of(check.detect(context), "category", sensitive_topics.of_category, "_topic")
    return to_findings(
        rows.with_columns(pl.coalesce("topic", "_topic").alias("topic")), catalogue.row(check.id)
    )
