"""The internal note: evidence, verdict, sources, coverage, counts and the rule that would have stopped it."""

from collections.abc import Iterable, Sequence

from msgspec.structs import asdict

from audit.population import coverage
from audit.queries.customer import CustomerPicture
from audit.queries.findings_documents import Finding
from audit.queries.reports.document import Report, Section
from audit.queries.reports.language import Language, language
from audit.queries.reports.reasons import anomalies, why
from audit.queries.reports.weekly import Weekly, section
from audit.why.model import WhyDocument
from audit.why.wording import minute


def internal(
    picture: CustomerPicture,
    findings: Sequence[Finding],
    explanations: Sequence[WhyDocument],
    *,
    chart: Weekly | None = None,
    locale: str = "en",
) -> Report:
    """The case as a note for colleagues.

    `picture`: `whysent.customer/1`; `findings`: the rows of `whysent.findings/1`; `explanations`: `whysent.why/1` of
    what is to be explained one by one: the finding, and those of its messages; `chart`: its messages a week. Sentences of findings and explanations stand as they
    are (English); the frame around them is in `locale`.
    """
    says = language(locale)
    sections = [
        _head(says, picture),
        _verdict(says, findings),
        _messages(says, picture),
        None if chart is None else section(says, chart),
        why(says, picture, findings, explanations),
        _rules(says, explanations),
        *_suggested(says, findings),
        _listed(
            says, "segments", ((row.title or row.id, row.logged, row.derived) for row in picture.segments)
        ),
        _listed(
            says,
            "recommendations",
            ((row.title or row.item_id, row.logged, row.derived) for row in picture.recommendations),
        ),
        anomalies(says, picture.out_of_pattern),
        _evidence(says, findings),
        _sources(says, findings),
    ]
    present = tuple(section for section in sections if section is not None)
    return Report("internal", locale, says.say("internal", "title"), present, picture.customer)


def _head(says: Language, picture: CustomerPicture) -> Section:
    customer = f"{says.say('internal', 'customer')}: {picture.customer}"
    as_of = f"{says.say('internal', 'as_of')}: {minute(picture.at)}"
    covered = coverage.line(coverage.of_document(picture.coverage))
    return Section(paragraphs=(customer, as_of, covered))


def _verdict(says: Language, findings: Sequence[Finding]) -> Section:
    items = [
        f"{says.say('severity', row.severity)} · {says.say('verdict', row.verdict)} · {row.check}: {row.text}"
        for row in findings
    ]
    nothing = () if items else (says.say("internal", "nothing_found"),)
    return Section(says.say("internal", "verdict"), nothing, tuple(items))


def _messages(says: Language, picture: CustomerPicture) -> Section:
    text = says.say("internal", "counts", **asdict(picture.messages))
    by_campaign = sorted(picture.messages.by_campaign.items(), key=lambda pair: (-pair[1], pair[0]))
    campaigns = ", ".join(f"{name} {count}" for name, count in by_campaign)
    paragraphs = (text, f"{says.say('internal', 'by_campaign')}: {campaigns}") if campaigns else (text,)
    return Section(says.say("internal", "messages"), paragraphs)


def _rules(says: Language, explanations: Sequence[WhyDocument]) -> Section | None:
    judged = [explanation for explanation in explanations if explanation.rules]
    names = dict.fromkeys(rule.id for explanation in judged for rule in explanation.rules)
    items = []
    for name in names:
        stops = sum(
            rule.id == name and rule.verdict == "stops"
            for explanation in judged
            for rule in explanation.rules
        )
        items.append(says.say("internal", "would_stop", rule=name, n=stops, of=len(judged)))
    return Section(says.say("internal", "rules"), items=tuple(items)) if items else None


def _suggested(says: Language, findings: Sequence[Finding]) -> list[Section]:
    rules = {row.suggested_rule["id"]: row.suggested_rule for row in findings if row.suggested_rule}
    return [
        Section(
            says.say("internal", "suggested"),
            code=(
                "[[rule]]",
                *(f"{key} = {_toml(value)}" for key, value in rule.items() if value is not None),
            ),
        )
        for rule in rules.values()
    ]


def _listed(says: Language, heading: str, entries: Iterable[tuple[str, bool, bool]]) -> Section | None:
    """What the customer is in or was shown: its title, whether it is logged, whether our definition gives it."""
    origins = {(True, True): "both", (True, False): "recorded"}
    items = [
        f"{title}: {says.say('internal', origins.get((logged, derived), 'reconstruction'))}"
        for title, logged, derived in entries
    ]
    return Section(says.say("internal", heading), items=tuple(dict.fromkeys(items))) if items else None


def _evidence(says: Language, findings: Sequence[Finding]) -> Section | None:
    items = tuple(f"{row.check} ({row.id}): {', '.join(row.evidence)}" for row in findings if row.evidence)
    return Section(says.say("internal", "evidence"), items=items) if items else None


def _sources(says: Language, findings: Sequence[Finding]) -> Section:
    sources = tuple(dict.fromkeys(source for row in findings for source in row.sources))
    return Section(says.say("internal", "sources"), (says.say("internal", "no_advice"),), sources)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(element) for element in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
