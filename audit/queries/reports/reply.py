"""The answer to the customer: what we sent, why it could be, what we do now, when it stops.

Plain facts only. No verdict, no segment, no sensitive topic, nothing that only our definitions produce; and no
reply at all where privacy or care must answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from audit.errors import InputError
from audit.findings import check
from audit.queries.customer import CustomerPicture
from audit.queries.findings_documents import Finding
from audit.queries.reports import customer_facts
from audit.queries.reports.document import Report, Section
from audit.queries.reports.language import Language, language
from audit.rules.model import from_dict
from audit.why.model import WhyDocument

Rule = Mapping[str, Any]
"""As in a rule file."""

_LISTED = 12
"""House value: so many messages are named one by one."""


def chosen(findings: Sequence[Finding], ident: str | None) -> Finding | None:
    """The finding with the id `ident`; by default the first that can be told, hints only where there is nothing else.

    A mere hint of what a reply is not for is never chosen by itself. Raises InputError where there is no finding `ident`.
    """
    if ident is not None:
        for row in findings:
            if row.id == ident:
                return row
        raise InputError(f"no finding {ident!r} of this customer; `whysent audit` lists them")
    tellable = [row for row in findings if row.verdict != "cannot_tell"]
    hints = [row for row in tellable if row.severity == "info" and not check(row.check).handed_to]
    return next((row for row in tellable if row.severity != "info"), hints[0] if hints else None)


def messages_to_explain(
    findings: Sequence[Finding], *, finding: str | None = None, most: int = 12
) -> list[str]:
    """The newest messages (event_ids, oldest first) of the finding that is `chosen`, else of the first that has any."""
    finding_row = chosen(findings, finding) or next((row for row in findings if row.messages), None)
    return list(finding_row.messages)[-most:] if finding_row is not None else []


def reply(
    picture: CustomerPicture,
    findings: Sequence[Finding],
    explanations: Sequence[WhyDocument],
    *,
    finding: str | None = None,
    rules: Sequence[Rule] = (),
    locale: str = "en",
) -> Report:
    """Answer one finding (its id; by default the first that can be answered) to the customer.

    `picture`: `whysent.customer/1`; `findings`: the rows of `whysent.findings/1`; `explanations`: `whysent.why/1` of
    the finding's messages (those of other messages are passed over); `rules`: the rules that are on, in the shape of
    a rules file: one with the id of the suggested rule is what was changed. Raises InputError for a finding that is
    not there, and where no reply is offered: sensitive topics, bereavement, shared accounts.
    """
    customer_facts.refuse(findings, explanations, finding)
    answered = chosen(findings, finding)
    case = _Case(language(locale), picture, answered, _of(answered, explanations))
    parts = [
        Section(paragraphs=(case.says.say("reply", "greeting"),)),
        _sent(case),
        _why(case),
        _change(case, rules),
        _stop(case, rules),
        _closing(case),
    ]
    title = case.says.say("reply", "title", **case.nouns)
    return Report("reply", locale, title, tuple(part for part in parts if part is not None))


def opening(picture: CustomerPicture, finding: Finding, *, locale: str = "en") -> tuple[str, ...]:
    """What the reply says of a finding first: how many messages, when, and what was wrong with that."""
    section = _sent(_Case(language(locale), picture, finding, ()))
    return () if section is None else section.paragraphs


@dataclass(frozen=True)
class _Case:
    """What one reply is about: the finding, if any, and the explanations of its messages, oldest first."""

    says: Language
    picture: CustomerPicture
    finding: Finding | None
    explanations: Sequence[WhyDocument]

    @property
    def nouns(self) -> dict[str, str]:
        """What the messages are called."""
        return self.says.nouns(self.picture.messages.by_channel)

    @property
    def thing(self) -> str | None:
        """What the messages are about, if all of them are about one thing."""
        subjects = {
            fact.about
            for explanation in self.explanations
            for fact in customer_facts.facts(explanation)
            if fact.about is not UNSET
        }
        return subjects.pop() if len(subjects) == 1 else None


def _of(finding: Finding | None, explanations: Sequence[WhyDocument]) -> list[WhyDocument]:
    """The explanations of the finding's messages, oldest first; without a finding, all of them."""
    subjects = [
        explanation
        for explanation in explanations
        if explanation.subject.type == "message"
        and (finding is None or explanation.subject.id in finding.messages)
    ]
    return sorted(subjects, key=lambda explanation: (explanation.subject.at, explanation.subject.id))


