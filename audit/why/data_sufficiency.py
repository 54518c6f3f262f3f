"""When may we say that nothing explains a decision? Only where the data would hold what does."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache

import polars as pl

from audit.events.times import duration
from audit.population.coverage import Coverage
from audit.storage import toml_input
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
    for start, end in coverage.gaps_of(kinds):
        if start <= to.date() and end >= since.date():
            return False, f"this data cannot tell: the data has a gap from {start} to {end}"
    return True, EXPLAINS_NOTHING


def of_a_message(coverage: Coverage, at: datetime) -> tuple[bool, str]:
    """`unaccounted` for a message sent `at` (UTC), with the kinds and the time of `cover.toml`."""
    needed, window = _needed()
    return unaccounted(coverage, needed, at - window, at)


def covered(coverage: Coverage) -> pl.Expr:
    """Whether `of_a_message` is covered at the row's `occurred_at`, for many rows at once."""
    needed, window = _needed()
    if not coverage.holds(*needed):
        return pl.lit(value=False)
    begins = max(coverage.kinds[kind].first for kind in needed)
    at = pl.col("occurred_at")
    gaps = [
        (at.dt.date() >= start) & ((at - window).dt.date() <= end) for start, end in coverage.gaps_of(needed)
    ]
    return (at - window >= begins) & ~pl.any_horizontal(pl.lit(value=False), *gaps)


def kinds() -> tuple[str, ...]:
    """The kinds of acts of which one would be behind a message."""
    return _needed()[0]


def unmapped(campaign: str | None) -> str:
    """What is said of a message of which nothing says what it is about."""
    subject = f"campaign {campaign}" if campaign else "its campaign"
    return f"this data cannot tell: nothing says what {subject} is about; the campaign map can"


def since_when(coverage: Coverage, acts: Iterable[str]) -> str:
    """Why the day of joining a list is not known."""
    begins = [coverage.kinds[kind].first for kind in acts if kind in coverage.kinds]
    if not begins:
        return "since when is not in this data"
    return f"since when is not in this data: the data begins in {min(begins):%Y-%m} ({day(min(begins))})"


@cache
def _needed() -> tuple[tuple[str, ...], timedelta]:
    fields = toml_input.shipped("audit.why", "cover.toml")
    return tuple(fields["kinds"]), duration(fields["window"])
