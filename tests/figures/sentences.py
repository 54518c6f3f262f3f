"""The figures that each sentence of an explanation should hold, in English and as a German note has it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from msgspec import UNSET

from audit.events.vocabulary import campaign_of
from audit.findings import catalogue
from audit.flows import triggers
from audit.flows.model import Flow
from audit.queries.findings_documents import Finding
from audit.why.model import (
    AudienceFacts,
    BreadthFacts,
    CountedFacts,
    FlowCondition,
    Reason,
    WhyDocument,
)
from audit.why.removed_events import RemovedEvents
from tests.figures import audiences
from tests.figures.findings import due_after, expected, total_and_excess
from tests.figures.history import Row
from tests.figures.reading import day, figures, minute, span
from tests.figures.said import Data, Figures, Said, Told

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
YEAR = timedelta(days=365)
LISTED = 12
"""So many events are named one by one, and how many more there are is said."""


def of_explanation(document: WhyDocument, said: Said) -> Iterator[Told]:
    """The sentences of an explanation."""
    for reason in (*in_order(document.because), *in_order(document.left_out)):
        yield Told(reason.text, of_reason(reason, document, said))
    if document.reconstruction is not None:
        for held in document.reconstruction.conditions:
            yield Told(held.text, of_condition(held, document, said))
    yield Told(document.until_text, of_end(document, said))
    if document.counterfactual is not None:
        proof = document.counterfactual
        yield Told(f"{proof.removed_in_words} {proof.outcome}", of_removed(document, said))


def in_order(reasons: Iterable[Reason]) -> Iterator[Reason]:
    for reason in reasons:
        yield reason
        yield from in_order(reason.because)


def of_reason(reason: Reason, document: WhyDocument, said: Said, locale: str = "en") -> Figures:
    """The figures of a reason: those of its own events, of what it counts, and of the definition it names."""
    if isinstance(reason.facts, AudienceFacts | BreadthFacts) and document.subject.type == "message":
        mail = said.history.by_id[document.subject.id]
        campaign = str(campaign_of(mail["campaign_id"], mail["campaign_name"]))
        return audiences.of_reason(reason, mail, said.history, audiences.Audience(said.data.events, campaign))
    return _of_own_events(reason, document, said, locale)


def _of_own_events(reason: Reason, document: WhyDocument, said: Said, locale: str) -> Figures:
    facts, rows = reason.facts, _rows(reason.events, said)
    if facts is not None:
        if facts.act and facts.at:
            assert facts.at == max(row["occurred_at"] for row in rows)
            return [minute(facts.at), *([str(len(rows))] if len(rows) > 1 else [])]
        if facts.left:
            return [(minute if locale == "en" else day)(_time(facts.left, said))]
        if facts.list_id is not UNSET:
            return [day(_time(facts.since, said))] if facts.since else []
        if isinstance(facts, CountedFacts):
            return _counted(reason, rows, document, said, locale)
        if facts.further:
            assert facts.further == len(reason.because)
            return [str(facts.further)]
    if locale == "de":
        return _german(reason, rows, document, said)
    if facts is not None and (facts.check is not UNSET or facts.verdict is not UNSET):
        row = next(row for row in said.case.findings if row.id == document.subject.id)
        by_check = facts.check is not UNSET
        sources = [figure for source in row.sources for figure in figures(source)]
        return expected(row, said.history, said.case.facts) if by_check else sources
    if facts is not None and facts.hand_over is not UNSET:
        return frozenset(day(row["occurred_at"]) for row in rows)
    if facts is None and reason.events:
        if reason.text[:1].isdigit():
            return frozenset({str(len(rows)), *_lengths(reason.text, document, said.data)})
        return [minute(row["occurred_at"]) for row in rows]
    conditions = () if document.reconstruction is None else document.reconstruction.conditions
    held = next((held for held in conditions if held.text and reason.text.endswith(held.text)), None)
    if held is not None:
        return of_condition(held, document, said)
    acts = {minute(row["occurred_at"]) for row in _rows(reason.leaves(), said)} if reason.because else set()
    defined = _of_definition(reason.text, document, said)
    return defined if isinstance(defined, list) else frozenset({*defined} | _absent(reason) | acts)


def _german(reason: Reason, rows: Sequence[Row], document: WhyDocument, said: Said) -> Figures:
    facts = reason.facts
    if facts is not None and facts.changed:
        return [day(_time(facts.changed, said))]
    if facts is not None and facts.delay:
        return without_words(_of_definition(reason.text, document, said))
    told = facts is not None and any(
        getattr(facts, name) is not UNSET
        for name in (
            "about",
            "trigger",
            "condition",
            "hand_over",
            "check",
            "verdict",
            "covered",
            "origin",
            "life",
        )
    )
    if told:
        return []
    if reason.absent is not None:
        own = document.subject.at if document.subject.type == "message" else None
        return [day(at) for at in (reason.absent.since, reason.absent.until) if at and at != own]
    return [str(len(rows))] if len(rows) > 1 else []


def _counted(reason: Reason, rows: Sequence[Row], document: WhyDocument, said: Said, locale: str) -> Figures:
    """How many, when, how many too many; of what does not count also the limit that it stayed within."""
    facts = reason.facts
    assert isinstance(facts, CountedFacts)
    if document.subject.type != "finding":
        days = span(rows[0]["occurred_at"], rows[-1]["occurred_at"])
        orders = {row["order_id"] or row["event_id"] for row in rows}
        numbers = [
            str(len(rows)),
            *([str(len(orders))] if facts.counted == "orders" else []),
            *days,
            *_lengths(reason.text, document, said.data),
        ]
        return frozenset(numbers)
    row = next(row for row in said.case.findings if row.id == document.subject.id)
    total, excess = total_and_excess(row, said.history, said.case.facts)
    if facts.first is UNSET or facts.last is UNSET:
        return [str(len(rows))] if locale == "en" or len(rows) > 1 else []
    if facts.excess is not None:
        assert {facts.first, facts.last} <= {one["occurred_at"] for one in said.history.rows}
        return [str(total), *span(facts.first, facts.last), str(excess)]
    limits = catalogue.row(row.check).thresholds
    own = {one["event_id"] for one in rows} & {*row.messages, *row.cause}
    stayed = {
        "over-frequency": lambda: [limits[row.case]],
        "browse-pursuit": lambda: [limits["days"], limits["messages"] - 1],
    }
    within = stayed[row.check]() if row.check in stayed and not own else []
    return [
        str(len(rows)),
        *span(rows[0]["occurred_at"], rows[-1]["occurred_at"]),
        *map(str, within),
    ]


def of_condition(held: FlowCondition, document: WhyDocument, said: Said) -> Figures:
    """The figures of a condition of a definition: of the events that it names, else of the definition."""
    if held.events:
        return [minute(row["occurred_at"]) for row in _rows(held.events, said)]
    return _of_definition(held.text, document, said)


def of_removed(document: WhyDocument, said: Said, locale: str = "en") -> Figures:
    """How many of how many events of a kind about the same are left out: of those that the decision rests on, else of all that stand."""
    read: list[str] = []
    proof = document.counterfactual
    assert proof is not None
    rests_on = {event for reason in in_order(document.because) for event in reason.events}
    among = rests_on if document.subject.type in {"segment", "finding"} else set()
    if not set(proof.remove) <= among:
        among = {row["event_id"] for row in said.history.rows if _stands(row, said)} | set(proof.remove)
    for group in proof.removed if proof.ruled else ():
        removed = [row for row in _rows(proof.remove, said) if _is_about(row, group.kind, group.about)]
        rows = (row for row in said.history.rows if row["event_id"] in among)
        everything = [row for row in rows if _is_about(row, group.kind, group.about)]
        counts = [len(removed), len(everything)]
        if group.counted == "orders":
            counts = [
                len({row["order_id"] or row["event_id"] for row in rows}) for rows in (removed, everything)
            ]
        numbers = [str(count) for count in counts]
        same = locale == "en" and counts[0] == counts[1]
        told = [] if same and counts[0] == 2 else numbers[:1] if same else numbers  # "both"
        read += told
        if counts[1] == 1:
            read.pop()
        if group.counted == "orders" and len(removed) > counts[0]:
            read.append(str(len(removed)))
        read += _of_which(group, removed, everything)
    return read


def _stands(row: Row, said: Said) -> bool:
    """Whether an event is no order, or one of goods that were not sent back."""
    return row["kind"] != "order_completed" or (
        row in said.history.orders and said.history.returned(row) is None
    )


def _of_which(group: RemovedEvents, removed: Sequence[Row], everything: Sequence[Row]) -> Figures:
    """The days that tell which of all events are left out, held to the times of both; or the limit that tells it, or what they cost."""
    first, last = group.first, group.last
    inside = [row for row in everything if first <= row["occurred_at"].date() <= last]
    match group.which:
        case "since" | "until" | "between":
            assert inside == list(removed), group
            days = {"since": [first], "until": [last], "between": [first, last]}[group.which]
            return [f"{day:%Y-%m-%d}" for day in days]
        case "but":
            assert [row for row in everything if row not in inside] == list(removed), group
            return [f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]
        case "beyond":
            assert group.limit is not None
            return [str(group.limit.messages), str(group.limit.days)]
        case "dearest":
            cost = [[(row["quantity"] or 1) * row["price"] for row in rows] for rows in (removed, everything)]
            assert sorted(cost[1])[-len(removed) :] == sorted(cost[0]), group
            return [figure for each in cost for figure in figures(f"{sum(each):,.2f}")]
        case "named":
            names = {row["order_id" if group.counted == "orders" else "event_id"] for row in removed}
            assert names == set(group.named), group
    return []


def _is_about(row: Row, kind: str, about: str | None) -> bool:
    names = {
        row[name] for name in ("campaign_name", "campaign_id", "subject", "item_name", "category", "query")
    }
    return row["kind"] == kind and (about is None or about in names)


def last_over(finding: Finding, said: Said) -> set[datetime]:
    """When for the last time more came in a day or week than the limit, where that is what was found."""
    if finding.check != "over-frequency":
        return set()
    channel, window = (
        str(finding.subject).rpartition(":")[0],
        timedelta(days={"day": 1, "week": 7}[str(finding.case)]),
    )
    limit = catalogue.row(finding.check).thresholds[str(finding.case)]
    times = [row["occurred_at"] for row in said.history.mailings if (row["channel"] or "unknown") == channel]
    over = [at for at in times if sum(at - window < other <= at for other in times) > limit]
    return {max(over)} if over else set()


def of_end(document: WhyDocument, said: Said) -> Figures:
    """The days on which it ends, one more counts no longer, none came since and the log reaches to."""
    days: list[datetime] = []
    if document.until is not None and not (
        document.until_why == "at_latest" and document.until > document.at + YEAR
    ):
        assert _rests_on_an_act(document.until, _defined(said.data.flows), said), document.until
        days.append(document.until)
    if document.counts_until is not None and document.counts_until > document.at:
        assert _rests_on_an_act(document.counts_until, _limits(document, said), said), document.counts_until
        days.append(document.counts_until)
    newest = document.none_since or document.last_came
    if newest is not None and document.known_until is not None:
        assert newest in _newest_of_its_kind(document, said)
        ends = {*said.data.mail_reach, said.history.at}
        assert document.known_until in ends
        gaps = [(gap.begin, gap.end) for gap in document.known_gaps]
        assert set(gaps) <= set(said.data.coverage.gaps)
        days += [newest, document.known_until]
        return [*map(day, days), *gap_figures(gaps)]
    return [day(at) for at in days]


def gap_figures(gaps: Sequence[tuple[date, date]]) -> Figures:
    """How many gaps there are, where they are several, and from which day to which."""
    if not gaps:
        return []
    days = [day(gaps[0][0]), day(gaps[-1][1])]
    return [*([str(len(gaps))] if len(gaps) > 1 else []), *dict.fromkeys(days)]


def _rests_on_an_act(end: datetime, lengths: set[timedelta], said: Said) -> bool:
    """Whether an end lies one of `lengths` after an event of the customer's; the end of a leeway still belongs to it."""
    times = {row["occurred_at"] for row in said.history.rows}
    return any(
        end - length - more in times
        for length in lengths
        for more in (timedelta(0), timedelta(microseconds=1))
    )


