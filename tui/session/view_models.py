"""What crosses from the workers to the screens: frozen pictures of answers, never live objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from audit.findings.anomaly import OutOfPattern
    from audit.queries.customer import AnyMembership, CustomerPicture, Recommendation
    from audit.queries.findings_documents import Finding
    from audit.queries.reconcile import Disagreement, Reconciliation, SegmentAgreement, StripAgreement
    from audit.rules.replay.curve import Curve
    from audit.rules.replay.totals import ReplayDocument

Document = Mapping[str, Any]
"""One of the JSON documents, or a part of one."""

Progress = Callable[[int, int], None]
"""Told how many messages of how many are decided."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A workspace that was opened: what every heading says; a `synthetic` one holds the customers of the stories, and so many
    more are `awaited`, which are still being made.
    """

    name: str
    customers: int
    events: int
    coverage: str
    role: str = "admin"
    ticket: str | None = None
    lists_people: bool = True
    reason: str | None = None
    synthetic: bool = False
    awaited: int = 0


@dataclass(frozen=True, slots=True)
class Triage:
    """Who is worst, and what.

    `customers`: `customer, severity, headline, messages, findings, last`, worst first; `checks`: `key` (check and
    severity), `check, severity, findings, customers`, worst first; `members`: `key, customer`, who has which; `limits`: what
    may be said of those of whom nothing was found.
    """

    customers: pl.DataFrame
    checks: pl.DataFrame
    members: pl.DataFrame
    limits: str = "no check found anything"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a customer's question: what, why, until when, and what would have stopped it.

    `severity` is empty where there is nothing to find. `rule` is the suggested rule in the shape of the rules file.
    """

    severity: str
    text: str
    causes: str = ""
    ends: str = ""
    remedy: str = ""
    rule: Document | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """Messages in the week that begins on `start` (a Monday, UTC), and the signs of what else happened in it."""

    start: date
    messages: int
    signs: str = ""


@dataclass(frozen=True, slots=True)
class WeeklyCap:
    """The tightest cap of seven days or a week that is on and bears on all campaigns; `counts`: what it counts, in words."""

    rule: str
    limit: int
    counts: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One customer at one moment, without the events of `without`.

    `timeline`: a row a message or other event, newest first: `key` (event_id), `events` (all its event_ids),
    `message` (message_id or event_id, null if none), `campaign`, `group` (mail, behaviour, other), `at`, `sign`, `what`, `note`. Not `whole`: its recommendations are still being
    made.
    """

    customer: str
    about: tuple[str, ...]
    coverage: str
    verdict: Verdict
    timeline: pl.DataFrame
    weeks: tuple[Week, ...]
    document: CustomerPicture
    without: tuple[str, ...] = ()
    whole: bool = True
    cap: WeeklyCap | None = None
    only_rule: Document | None = None
    """The only rule that may be proposed: that nothing more goes to somebody who died."""

    @property
    def segments(self) -> tuple[AnyMembership, ...]:
        return self.document.segments

    @property
    def recommendations(self) -> tuple[Recommendation, ...]:
        return self.document.recommendations

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.document.findings

    @property
    def out_of_pattern(self) -> tuple[OutOfPattern, ...]:
        return self.document.out_of_pattern


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """Rules tried on one customer's messages: event_id → what became of it in a few words, if it did not just go out.

    `rules`: which rules, in words; `without` as in a picture.
    """

    customer: str
    without: tuple[str, ...]
    rules: str
    stopped: Mapping[str, str]
    deferred: Mapping[str, str]
    messages: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the log and our definitions agree.

    `agreed`: `key, title, both, logged_only, derived_only, agreement` of each segment and strip; `apart`: `key, customer,
    where, title, side, since, text` of the disagreements that are listed, of `total`.
    """

    agreed: pl.DataFrame
    apart: pl.DataFrame
    total: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What an explanation is asked for: `kind` is message, segment, item or finding; on the screens also event."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a rule as a form shows it: its text, what it is when empty, whether it has to be there.

    `hint` says in a few words what may be written; `matters`: whether it stands among the first; `named`: whether what the
    data names can be chosen from, `choices`: the words that can be, `single`: one of them only.
    """

    key: str
    text: str
    default: str = ""
    needed: bool = False
    hint: str = ""
    matters: bool = True
    named: bool = False
    choices: tuple[str, ...] = ()
    single: bool = False

    @property
    def can_be_chosen(self) -> bool:
        """Whether there is a list of what may stand in it."""
        return self.named or bool(self.choices)


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule of the book: its id, version, whether it is on, and its keys as the rules file writes them.

    `gist` says what the rule does; of one of which nothing is written yet, what its kind is for. A rule that is not in the book yet has version 0; `proposal` names the proposal or
    draft (`state`) that asks for it.
    """

    id: str
    version: int
    enabled: bool
    keys: Document
    gist: str = ""
    fields: tuple[Field, ...] = ()
    proposal: str = ""
    state: str = ""

    @property
    def key(self) -> str:
        """What names it in a list: a proposal may be about a rule that is there too."""
        return self.proposal or self.id


