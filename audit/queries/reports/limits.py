"""What the data cannot answer, in the words of one language: how far it reaches, what a check lacks, which questions that leaves open, what helps."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from audit.events.vocabulary import OPT_OUTS
from audit.findings import CHECKS, Unanswered, by_lack, check
from audit.population.coverage import Coverage, Gap, LeftOut
from audit.queries.reports import shipped_words
from audit.queries.reports.case_facts import SentMessage
from audit.queries.reports.language import Language, language

_FEW = 3
"""House value: so many questions are named in one line; how many there are besides is said."""

_NEAR = timedelta(days=30)
"""House value: a gap so long before the first message, or after the last, is not told beside them."""

_LACKS = {"kinds", "columns", "opt_outs"}
"""What the data lacks that leaves a check open for good."""

_LINE: dict[str, tuple[str, ...]] = {
    "orders": ("order_completed",),
    "views": ("product_viewed",),
    "messages": ("message_sent", "message_suppressed", "message_attempted"),
    "opens": ("message_opened",),
    "clicks": ("message_clicked",),
    "opt-outs": OPT_OUTS,
}
"""What the coverage line speaks of: the word, and the kinds it stands for."""

_DATED = ("orders", "views", "messages")
"""Of these the line says how far they reach; of the others only that there are none."""


class _Reached(NamedTuple):
    """A part of the coverage line: what it speaks of, up to when it is known (UTC; None: there is none), and its gaps.

    Gaps that all of it shares have no word.
    """

    word: str
    until: datetime | None = None
    gaps: tuple[tuple[date, date], ...] = ()


def _reach(coverage: Coverage) -> tuple[_Reached, ...]:
    """What the coverage line speaks of, in its order: how far that reaches, what there is none of, and gaps of all at once."""
    spans = coverage.kinds
    lasts = {word: [spans[kind].last for kind in kinds if kind in spans] for word, kinds in _LINE.items()}
    gaps = {word: coverage.gaps_of(_LINE[word]) for word in _DATED if lasts[word]}
    shared = tuple(gap for gap in coverage.gaps if len(gaps) > 1 and all(gap in own for own in gaps.values()))
    return (
        *(
            _Reached(word, max(lasts[word]), tuple(gap for gap in own if gap not in shared))
            for word, own in gaps.items()
        ),
        *(_Reached(word) for word, moments in lasts.items() if not moments),
        *([_Reached("", None, shared)] if shared else []),
    )


def line(coverage: Coverage) -> str:
    """`data: orders to 21 Nov 2026 09:12 · messages to 20 Nov 23:59, gap 3–5 Oct · no opens` (times in UTC).

    The year stands where it is not that of the date before it, or not that of the newest event of all. Of several gaps the
    newest is shown, with how many there are. Last comes what was left out, if anything.
    """
    parts: list[str] = []
    year: int | None = None
    present = max((span.last.year for span in coverage.kinds.values()), default=None)
    for word, newest, gaps in _reach(coverage):
        if newest is not None:
            told = f"{word} to {_day(newest, year)} {newest:%H:%M}"
            year = newest.year if newest.year == present else None
            parts.append(f"{told}, {_gap_in_figures(gaps, year)}" if gaps else told)
        else:
            parts.append(_gap_in_figures(gaps, year) if gaps else f"no {word}")
    parts += left_out(language("en"), coverage.left_out)
    return "data: " + " · ".join(parts)


def _gap_in_figures(gaps: tuple[tuple[date, date], ...], year: int | None) -> str:
    begin, end = max(gaps)
    same_month = (begin.year, begin.month) == (end.year, end.month)
    since = "" if begin == end else f"{begin.day}–" if same_month else f"{_day(begin, end.year)}–"
    count = "gap" if len(gaps) == 1 else f"{len(gaps)} gaps, last"
    return f"{count} {since}{_day(end, year if begin.year == end.year else None)}"


def _day(moment: date, year: int | None) -> str:
    return f"{moment.day} {moment:%b}" + ("" if moment.year == year else f" {moment.year}")


def covered(says: Language, coverage: Coverage) -> str:
    """How far the data reaches, in one line."""
    if says.locale == "en":
        return line(coverage)
    parts = []
    for word, newest, gaps in _reach(coverage):
        told = [says.say("coverage", word, until=says.date(newest))] if newest is not None else []
        told += [_newest_gap(says, gaps)] if gaps else []
        parts.append(", ".join(told) or says.say("coverage", f"no_{word}"))
    parts += left_out(says, coverage.left_out)
    return says.say("coverage", "data", parts=" · ".join(parts))


def left_out(says: Language, answer: LeftOut) -> list[str]:
    """`left out: 3 refused rows, 1 looks like a no`, `2 rows later than their import`, `17 prices could not be read`."""
    counts = {
        "refused": answer.quarantined,
        "lost": answer.lost_opt_outs,
        "future": answer.future,
        "late": answer.future_opt_outs,
    }
    said = {
        key: says.say("left_out", says.form("left_out", key, number), n=number)
        for key, number in counts.items()
        if number
    }
    refused, future = (
        ", ".join(said[key] for key in keys if key in said)
        for keys in (("refused", "lost"), ("future", "late"))
    )
    rows = [part for part in (refused, future) if part]
    texts = [says.say("left_out", "left_out", rows=" · ".join(rows))] if rows else []
    if answer.unread:
        fields = [
            says.say("fields", says.form("fields", column, number), n=number)
            for column, number in answer.unread.items()
        ]
        key = says.form("left_out", "unread", sum(answer.unread.values()))
        texts.append(says.say("left_out", key, fields=says.listed(fields)))
    return texts


def repairs(says: Language, lost_opt_outs: int, future_opt_outs: int) -> list[str]:
    """That rows were refused, or are dated later than their import, which may matter most, and what to do."""
    counts = {"repair": lost_opt_outs, "redate": future_opt_outs}
    return [
        says.say("left_out", says.form("left_out", key, number), n=number)
        for key, number in counts.items()
        if number
    ]


def _newest_gap(says: Language, gaps: Sequence[tuple[date, date]]) -> str:
    """The newest gap, and how many there are."""
    begin, end = max(gaps)
    key = "gap" if len(gaps) == 1 else "gaps"
    return says.say("coverage", key, n=len(gaps), begin=says.date(begin), end=says.date(end))


def sentences(says: Language, unanswered: Iterable[Unanswered]) -> list[str]:
    """What is lacking, with the questions that it leaves open and what would help.

    Kinds that are absent are one sentence, and so are those that end early: what came later concerns nearly every check, as
    does what may be missing in a gap, so that the kinds alone are named.
    """
    lacks = by_lack(unanswered)
    texts = [_sentence(says, lack, checks) for lack, checks in lacks if lack.lacks in ("columns", "opt_outs")]
    absent = [(lack, checks) for lack, checks in lacks if lack.lacks == "kinds"]
    ends = {_kinds(says, lack.kinds): lack.until for lack, _ in lacks if lack.lacks == "end"}
    known = [
        says.say("limits", "up_to", kinds=kinds, until=says.date(at)) for kinds, at in ends.items() if at
    ]
    if absent:
        kinds = dict.fromkeys(kind for lack, _ in absent for kind in lack.kinds)
        checks = dict.fromkeys(check for _, checks in absent for check in checks)
        questions = "; ".join(shipped_words.questions(says, checks))
        texts.append(says.say("limits", "kinds", kinds=_kinds(says, kinds), questions=questions))
    texts += [says.say("limits", "end", known=says.listed(known))] if known else []
    missing: dict[tuple[Gap, ...], dict[str, None]] = {}
    for lack, _ in lacks:
        if lack.lacks == "gap":
            missing.setdefault(lack.gaps, {}).update(dict.fromkeys(lack.kinds))
    for gaps, silent in missing.items():
        days = says.listed([_gap(says, gap) for gap in gaps])
        texts.append(says.say("limits", "gap", kinds=_kinds(says, silent), gaps=says.begun(days)))
    return texts


def _kinds(says: Language, kinds: Iterable[str]) -> str:
    return says.either([_kind(says, kind) for kind in kinds])


def _gap(says: Language, gap: Gap) -> str:
    """The days of a gap: `from 3 October 2026 to 5 October 2026`."""
    key = "gap_day" if gap.begin == gap.end else "gap_days"
    begin, end = says.date(gap.begin), says.date(gap.end)
    return says.say("limits", key, day=begin, begin=begin, end=end)


def in_one_line(
    says: Language, unanswered: Sequence[Unanswered], untold: Iterable[str] = (), *, sent: int | None = None
) -> str:
    """Where no check found anything: of how many that may be said, and of which not.

    `untold`: checks that found that they cannot tell; `sent`: how many messages there are, where it is about one customer.
    """
    if without_messages(unanswered):
        return says.say("limits", "no_messages")
    if sent == 0:
        return says.say("limits", "none_to_customer")
    open_checks = list(dict.fromkeys([*untold, *(lack.check for lack in unanswered if lack.leaves_open)]))
    in_part = {lack.check for lack in unanswered} - set(open_checks)
    if not open_checks and not in_part:
        return says.say("limits", "nothing_found")
    text = says.say("limits", "found_nothing", n=len(CHECKS) - len(open_checks), of=len(CHECKS))
    if in_part:
        text += says.say("limits", "in_part", n=len(in_part))
    if open_checks:
        text += says.say(
            "limits", "open", questions=says.first(shipped_words.questions(says, open_checks), _FEW)
        )
    return text


def without_messages(unanswered: Iterable[Unanswered]) -> bool:
    """Whether the data holds no message to anybody, so that a count of none says nothing."""
    return any(lack.lacks == "kinds" and lack.kinds == ("message_sent",) for lack in unanswered)


def untold(says: Language, check_id: str) -> str:
    """That the records do not hold what a check needs."""
    return says.say("sent", "unchecked", questions=shipped_words.question(says, check_id))


def unchecked(says: Language, unanswered: Sequence[Unanswered], sent: Sequence[SentMessage]) -> list[str]:
    """What the data could not answer, and for which time about the messages `sent` (oldest first) it may lack some.

    Nothing that privacy or care answers.
    """
    checks = ((lack, check(lack.check)) for lack in unanswered)
    asked = [lack for lack, of_it in checks if of_it.customers_ask and not of_it.handed_to]
    lacking = [lack for lack in asked if lack.lacks in _LACKS]
    others = any(lack.lacks in _LACKS for lack in unanswered if lack not in asked)
    never = shipped_words.questions(says, (lack.check for lack in lacking if lack.events == lack.of))
    in_part = shipped_words.questions(says, (lack.check for lack in lacking if lack.events != lack.of))
    sentences = [
        says.say("sent", key, questions=says.listed(questions))
        for key, questions in (
            ("unchecked_others" if others else "unchecked", never),
            ("in_part", [question for question in in_part if question not in never]),
        )
        if questions
    ]
    ends = [lack.until for lack in asked if lack.until is not None]
    if ends:
        sentences.append(says.say("sent", "ends", until=says.date(min(ends))))
    gaps = dict.fromkeys((gap.begin, gap.end) for lack in asked for gap in lack.gaps)
    first, last = (message.at.date() for message in (sent[0], sent[-1]))
    for begin, end in sorted(gaps):
        if begin - _NEAR > last or end + _NEAR < first:
            continue
        sentences.append(says.say("sent", "gap", begin=says.date(begin), end=says.date(end)))
    return sentences


def _sentence(says: Language, lack: Unanswered, checks: Sequence[str]) -> str:
    rows = says.texts["rows"]
    key = f"columns_{lack.how}" if lack.lacks == "columns" else lack.lacks
    more = [says.rest(lack.more_campaigns)] if lack.more_campaigns else []
    return says.say(
        "limits",
        key,
        questions="; ".join(shipped_words.questions(says, checks)),
        rows=says.either([rows.get(kind) or _kind(says, kind) for kind in lack.kinds]),
        columns=says.either(shipped_words.columns(says, lack.columns)),
        campaigns=" ".join([", ".join(map(says.quoted, lack.campaigns)), *more]),
        n=lack.events,
        of=lack.of,
    )


def _kind(says: Language, kind: str) -> str:
    return says.texts["kinds"].get(kind) or kind.replace("_", " ")
