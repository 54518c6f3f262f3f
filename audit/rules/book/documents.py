"""The rule book as documents: its rules and their versions, what a change would do, and what is proposed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from audit.events.document import Document
from audit.rules.book.plan import Change, Effect, KeyChange, Plan
from audit.rules.book.proposals import Group, Proposal, Step
from audit.rules.book.versions import Version
from audit.rules.model import Rule, to_dict
from audit.rules.replay.totals import ReplayDocument, StoppedUnwanted, StoppedWanted


class VersionEntry(Document):
    """A version of a rule: who changed it, when and why."""

    id: str
    version: int | None
    action: str
    state: str
    author: str
    approved_by: str | None
    at: datetime
    """When it was written."""
    effective: datetime
    """From when on it is in force."""
    note: str
    rule: Mapping[str, Any]
    """As in a rule file."""


class CoveringRule(Document):
    """A rule of the book, switched on, that stops what a finding is about, or some of it."""

    id: str
    title: str
    version: int | None
    since: datetime
    """From when on it judges as it does: written down, in force and switched on."""
    stops: int
    """Of the finding's messages, replayed with all the rules that are on."""
    of: int
    """The finding's messages."""
    together: int
    """Those that the rules that are on stop together."""
    sent_since: int
    """The finding's messages that went out after `since`: the rule is on here, but not kept to where they are sent."""
    handed_over_at: datetime | None = None
    """When it was last written out, in this version, for the system that sends; null: nobody has done so yet."""
    handed_over_to: str | None = None
    """That system; null where the file was made for none in particular."""

    @property
    def in_words(self) -> str:
        """`already covered by until-repurchase, on since 2026-06-01: it stops 11 of 11; not handed over yet`."""
        return f"already covered by {self._stops}"

    @property
    def in_part(self) -> str:
        """`covered in part by until-repurchase, on since 2026-06-01: it stops 5 of 11; not handed over yet`."""
        return f"covered in part by {self._stops}"

    @property
    def _stops(self) -> str:
        more = f", with the other rules {self.together:,}" if self.together > self.stops else ""
        at = self.handed_over_at
        passed_on = "not handed over yet" if at is None else f"handed over on {at:%Y-%m-%d}"
        return f"{self.id}, on since {self.since:%Y-%m-%d}: it stops {self.stops:,} of {self.of:,}{more}; {passed_on}"


class RuleList(Document, schema="whysent.rules/1"):
    """The rules as they stand, or those in force at a moment."""

    rules: tuple[Mapping[str, Any], ...]
    """Each as in a rule file, with `enabled` and `version`."""
    coming: tuple[VersionEntry, ...]
    """Changes that are in force only later."""


class RuleHistory(Document, schema="whysent.rule-history/1"):
    """Every version, newest first."""

    versions: tuple[VersionEntry, ...]


class RuleDiff(Document, schema="whysent.rule-diff/1"):
    """What changed between two versions of a rule."""

    id: str
    old: int | None = msgspec.field(name="from")
    """A version; null: there was no rule."""
    new: int | None = msgspec.field(name="to")
    changes: tuple[KeyChange, ...]


class PlanDocument(Document, schema="whysent.plan/1"):
    """A change of the book, before and after somebody said yes."""

    action: str
    rules: tuple[str, ...]
    lines: tuple[str, ...]
    """What would change, for people."""
    effective: datetime | None
    effect: Effect | None
    """Null where nothing changes."""
    applied: bool
    proposal: str | None
    """What became of it where the workspace asks for a second person."""


class RuleChange(Document):
    """A rule as it was and as it would be."""

    id: str
    version: int | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    changes: tuple[KeyChange, ...]


class RuleVersion(Document):
    """A rule in one version."""

    id: str
    version: int


class HandoverRequest(Document):
    """An export that is asked for."""

    format: str
    rules: tuple[RuleVersion, ...]


class RuleReach(Document):
    """What a rule alone would have stopped of everybody's past: fields of `whysent.replay/1`."""

    messages: int
    stopped: int
    customers: int
    customers_affected: int
    stopped_wanted: StoppedWanted
    stopped_unwanted: StoppedUnwanted

    def lines(self) -> list[str]:
        """It in words, for people."""
        wanted, unwanted = self.stopped_wanted, self.stopped_unwanted
        people = f"of {self.customers_affected:,} of {self.customers:,} people"
        welcome = f"{wanted.responded:,} were responded to, {wanted.converted:,} led to an order"
        unwelcome = f"{unwanted.complained:,} drew a complaint, {unwanted.unsubscribed_next:,} were followed by an opt-out"
        return [
            f"{self.stopped:,} of {self.messages:,} messages stopped, {people}",
            f"among them {welcome}; {unwelcome}",
        ]


