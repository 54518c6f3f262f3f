"""The whole picture of one customer: `whysent show`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from audit import segments, why
from audit.events.document import Document
from audit.events.messages import messages, orphans
from audit.events.vocabulary import ON_PAPER, campaign_expr
from audit.findings import Unanswered, anomaly
from audit.findings.anomaly import OutOfPattern
from audit.population.coverage import CoverageDocument
from audit.privacy.links import JoinedId
from audit.privacy.role_view import MARK
from audit.queries import remedies
from audit.queries.case import Case, kept
from audit.queries.findings_documents import Finding
from audit.why.expiry import Basis, Why
from audit.why.model import Absence, Standing
from audit.workspace.context import Context


class SenderCount(Document):
    """A sender, and how many of its messages were sent."""

    sender: str
    sent: int
    in_a_day: int
    """Most of them on one day, in UTC."""
    without_unsubscribe: int | None
    """Those without a List-Unsubscribe header; null where no message of this customer tells of that."""


class MessageCounts(Document):
    """Numbers of distinct messages."""

    attempted: int
    """With a sent, suppressed or attempted event."""
    sent: int
    suppressed: int
    opened: int
    """Of those attempted, with an opening not marked machine."""
    machine_opened: int
    """Of those attempted, with openings marked machine and no other."""
    clicked: int
    answered: int = 0
    """Those on paper that were answered, such as by a coupon redeemed: they are not clicked."""
    orphans: int
    """Engagement without a message."""
    by_channel: dict[str, int]
    by_sender: tuple[SenderCount, ...] = ()
    """The most first."""
    by_campaign: dict[str, int]


class Membership(Document):
    """A segment that the customer is in."""

    id: str
    title: str | None
    basis: str | None
    """demographic, behavioral, psychographic, geographic, value, life_stage, learned or third_party."""
    standing: Standing
    logged: bool
    """Whether the log says so."""
    derived: bool
    """Whether our definition gives it."""
    since: datetime | None
    of_export: bool = False
    """True where `since` is the date of the export that holds it alone: since when it does not say."""
    until: datetime | None
    """When it ends if nothing new happens; null: no day does."""
    sensitive: bool
    purpose: str | None
    evidence: tuple[str, ...]
    logged_as: str | None
    """The name that the log has for it."""
    logged_events: tuple[str, ...] | None
    source: str | None
    """Where the logged one comes from."""
    reason: str | None
    absent: Absence | None
    """What did not happen, where the definition rests on that."""
    until_why: Why
    until_basis: Basis | None = None
    """What `until` rests on: an event of the log, a definition of this workspace, or a default of the program."""
    until_text: str
    ends_with: tuple[str, ...]
    """Kinds of acts that can end it."""


class SensitiveMembership(Document):
    """A segment that touches a sensitive topic, for somebody who may not be told which: nothing here names it."""

    id: str
    title: str
    basis: str | None
    standing: Standing
    logged: bool
    derived: bool
    since: datetime | None
    of_export: bool = False
    until: datetime | None
    until_why: Why
    until_basis: Basis | None = None
    """What `until` rests on: an event of the log, a definition of this workspace, or a default of the program."""
    until_text: str
    ends_with: tuple[str, ...]
    sensitive: bool
    purpose: str | None
    evidence: tuple[str, ...]


AnyMembership = Membership | SensitiveMembership


class OwnItem(Document):
    """An item of the customer's own that speaks for a recommendation, and how much of its score it brings."""

    item_id: str | None
    share: float | None


class Recommendation(Document):
    """An item in a strip that the customer was shown, or that we would show."""

    item_id: str
    strategy: str
    """What the log calls it, else the strategy of ours with the strongest reason: an item stands once."""
    also_by: tuple[str, ...]
    """The other strategies that give it; `until` is when none of ours does any more."""
    title: str | None
    score: float | None
    standing: Standing
    logged: bool
    derived: bool
    reason: str | None
    """Of what was shown: what the log says, and what our strategy gave when it was shown last; never what came after."""
    evidence: tuple[str, ...]
    """The events behind `reason`; where there are none, those that logged it."""
    until: datetime | None
    own_items: tuple[OwnItem, ...] | None
    shown: tuple[str, ...] | None
    """The events that logged it."""
    last_shown: datetime | None
    until_why: Why
    until_basis: Basis | None = None
    """What `until` rests on: an event of the log, a definition of this workspace, or a default of the program."""
    until_text: str
    ends_with: tuple[str, ...]


class Persona(Document):
    """A person that the source recorded on the account."""

    id: str
    share: float
    """Of the events that carry a persona."""
    evidence: tuple[str, ...]


