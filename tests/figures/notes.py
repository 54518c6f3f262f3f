"""The figures that each sentence of a note should hold, section by section."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import starmap

import polars as pl

from audit.findings import CHECKS, Unanswered, by_lack, catalogue
from audit.queries.findings_documents import Finding
from audit.queries.reports.document import Node, Report, Section
from audit.queries.reports.language import Language, language
from audit.why.model import FlowReconstruction, WhyDocument
from tests.figures import sentences
from tests.figures.anomalies import of_anomalies
from tests.figures.findings import expected, total_and_excess
from tests.figures.history import History, Row, order
from tests.figures.reading import day, figures, minute, span
from tests.figures.said import Said, Told, holds

CAMPAIGNS = LISTED = 12
ROWS = 20
"""So many campaigns, acts and weeks are named; how many more there are is said."""


SILENCES = {"life-changed": {"365", "730", "1825"}, "cart-after-purchase": {"7", "30", "90", "365"}}
"""Days of silence that a suggested rule has, the shortest that helps."""


def of_note(report: Report, said: Said) -> Iterator[Told]:
    """Every sentence of a note."""
    says = language(report.locale)
    for section in report.sections:
        key = next((key for key, name in _SECTIONS.items() if section.heading == says.say(*name)), "head")
        yield from _READ[key](section, says, said)


def _head(section: Section, says: Language, said: Said) -> Iterator[Told]:
    at = minute(said.history.at)
    *lines, covered = section.paragraphs
    for line in lines:
        yield Told(line, [at] if at in figures(line) else [])
    yield Told(covered, list(_covered(says, said)))


def _covered(says: Language, said: Said) -> Iterator[str]:
    """How far orders, views and messages reach, the newest gap of each and how many there are, and what was left out."""
    known, newest = said.data.coverage, said.data.newest
    recorded = {(begin, end): kinds for begin, end, kinds in known.silent}
    first = min((row["occurred_at"].date() for row in said.history.rows), default=date.min)
    lacking: list[set[tuple[date, date]]] = []
    for kinds in (
        ("order_completed",),
        ("product_viewed",),
        ("message_sent", "message_suppressed", "message_attempted"),
    ):
        moments = [newest[kind] for kind in kinds if kind in newest]
        if moments:
            yield (minute if says.locale == "en" else day)(max(moments))
            gaps = {gap for gap in known.gaps if gap[1] >= first and set(kinds) & recorded.get(gap, {*kinds})}
            lacking.append(gaps)
    shared = set.intersection(*lacking) if len(lacking) > 1 else set()
    for gaps in [*(own - shared for own in lacking), shared]:
        if gaps:
            begin, end = max(gaps)
            same_month = says.locale == "en" and (begin.year, begin.month) == (end.year, end.month)
            one_day = begin == end and says.locale == "en"
            begins = [] if one_day else [str(begin.day)] if same_month else [_iso(begin)]
            yield from [*([str(len(gaps))] if len(gaps) > 1 else []), *begins, _iso(end)]
    out = known.left_out
    numbers = (out.quarantined, out.lost_opt_outs, out.future, out.future_opt_outs, *out.unread.values())
    yield from (str(number) for number in numbers if number)


def _iso(moment: date) -> str:
    return f"{moment:%Y-%m-%d}"


def _verdict(section: Section, says: Language, said: Said) -> Iterator[Told]:
    rows = said.case.findings
    assert len(section.items) == len(rows)
    for row, text in zip(rows, section.items, strict=True):
        yield Told(
            text, _found(row, said) if says.locale == "de" else expected(row, said.history, said.case.facts)
        )
    open_ones = {row.check for row in rows} | {
        lack.check
        for lack in said.unanswered
        if lack.lacks in {"kinds", "opt_outs"} or (lack.lacks == "columns" and lack.events == lack.of)
    }
    in_part = {lack.check for lack in said.unanswered} - open_ones
    numbers = [len(CHECKS) - len(open_ones), len(CHECKS)] if open_ones or in_part else []
    numbers += [len(open_ones) - 3] if len(open_ones) > 3 else []
    numbers += [len(in_part)] if in_part else []
    for text in section.paragraphs:
        yield Told(text, [str(number) for number in numbers] if figures(text) else [])


def _found(row: Finding, said: Said) -> list[str]:
    """The German sentence of a finding: how many, when, how many too many."""
    named = [*figures(row.subject or "", said.names), *_behind(row, said), *_campaigns(row, said)]
    days = span(row.first, row.last)
    if not row.messages:
        assert {row.first, row.last} <= {event["occurred_at"] for event in said.history.rows}
        return [*named, *days]
    total, excess = total_and_excess(row, said.history, said.case.facts)
    own = [said.history.by_id[event]["occurred_at"] for event in row.messages]
    begins = (
        {day(min(own))} if excess is None else {day(event["occurred_at"]) for event in said.history.mailings}
    )
    assert days[0] in begins
    assert days[-1] == day(max(own))
    number = total or len(own)
    return [
        *named,
        str(number),
        *days,
        *([str(excess)] if excess is not None else []),
    ]


def _campaigns(row: Finding, said: Said) -> list[str]:
    """How many other campaigns a run is of, and how many people got the one whose recipients a finding is about."""
    if row.check == "sensitive-audience":
        sent = said.data.events.filter(
            pl.col("kind") == "message_sent", pl.coalesce("campaign_id", "campaign_name") == row.subject
        )
        return [str(sent["customer_id"].n_unique())]
    if row.check != "ignored-streak":
        return []
    rows = [said.history.by_id[event] for event in row.messages]
    others = len({each["campaign_name"] or each["campaign_id"] for each in rows} - {None}) - 1
    return [str(others)] if others > 1 else []


def _behind(row: Finding, said: Said) -> list[str]:
    """When the acts behind a finding were, those of one kind on one thing together, and how many more there are."""
    acts: dict[tuple[object, ...], list[datetime]] = {}
    for event in sorted((said.history.by_id[ident] for ident in row.cause), key=order, reverse=True):
        thing = (
            (event["subject"] or event["campaign_name"])
            if event["kind"] == "message_sent"
            else (
                event["item_name"]
                or event["item_id"]
                or event["query"]
                or event["segment_id"]
                or event["category"]
            )
        )
        acts.setdefault((event["kind"], thing), []).append(event["occurred_at"])
    newest = list(acts.values())[:2]
    figures = [
        figure for at in newest for figure in (*([str(len(at))] if len(at) > 1 else []), minute(at[0]))
    ]
    return [*figures, *([str(len(acts) - 2)] if len(acts) > 2 else [])]


def _unanswered(section: Section, says: Language, said: Said) -> Iterator[Told]:
    lacks = [lack for lack, _ in by_lack(said.unanswered)]
    told: list[list[str]] = [
        [*_of_columns(lack, said), *([str(lack.more_campaigns)] if lack.more_campaigns else [])]
        if lack.lacks == "columns"
        else [str(said.data.coverage.left_out.lost_opt_outs)]
        for lack in lacks
        if lack.lacks in {"columns", "opt_outs"}
    ]
    told += [[]] if any(lack.lacks == "kinds" for lack in lacks) else []
    ends = {lack.kinds: lack.until for lack in lacks if lack.lacks == "end" and lack.until}
    assert set(ends.values()) <= {*said.data.newest.values(), *said.data.known_until.values()}
    told += [[day(at) for at in ends.values()]] if ends else []
    gaps = list(dict.fromkeys(lack.gaps for lack in lacks if lack.lacks == "gap"))
    assert {(gap.begin, gap.end) for own in gaps for gap in own} <= set(said.data.coverage.gaps)
    told += [[_iso(at) for gap in own for at in (gap.begin, gap.end)] for own in gaps]
    assert len(told) == len(section.items)
    yield from map(Told, section.items, told)


def _of_columns(lack: Unanswered, said: Said) -> list[str]:
    """How many of how many events say nothing of what is asked."""
    history = said.history
    rows = history.mailings if lack.kinds == ("message_sent",) else history.kind(*lack.kinds)
    if not {"segment_entered", "segment_snapshot"} & set(lack.kinds):
        lacking = [row for row in rows if not any(_says(row, column, history) for column in lack.columns)]
        return [str(len(lacking)), str(len(rows))]
    return [str(lack.events), str(sum(row["source"] != "third_party" for row in rows))]


def _says(row: Row, column: str, history: History) -> bool:
    value = history.trigger(row) if column == "trigger" and row["kind"] == "message_sent" else row[column]
    return value is not None and value != []


def _done(section: Section, says: Language, said: Said) -> Iterator[Told]:
    """Since when a rule stands in the book, and how many of a finding's messages the rules that are on stop."""
    parts = (part for row in said.case.findings for part in (row.covered_by, row.covered_in_part) if part)
    stops = {str(number) for part in parts for number in (part.together, part.of)}
    rules = [row.suggested_rule for row in said.case.findings if row.suggested_rule] + [
        *said.data.rules.values()
    ]
    stops |= {figure for rule in rules for figure in figures(str(rule["title"]), said.names)}
    return (Told(text, said.data.book_days | stops) for text in section.items)