class ProposalEntry(Document):
    """A change of the rules, or an export, that is asked for."""

    id: str
    state: str
    """draft, proposed, approved, rejected, withdrawn or used."""
    action: str
    author: str
    at: datetime
    effective: datetime | None
    campaign: str
    finding: str
    customer: str
    ticket: str
    note: str
    rules: tuple[RuleChange, ...]
    handover: HandoverRequest | None
    steps: tuple[Step, ...]
    alone: RuleReach | None = None
    """What its rule alone would have stopped; null unless one proposal is asked for, and by whom may replay."""
    within_book: Effect | None = None
    """What approving it would change; null likewise."""


class ProposalDocument(ProposalEntry, schema="whysent.proposal/1"):
    """One proposal."""


class CampaignProposals(Document):
    """The proposals about one campaign, and how many tickets and people stand behind them."""

    campaign: str
    """Empty: about none."""
    proposals: int
    tickets: int
    customers: int
    asked: tuple[ProposalEntry, ...]


class Inbox(Document, schema="whysent.inbox/1"):
    """What is proposed, by campaign, the one most is asked about first."""

    groups: tuple[CampaignProposals, ...]


class Policy(Document, schema="whysent.policy/1"):
    """For which acts the workspace asks a second person."""

    second_person: tuple[str, ...]


def reach(replay: ReplayDocument) -> RuleReach:
    """How far the rules of a replay reach."""
    return RuleReach(**{name: getattr(replay, name) for name in RuleReach.__struct_fields__})


def version(version: Version) -> VersionEntry:
    """One version as a document."""
    return VersionEntry(
        id=version.rule.id,
        version=version.rule.version,
        action=version.action,
        state=version.state,
        author=version.author,
        approved_by=version.approved_by,
        at=version.recorded_at,
        effective=version.effective,
        note=version.note,
        rule=to_dict(version.rule),
    )


def rule_list(rules: Iterable[Rule], coming: Iterable[Version] = ()) -> RuleList:
    """Rules as scripts read them: their keys as in a rule file, and always whether they are on."""
    listed = ({**to_dict(rule), "enabled": rule.enabled, "version": rule.version} for rule in rules)
    return RuleList(rules=tuple(listed), coming=tuple(map(version, coming)))


def rule_diff(rule: str, change: Change) -> RuleDiff:
    """Two versions of a rule, key by key."""
    old, new = (None if one is None else one.version for one in (change.before, change.after))
    return RuleDiff(id=rule, old=old, new=new, changes=tuple(change.differences()))


def plan(plan: Plan, effect: Effect | None, *, applied: bool, proposal: str | None) -> PlanDocument:
    """A plan, what it would do to the past, and whether it was carried out."""
    return PlanDocument(
        action=plan.action,
        rules=tuple(change.rule.id for change in plan.changes),
        lines=tuple(plan.lines()),
        effective=plan.effective,
        effect=effect,
        applied=applied,
        proposal=proposal or (f"p{plan.proposal}" if plan.proposal else None),
    )


def proposal(proposal: Proposal) -> ProposalDocument:
    """One proposal as a document of its own."""
    return ProposalDocument(**msgspec.structs.asdict(_entry(proposal)))


def inbox(
    groups: Sequence[Group], alone: RuleReach | None = None, within_book: Effect | None = None
) -> Inbox:
    """The proposals, group by group; of one that is asked for, what it would do."""
    return Inbox(
        groups=tuple(
            CampaignProposals(
                campaign=group.campaign,
                proposals=len(group.proposals),
                tickets=group.tickets,
                customers=group.customers,
                asked=tuple(
                    msgspec.structs.replace(_entry(proposal), alone=alone, within_book=within_book)
                    for proposal in group.proposals
                ),
            )
            for group in groups
        )
    )


def _entry(proposal: Proposal) -> ProposalEntry:
    request = proposal.request
    return ProposalEntry(
        id=proposal.id,
        state=proposal.state,
        action=proposal.action,
        author=proposal.author,
        at=proposal.made_at,
        effective=proposal.effective,
        **{**asdict(proposal.case), "campaign": proposal.campaign},
        rules=tuple(map(_rule_change, proposal.changes)),
        handover=None
        if request is None
        else HandoverRequest(
            format=request.format,
            rules=tuple(RuleVersion(id=name, version=number) for name, number in request.rules),
        ),
        steps=proposal.steps,
    )


def _rule_change(change: Change) -> RuleChange:
    return RuleChange(
        id=change.rule.id,
        version=None if change.before is None else change.before.version,
        before=None if change.before is None else to_dict(change.before),
        after=None if change.after is None else to_dict(change.after),
        changes=tuple(change.differences()),
    )