def _sent(case: _Case) -> Section | None:
    says, finding, explanations = case.says, case.finding, case.explanations
    if finding is None and not explanations:
        return None
    count = finding.count if finding is not None else len(explanations)
    begin = finding.first if finding is not None else explanations[0].subject.at
    end = finding.last if finding is not None else explanations[-1].subject.at
    values = {"first": says.date(begin), "last": says.date(end), "count": count, **case.nouns}
    subject = says.say("reply", "about", thing=case.thing) if case.thing else ""
    form = "sent_one" if count == 1 else "sent_day" if values["first"] == values["last"] else "sent"
    text = says.say("reply", form, about=subject, **values)
    latest = explanations[-_LISTED:]
    items = [f"{explanation.subject.title} ({says.date(explanation.subject.at)})" for explanation in latest]
    if items and count > len(items):
        items.append(says.rest(count - len(items)))
    return Section(paragraphs=tuple(part for part in (text, _fault(case)) if part), items=tuple(items))


def _fault(case: _Case) -> str | None:
    if case.finding is None:
        return None
    wording = check(case.finding.check).fault_in(case.finding.case or "")
    return None if wording is None else wording.in_language(case.says.locale)


def _why(case: _Case) -> Section | None:
    if not case.explanations:
        return None
    reasons = [customer_facts.reasons(case.says, explanation) for explanation in case.explanations]
    paragraphs = dict.fromkeys(lead for lead, _ in reasons)
    items = dict.fromkeys(text for _, texts in reasons for text in texts)
    return Section(case.says.say("reply", "why"), tuple(paragraphs), tuple(items))


def _change(case: _Case, rules: Sequence[Rule]) -> Section:
    says = case.says
    heading = says.say("reply", "do")
    suggested = None if case.finding is None else case.finding.suggested_rule
    in_force = _in_force(case, rules)
    if suggested is None and in_force is None:
        outcome = "nothing_found" if case.finding is None else "passed_on"
        return Section(heading, (says.say("change", outcome, **case.nouns),))
    effect = _rule(case, in_force or suggested or {})
    if in_force is None:
        return Section(heading, (says.say("change", "proposed", what=effect, **case.nouns),))
    since = says.date(in_force.get("valid_from") or case.picture.at)
    return Section(heading, (says.say("change", "made", what=effect, since=since),))


def _closing(case: _Case) -> Section:
    """Who has already said no is not asked to say it again."""
    no_advertising = case.finding is None or check(case.finding.check).offers_opt_out
    offered = ("no_advertising",) if no_advertising else ()
    return Section(paragraphs=tuple(case.says.say("reply", key) for key in (*offered, "closing")))


def _in_force(case: _Case, rules: Sequence[Rule]) -> Rule | None:
    """The rule that is on and covers the finding, or is the one that it suggests."""
    if case.finding is None:
        return None
    covered_by, suggested = case.finding.covered_by, case.finding.suggested_rule or {}
    answering = suggested.get("id") if covered_by is None else covered_by.id
    return next((rule for rule in rules if rule["id"] == answering), None)


def _rule(case: _Case, rule: Rule) -> str:
    """What a rule does, in the customer's words."""
    says, wording = case.says, from_dict(rule).wording
    thing = case.thing or says.say("rule", "this")
    values = {**case.nouns, "thing": thing, "limit": rule.get("limit"), "quiet": rule.get("quiet")}
    if not says.has("rule", wording):
        return says.say("rule", "other", **values)
    window = says.span(rule["window"]) if "{window}" in says.texts["rule"][wording] else ""
    return says.say("rule", wording, window=window, **values)


def _stop(case: _Case, rules: Sequence[Rule]) -> Section | None:
    if not case.explanations:
        return None
    says, changed = case.says, _in_force(case, rules) is not None
    text = customer_facts.ends(says, case.explanations, case.picture.at, changed=changed)
    return Section(says.say("reply", "stop"), (text,))