def _messages(section: Section, says: Language, said: Said) -> Iterator[Told]:
    counts, *campaigns = section.paragraphs
    numbers = message_counts(said.history)
    happened = {name: number for name, number in numbers.items() if number or name in {"sent", "clicked"}}
    if numbers["attempted"] == numbers["sent"]:
        del happened["attempted"]
    yield Told(counts, [str(number) for number in happened.values()])
    by_campaign = Counter(
        row["campaign_id"] or row["campaign_name"] or "unknown" for row in said.history.sent
    )
    most = sorted(by_campaign.items(), key=lambda pair: (-pair[1], pair[0]))[:CAMPAIGNS]
    numbers = [number for name, count in most for number in (*figures(name, said.names), str(count))]
    if len(by_campaign) > CAMPAIGNS and most[0][1] == 1:
        yield Told(campaigns.pop(), [str(len(by_campaign))])
    for text in campaigns:
        more = [str(len(by_campaign) - CAMPAIGNS)] if len(by_campaign) > CAMPAIGNS else []
        yield Told(text, [*numbers, *more])


def message_counts(history: History) -> dict[str, int]:
    """What a note says of a customer's messages, each counted once."""
    tried = _distinct(history, "message_sent", "message_suppressed", "message_attempted")
    sent, suppressed = _distinct(history, "message_sent"), _distinct(history, "message_suppressed")
    human = [row for row in history.kind("message_clicked", "message_opened") if not row["machine"]]
    acted = {row["message_id"] for row in human if row["kind"] == "message_clicked"}
    paper = {
        row["message_id"] for row in history.sent if row["channel"] in {"mail", "post", "letter", "catalogue"}
    }
    clicked, answered = acted - paper, acted & paper
    opened = {row["message_id"] for row in human if row["kind"] == "message_opened"}
    machine = {row["message_id"] for row in history.kind("message_opened") if row["machine"]}
    kinds = (
        "message_opened",
        "message_clicked",
        "message_bounced",
        "message_complained",
        "message_delivered",
    )
    return {
        "attempted": len(tried), "sent": len(sent), "suppressed": len(suppressed), "clicked": len(clicked & tried), "answered": len(answered & tried),
        "opened": len(opened & tried), "machine_opened": len(machine & tried - opened), "orphans": len(_distinct(history, *kinds) - tried),
    }  # fmt: skip


