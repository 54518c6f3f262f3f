"""Durations as the rule files write them, and moments as everything we print writes them."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from audit.errors import InputError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6})([mhdw])")


def duration(text: str) -> timedelta:
    """Read `30m`, `16h`, `7d` or `4w`. Raises InputError on anything else."""
    if not isinstance(text, str):
        raise InputError(f"{text!r} is no duration; write 30m, 16h, 7d or 4w")
    return _duration(text)


@lru_cache(maxsize=1024)
def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no duration; write 30m, 16h, 7d or 4w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with `Z`, microseconds only where there are some."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """A moment in ISO 8601; without an offset it is UTC. Raises InputError."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text!r} is no ISO 8601 time; write one such as 2026-11-20T09:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
