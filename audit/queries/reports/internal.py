"""The internal note: evidence, verdict, sources, coverage, counts and the rule that would have stopped it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import asdict

from audit.events.vocabulary import ON_PAPER
from audit.findings import check
from audit.population import coverage
from audit.queries import locales
from audit.queries.customer import CustomerPicture, MessageCounts
from audit.queries.findings_documents import Finding
from audit.queries.remedies import Remedy
from audit.queries.reports import limits, shipped_words
from audit.queries.reports.case_facts import Behind
from audit.queries.reports.customer_facts import ReplyRefusedError
from audit.queries.reports.document import Report, Section
from audit.queries.reports.language import Language, language
from audit.queries.reports.note_sentences import asked, found
from audit.queries.reports.reasons import anomalies, why
from audit.queries.reports.weekly import Weekly, section
from audit.why.model import WhyDocument
from audit.why.wording import RECONSTRUCTION, ungrouped, unseen

_OTHER_COUNTS = ("answered", "opened", "machine_opened", "suppressed", "attempted", "orphans")
"""What is said of a customer's messages beside the sent and the clicked, where it is not none."""

_FIRST = 12
"""House value: so many campaigns, those that sent most, segments and things are named, and how many more there are."""


@dataclass(frozen=True, slots=True)
class _Case:
    """The findings of a note with what is known of each; the fields are parameters of `internal`."""

    says: Language
    findings: Sequence[Finding]
    remedies: Mapping[str, Remedy]
    known: Mapping[str, Behind]
    campaigns: Mapping[str, str]

    def behind(self, row: Finding) -> Behind:
        return self.known.get(row.id, Behind())

    def asked(self, row: Finding) -> str:
        return asked(self.says, row, self.behind(row))

    def suggested(self, row: Finding) -> Mapping[str, Any] | None:
        """The rule that a finding suggests, with its title in the language where it is ours."""
        if row.suggested_rule is None or not check(row.check).titles_rule:
            return row.suggested_rule
        return shipped_words.suggested(self.says, row.suggested_rule, self.behind(row).topic, self.campaigns)


def internal(
    picture: CustomerPicture,
    findings: Sequence[Finding],
    explanations: Sequence[WhyDocument],
    *,
    chart: Weekly | None = None,
    locale: str = "en",
    ticket: str | None = None,
    reason: str | None = None,
    remedies: Mapping[str, Remedy] | None = None,
    behind: Mapping[str, Behind] | None = None,
    campaigns: Mapping[str, str] | None = None,
    refusal: ReplyRefusedError | None = None,
) -> Report:
    """The case as a note for colleagues.

    `picture`: `whysent.customer/1`; `findings`: the rows of `whysent.findings/1`; `explanations`: `whysent.why/1` of
    what is to be explained one by one: the finding, and those of its messages; `chart`: its messages a week; `ticket` and
    `reason`: why somebody looked; `remedies`: finding id → how far what would end it has come; `behind`: finding id → what is
    known of it beside its sentence; `campaigns`: what campaigns are called, by their ids; `refusal`: that somebody else answers the customer. Each thing is said once.
    In English the sentences of findings and explanations stand as they are; in German they are made of their facts.
    Raises InputError for a language that notes are not written in.
    """
    locales.require("internal", locale)
    says = language(locale)
    case = _Case(says, findings, remedies or {}, behind or {}, campaigns or {})
    sections = [
        _head(says, picture, ticket, reason),
        _verdict(case, picture, refusal),
        _unanswered(says, picture),
        _done(case),
        _messages(says, picture, case.campaigns),
        None
        if chart is None
        else section(says, chart, excess=any(row.excess is not None for row in findings)),
        why(says, findings, explanations),
        _rules(says, explanations),
        *_suggested(case),
        *_decided(says, picture),
        anomalies(says, picture.out_of_pattern),
        _evidence(case, explanations),
        _sources(case),
    ]
    present = tuple(section for section in sections if section is not None)
    return Report("internal", locale, says.say("internal", "title"), present, picture.customer)