def _distinct(history: History, *kinds: str) -> set[str]:
    return {row["message_id"] or row["event_id"] for row in history.kind(*kinds)}


def _monday(at: datetime) -> str:
    return day(at - timedelta(days=at.weekday()))


def _weekly(section: Section, says: Language, said: Said) -> Iterator[Told]:
    by_week = Counter(_monday(row["occurred_at"]) for row in said.history.sent)
    weeks = sorted(by_week)
    wrong = (row for row in said.case.findings if row.verdict in {"breach", "risk"})
    in_findings = {message for row in wrong for message in row.messages}
    told = Counter(_monday(row["occurred_at"]) for row in said.history.sent if row["event_id"] in in_findings)
    (summary,) = section.paragraphs
    most = max(weeks, key=lambda week: (by_week[week], week))
    number, highest = sum(by_week.values()), str(by_week[most])
    if len(weeks) == 1:
        yield Told(summary, [most, *([str(number)] if number > 1 else [])])
    else:
        between = (date.fromisoformat(weeks[-1]) - date.fromisoformat(weeks[0])).days // 7 + 1
        peak = [most] if [*by_week.values()].count(by_week[most]) == 1 else []
        whole = [str(number), str(len(weeks)), str(between), weeks[0], weeks[-1]]
        yield Told(summary, [*whole, highest, *peak])
    if section.table is None:
        assert len(set(by_week.values())) == 1
        return
    yield Told(section.table.caption, [str(ROWS), str(len(weeks))] if len(weeks) > ROWS else [])
    for week, cells in zip(weeks[-ROWS:], section.table.rows, strict=True):
        yield Told(" | ".join(cells), [week, str(by_week[week]), *([str(told[week])] if told else [])])


