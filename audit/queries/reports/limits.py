"""What the data cannot answer, in the words of one language: what a check lacks, which questions that leaves open, what helps."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from audit.findings import CHECKS, Unanswered, by_lack
from audit.findings.catalogue import row
from audit.queries.reports import shipped_words
from audit.queries.reports.language import Language

if TYPE_CHECKING:
    from audit.population.coverage import Gap

_FEW = 3
"""House value: so many questions are named in one line; how many there are besides is said."""


def sentences(says: Language, unanswered: Iterable[Unanswered]) -> list[str]:
    """What is lacking, with the questions that it leaves open and what would help.

    Kinds that are absent are one sentence, and so are those that end early: what came later concerns nearly every check, as
    does what may be missing in a gap, so that the kinds alone are named.
    """
    lacks = by_lack(unanswered)
    texts = [_sentence(says, lack, checks) for lack, checks in lacks if lack.lacks in ("columns", "opt_outs")]
    absent = _absent(says, [(lack, checks) for lack, checks in lacks if lack.lacks == "kinds"])
    ends = {_kinds(says, lack): lack.until for lack, _ in lacks if lack.lacks == "end"}
    known = [
        says.say("limits", "up_to", kinds=kinds, until=says.date(at)) for kinds, at in ends.items() if at
    ]
    texts += [says.say("limits", "kinds", absent="; ".join(absent))] if absent else []
    texts += [says.say("limits", "end", known=says.listed(known))] if known else []
    missing: dict[tuple[Gap, ...], dict[str, None]] = {}
    for lack, _ in lacks:
        if lack.lacks == "gap":
            missing.setdefault(lack.gaps, {}).update(dict.fromkeys(lack.kinds))
    for gaps, kinds in missing.items():
        days = says.listed([_gap(says, gap) for gap in gaps])
        named = says.either([_kind(says, kind) for kind in kinds])
        texts.append(says.say("limits", "gap", kinds=named, gaps=says.begun(days)))
    return texts


def _absent(says: Language, lacks: Iterable[tuple[Unanswered, Sequence[str]]]) -> list[str]:
    """Kinds that are absent, with the questions that they leave open; a question that several leave open is told once."""
    told: set[str] = set()
    texts = []
    for lack, checks in lacks:
        key = "absent" if not told.issuperset(checks) else "absent_too"
        open_ones = _questions(says, [check for check in checks if check not in told])
        texts.append(says.say("limits", key, kinds=_kinds(says, lack), questions="; ".join(open_ones)))
        told.update(checks)
    return texts


def _kinds(says: Language, lack: Unanswered) -> str:
    return says.either([_kind(says, kind) for kind in lack.kinds])


def _gap(says: Language, gap: "Gap") -> str:
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
    open_checks = list(dict.fromkeys([*untold, *(lack.check for lack in unanswered if _leaves_open(lack))]))
    in_part = {lack.check for lack in unanswered} - set(open_checks)
    if not open_checks and not in_part:
        return says.say("limits", "nothing_found")
    text = says.say("limits", "found_nothing", n=len(CHECKS) - len(open_checks), of=len(CHECKS))
    if open_checks:
        named = ", ".join(_questions(says, open_checks[:_FEW]))
        more = f" {says.rest(len(open_checks) - _FEW)}" if len(open_checks) > _FEW else ""
        text += says.say("limits", "open", questions=f"{named}{more}")
    if in_part:
        text += says.say("limits", "in_part", n=len(in_part))
    return text


def without_messages(unanswered: Iterable[Unanswered]) -> bool:
    """Whether the data holds no message to anybody, so that a count of none says nothing."""
    return any(lack.lacks == "kinds" and lack.kinds == ("message_sent",) for lack in unanswered)


def _leaves_open(lack: Unanswered) -> bool:
    """Whether the check cannot answer at all; else it can for some of the events, or for some of the time."""
    return lack.lacks in ("kinds", "opt_outs") or lack.nowhere


def _sentence(says: Language, lack: Unanswered, checks: Sequence[str]) -> str:
    rows = says.texts["rows"]
    key = f"columns_{lack.how}" if lack.lacks == "columns" else lack.lacks
    return says.say(
        "limits",
        key,
        questions="; ".join(_questions(says, checks)),
        rows=says.either([rows.get(kind) or _kind(says, kind) for kind in lack.kinds]),
        columns=says.either(shipped_words.columns(says, lack.columns)),
        campaigns=" ".join([", ".join(map(says.quoted, lack.campaigns)), *_more(says, lack)]),
        n=lack.events,
        of=lack.of,
    )


def _more(says: Language, lack: Unanswered) -> list[str]:
    return [says.rest(lack.more_campaigns)] if lack.more_campaigns else []


def _kind(says: Language, kind: str) -> str:
    return says.texts["kinds"].get(kind) or kind.replace("_", " ")


def _questions(says: Language, checks: Iterable[str]) -> list[str]:
    """What the checks ask."""
    questions = (row(check).question for check in checks)
    return [question.in_language(says.locale) for question in questions if question is not None]