def _head(says: Language, picture: CustomerPicture, ticket: str | None, reason: str | None) -> Section:
    parts = {
        "customer": picture.customer,
        "joined": ", ".join(f"{one.customer} ({says.day(one.since)})" for one in picture.joined),
        "same_address": ", ".join(picture.same_address),
        "ticket": ticket,
        "reason": reason,
        "as_of": says.minute(picture.at),
    }
    lines = [f"{says.say('internal', name)}: {value}" for name, value in parts.items() if value]
    return Section(paragraphs=(*lines, limits.covered(says, coverage.of_document(picture.coverage))))


def _verdict(case: _Case, picture: CustomerPicture, refusal: ReplyRefusedError | None) -> Section:
    says, findings = case.says, case.findings
    answered_by = () if refusal is None else (f"{says.begun(refusal.answered_by)}.",)
    items = dict.fromkeys(
        f"{says.say('severity', row.severity)} · {says.say('verdict', row.verdict)} · "
        f"{found(says, row, case.behind(row))}"
        for row in findings
    )
    told = any(row.verdict != "cannot_tell" for row in findings)
    untold = (row.check for row in findings)
    nothing = limits.in_one_line(says, picture.unanswered, untold, sent=picture.messages.sent)
    return Section(
        says.say("internal", "verdict"),
        (*(() if told else (f"{says.begun(nothing)}.",)), *answered_by),
        tuple(items),
    )


def _unanswered(says: Language, picture: CustomerPicture) -> Section | None:
    """What this data cannot answer, and what would help."""
    sentences = limits.sentences(says, picture.unanswered)
    return Section(says.say("internal", "unanswered"), items=tuple(sentences)) if sentences else None


def _done(case: _Case) -> Section | None:
    """How far what would end each finding has come."""
    says = case.says
    checks: dict[str, dict[str, None]] = {}
    for row in case.findings:
        remedy = case.remedies.get(row.id)
        if remedy is not None and remedy.rule is not None:
            rule = remedy.rule
            if remedy.state == "none":
                rule = case.suggested(row) or rule
            state = _state(says, remedy, str(rule.get("title") or rule["id"]))
        elif remedy is not None and row.severity != "info" and row.verdict != "cannot_tell":
            state = says.say("remedy", "nothing")
        else:
            continue
        part = row.covered_in_part or row.covered_by
        if part is not None and part.together < part.of:
            state += f"; {says.say('remedy', 'in_part', stops=part.together, of=part.of)}"
        checks.setdefault(state, {})[case.asked(row)] = None
    items = tuple(says.begun(f"{', '.join(names)}: {state}") for state, names in checks.items())
    return Section(says.say("internal", "done"), items=items) if items else None


def _state(says: Language, remedy: Remedy, rule: str) -> str:
    moments = {"at": remedy.proposed_at, "since": remedy.since, "handed_over": remedy.handed_over_at}
    dates = {name: says.date(at) for name, at in moments.items() if at is not None}
    system = remedy.handed_over_to or says.say("change", "system")
    return says.say(
        "remedy", remedy.state, rule=says.title(rule), proposal=remedy.proposal, system=system, **dates
    )


def _messages(says: Language, picture: CustomerPicture, called: Mapping[str, str]) -> Section | None:
    if not picture.messages.attempted and not picture.messages.orphans:
        return None
    text = _counts(says, picture.messages)
    by_campaign = sorted(picture.messages.by_campaign.items(), key=lambda pair: (-pair[1], pair[0]))
    once = len(by_campaign) > _FIRST and by_campaign[0][1] == 1
    named = [f"{says.quoted(called.get(name, name))} ({count})" for name, count in by_campaign]
    campaigns = says.say("internal", "each_once", n=len(named)) if once else says.first(named, _FIRST, "; ")
    paragraphs = (text, f"{says.say('internal', 'by_campaign')}: {campaigns}") if campaigns else (text,)
    return Section(says.say("internal", "messages"), paragraphs)


def _counts(says: Language, counts: MessageCounts) -> str:
    """How many messages there were, and what became of them: what never happened is left out."""
    numbers = asdict(counts)
    other = [
        name
        for name in _OTHER_COUNTS
        if numbers[name] and (name, counts.attempted) != ("attempted", counts.sent)
    ]
    clicked = () if counts.by_channel and set(counts.by_channel) <= set(ON_PAPER) else ("clicked",)
    return ", ".join(says.say("counts", name, n=numbers[name]) for name in ("sent", *clicked, *other))


