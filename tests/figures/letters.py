"""The figures of a letter: each sentence is found by its template, and what stands in a place of it is held to what it is."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from audit.events.vocabulary import OPT_INS, OPT_OUTS
from audit.queries.findings_documents import Finding
from audit.queries.reports.case_facts import chosen
from audit.queries.reports.document import Report
from audit.queries.reports.language import Language, language
from tests.figures.findings import total_and_excess
from tests.figures.history import Row
from tests.figures.reading import day, figures
from tests.figures.said import Said
from tests.figures.sentences import last_over

LISTED = 12
"""So many messages are named one by one."""

_SENTENCES = ("sent", "opt_out", "because", "act", "change", "until", "stop", "reply", "aloud")
_DATES = {"first", "last", "at", "since", "until", "begin", "end"}
_NUMBERS = {"count", "excess", "shown", "n", "stops", "of"}


@dataclass(frozen=True)
class Place:
    """A place of a template: which it is, what stands in it, and what stands in the others of the sentence."""

    section: str
    key: str
    name: str
    text: str
    sentence: Mapping[str, str]


def wrong_in_letter(report: Report, said: Said) -> Iterator[str]:
    """The sentences of a letter with a figure that is not what the events give for its place, or that has no place."""
    says, finding = language(report.locale), chosen(said.case.findings, None)
    for text in (text for section in report.sections for text in section.paragraphs):
        rest, places = parsed(text, says)
        for place in places:
            if not _is_so(place, finding, said):
                yield f"{text!r}: {place.name} is not {place.text}"
        if figures(rest, said.names):
            yield f"{text!r}: what is {figures(rest, said.names)}?"
    listed = [text for section in report.sections for text in section.items]
    acts = {text: places for text in listed if (places := parsed(text, says, ("act",))[1])}
    yield from (f"{text!r}: no such act" for text, places in acts.items() if not _is_act(places, said))
    yield from _wrong_in_list([text for text in listed if text not in acts], finding, said, says)


def parsed(text: str, says: Language, sections: Iterable[str] = _SENTENCES) -> tuple[str, list[Place]]:
    """What of a text no sentence accounts for, and the places of its sentences."""
    places: list[Place] = []
    for section in sections:
        for key, template in sorted(says.texts[section].items(), key=lambda pair: -len(pair[1])):
            if "{" not in template or key in {
                "item",
                "sender",
                "senders",
                "system",
                "about",
                "of_campaign",
                "these",
                "these_one",
                "all",
            }:
                continue
            for match in re.finditer(_pattern(template), text, re.IGNORECASE):
                found = match.groupdict()
                places += [Place(section, key, name, value, found) for name, value in found.items() if value]
                text = text.replace(match[0], " ", 1)
    return text, places


def _pattern(template: str) -> str:
    """A template as an expression with a group for each of its places."""
    parts = re.split(r"\{(\w+)\}", template)
    named: set[str] = set()
    pattern = ""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += re.escape(part)
        else:
            date = r"\d{1,2}(?:er|\.)? (?:de )?\w+ (?:de )?\d{4}"
            kind = date if part in _DATES else r"\d[\d.,\u202f]*" if part in _NUMBERS else r".+?"
            kind = r".*?" if part in {"about", "system", "gaps"} else kind
            pattern += f"(?P={part})" if part in named else f"(?P<{part}>{kind})"
            named.add(part)
    return pattern


def _is_so(place: Place, finding: Finding | None, said: Said) -> bool:
    """Whether what stands in a place is what the events, or for a rule the book, give for it."""
    read = figures(place.text)
    if place.section == "change" and place.name == "what":
        return set(read) <= _of_rule(finding, said)
    if place.name == "stopped":
        return len(read) == 1 and read[0] in _newest_alike(finding, said)
    if place.section == "stop" and place.name == "sender":
        return set(figures(place.text, said.names)) <= _more_senders(finding, said)
    if place.name == "gaps":
        return set(read) <= _gaps(said)
    if place.name not in _DATES | _NUMBERS:
        return True
    known = next((known for (section, key, name), known in _KNOWN.items() if place.section == section and
                  place.key.startswith(key) and place.name in name.split()), None)  # fmt: skip
    return known is not None and len(read) == 1 and read[0] in known(finding, said)


def _is_act(places: Iterable[Place], said: Said) -> bool:
    """Whether the customer did on that day what an item of the letter says."""
    for place in places:
        if place.name == "at":
            about = place.sentence.get("thing", "").strip('„“”"«»\u202f')
            on_day = [row for row in said.history.rows if day(row["occurred_at"]) == figures(place.text)[0]]
            kind = "order_completed" if place.key in {"order_unasked", "order_undone"} else place.key
            return any(row["kind"] == kind and about in _things(row) | {""} for row in on_day)
    return False


def _things(row: Row) -> set[str]:
    last_level = (row["category"] or "").rpartition(" > ")[2]
    return {str(row[name]) for name in ("item_name", "item_id", "category", "query") if row[name]} | {
        last_level
    }


def _told(finding: Finding | None, said: Said) -> list[Row]:
    """The messages, or the goods, that a letter is about, oldest first."""
    if finding is None:
        return said.history.sent
    ids = finding.messages or finding.evidence
    rows = [row for row in said.history.rows if row["event_id"] in ids]
    return [row for row in rows if row["kind"].startswith("message_") or not finding.messages]


def _wrong_in_list(items: list[str], finding: Finding | None, said: Said, says: Language) -> Iterator[str]:
    """The messages named one by one: the newest, in order, with day and subject."""
    rows = _told(finding, said)[-LISTED:] if items else []
    if len(rows) != len(items):
        yield f"{len(items)} named, the events give {len(rows)}"
    for text, row in zip(items, rows, strict=False):
        title = row["subject"] or row["campaign_name"] or row["item_name"]
        titled = says.quoted(title) if title else says.texts["untitled"]
        if not text.startswith(says.say("reply", "item", at=says.date(row["occurred_at"]), title=titled)):
            yield f"{text!r}: no such message"


def _count(finding: Finding | None, said: Said) -> set[str]:
    if finding is None:
        return {str(len(said.history.sent))}
    total, _ = total_and_excess(finding, said.history, said.case.facts)
    return {str(total or len(_told(finding, said)))}


def _excess(finding: Finding | None, said: Said) -> set[str]:
    return set() if finding is None else {str(total_and_excess(finding, said.history, said.case.facts)[1])}


def _first(finding: Finding | None, said: Said) -> set[str]:
    if finding is not None and finding.excess is not None:
        rows = [row for row in said.history.mailings if row["occurred_at"] == finding.first]
        return {day(row["occurred_at"]) for row in rows}
    return {day(row["occurred_at"]) for row in _told(finding, said)[:1]}


def _last(finding: Finding | None, said: Said) -> set[str]:
    return {day(row["occurred_at"]) for row in _told(finding, said)[-1:]}


def _others(finding: Finding | None, said: Said) -> list[Row]:
    """The messages of other findings that came after the same no."""
    if finding is None:
        return []
    noes = [said.history.by_id[event] for event in finding.cause]
    siblings = {
        message
        for row in said.case.findings
        if row.check == finding.check and row.id != finding.id and {*row.cause} & {*finding.cause}
        for message in row.messages
    }
    since = min(no["occurred_at"] for no in noes)
    return [row for row in said.history.sent if row["event_id"] in siblings and row["occurred_at"] >= since]


def _cause(kinds: Iterable[str], place: int = 0) -> Callable[[Finding | None, Said], set[str]]:
    """The day of the first, or last, event of these kinds that a finding rests on."""

    def known(finding: Finding | None, said: Said) -> set[str]:
        ids = () if finding is None else (*finding.cause, *finding.evidence)
        rows = [row for row in said.history.kind(*kinds) if row["event_id"] in ids]
        return {day(row["occurred_at"]) for row in rows[place : place + 1 or None]}

    return known


def _days(*kinds: str) -> Callable[[Finding | None, Said], set[str]]:
    return lambda _, said: {day(row["occurred_at"]) for row in said.history.kind(*kinds)}


def _book(_: Finding | None, said: Said) -> set[str]:
    return set(said.data.book_days)


def _of_rule(finding: Finding | None, said: Said) -> set[str]:
    """The limits of the rule that a letter speaks of: the one that covers the finding, else the one suggested for it."""
    covering = None if finding is None else finding.covered_by
    rule = said.data.rules[covering.id] if covering else (finding and finding.suggested_rule) or {}
    return {
        figure
        for key in ("limit", "window", "unengaged", "quiet")
        for figure in re.findall(r"\d+", str(rule.get(key, "")))
    }


def _stops(finding: Finding | None, said: Said) -> set[str]:
    known = None if finding is None else finding.covered_by or finding.suggested_effect
    return set() if known is None else {str(known.stops)}


def _of(finding: Finding | None, said: Said) -> set[str]:
    return set() if finding is None else {str(len(finding.messages))}


def _sent_since(finding: Finding | None, said: Said) -> set[str]:
    covering = None if finding is None else finding.covered_by
    if covering is None:
        return set()
    return {str(sum(row["occurred_at"] > covering.since for row in _told(finding, said)))}


def _newest_alike(finding: Finding | None, said: Said) -> set[str]:
    own = _told(finding, said)
    found = set()
    for key in ("event_id", "campaign_id", "campaign_name", "channel"):
        alike = [row for row in said.history.mailings if row[key] in {one[key] for one in own}]
        found |= {day(max(row["occurred_at"] for row in alike))} if alike else set()
    return found | (set() if finding is None else {day(at) for at in last_over(finding, said)})


def _reach(_: Finding | None, said: Said) -> set[str]:
    """How far the log of messages goes on."""
    return {day(at) for at in said.data.mail_reach}


def _gaps(said: Said) -> set[str]:
    """The first and last days of the gaps of the data, and how many there may be."""
    gaps = said.data.coverage.gaps
    return {day(at) for gap in gaps for at in gap} | {str(n) for n in range(2, len(gaps) + 1)}


def _by_itself(_: Finding | None, said: Said) -> set[str]:
    return {day(max(each.until for each in said.explanations if each.until))}


def _more_senders(finding: Finding | None, said: Said) -> set[str]:
    return {str(len({row["sender"] for row in _told(finding, said) if row["sender"]}) - 3)}


_KNOWN: dict[tuple[str, str, str], Callable[[Finding | None, Said], set[str]]] = {
    ("sent", "others", "count"): lambda finding, said: {str(len(_others(finding, said)))},
    ("sent", "others", "first"): lambda finding, said: {day(row["occurred_at"]) for row in _others(finding, said)[:1]},
    ("sent", "others", "last"): lambda finding, said: {day(row["occurred_at"]) for row in _others(finding, said)[-1:]},
    ("sent", "gap", "begin end"): lambda _, said: {day(at) for gap in said.data.coverage.gaps for at in gap},
    ("sent", "ends", "until"): lambda _, said: {day(at) for at in {*said.data.newest.values(), *said.data.known_until.values()}},
    ("sent", "excess", "excess"): _excess,
    ("sent", "bought", "at"): _cause(["order_completed"]),
    ("sent", "", "count"): _count,
    ("sent", "", "first"): _first,
    ("sent", "", "last"): _last,
    ("opt_out", "renewed", "at"): _days(*OPT_INS),
    ("opt_out", "stands_", "at"): _cause(OPT_OUTS, -1),
    ("opt_out", "proposed", "at"): _book,
    ("opt_out", "handed_over", "at"): _book,
    ("opt_out", "", "since"): _book,
    ("opt_out", "", "at"): _cause(OPT_OUTS),
    ("because", "broadcast_since", "since"): _days(*OPT_INS),
    ("because", "broadcast_some_since", "since"): _days(*OPT_INS),
    ("because", "third_party", "since"): _days("segment_entered", "segment_snapshot"),
    ("change", "even_so", "n"): _sent_since,
    ("change", "", "at since"): _book,
    ("change", "in_part", "stops"): lambda finding, _: {str(finding.covered_in_part.together)} if finding and finding.covered_in_part else set(),
    ("change", "", "stops"): _stops,
    ("change", "", "of"): _of,
    ("until", "by_itself", "until"): _by_itself,
    ("aloud", "group", "since"): _days("segment_entered", "segment_snapshot"),
    ("until", "", "since"): _newest_alike,
    ("until", "", "until"): _reach,
    ("stop", "", "n"): _more_senders,
    ("reply", "", "shown"): lambda finding, said: {str(min(LISTED, len(_told(finding, said))))},
}  # fmt: skip
"""Section, how its sentence's name begins and places → what may stand there; the first that fits."""
