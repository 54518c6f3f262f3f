"""What rules would have done to the past, as a page to hand on: a replay, and the curve of one rule.

Made from the documents that `simulate` and `sweep` print, so that nobody sees two answers.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from audit.queries.reports import chart
from audit.queries.reports.document import Report, Section, Table
from audit.rules.replay.curve import (
    Curve,
    Series,
    curve,
    interval,
    percent,
    sentences,
)

WHAT_IT_IS = (
    "Counts of a past that was no experiment: what happened to messages that went out, had these rules stopped some of "
    "them. No promise of what would have happened: people who were not written to might have bought anyway, or not."
)
"""What every such page says of itself."""

MOST = 20
"""House value: rows of a table that may be long; how many there are is said."""

_RATES = {"click": "clicked", "order": "ordered", "complaint": "complained", "opt_out": "opted out"}
_GROUPS = {
    "stopped": "stopped",
    "let_through": "let through",
    "random_same_number": "as many at random",
}

_OUTCOMES = {
    "opened": "opened",
    "clicked": "clicked",
    "converted": "followed by an order",
    "complained": "complained of",
    "unsubscribed_next": "followed by an opt-out",
}

Document = Mapping[str, Any]


def replay(document: Document, *, covered: str) -> Report:
    """The page of a document `whysent.replay/1`; `covered`: what the data covers, in a line."""
    sections = [
        Section("", (WHAT_IT_IS, covered)),
        _totals(document),
        Section("Rules", table=_rules(document)),
        _rates(document),
        _displaced(document),
    ]
    if "preset" in document:
        sections += _preset(document["preset"])
    return Report("replay", "en", "What these rules would have done", tuple(sections))


def sweep(document: Document, *, covered: str) -> Report:
    """The page of a document `whysent.sweep/1`, with its chart."""
    shown = curve(document)
    return Report(
        "sweep",
        "en",
        f"Rule {shown.rule} by {shown.by}",
        (
            Section("", (WHAT_IT_IS, covered)),
            Section("The curve", tuple(sentences(shown)), figure=chart.svg(shown), table=_points(shown)),
        ),
    )


def _totals(document: Document) -> Section:
    messages, stopped = document["messages"], document["stopped"]
    share = f" ({percent(stopped / messages)})" if messages else ""
    numbers = {
        "messages": f"{messages:,} to {document['customers']:,} people",
        "stopped": f"{stopped:,}{share}",
        "put off": f"{document['deferred']:,}",
        "let through": f"{document['let_through']:,}",
        "exempt": f"{document['exempt']:,}",
        "people with a message stopped or put off": f"{document['customers_affected']:,}",
        "wanted, among the stopped": _counts(document["stopped_wanted"]),
        "unwanted, among the stopped": _counts(document["stopped_unwanted"]),
    }
    return Section("In numbers", items=tuple(f"{name}: {told}" for name, told in numbers.items()))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {_OUTCOMES[name]}" for name, number in counts.items())


def _rules(document: Document) -> Table:
    return Table(
        "Each rule in the order of checking, and the messages it was the first to stop",
        ("rule", "version", "stopped"),
        tuple(
            (
                one["id"],
                "–" if one["version"] is None else f"v{one['version']}",
                f"{document['by_rule'][one['id']]:,}",
            )
            for one in document["rules"]
        ),
    )


def _rates(document: Document) -> Section:
    rates, known = document["rates"], document["complaints_known_for"]
    table = Table(
        "What followed, with 95 % intervals (Wilson)",
        ("", *(_GROUPS[group] for group in rates)),
        (
            ("messages", *(f"{one['messages']:,}" for one in rates.values())),
            *((words, *(_rate(one[name]) for one in rates.values())) for name, words in _RATES.items()),
        ),
    )
    told = "Messages stopped beside those let through, and beside as many chosen at random from both."
    about = "" if known is None else f" Complaints are known for {percent(known)} of the messages."
    return Section("What followed on them", (told + about,), table=table)


def _rate(rate: Document) -> str:
    if rate["rate"] is None:
        return "unknown"
    within = interval(rate["low"], rate["high"])
    return f"{rate['n']:,} of {rate['of']:,} · {percent(rate['rate'])} ({within})"


def _displaced(document: Document) -> Section:
    rows = document["displaced"]
    if not rows:
        return Section("Who displaced whom", ("No cap stopped a message.",))
    table = Table(
        f"Whose messages used the room that others then lacked: {min(MOST, len(rows))} of {len(rows)} pairs",
        ("used by", "stopped", "messages"),
        tuple((_campaign(one["by"]), _campaign(one["stopped"]), f"{one['n']:,}") for one in rows[:MOST]),
    )
    return Section("Who displaced whom", table=table)


def _campaign(name: str | None) -> str:
    return "(no campaign)" if name is None else name


def _preset(preset: Document) -> Iterable[Section]:
    told = (
        f"{preset['differ']:,} of {preset['messages']:,} decisions differ: {preset['only_exact']:,} messages are stopped by "
        f"the exact rules alone, {preset['only_preset']:,} by the sender's alone, {preset['moved']:,} go out at another time. "
        f"{preset['both']:,} are stopped by both, {preset['neither']:,} by neither; {preset['customers_differ']:,} people "
        "have a message that differs."
    )
    carried = (f"{one['id']}: {'. '.join((one['text'], *one['notes']))}" for one in preset["rules"])
    yield Section(f"As {preset['title']} would carry it out", (told,), items=tuple(carried))
    differs = (f"{one['text']} “{one['quote']}” {one['source']}" for one in preset["differs"])
    yield Section(f"What no rule here can say of {preset['title']}", items=tuple(differs))


def _points(shown: Curve) -> Table:
    return Table(
        f"Of {shown.messages:,} messages to {shown.customers:,} people, with 95 % intervals (Wilson)",
        (
            shown.by,
            *(f"{one.title}, of {one.among[0]:,}" if one.known else one.title for one in shown.series),
        ),
        tuple(
            (label, *(_point(one, place) for one in shown.series)) for place, label in enumerate(shown.labels)
        ),
    )


def _point(series: Series, place: int) -> str:
    if series.shares[place] is None:
        return "unknown"
    within = interval(series.low[place], series.high[place])
    return f"{series.counts[place]:,} · {percent(series.shares[place])} ({within})"