def _rules(says: Language, explanations: Sequence[WhyDocument]) -> Section | None:
    """How many of the messages looked at each rule that is on would have stopped; those that bear on none in one line."""
    judged = [rule for explanation in explanations for rule in explanation.rules]
    of = sum(bool(explanation.rules) for explanation in explanations)
    items, idle = [], 0
    for name, title in dict.fromkeys((rule.id, rule.title or rule.id) for rule in judged):
        verdicts = [rule.verdict for rule in judged if rule.id == name]
        stops, open_ones = verdicts.count("stops"), verdicts.count("cannot_tell")
        if stops:
            items.append(says.say("internal", "would_stop", rule=says.title(title), n=stops, of=of))
        if open_ones:
            items.append(says.say("internal", "cannot_tell_stop", rule=says.title(title), n=open_ones, of=of))
        idle += not (stops or open_ones)
    if idle:
        key = says.form("internal", "stop_none" if items else "none_stop", idle)
        items.append(says.say("internal", key, n=idle, of=of))
    return Section(says.say("internal", "rules"), items=tuple(items)) if items else None


def _suggested(case: _Case) -> list[Section]:
    """What could still be proposed."""
    open_ones = [row for row in case.findings if case.remedies.get(row.id, Remedy()).state == "none"]
    rules = {rule["id"]: rule for row in open_ones if (rule := case.suggested(row)) is not None}
    return [
        Section(
            case.says.say("internal", "suggested"),
            code=(
                "[[rule]]",
                *(f"{key} = {_toml(value)}" for key, value in rule.items() if value is not None),
            ),
        )
        for rule in rules.values()
    ]


def _decided(says: Language, picture: CustomerPicture) -> Iterable[Section | None]:
    """The segments that the customer is in, and what was or would be recommended."""
    segments = ((shipped_words.segment(says, row.id, row.title), row) for row in picture.segments)
    items = ((shipped_words.item(says, row.title or row.item_id), row) for row in picture.recommendations)
    of_segments = ((title, row.logged, row.derived) for title, row in segments)
    yield _listed(says, "segments", of_segments, ungrouped(picture.coverage))
    ours = ((title, row.logged, row.derived and not row.logged) for title, row in items)
    yield _listed(says, "recommendations", ours, unseen(picture.coverage))


def _listed(
    says: Language, heading: str, entries: Iterable[tuple[str, bool, bool]], alone: str
) -> Section | None:
    """What the customer is in or was shown: its title, whether it is logged, whether our definition gives it; `alone`: what that is called.

    Each origin is said once, with the first of its titles and how many there are besides.
    """
    origins = {(True, True): "both", (True, False): "recorded"}
    titles: dict[str, dict[str, None]] = {}
    for title, logged, derived in entries:
        titles.setdefault(origins.get((logged, derived), alone), {})[title] = None
    items = tuple(
        f"{_origin(says, origin)}: {says.first([*named], _FIRST, '; ')}" for origin, named in titles.items()
    )
    return Section(says.say("internal", heading), items=items) if items else None


def _origin(says: Language, origin: str) -> str:
    """Who recorded it or gave it."""
    if origin not in RECONSTRUCTION:
        return says.say("internal", origin)
    return says.say("reconstruction", origin)


def _evidence(case: _Case, explanations: Sequence[WhyDocument]) -> Section | None:
    """The events of the findings that are not explained above."""
    says = case.says
    explained = {explanation.subject.id for explanation in explanations}
    items = tuple(
        says.begun(f"{case.asked(row)} ({row.id}): {', '.join(row.evidence)}")
        for row in case.findings
        if row.evidence and row.id not in explained
    )
    return Section(says.say("internal", "evidence"), items=items) if items else None


def _sources(case: _Case) -> Section | None:
    """What each finding rests on, with the questions that it is behind."""
    says = case.says
    behind: dict[str, dict[str, None]] = {}
    for row in case.findings:
        for source in row.sources:
            behind.setdefault(source, {})[case.asked(row)] = None
    sources = tuple(
        f"{shipped_words.source(says, source)} ({'; '.join(questions)})"
        for source, questions in behind.items()
    )
    return (
        Section(says.say("internal", "sources"), (says.say("internal", "no_advice"),), sources)
        if sources
        else None
    )


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(element) for element in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
