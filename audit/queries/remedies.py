"""What would stop a finding: the rule of the book that does already, else the rule that is worth proposing; and how far that is."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from msgspec.structs import replace

from audit import why
from audit.errors import InputError, NotFoundError
from audit.events.document import Document
from audit.events.vocabulary import campaign_expr
from audit.findings import registry, suggested_rule
from audit.queries.case import Case, kept, named_in, read_case
from audit.queries.findings_documents import Finding, SuggestedEffect, findings_of
from audit.rules import book
from audit.rules.book.documents import CoveringRule
from audit.rules.book.proposals import APPROVED, PROPOSED, Proposal
from audit.rules.kinds.mute import Mute
from audit.rules.model import Rule, from_dict, to_dict
from audit.rules.replay.simulation import Progress
from audit.rules.replay.totals import ReplayDocument, StoppedWanted

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

_SYSTEMS = {"braze": "Braze", "klaviyo": "Klaviyo"}
"""Format of an export → the system that takes it in, where it is made for one."""


@kept
def findings(case: Case) -> tuple[Finding, ...]:
    """The findings of a case, each with what the book does about it or else what would help.

    What a rule does is replayed over this customer alone. Where it would have stopped less than half of the finding's
    messages, other rules on the same flow are tried, and a mute of this customer only where none of them stops any. What
    was handed over for sending before anything was wrong counts as stopped by none.
    """
    return tuple(_with_remedy(case, finding) for finding in findings_of(case.found))


def covered_by(case: Case, finding: str) -> CoveringRule | None:
    """The rule of the book that already stops the finding of that id; the others are not looked for."""
    if not case.rules:
        return None
    found = registry.locate(case.events, case.context, finding) if "found" not in vars(case) else case.found
    rows = findings_of(found.filter(pl.col("id") == finding))
    return next((_with_remedy(case, row).covered_by for row in rows), None)


_MOST_TRIED = 4
"""House value: so many sets of events are tried, where leaving out those that were asked for stops nothing."""


def nearest_to_leave_out(case: Case, events: Iterable[str]) -> tuple[str, ...]:
    """Events without which some of the customer's recorded messages would be stopped: `events` themselves, else the nearest.

    Those are what brought about a message among `events`, else what a message rests on together with one of them. Empty
    where none of them stops anything.
    """
    excluded = frozenset(events)
    by_message = {
        message: frozenset(because)
        for message, because in why.causes(case.events, case.context).select("event_id", "causes").iter_rows()
        if because
    }
    beside = [because for message, because in by_message.items() if message in excluded or because & excluded]
    behind_those = {because for message, because in by_message.items() if message in excluded}
    nearest = sorted(
        {*beside}, key=lambda because: (because not in behind_those, len(because), sorted(because))
    )
    for tried in (excluded, *nearest[:_MOST_TRIED]):
        rule = from_dict({"id": "tried", "kind": "exclude_event", "events": sorted(tried)})
        if "stop" in case.replay([rule]).decisions["decision"]:
            return tuple(events) if tried == excluded else tuple(sorted(tried))
    return ()


def alone(ws: "Workspace", rule: Rule, progress: Progress | None = None) -> ReplayDocument:
    """What a rule alone, switched on, would have done to everybody's past. `progress` as for `fleet.simulate`."""
    from audit.rules.replay import fleet

    context, switched_on = ws.context(), dataclasses.replace(rule, enabled=True)
    return fleet.simulate(
        ws.scan().filter(pl.col("occurred_at") <= ws.at),
        [switched_on],
        context,
        ids=named_in(ws, [rule]),
        causes=partial(why.causes, context=context),
        numbers=ws.generation.beside,
        progress=progress,
    ).document()


def _with_remedy(case: Case, finding: Finding) -> Finding:
    if finding.suggested_rule is None:
        return finding
    suggested, effect = _worth_proposing(case, finding, finding.suggested_rule)
    covering = _covering(case, finding)
    if covering is not None and covering.together >= (effect.stops or effect.of):
        return replace(finding, suggested_rule=None, covered_by=covering)
    if not effect.stops:
        return replace(finding, suggested_rule=None, covered_in_part=covering)
    named = suggested_rule.named(suggested, case.context.facts.audiences.titles)
    return replace(finding, suggested_rule=named, suggested_effect=effect, covered_in_part=covering)


