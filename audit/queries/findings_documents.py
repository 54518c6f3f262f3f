"""The findings as documents: of one customer, in numbers over everybody, and the triage list."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
import polars as pl

from audit import findings
from audit.events.document import Document
from audit.findings import Unanswered
from audit.population.coverage import LeftOut
from audit.privacy.links import JoinedId
from audit.queries.everybody import Everybody
from audit.rules.book.documents import CoveringRule
from audit.rules.replay.totals import StoppedWanted

Severity = Literal["high", "medium", "low", "info"]
Verdict = Literal["breach", "risk", "cannot_tell", "allowed"]


class SuggestedEffect(Document):
    """What a suggested rule alone would have done to the past of the customer it is suggested for."""

    stops: int
    """Of the finding's messages."""
    of: int
    """The finding's messages."""
    messages: int
    """All messages of this customer that it stops."""
    wanted: StoppedWanted
    """How many of these were welcome."""
    last_resort: bool
    """Whether it does nothing but keep messages from this one customer; the flow behind them goes on for all others."""


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
    """A rule that would have stopped it, as in a rule file; null where none helps, or the book has one that does."""
    suggested_effect: SuggestedEffect | None = None
    """What the suggested rule would have done to this customer."""
    covered_by: CoveringRule | None = None
    """The rule of the book that already stops it: nothing new is needed."""
    covered_in_part: CoveringRule | None = None
    """The rule of the book that stops some of it, where all that are on stop less than the suggested one would."""

    @property
    def found_wrong(self) -> bool:
        """Whether it is a breach or a risk, neither allowed nor open."""
        return self.verdict in ("breach", "risk")


class Findings(Document, schema="whysent.findings/1"):
    """The findings of one customer, worst first."""

    at: datetime
    customers: int
    same_address: tuple[str, ...] = ()
    """Other customers (pseudonyms) that the vault knows by the same address: nothing of theirs is counted here."""
    joined: tuple[JoinedId, ...] = ()
    """The ids of this person, where they have several: all of their histories are counted here."""
    findings: tuple[Finding, ...]
    messages: int
    """How many messages were sent to them; of none at all it is not said that nothing was found."""
    left_out: LeftOut
    """Rows that it does not rest on."""
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
    left_out: LeftOut
    """Rows that it does not rest on."""
    unanswered: tuple[Unanswered, ...]
    """The checks that this data cannot answer, or not in full: of them it is not said that nothing was found."""
    out: str | msgspec.UnsetType = msgspec.UNSET
    """With `--out`: the file they were written to."""


class TriageEntry(Document):
    """A customer with their worst finding."""

    customer: str
    severity: Severity | None
    headline: str | None
    """The sentence of the finding that is their headline: the most severe, then the rarest here, then the newest; null where
    nothing was found."""
    check: str | None
    """What found it."""
    people: int | None
    """Of how many of the `total` that check found something as severe."""
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
    left_out: LeftOut
    """Rows that it does not rest on."""
    unanswered: tuple[Unanswered, ...]
    """The checks that this data cannot answer, or not in full: of them it is not said that nothing was found."""


def findings_of(frame: pl.DataFrame) -> tuple[Finding, ...]:
    """The rows of `frame` (columns of `findings.SCHEMA`) as documents."""
    return tuple(
        msgspec.convert({**row, "suggested_rule": findings.rule_from_json(row["suggested_rule"])}, Finding)
        for row in frame.iter_rows(named=True)
    )


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
    answer = FindingTotals(
        at=everybody.context.at,
        customers=everybody.customers,
        totals=totals,
        left_out=everybody.context.coverage.left_out,
        unanswered=everybody.unanswered,
    )
    return everybody.view.shown(answer)


def triage_list(everybody: Everybody, triage: pl.DataFrame, limit: int | None) -> TriageList:
    """The first `limit` rows of `triage` (columns of `findings.triage`) as a document."""
    rows = triage if limit is None else triage.head(limit)
    return TriageList(
        total=everybody.customers,
        customers=msgspec.convert(rows.to_dicts(), tuple[TriageEntry, ...]),
        left_out=everybody.context.coverage.left_out,
        unanswered=everybody.unanswered,
    )