@dataclass(frozen=True, slots=True)
class Draft:
    """A form read back: the rule's keys, what is wrong (key → sentence, `""` for the whole rule), and what it does."""

    keys: Document
    errors: Mapping[str, str]
    reads: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The replay over some customers, while that over all is being made; `total` is how many customers there are."""

    replay: ReplayDocument
    total: int


@dataclass(frozen=True, slots=True)
class KeptRoom:
    """Room kept for a campaign: by which rule, whether that takes the place of the cap (`apart`), and the replay with it."""

    campaign: str
    rule: Document
    apart: bool
    after: ReplayDocument


@dataclass(frozen=True, slots=True)
class Drawing:
    """A curve; `current` is the label of the rule as it stands, `note` says if it is one of a sample."""

    curve: Curve
    current: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ProposalSummary:
    """A proposal: `origin` says who made it for which case, `lines` what would change; `rule` is what can be replayed.

    `customer` and `finding` are those of its case, or empty.

    `approvable`: whether it is for these screens to approve; an export is not.
    """

    id: str
    title: str
    origin: str
    note: str
    lines: tuple[str, ...]
    rule: Document | None = None
    approvable: bool = True
    customer: str = ""
    finding: str = ""


@dataclass(frozen=True, slots=True)
class ProposalGroup:
    """The proposals about one campaign, with how many tickets and people stand behind them."""

    campaign: str
    proposals: tuple[ProposalSummary, ...]
    tickets: int
    customers: int


@dataclass(frozen=True, slots=True)
class ProposalCase:
    """What a proposal answers, as the screens know it: a customer, a finding's id, why."""

    customer: str = ""
    finding: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change of the book would do, before anybody says yes."""

    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferedText:
    """Text to be read, copied and exported. Empty `text` with a `refusal` where none is offered."""

    title: str
    text: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class CaseReport(OfferedText):
    """A note or a reply, and what it is about: `finding` by its id, of all `findings` of the customer that can be answered.

    `about`: that finding in words; `rule`: what can still be proposed for it, in the shape of the rules file;
    `no_rule`: why not, where that is nothing.
    """

    finding: str = ""
    findings: tuple[str, ...] = ()
    about: str = ""
    rule: Document | None = None
    no_rule: str = "there is nothing to propose for this"

    @property
    def next_finding(self) -> str | None:
        """The finding after that; None where there is no other."""
        if len(self.findings) < 2:
            return None
        at = self.findings.index(self.finding) if self.finding in self.findings else -1
        return self.findings[(at + 1) % len(self.findings)]


@dataclass(frozen=True, slots=True)
class Change:
    """A change asked of the rule book: `kind` is add, set, enable, disable, undo or approve (`id` is the proposal's)."""

    kind: str
    id: str
    keys: Document = field(default_factory=dict)


BETWEEN = ":"
"""Stands between segment or strip and its id in a key."""


def agreement_frames(document: Reconciliation) -> Agreement:
    """`whysent.reconcile/1` in the shape of the snapshot; a row's key stays the same from one asking to the next."""
    import polars as pl

    titled: list[tuple[str, str, SegmentAgreement | StripAgreement]] = [
        *((f"segment{BETWEEN}{entry.segment}", entry.title or f"strip: {entry.segment.replace('_', ' ')}", entry) for entry in document.segments),
        *((f"strip{BETWEEN}{entry.strip}", f"strip: {entry.strip.replace('_', ' ')}", entry) for entry in document.strips),
    ]  # fmt: skip
    agreed = pl.DataFrame(
        [(key, title, entry.both, entry.logged_only, entry.derived_only, entry.agreement) for key, title, entry in titled],
        schema={
            "key": pl.String, "title": pl.String, "both": pl.Int64, "logged_only": pl.Int64,
            "derived_only": pl.Int64, "agreement": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    names = {key: title for key, title, _ in titled}
    columns = ("key", "customer", "where", "title", "side", "since", "text")
    apart = pl.DataFrame(
        [_disagreement_row(entry, names) for entry in document.listed],
        schema=dict.fromkeys(columns, pl.String),
    ).unique("key", maintain_order=True)
    return Agreement(agreed, apart, document.disagreements)


def _disagreement_row(entry: Disagreement, names: dict[str, str]) -> dict[str, str | None]:
    from audit.events.times import iso

    where = f"{entry.what}{BETWEEN}{entry.id}"
    parts = (where, entry.customer, entry.item_id, entry.side, entry.logged_as)
    return {
        "key": "\x1f".join(str(part) for part in parts),
        "customer": entry.customer,
        "where": names.get(where, entry.id),
        "title": entry.title or entry.item_id or entry.id,
        "side": entry.side,
        "since": iso(entry.since),
        "text": entry.text,
    }