def _why(section: Section, says: Language, said: Said) -> Iterator[Told]:
    """The explanations, in the order of the note; those that say the same stand together."""
    shown = {document.subject.id for document in said.explanations if document.subject.type == "message"}
    subjects = {document.subject.id for document in said.explanations}
    rows = [row for row in said.case.findings if shown <= {*row.messages}]
    about = next((row.messages for row in sorted(rows, key=lambda row: row.id not in subjects)), ())
    assert len(section.paragraphs) == (len(about) > len(shown) > 0)
    for text in section.paragraphs:
        assert shown == {*sorted(about, key=lambda ident: order(said.history.by_id[ident]))[-len(shown) :]}
        yield Told(text, [str(len(about)), str(len(shown))])
    by_id = {document.subject.id: document for document in said.explanations}
    for node in section.tree:
        group = [document for ident, document in by_id.items() if f"({ident})" in node.text]
        yield Told(node.text, [minute(_subject_time(document, said)) for document in group])
        for document in group:
            below = list(_below(document, says, said))
            written = list(_in_order(node.below))
            ends, written = written[len(below) :], written[: len(below)]
            for text, worked_out in zip(written, below, strict=True):
                yield Told(text, worked_out)
            own = sentences.of_end(document, said)
            said_with_more = (other.until_text.startswith(f"{document.until_text} ") for other in group)
            if not document.until_text or any(said_with_more):
                continue
            yield Told(next((text for text in ends if holds(figures(text, said.names), own)), ends[0]), own)


def _subject_time(document: WhyDocument, said: Said) -> datetime:
    """When what is explained was decided: a message was sent, a finding had its last."""
    if document.subject.id in said.history.by_id:
        return said.history.by_id[document.subject.id]["occurred_at"]
    row = next(row for row in said.case.findings if row.id == document.subject.id)
    ids = row.messages or row.evidence
    return max(said.history.by_id[event]["occurred_at"] for event in ids)


def _below(document: WhyDocument, says: Language, said: Said) -> Iterator[sentences.Figures]:
    """The figures of each line that stands under what is explained, in the order of reading."""
    yield []
    reasons = document.because
    if document.subject.type == "finding":
        reasons = reasons[0].because if reasons else ()
    for reason in sentences.in_order(reasons):
        yield sentences.of_reason(reason, document, said, says.locale)
    if document.reconstruction is not None:
        yield from _definition(document, document.reconstruction, says, said)
    if document.left_out:
        yield []
        for reason in sentences.in_order(document.left_out):
            yield sentences.of_reason(reason, document, said, says.locale)
    yield from _different(document, says, said)


def _definition(
    document: WhyDocument, check: FlowReconstruction, says: Language, said: Said
) -> Iterator[sentences.Figures]:
    """Of what did not hold, or cannot be told, that which no reason has said."""
    told = [reason.text for reason in sentences.in_order(document.because)]
    open_ones = [each for each in check.conditions if each.holds is not True]
    held = [each for each in open_ones if not any(each.text in text for text in told)]
    if held or not open_ones:
        yield figures(f" {check.step or ''} ")
    for each in held:
        worked_out = sentences.of_condition(each, document, said)
        german = sentences.without_words(worked_out) if each.delay else []
        yield worked_out if says.locale == "en" else german
    yield from () if open_ones else [[]]


def _different(document: WhyDocument, says: Language, said: Said) -> Iterator[Sequence[str]]:
    proof = document.counterfactual
    if proof is None or not (proof.worth_saying or proof.add):
        return
    yield []
    removed = sentences.of_removed(document, said, says.locale)
    if proof.worth_saying:
        yield removed
    for event in proof.add:
        yield [minute(datetime.fromisoformat(str(event["occurred_at"])))]
    for events in (proof.enough, proof.needed):
        if proof.worth_saying and events and (len(proof.remove) > 1 or events != proof.remove):
            more = [str(len(events) - LISTED)] if len(events) > LISTED else []
            yield removed if proof.removed and set(events) == set(proof.remove) else more
    if proof.instead:
        yield []