def _worth_proposing(
    case: Case, finding: Finding, suggested: suggested_rule.Rule
) -> tuple[suggested_rule.Rule, SuggestedEffect]:
    """The suggested rule, if it does enough; else what does on the same flow, at the least loss; else what does most of it.

    Loss is what was wanted, then how many messages of this customer are stopped. Only where no rule on the flow stops any
    of the finding's messages, nothing more of them to this customer.
    """
    tried = [(suggested, _effect(case, finding, suggested))]
    if not _does_enough(tried[0][1]):
        others = suggested_rule.alternatives(suggested)
        tried += [(other, _effect(case, finding, other)) for other in others]
    enough = [candidate for candidate in tried if _does_enough(candidate[1])]
    if enough:
        return min(enough, key=lambda candidate: _loss(candidate[1]))
    most, effect = max(tried, key=lambda candidate: candidate[1].stops)
    mute = None if effect.stops else suggested_rule.last_resort(suggested, finding.customer)
    return (most, effect) if mute is None else (mute, _effect(case, finding, mute))


def _does_enough(effect: SuggestedEffect) -> bool:
    return effect.stops * 2 >= effect.of


def _loss(effect: SuggestedEffect) -> tuple[int, int]:
    wanted = effect.wanted
    return wanted.responded + wanted.converted, effect.messages


def _effect(case: Case, finding: Finding, suggested: suggested_rule.Rule) -> SuggestedEffect:
    """What a rule alone would have done to the customer's past."""
    replay = case.replay([from_dict(suggested)])
    became = replay.outcomes.select("opened", "clicked", "converted")
    stopped = (
        replay.decisions.select("event_id", "decision").hstack(became).filter(pl.col("decision") == "stop")
    )
    opened, responded, converted = (int(stopped[name].sum()) for name in became.columns)
    stoppable = set(finding.messages) - _handed_over(case, finding)
    return SuggestedEffect(
        stops=len(set(stopped["event_id"]) & stoppable),
        of=len(finding.messages),
        messages=stopped.height,
        wanted=StoppedWanted(opened=opened, responded=responded, converted=converted),
        last_resort=suggested_rule.is_last_resort(suggested),
    )


def _handed_over(case: Case, finding: Finding) -> set[str]:
    """The finding's messages that were handed over for sending before its first cause: no rule would have stopped them."""
    began = case.events.filter(pl.col("event_id").is_in(finding.cause))["occurred_at"].min()
    if not isinstance(began, datetime):
        return set()
    attempts = case.events.filter(pl.col("kind") == "message_attempted", pl.col("occurred_at") < began)
    handed_over = case.events.filter(
        pl.col("event_id").is_in(finding.messages),
        pl.col("message_id").is_in(attempts["message_id"].drop_nulls().implode()),
    )
    return set(handed_over["event_id"])


def _covering(case: Case, finding: Finding) -> CoveringRule | None:
    """The rule of the book that stops most of the finding's messages; None where none stops any."""
    periods = [period for period in case.rules if is_meant_for(finding.case, period.rule)]
    if not periods:
        return None
    stopping = pl.col("failing_rules").list.set_intersection([period.rule.id for period in periods])
    messages = case.stopped.filter(pl.col("event_id").is_in(finding.messages), "stops").select(stopping)
    failing = messages.filter(pl.col("failing_rules").list.len() > 0)["failing_rules"]
    together = len(failing)
    stops = dict(failing.explode().value_counts().rows())
    period = max(periods, key=lambda period: stops.get(period.rule.id, 0))
    if period.rule.id not in stops:
        return None
    handover = case.handovers.get((period.rule.id, period.rule.version))
    sent_since = (pl.col("occurred_at") > period.since) & pl.col("event_id").is_in(finding.messages)
    return CoveringRule(
        id=period.rule.id,
        title=period.rule.title or period.rule.id,
        version=period.rule.version,
        since=period.since,
        stops=stops[period.rule.id],
        of=len(finding.messages),
        together=together,
        sent_since=case.events.filter(sent_since).height,
        handed_over_at=None if handover is None else handover.at,
        handed_over_to=None if handover is None else _SYSTEMS.get(handover.format),
    )


def is_meant_for(case: str | None, rule: Rule) -> bool:
    """Whether a rule that stops the messages settles what was found (a case of a check): after a death, only one that ends all."""
    return case != "customer_deceased" or rule.kind == Mute.kind