def _limits(document: WhyDocument, said: Said) -> set[timedelta]:
    """The lengths of time that the check of a finding goes by."""
    row = next(row for row in said.case.findings if row.id == document.subject.id)
    thresholds = catalogue.row(row.check).thresholds
    lengths = {timedelta(hours=thresholds.get("hours", 0)), timedelta(days=thresholds.get("days", 0))}
    if row.check == "over-frequency":
        lengths = {timedelta(days={"day": 1, "week": 7}[str(row.case)])}
    if row.check == "repeat-after-purchase":
        due = [
            due_after(one, said.history, said.case.facts, thresholds["fallback_days"])
            for one in said.history.orders
        ]
        lengths = {length for length in due if length is not None}
    return lengths


def _newest_of_its_kind(document: WhyDocument, said: Said) -> set[datetime]:
    """When the newest of the messages came that are like those explained: themselves, of their campaign, or of their channel."""
    found = [row for row in said.case.findings if row.id == document.subject.id]
    ids = {document.subject.id, *(message for row in found for message in row.messages)}
    own = [row for row in said.history.sent if row["event_id"] in ids]
    newest = {max(row["occurred_at"] for row in own)}
    for key in ("campaign_id", "campaign_name", "subject", "channel"):
        alike = [row for row in said.history.sent if row[key] in {one[key] for one in own}]
        newest.add(max(row["occurred_at"] for row in alike))
        newest |= (
            {max(row["occurred_at"] for row in alike if row in said.history.mailings)}
            if key == "channel"
            else set()
        )
    about = [row for row in said.history.sent if any(_is_about_the_same(row, one) for one in own)]
    newest |= {over for row in found for over in last_over(row, said)}
    return newest | {max(row["occurred_at"] for row in about)}