def told_in_one_language_only(said: Said) -> set[str]:
    """The events and the times of acts that only one of the two notes names among its reasons."""
    english, german = (_named(said.reports["internal", locale]) for locale in ("en", "de"))
    return english ^ german


def _named(note: Report) -> set[str]:
    texts = [text for section in note.sections for text in _in_order(section.tree)]
    events = (re.findall(r"[\w-]+", ids) for text in texts for ids in re.findall(r"\[([^\]]*)\]$", text))
    return {event for named in events for event in named}


def _in_order(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        yield node.text
        yield from _in_order(node.below)


def _rules(section: Section, says: Language, said: Said) -> Iterator[Told]:
    judged = [document for document in said.explanations if document.rules]
    verdicts = Counter((rule.id, rule.verdict) for document in judged for rule in document.rules)
    names = dict.fromkeys(name for name, _ in verdicts)
    of, idle = str(len(judged)), 0
    expected: list[list[str]] = []
    for name in names:
        numbers = [verdicts[name, verdict] for verdict in ("stops", "cannot_tell")]
        expected += [[str(number), of] for number in numbers if number]
        idle += not any(numbers)
    if idle:
        counted = [str(idle)] if idle > 1 else []
        expected.append(counted if expected else [*counted, of])
    yield from starmap(Told, zip(section.items, expected, strict=True))


PACES = {"1", "2", "3", "7", "14", "30", "90"}
"""Shorter streaks, and letters in so many days, that are tried where orders begin a streak anew."""


def _suggested(section: Section, says: Language, said: Said) -> Iterator[Told]:
    """A rule as it would stand in a file: limits of the check, and days of the events."""
    limits: set[str] = set()
    for row in said.case.findings:
        thresholds = catalogue.row(row.check).thresholds
        limits |= {str(value) for value in thresholds.values()} | {
            day(said.history.by_id[event]["occurred_at"]) for event in row.cause
        }
        limits |= SILENCES.get(row.check, set())
        limits |= {"0"} if row.check == "after-opt-out" else set()
        limits |= (
            {str(thresholds["messages"] - 1)} if row.check == "ignored-streak" else set()
        )  # it takes effect with the last of them
        limits |= {"1", "7"} if row.check == "over-frequency" else set()  # days of `day` and `week`
        limits |= PACES if row.check in {"ignored-streak", "browse-pursuit"} else set()
    for line in section.code:
        key, _, value = line.partition(" = ")
        if key not in {"id", "title", "note", "customers"}:
            yield Told(value.strip('"').split("T")[0].rstrip("dhw"), frozenset(limits))


def _without_figures(section: Section, says: Language, said: Said) -> Iterator[Told]:
    """What it lists is called so in the data and in definitions, and events by their ids."""
    return iter(())


def _evidence(section: Section, says: Language, said: Said) -> Iterator[Told]:
    for text in section.items:
        assert set(text.partition("): ")[2].split(", ")) <= set(said.history.by_id)
        yield Told(text, [])


def _unusual(section: Section, says: Language, said: Said) -> Iterator[Told]:
    return of_anomalies(section, says, said)


_SECTIONS = {
    "verdict": ("internal", "verdict"), "unanswered": ("internal", "unanswered"), "done": ("internal", "done"),
    "messages": ("internal", "messages"), "weekly": ("weekly", "title"), "why": ("internal", "why"),
    "rules": ("internal", "rules"), "suggested": ("internal", "suggested"), "unusual": ("unusual", "title"),
    "segments": ("internal", "segments"), "recommendations": ("internal", "recommendations"),
    "evidence": ("internal", "evidence"), "sources": ("internal", "sources"),
}  # fmt: skip
"""What a section is called → its heading."""

_READ = {
    "head": _head, "verdict": _verdict, "unanswered": _unanswered, "done": _done, "messages": _messages, "weekly": _weekly,
    "why": _why, "rules": _rules, "suggested": _suggested, "unusual": _unusual, "segments": _without_figures,
    "recommendations": _without_figures, "evidence": _evidence, "sources": _without_figures,
}  # fmt: skip