class CustomerPicture(Document, schema="whysent.customer/1"):
    """The whole picture of one customer at one moment."""

    customer: str
    at: datetime
    known_at: datetime | None = None
    """The moment of `--known-at`: what was imported later is left out, and what a later export replaced stands as it stood."""
    events: int
    first: datetime | None
    last: datetime | None
    coverage: CoverageDocument
    same_address: tuple[str, ...] = ()
    """Other customers (pseudonyms) that the vault knows by the same address: nothing of theirs is counted here."""
    joined: tuple[JoinedId, ...] = ()
    """The ids of this person, where they have several: all of their histories are counted here."""
    messages: MessageCounts
    segments: tuple[AnyMembership, ...]
    recommendations: tuple[Recommendation, ...]
    findings: tuple[Finding, ...]
    unanswered: tuple[Unanswered, ...] = ()
    """The checks that this data cannot answer, or not in full: of them it is not said that nothing was found."""
    personas: tuple[Persona, ...]
    out_of_pattern: tuple[OutOfPattern, ...]
    """Orders and sessions likelier to be somebody else's, those with a hard sign first: a hint, no finding."""


@kept
def picture(case: Case, *, strips: bool) -> CustomerPicture:
    """The picture of a case, as whoever asks is told it; without `strips` it has nothing that rests on all group facts: no recommendations, and
    nothing out of pattern.
    """
    events, context = case.events, case.context
    odd = anomaly.out_of_pattern(events, context) if strips else ()
    full = CustomerPicture(
        customer=case.customer,
        at=context.at,
        known_at=case.known_at,
        events=events.height,
        first=_moment(events["occurred_at"].min()),
        last=_moment(events["occurred_at"].max()),
        coverage=case.coverage.document(),
        joined=case.context.persons.ids_with_times(case.customer),
        same_address=tuple(context.namesakes.get(case.customer, ())),
        messages=message_counts(events),
        segments=tuple(_memberships(case)),
        recommendations=tuple(_recommendations(case)) if strips else (),
        findings=remedies.findings(case),
        unanswered=case.unanswered,
        personas=personas(events),
        out_of_pattern=odd,
    )
    return case.view.shown(full)


def message_counts(events: pl.DataFrame) -> MessageCounts:
    """Numbers of distinct messages in one customer's events."""
    attempted = messages(events)
    on_paper = attempted["channel"].is_in(ON_PAPER).fill_null(value=False)
    return MessageCounts(
        attempted=attempted.height,
        sent=int(attempted["sent"].sum()),
        suppressed=int(attempted["suppressed"].sum()),
        opened=int(attempted["opened"].sum()),
        machine_opened=attempted.filter(pl.col("machine_opened") & ~pl.col("opened")).height,
        clicked=int((attempted["clicked"] & ~on_paper).sum()),
        answered=int((attempted["clicked"] & on_paper).sum()),
        orphans=orphans(events).height,
        by_channel=_counts(attempted.filter("sent"), pl.col("channel")),
        by_sender=_by_sender(attempted.filter("sent")),
        by_campaign=_counts(attempted.filter("sent"), campaign_expr()),
    )


def _by_sender(sent: pl.DataFrame) -> tuple[SenderCount, ...]:
    leave = pl.col("attributes").str.json_path_match("$.list_unsubscribe").is_not_null()
    tells = bool(sent.select(leave.any()).item())
    rows = (
        sent.filter(pl.col("sender").is_not_null())
        .group_by("sender")
        .agg(
            sent=pl.len(),
            in_a_day=pl.col("occurred_at").dt.date().unique_counts().max(),
            without_unsubscribe=(~leave).sum() if tells else pl.lit(None, pl.UInt32),
        )
        .sort("sent", "sender", descending=[True, False])
    )
    return msgspec.convert(rows.to_dicts(), tuple[SenderCount, ...])


def personas(events: pl.DataFrame) -> tuple[Persona, ...]:
    """The personas that the source recorded on this account, with their share of the events that carry one."""
    marked = events.filter(pl.col("persona").is_not_null())
    grouped = marked.group_by("persona", maintain_order=True).agg("event_id").sort("persona")
    return tuple(
        Persona(id=persona, share=round(len(evidence) / marked.height, 4), evidence=tuple(evidence))
        for persona, evidence in grouped.rows()
    )


def _memberships(case: Case) -> Iterator[AnyMembership]:
    definitions = case.context.definitions or segments.definitions()
    for row in case.memberships.iter_rows(named=True):
        ends = _ends(why.membership_end(row, definitions), case.context)
        if not case.view.tells(sensitive=row["sensitive"]):
            hidden = {"title": MARK, "evidence": ()}
            yield msgspec.convert({**row, **ends, **hidden}, SensitiveMembership)
        else:
            absent = None if row["absent"] is None else why.absence(row["absent"], case.context.at)
            yield msgspec.convert({**row, **ends, "absent": absent}, Membership)


def _recommendations(case: Case) -> Iterator[Recommendation]:
    for row in case.recommended.told.iter_rows(named=True):
        ends = _ends(why.recommendation_end(row), case.context)
        yield msgspec.convert({**row, **ends}, Recommendation)


def _ends(end: why.End, context: Context) -> dict[str, Any]:
    """The fields that say when something ends."""
    return {
        "until": end.until,
        "until_why": end.why,
        "until_basis": end.basis,
        "until_text": end.in_words(context.at),
        "ends_with": end.ends_with,
    }


def _counts(frame: pl.DataFrame, by: pl.Expr) -> dict[str, int]:
    counts = frame.group_by(by.fill_null("unknown").alias("by")).agg(pl.len()).sort("by")
    return {str(name): int(count) for name, count in counts.rows()}


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