def _is_about_the_same(row: Row, other: Row) -> bool:
    """Of one campaign, about one item, or in the same two levels of the category."""
    same = any(row[key] and row[key] == other[key] for key in ("campaign_id", "item_id"))
    areas = [" > ".join((one["category"] or "").split(" > ")[:2]) for one in (row, other)]
    return same or row is other or (bool(areas[0]) and areas[0] == areas[1])


def _rows(ids: Iterable[str], said: Said) -> list[Row]:
    """The events of these ids, oldest first."""
    rows = [said.history.by_id[ident] for ident in ids]
    return sorted(rows, key=lambda row: (row["occurred_at"], row["event_id"]))


def without_words(defined: Figures) -> Figures:
    """The figures of lengths as German writes them: `einem Tag`, `sofort`."""
    digits = [figure for figure in defined if figure not in {"0", "1"}]
    return digits if isinstance(defined, list) else frozenset(digits)


def _time(at: datetime, said: Said) -> datetime:
    assert at in {row["occurred_at"] for row in said.history.rows}
    return at


def _absent(reason: Reason) -> set[str]:
    """From when to when something did not happen, and how many days that is."""
    if reason.absent is None:
        return set()
    since, until = reason.absent.since, reason.absent.until
    return {day(at) for at in (since, until) if at} | ({str((until - since).days)} if since else set())


