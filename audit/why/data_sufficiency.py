"""When may we say that nothing explains a decision? Only where the data would hold what does."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from audit.population.coverage import Coverage, explaining
from audit.why.wording import day, kinds_in_words

EXPLAINS_NOTHING = "nothing in this data explains it"


def unaccounted(coverage: Coverage, kinds: Sequence[str], since: datetime, to: datetime) -> tuple[bool, str]:
    """Whether `coverage` holds `kinds` from `since` to `to` (UTC), and the sentence that may then be said.

    Inside that cover: nothing in this data explains it. Outside: what the data lacks.
    """
    lacking = [kind for kind in kinds if kind not in coverage.kinds]
    if lacking:
        return False, f"this data cannot tell: it holds no {kinds_in_words(lacking)}"
    begins = max((coverage.kinds[kind].first for kind in kinds), default=since)
    if begins > since:
        return False, f"this data cannot tell: the data begins in {begins:%Y-%m} ({day(begins)})"
    unknown = unknown_in_words(coverage, kinds, since, to)
    return (True, EXPLAINS_NOTHING) if unknown is None else (False, f"this data cannot tell: {unknown}")


def unknown_in_words(coverage: Coverage, kinds: Sequence[str], since: datetime, to: datetime) -> str | None:
    """From when on between `since` and `to` (UTC) some of `kinds` are not known, and why; None where all are."""
    through = coverage.known_through(kinds, since, to)
    if through >= to:
        return None
    for start, end in coverage.gaps_of(kinds):
        if start <= through.date() <= end:
            return f"the data has a gap from {start} to {end}"
    ended = [kind for kind in kinds if coverage.ends.get(kind, to) <= through]
    if not ended:
        return f"it holds no {kinds_in_words(kind for kind in kinds if kind not in coverage.kinds)}"
    return f"its {kinds_in_words(ended)} end on {day(max(coverage.ends[kind] for kind in ended))}"


def of_a_message(coverage: Coverage, at: datetime) -> tuple[bool, str]:
    """`unaccounted` for a message sent `at` (UTC), with the kinds and the time in which something would explain it."""
    needed, window = explaining()
    return unaccounted(coverage, needed, at - window, at)


def kinds() -> tuple[str, ...]:
    """The kinds of acts of which one would be behind a message."""
    return explaining()[0]


def unmapped(*, set_apart: bool) -> str:
    """What is said of a message of which nothing says what it is about. `set_apart`: something is known of who else got it."""
    if set_apart:
        return "this data cannot tell: what sets those who got it apart is not among the customer's own acts before it"
    return "this data cannot tell: nothing says what it is about; the campaign map can"


def since_when(coverage: Coverage, acts: Iterable[str]) -> str:
    """Why the day of joining a list is not known."""
    begins = [coverage.kinds[kind].first for kind in acts if kind in coverage.kinds]
    if not begins:
        return "since when is not in this data"
    return f"since when is not in this data: the data begins in {min(begins):%Y-%m} ({day(min(begins))})"