def suggested(
    ws: "Workspace",
    customer: str,
    finding: str,
    *,
    ticket: str = "",
    note: str = "",
) -> tuple[Rule, book.Case]:
    """The rule that a finding of a customer suggests, and the case; its campaign is that of most of the finding's messages.

    Raises NotFoundError for an unknown customer or finding, InputError where it suggests no rule.
    """
    read = read_case(ws, customer)
    answered = _finding(read, finding)
    if answered.covered_by is not None:
        raise InputError(f"finding {finding}: {answered.covered_by.in_words}; nothing new is proposed")
    if answered.suggested_rule is None:
        raise InputError(f"finding {finding}: no rule is suggested for it; write one, and name its file")
    case = book.Case(_campaign(read.events, answered.messages), finding, read.customer, ticket, note)
    return from_dict(answered.suggested_rule), case


def campaign(ws: "Workspace", customer: str, finding: str) -> str:
    """The campaign of most messages of a finding, of as many the first by name; empty where they name none.

    Raises NotFoundError for an unknown customer or finding.
    """
    read = read_case(ws, customer)
    return _campaign(read.events, _finding(read, finding).messages)


def finding_text(ws: "Workspace", customer: str, finding: str) -> str:
    """What a finding says. Raises NotFoundError for an unknown customer or finding."""
    return _finding(read_case(ws, customer), finding).text


def _finding(case: Case, ident: str) -> Finding:
    for finding in findings(case):
        if finding.id == ident:
            return finding
    raise NotFoundError(
        f"no finding {ident!r} of {case.customer}; `whysent audit {case.customer}` names them"
    )


def _campaign(events: pl.DataFrame, messages: tuple[str, ...]) -> str:
    campaigns = events.filter(pl.col("event_id").is_in(messages)).select(name=campaign_expr())
    counted = campaigns.drop_nulls().group_by("name").len().sort(["len", "name"], descending=[True, False])
    return str(counted["name"].item(0)) if counted.height else ""


# -- how far it is -------------------------------------------------------------------------------------------


class Remedy(Document):
    """How far what would end a finding has come, as the book and the log have it."""

    state: Literal["none", "proposed", "approved", "in_force", "handed_over"] = "none"
    """none: nothing is proposed for this finding, and no rule that is on covers it; approved: to be in force later."""
    rule: Mapping[str, Any] | None = None
    """The rule, as in a rule file: as it stands in the book, as it is proposed, else as it is suggested."""
    proposal: str | None = None
    """The proposal for this very finding, such as p3."""
    proposed_at: datetime | None = None
    since: datetime | None = None
    """From when on the rule judges: in force and written down. Of an approved one, from when on it will."""
    covered_by: CoveringRule | None = None
    """The rule that is on, and how many of the messages it stops."""
    handed_over_at: datetime | None = None
    """When that rule, in this version, was last written out for the system that sends."""
    handed_over_to: str | None = None
    """That system; null where the file was made for none in particular."""


def remedy(ws: "Workspace", finding: Finding, *, at: datetime | None = None) -> Remedy:
    """How far it is with `finding`: with the rule that is on and covers it, else with the newest open proposal for it.

    `at` (UTC): how far it was then, of a finding as of that moment; None: as it is now.
    """
    if finding.covered_by is not None:
        return _in_force(ws, finding.covered_by, at)
    proposal = _proposal_for(finding, ws.book.inbox.proposals((PROPOSED, APPROVED), at))
    if proposal is None:
        return Remedy(rule=finding.suggested_rule)
    rule = next((change.after for change in proposal.changes if change.after is not None), None)
    known = Remedy(
        state="proposed",
        rule=None if rule is None else to_dict(rule),
        proposal=proposal.id,
        proposed_at=proposal.made_at,
    )
    if proposal.state == PROPOSED:
        return known
    coming = [version.judges_from for version in ws.book.coming(at) if rule and version.rule.id == rule.id]
    if not coming:  # it is in force and does not cover it, or was taken out again
        return Remedy(rule=finding.suggested_rule)
    return replace(known, state="approved", since=coming[0])


def _proposal_for(finding: Finding, proposals: Iterable[Proposal]) -> Proposal | None:
    """The newest proposal of a rule that names this finding of this customer."""
    about = [
        proposal
        for proposal in proposals
        if proposal.request is None
        and (proposal.case.finding, proposal.case.customer) == (finding.id, finding.customer)
    ]
    return about[-1] if about else None


def _in_force(ws: "Workspace", covering: CoveringRule, at: datetime | None) -> Remedy:
    judging = next(period.rule for period in ws.book.in_force(at) if period.rule.id == covering.id)
    return Remedy(
        state="in_force" if covering.handed_over_at is None else "handed_over",
        rule=to_dict(judging),
        since=covering.since,
        covered_by=covering,
        handed_over_at=covering.handed_over_at,
        handed_over_to=covering.handed_over_to,
    )
