"""The findings as documents: of one customer, in numbers over everybody, and the triage list."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import polars as pl

from audit import findings
from audit.errors import InputError, NotFoundError
from audit.events.document import Document
from audit.events.vocabulary import campaign_expr
from audit.findings import Unanswered
from audit.queries.case import Case as CustomerCase
from audit.queries.case import Everybody, read_case
from audit.rules.book import Case
from audit.rules.model import Rule, from_dict

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace


Severity = Literal["high", "medium", "low", "info"]
Verdict = Literal["breach", "risk", "cannot_tell"]


class Finding(Document):
    """Something that a check found wrong in what was sent to a customer."""

    id: str
    """Made of check, customer and subject, not of counts or times: the same from run to run."""
    customer: str
    check: str
    title: str
    severity: Severity
    verdict: Verdict
    case: str | None
    """Which of several cases of the check it is."""
    text: str
    first: datetime = msgspec.field(name="from")
    """The first message or event of the time it speaks of."""
    last: datetime = msgspec.field(name="to")
    count: int
    """How many `messages` there are; of goods, recommendations and segments, how many of these."""
    total: int
    """How many messages of the same kind came from `from` to `to`, those that were in order among them."""
    excess: int | None
    """How many of the `total` were too many: the same as `count`. Null where no number of them would have been in order."""
    messages: tuple[str, ...]
    """The messages it is about (event_ids)."""
    cause: tuple[str, ...]
    """The events that brought them about."""
    evidence: tuple[str, ...]
    """The events that show it."""
    subject: str | None
    """What it is about: a rule, campaign, category, item or segment."""
    sources: tuple[str, ...]
    """The law, statistic or house value behind it."""
    suggested_rule: Mapping[str, Any] | None
    """A rule that would have stopped it, as in a rule file."""


class Findings(Document, schema="whysent.findings/1"):
    """The findings of one customer, worst first."""

    at: datetime
    customers: int
    findings: tuple[Finding, ...]
    unanswered: tuple[Unanswered, ...]
    """The checks that this data cannot answer, or not in full: of them it is not said that nothing was found."""
    out: str | msgspec.UnsetType = msgspec.UNSET
    """With `--out`: the file they were written to."""


class CheckTotal(Document):
    """How many findings of one check and severity, and of how many people."""

    check: str
    severity: Severity
    findings: int
    customers: int


class FindingTotals(Document, schema="whysent.findings/1"):
    """The findings of everybody in numbers (`--all`), worst and most first."""

    at: datetime
    customers: int
    totals: tuple[CheckTotal, ...]
    unanswered: tuple[Unanswered, ...]
    """The checks that this data cannot answer, or not in full: of them it is not said that nothing was found."""
    out: str | msgspec.UnsetType = msgspec.UNSET
    """With `--out`: the file they were written to."""


class TriageEntry(Document):
    """A customer with their worst finding."""

    customer: str
    severity: Severity | None
    headline: str | None
    """The sentence of the worst finding; null where nothing was found."""
    events: int
    messages: int
    findings: int
    """Without those where the data cannot tell."""
    last: datetime


class TriageList(Document, schema="whysent.customers/1"):
    """Who is worst off, and what."""

    total: int
    """How many customers there are; `customers` may list fewer."""
    customers: tuple[TriageEntry, ...]
    unanswered: tuple[Unanswered, ...]
    """The checks that this data cannot answer, or not in full: of them it is not said that nothing was found."""


def findings_of(frame: pl.DataFrame, *, names_sensitive: bool = True) -> tuple[Finding, ...]:
    """The rows of `frame` (columns of `findings.SCHEMA`) as somebody may read them."""
    worded = findings.worded(frame, names_sensitive=names_sensitive)
    return tuple(
        msgspec.convert({**row, "suggested_rule": findings.suggested_rule(row["suggested_rule"])}, Finding)
        for row in worded.iter_rows(named=True)
    )


def findings_document(case: CustomerCase, *, names_sensitive: bool = True) -> Findings:
    """The findings of one customer as a document."""
    rows = findings_of(case.found, names_sensitive=names_sensitive)
    return Findings(at=case.context.at, customers=1, findings=rows, unanswered=case.unanswered)


def totals_of(frame: pl.DataFrame) -> pl.DataFrame:
    """`check, severity, findings, customers` of the findings in `frame`, worst and most first."""
    return (
        frame.group_by("check", "severity")
        .agg(pl.len().alias("findings"), pl.col("customer").n_unique().alias("customers"))
        .with_columns(findings.severity_rank().alias("rank"))
        .sort("rank", "findings", "check", descending=[False, True, False])
        .drop("rank")
    )


def totals_document(everybody: Everybody) -> FindingTotals:
    """The findings of everybody in numbers."""
    totals = msgspec.convert(totals_of(everybody.found).to_dicts(), tuple[CheckTotal, ...])
    return FindingTotals(
        at=everybody.context.at,
        customers=everybody.customers,
        totals=totals,
        unanswered=everybody.unanswered,
    )


def triage_list(everybody: Everybody, triage: pl.DataFrame, limit: int | None) -> TriageList:
    """The first `limit` rows of `triage` (columns of `findings.triage`) as a document."""
    rows = triage if limit is None else triage.head(limit)
    return TriageList(
        total=everybody.customers,
        customers=msgspec.convert(rows.to_dicts(), tuple[TriageEntry, ...]),
        unanswered=everybody.unanswered,
    )


def suggested(
    ws: "Workspace",
    customer: str,
    finding: str,
    *,
    ticket: str = "",
    note: str = "",
    names_sensitive: bool = True,
) -> tuple[Rule, Case]:
    """The rule that a finding of a customer suggests, and the case; its campaign is that of most of the finding's messages.

    Raises NotFoundError for an unknown customer or finding, InputError where it suggests no rule, or none that may be
    named to somebody who is not told sensitive topics.
    """
    read = read_case(ws, customer)
    findings = findings_of(read.found, names_sensitive=names_sensitive)
    answered = next((candidate for candidate in findings if candidate.id == finding), None)
    if answered is None:
        raise NotFoundError(
            f"no finding {finding!r} of {read.customer}; `whysent audit {read.customer}` names them"
        )
    if answered.suggested_rule is None:
        raise InputError(f"finding {finding}: no rule is suggested for it; write one, and name its file")
    case = Case(_campaign(read.events, answered.messages), finding, read.customer, ticket, note)
    return from_dict(answered.suggested_rule), case


def _campaign(events: pl.DataFrame, messages: tuple[str, ...]) -> str:
    """The campaign of most of `messages`, of as many the first by name; empty where they name none."""
    campaigns = events.filter(pl.col("event_id").is_in(messages)).select(name=campaign_expr())
    counted = campaigns.drop_nulls().group_by("name").len().sort(["len", "name"], descending=[True, False])
    return str(counted["name"].item(0)) if counted.height else ""
