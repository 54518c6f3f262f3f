"""The questions people ask, answered as the documents that other people's scripts read.

Each function takes an open workspace and returns the document that `whysent ... --json` prints. The screens
and the reports are made from the same documents, so nobody ever sees two answers.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit import (
    findings,
    why,
)
from audit.errors import InputError
from audit.events.messages import sent_messages
from audit.privacy.role_view import RoleView
from audit.queries import remedies
from audit.queries.case import Case, kept, read_case
from audit.queries.customer import CustomerPicture, picture
from audit.queries.everybody import Progress, read_everybody
from audit.queries.findings_documents import Finding, Findings, TriageList, triage_list
from audit.rules.reference import verdicts
from audit.why.model import AudienceFacts
from audit.why.reasons import further
from audit.why.wording import HAND_OVER

if TYPE_CHECKING:
    from audit.queries.reports import Report
    from audit.workspace.workspace import Workspace

SORTS = {"severity": ("rank", False), "messages": ("messages", True), "recent": ("last", True)}
"""How `customers` may be sorted: the column, and whether the largest comes first."""

NAME_ONE = "name one thing to explain: --message ID, --segment ID, --item ID or --finding ID"


def show(
    ws: "Workspace",
    customer: str,
    *,
    at: datetime | None = None,
    without: Iterable[str] = (),
) -> CustomerPicture:
    """The whole picture of one customer."""
    return picture(read_case(ws, customer, at=at, without=without), strips=True)


def explain(
    ws: "Workspace",
    customer: str,
    *,
    message: str | None = None,
    segment: str | None = None,
    item: str | None = None,
    finding: str | None = None,
    at: datetime | None = None,
    without: Iterable[str] = (),
) -> why.WhyDocument:
    """One explanation, of exactly one of `message`, `segment`, `item`, `finding`.

    Raises InputError if not exactly one is named, NotFoundError if the customer has no such thing.
    """
    case = read_case(ws, customer, at=at, without=without)
    subjects = {"message": message, "segment": segment, "item": item, "finding": finding}
    return explanation(case, **subjects)


@kept
def explanation(case: Case, /, **subjects: str | None) -> why.WhyDocument:
    """`explain` for a case already read; `subjects`: what is explained (message, segment, item or finding) and its id."""
    chosen = [(subject, ident) for subject, ident in subjects.items() if ident is not None]
    if len(chosen) != 1:
        raise InputError(NAME_ONE)
    ((subject, ident),) = chosen
    reasons = case.why(subject, ident)
    if subject == "finding" or reasons.standing == "inferred":
        reasons = replace(reasons, because=_told_causes(reasons.because, case.view))
    if subject == "finding":
        covered_by = remedies.covered_by(case, ident)
        answer = msgspec.structs.replace(reasons.document(), covered_by=covered_by)
    elif subject == "message":
        answer = reasons.document(_judged(case, reasons.subject.id))
    else:
        answer = reasons.document()
    return case.view.shown(msgspec.structs.replace(answer, known_at=case.known_at))


def _judged(case: Case, message: str) -> list[dict[str, Any]]:
    """What the rules of the book say of a message."""
    rules = [period.rule for period in case.rules]
    causes = case.causes_read_by(rules)
    return verdicts.of(case.events, case.context, rules, message, ids=case.source_ids, causes=causes)


def _told_causes(because: tuple[why.Reason, ...], view: RoleView) -> tuple[why.Reason, ...]:
    """What is, or could be, behind it, without what touches a sensitive topic: that is listed for nobody who is not told it."""
    told, withheld = _without_withheld(because, view)
    if not withheld:
        return told
    handed = f"more behind it touches a sensitive topic; {HAND_OVER}"
    return (*told, why.Reason(handed, facts=why.Facts(hand_over="sensitive topic")))


def _without_withheld(because: tuple[why.Reason, ...], view: RoleView) -> tuple[tuple[why.Reason, ...], bool]:
    """The reasons that may be told, and whether any may not; what stands under one line is counted anew."""
    told: list[why.Reason] = []
    withheld = False
    for reason in because:
        if not view.tells(sensitive=_is_sensitive(reason)):
            withheld = True
            continue
        below, some = _without_withheld(reason.because, view)
        withheld |= some
        if reason.facts is not None and reason.facts.further:
            told += [further(below)] if below else []
        else:
            told.append(msgspec.structs.replace(reason, because=below))
    return tuple(told), withheld


def _is_sensitive(reason: why.Reason) -> bool:
    facts = reason.facts
    set_apart = isinstance(facts, AudienceFacts) and facts.audience and facts.audience.sensitive
    return bool(set_apart) or (facts is not None and facts.sensitive is True)


def audit(
    ws: "Workspace",
    customer: str,
    *,
    at: datetime | None = None,
    without: Iterable[str] = (),
) -> Findings:
    """The findings of one customer."""
    case = read_case(ws, customer, at=at, without=without)
    return audited(case)


def audited(case: Case) -> Findings:
    """The findings of a case already read."""
    answer = Findings(
        at=case.context.at,
        customers=1,
        joined=case.context.persons.ids_with_times(case.customer),
        same_address=tuple(case.context.namesakes.get(case.customer, ())),
        findings=remedies.findings(case),
        messages=sent_messages(case.events).height,
        left_out=case.context.coverage.left_out,
        unanswered=case.unanswered,
    )
    return case.view.shown(answer)


def customers(
    ws: "Workspace", *, limit: int | None = None, sort: str = "severity", progress: Progress | None = None
) -> TriageList:
    """The triage list, worst first; `sort` is one of `SORTS`."""
    if sort not in SORTS:
        raise InputError(f"cannot sort by {sort!r}; one of {', '.join(SORTS)}")
    everybody = read_everybody(ws, progress=progress)
    triage = findings.ranked(everybody.people, everybody.found)
    if sort != "severity":
        column, descending = SORTS[sort]
        triage = triage.sort(column, "customer", descending=[descending, False], maintain_order=True)
    return everybody.view.shown(triage_list(everybody, triage, limit))


def report(
    ws: "Workspace",
    customer: str,
    *,
    kind: str = "internal",
    locale: str = "en",
    finding: str | None = None,
    at: datetime | None = None,
    ticket: str | None = None,
    reason: str | None = None,
) -> "Report":
    """The case as a note for colleagues (`internal`) or as an answer to the customer (`reply`).

    `finding` is the id of the finding it is about, by default the one that is asked for first; `ticket` and `reason`: why
    somebody looks. Raises InputError for another kind, and where no reply is offered.
    """
    case = read_case(ws, customer, at=at)
    return written(
        case,
        ws,
        kind=kind,
        locale=locale,
        finding=finding,
        ticket=ticket,
        reason=reason,
    )


def written(
    case: Case,
    ws: "Workspace",
    *,
    kind: str,
    locale: str,
    finding: str | None = None,
    ticket: str | None = None,
    reason: str | None = None,
) -> "Report":
    """The report of a case already read."""
    from audit.queries import reports
    from audit.queries.reports.case_facts import behind, case_facts
    from audit.queries.reports.customer_facts import handed_over

    def remedy(row: Finding) -> remedies.Remedy:
        return remedies.remedy(ws, case.view.meant(row), at=case.book_at)

    customer = picture(case, strips=kind == "internal")
    customer_findings = customer.findings
    answered = reports.chosen(customer_findings, finding)
    facts = case_facts(case, answered)
    sent = facts.sent if kind == "reply" else ()
    messages = reports.messages_to_explain(customer_findings, finding=finding, sent=sent)
    explanations = [explanation(case, message=message) for message in messages]
    if kind == "internal":
        explanations += [] if answered is None else [explanation(case, finding=answered.id)]
        evidence = [event for document in explanations for event in document.evidence]
        in_findings = [message for row in customer_findings if row.found_wrong for message in row.messages]
        events, audiences = case.view.events(case.events), case.context.facts.audiences
        note = reports.internal(
            customer,
            customer_findings,
            explanations,
            chart=reports.weekly(events, case.context.at, evidence, in_findings),
            locale=locale,
            ticket=ticket,
            reason=reason,
            remedies={row.id: remedy(row) for row in customer_findings},
            behind=behind(events, customer_findings, case.view, audiences),
            campaigns=audiences.titles,
            refusal=handed_over(reports.language(locale), customer_findings, explanations, finding, facts),
        )
        return case.view.shown(note)
    if kind == "reply":
        told = (customer, customer_findings, explanations)
        done = None if answered is None else remedy(answered)
        letter = reports.reply(*told, facts=facts, finding=finding, remedy=done, locale=locale)
        return case.view.shown(letter)
    raise InputError(f"no report of kind {kind!r}; internal or reply")