def _of_definition(text: str, document: WhyDocument, said: Said) -> Figures:
    """What a sentence about a definition may say: its lengths, its steps, and how long after the act the message came."""
    check = document.reconstruction
    flow = next((flow for flow in said.data.flows if check is not None and flow.id == check.flow), None)
    steps = [] if flow is None else [figure for step in flow.steps for figure in figures(f" {step.name} ")]
    if "it has: " in text:
        return steps
    act = None if check is None or check.act is None else said.history.by_id[check.act]
    passed = set()
    if act is not None and document.subject.at is not None:
        lengths = [
            document.subject.at - act["occurred_at"],
            *([check.due - act["occurred_at"]] if check.due else []),
        ]
        step = (
            next((step for step in flow.steps if check and step.name == check.step), None) if flow else None
        )
        if check and check.due and step and step.leeway and "up to" in text:
            return [_in_unit(length, text.split(lead)[1]) for lead, length in (
                ("it came ", lengths[0]), ("the definition says ", lengths[1]), ("up to ", step.leeway),
            ) if length]  # fmt: skip
        passed = {str(round(length / of)) for length in lengths for unit, of in UNITS.items() if unit in text}
    return frozenset(passed | {*steps} | _lengths(text, document, said.data))


def _in_unit(length: timedelta, text: str) -> str:
    """How many of the unit that stands after the first word of `text`."""
    unit = text.split()[1].rstrip("s,;")
    return str(round(length / UNITS[unit]))


def _lengths(text: str, document: WhyDocument, data: Data) -> set[str]:
    """The lengths of time of a definition, each in the units that it is whole in."""
    check = document.reconstruction
    flows = [flow for flow in data.flows if check is not None and flow.id == check.flow]
    named = triggers.definitions()
    asked = [named[name] for name in [check.trigger if check else None] if name in named]
    found = {length for trigger in asked for length in (trigger.window, trigger.quiet_for)} | _of_flows(flows)
    units = [of for unit, of in UNITS.items() if unit in text]
    return {str(length // of) for length in found if length for of in units if not length % of}


def _defined(flows: Iterable[Flow]) -> set[timedelta]:
    """Every length of time that a definition names."""
    found = {length for each in triggers.definitions().values() for length in (each.window, each.quiet_for)}
    return {timedelta(0), *filter(None, found), *_of_flows(flows)}


def _of_flows(flows: Iterable[Flow]) -> set[timedelta]:
    """The windows, waits, leeways and rhythms of flows."""
    found: set[timedelta] = set()
    for flow in flows:
        found |= (
            {length for length in (flow.trigger.window, flow.trigger.quiet_for) if length}
            if flow.trigger
            else set()
        )
        found |= {flow.every} if flow.every else set()
        for step in flow.steps:
            after, leeway = step.after or timedelta(0), step.leeway or timedelta(0)
            found |= {after, leeway, after + leeway}
    return found
