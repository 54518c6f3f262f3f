"""The words and signs that every screen shares."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.queries.customer import AnyMembership

SEVERITIES = {"high": "▲ high", "medium": "■ med", "low": "● low", "info": "· info", "": "  none"}
"""Severity → sign and word: neither needs the colour beside it."""

TONES = {"▲": "high", "■": "medium", "●": "low"}
"""Sign → name of the style."""

STANDINGS = {
    "stated": "the sender recorded why",
    "derived": "our definition gives it",
    "inferred": "could be; all candidates are listed",
    "broadcast": "sent to everybody on a list",
    "unexplained": "nothing in this data explains it",
    "cannot_tell": "this data does not cover what would explain it",
}
"""The six standings and how we say them."""


def of_one_address(others: Sequence[str]) -> str:
    """That the vault knows `others` by the same address."""
    return f"{len(others) + 1} ids of one address, also {', '.join(others)}: counts and caps are of this one alone"


def standing_name(standing: str) -> str:
    """A standing as one reads it."""
    return standing.replace("_", " ")


KNOWN = {
    (True, True): "logged and by our definition",
    (True, False): "logged only",
    (False, True): "our definition only",
    (False, False): "",
}
"""(logged, derived) → where a segment or recommendation is known from."""


SIDES = {"logged_only": "logged only", "derived_only": "ours only"}
"""Which side has what the other has not."""


def moment(value: str | datetime | None) -> str:
    """A time as the screens write it: `2026-11-03 09:12` (UTC)."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value[:16].replace("T", " ")


def day(value: str | datetime | None) -> str:
    """The day of a time."""
    return moment(value)[:10]


def no_day(segment: AnyMembership) -> str:
    """What stands where a segment has no day on which it ends: the kind of act that ends it, if one does."""
    named = {"logged": "no end recorded", "profile": "ends with newer data"}.get(segment.until_why)
    if named is not None:
        return named
    kinds = segment.ends_with
    return f"ends with {kinds[0]}".replace("_", " ") if kinds else "nothing ends it"


def severity(value: str | None) -> str:
    """Sign and word of a severity."""
    return SEVERITIES.get(value or "", value or "")
