"""What rules would have done to the past, as a page to hand on: a replay, and the curve of one rule.

Made from the documents that `simulate` and `sweep` print, so that nobody sees two answers.
"""

from collections.abc import Iterable

from msgspec import structs

from audit.queries.reports import chart
from audit.queries.reports.document import Report, Section, Table
from audit.rules.replay.curve import Curve, Series, curve, interval, percent, sentences
from audit.rules.replay.outcomes import Rate
from audit.rules.replay.totals import ReplayDocument, StoppedUnwanted, StoppedWanted, SweepDocument
from audit.rules.vendor_semantics.preset_comparison import ComparedReplay, ComparisonDocument

WHAT_IT_IS = (
    "Counts of a past that was no experiment: what happened to messages that went out, had these rules stopped some of "
    "them. No promise of what would have happened: people who were not written to might have bought anyway, or not."
)
"""What every such page says of itself."""

MOST = 20
"""House value: rows of a table that may be long; how many there are is said."""

_RATES = {"response": "responded to", "order": "ordered", "complaint": "complained", "opt_out": "opted out"}
_OUTCOMES = {
    "opened": "opened",
    "responded": "responded to",
    "converted": "followed by an order",
    "complained": "complained of",
    "unsubscribed_next": "followed by an opt-out",
}


def replay(document: ReplayDocument, *, covered: str) -> Report:
    """The page of a replay; `covered`: what the data covers, in a line."""
    sections = [
        Section("", (WHAT_IT_IS, covered)),
        _totals(document),
        Section("Rules", table=_rules(document)),
        _rates(document),
        _displaced(document),
    ]
    if isinstance(document, ComparedReplay):
        sections += _preset(document.preset)
    return Report("replay", "en", "What these rules would have done", tuple(sections))


def sweep(document: SweepDocument, *, covered: str) -> Report:
    """The page of a sweep, with its chart."""
    drawn = curve(document)
    sections = (
        Section("", tuple(filter(None, (WHAT_IT_IS, document.counted_with, covered)))),
        Section("The curve", tuple(sentences(drawn)), figure=chart.svg(drawn), table=_points(drawn)),
    )
    return Report("sweep", "en", f"Rule {drawn.rule} by {drawn.by}", sections)


def _totals(document: ReplayDocument) -> Section:
    messages, stopped = document.messages, document.stopped
    share = f" ({percent(stopped / messages)})" if messages else ""
    numbers = {
        "messages": f"{messages:,} to {document.customers:,} people",
        "stopped": f"{stopped:,}{share}",
        "put off": f"{document.deferred:,}",
        "let through": f"{document.let_through:,}",
        "exempt": f"{document.exempt:,}",
        "people with a message stopped or put off": f"{document.customers_affected:,}",
        "wanted, among the stopped": _counts(document.stopped_wanted),
        "unwanted, among the stopped": _counts(document.stopped_unwanted),
    }
    return Section("In numbers", items=tuple(f"{name}: {text}" for name, text in numbers.items()))


def _counts(counts: StoppedWanted | StoppedUnwanted) -> str:
    return ", ".join(f"{number:,} {_OUTCOMES[name]}" for name, number in structs.asdict(counts).items())


def _rules(document: ReplayDocument) -> Table:
    caption = "Each rule in the order of checking, and the messages it was the first to stop"
    rows = ((rule.id, _version(rule.version), f"{document.by_rule[rule.id]:,}") for rule in document.rules)
    return Table(caption, ("rule", "version", "stopped"), tuple(rows))


def _version(version: int | None) -> str:
    return "–" if version is None else f"v{version}"


def _rates(document: ReplayDocument) -> Section:
    known_share = document.complaints_known_for
    groups = (document.rates.stopped, document.rates.let_through, document.rates.random_same_number)
    table = Table(
        "What followed, with 95 % intervals (Wilson)",
        ("", "stopped", "let through", "as many at random"),
        (
            ("messages", *(f"{group.messages:,}" for group in groups)),
            *((words, *(_rate(getattr(group, name)) for group in groups)) for name, words in _RATES.items()),
        ),
    )
    text = "Messages stopped beside those let through, and beside as many chosen at random from both."
    if known_share is not None:
        text += f" Complaints are known for {percent(known_share)} of the messages."
    return Section("What followed on them", (text,), table=table)


def _rate(rate: Rate) -> str:
    if rate.rate is None:
        return "unknown"
    within = interval(rate.low, rate.high)
    return f"{rate.n:,} of {rate.among:,} · {percent(rate.rate)} ({within})"


def _displaced(document: ReplayDocument) -> Section:
    pairs = document.displaced
    if not pairs:
        return Section("Who displaced whom", ("No cap stopped a message.",))
    table = Table(
        f"Whose messages used the room that others then lacked: {min(MOST, len(pairs))} of {len(pairs)} pairs",
        ("used by", "stopped", "messages"),
        tuple((_campaign(pair.by), _campaign(pair.stopped), f"{pair.n:,}") for pair in pairs[:MOST]),
    )
    return Section("Who displaced whom", table=table)


def _campaign(name: str | None) -> str:
    return "(no campaign)" if name is None else name


def _preset(preset: ComparisonDocument) -> Iterable[Section]:
    summary = (
        f"{preset.differ:,} of {preset.messages:,} decisions differ: {preset.only_exact:,} messages are stopped by "
        f"the exact rules alone, {preset.only_preset:,} by the sender's alone, {preset.moved:,} go out at another time. "
        f"{preset.both:,} are stopped by both, {preset.neither:,} by neither; {preset.customers_differ:,} people "
        "have a message that differs."
    )
    carried_out = (f"{rule.id}: {'. '.join((rule.text, *rule.notes))}" for rule in preset.rules)
    yield Section(f"As {preset.title} would carry it out", (summary,), items=tuple(carried_out))
    differs = (f"{line.text} “{line.quote}” {line.source}" for line in preset.differs)
    yield Section(f"What no rule here can say of {preset.title}", items=tuple(differs))


def _points(drawn: Curve) -> Table:
    caption = f"Of {drawn.messages:,} messages to {drawn.customers:,} people, with 95 % intervals (Wilson)"
    titles = (f"{line.title}, of {line.among[0]:,}" if line.known else line.title for line in drawn.series)
    rows = (
        (label, *(_point(line, index) for line in drawn.series)) for index, label in enumerate(drawn.labels)
    )
    return Table(caption, (drawn.by, *titles), tuple(rows))


def _point(series: Series, index: int) -> str:
    if series.shares[index] is None:
        return "unknown"
    within = interval(series.low[index], series.high[index])
    return f"{series.counts[index]:,} · {percent(series.shares[index])} ({within})"
