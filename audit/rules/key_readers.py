"""How the value of each key of the rules file is read: its type, and what is impossible.

Each reader takes what TOML or JSON gives and returns the value a `Rule` holds. It raises InputError with what
is wrong; the caller adds the rule and the key.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit.errors import InputError
from audit.events.schema import KINDS, MESSAGE_CLASSES
from audit.events.times import duration, parse_iso

_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@lru_cache(maxsize=1024)
def quiet_hours(text: str) -> tuple[time, time]:
    """Start and end of `21:00-08:00`, as local times."""
    match = _QUIET.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} are no hours; write 21:00-08:00")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise InputError(f"{text!r} starts when it ends; a rule that always holds is a mute")
    return start, end


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises InputError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"{name!r} is no time zone; write customer, UTC or a name such as Europe/Berlin"
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"has to be text, is {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError("holds half a character") from error
    return value


def _name(value: Any) -> str:
    if not _text(value).strip():
        raise InputError("is empty")
    return str(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f'has to be a list, such as ["email"], is {value!r}')
    return tuple(dict.fromkeys(_name(one) for one in value))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"has to be true or false, is {value!r}")
    return value


_MOST = 10**9
"""A number in a rule, at most: more messages than anybody is sent."""


def _number(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, int) and value > _MOST:
            raise InputError(f"is more than {_MOST:,}; no rule counts that far")
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"has to be a whole number from {least} up, is {value!r}")
        return value

    return read


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise InputError(f"{value!r} is none of {', '.join(words)}")
        return str(value)

    return read


def _some_of(*words: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        found = _names(value)
        for one in found:
            if one not in words:
                nearest = get_close_matches(one, words, n=1, cutoff=0)[0]
                raise InputError(f"there is no {one!r}; the nearest is {nearest}")
        if not found:
            raise InputError(f"is empty; name at least one of {', '.join(words)}")
        return found

    return read


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        return parse_iso(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        raise InputError(f"{value} is a day; write a time with its offset, such as {value}T00:00:00Z")
    if not isinstance(value, datetime):
        raise InputError(f"has to be a time, such as 2026-01-01T00:00:00Z, is {value!r}")
    if value.tzinfo is None:
        raise InputError(f"{value.isoformat()} has no offset; write {value.isoformat()}Z for UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InputError(f"{value.isoformat()} is outside of what a calendar holds") from error


def _window(value: Any) -> str:
    text = _text(value)
    return text if text in {"repurchase", "1mo"} else _positive(text)


def _positive(value: Any) -> str:
    if duration(_text(value)) == timedelta(0):
        raise InputError(f"{value!r} is no window: nothing lies in it")
    return str(value).strip()


def _duration(value: Any) -> str:
    duration(_text(value))
    return str(value).strip()


def _event_ids(value: Any) -> tuple[str, ...]:
    named = _names(value)
    if not named:
        raise InputError("is empty; name at least one event_id")
    return named


def _quiet(value: Any) -> str:
    quiet_hours(_text(value))
    return str(value)


def _zone(value: Any) -> str:
    return str(value) if _text(value) == "customer" else zone(value).key


def _after(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if isinstance(listed, list | tuple) and "message_sent" in listed:
        raise InputError("message_sent cannot start a cooldown; a min_gap keeps messages apart")
    return _some_of(*KINDS)(listed)


def _per(value: Any) -> tuple[str, ...]:
    named = _some_of("customer", "channel", "category", "item", "campaign", "sender")(value)
    return tuple(dict.fromkeys(("customer", *named)))


_SCOPES = ("channels", "campaigns", "categories", "topics", "items", "customers", "senders")

READERS: dict[str, Callable[[Any], Any]] = {
    "id": _name,
    "kind": _name,
    "title": _text,
    **dict.fromkeys(_SCOPES, _names),
    **{f"except_{scope}": _names for scope in _SCOPES},
    "message_classes": _some_of(*MESSAGE_CLASSES),
    "valid_from": _moment,
    "valid_until": _moment,
    "enabled": _flag,
    "declared": _flag,
    "on_fail": _one_of("drop", "defer"),
    "note": _text,
    "limit": _number(0),
    "window": _window,
    "window_kind": _one_of("rolling", "calendar"),
    "time_zone": _zone,
    "week_start": _one_of("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "per": _per,
    "exempt_counts": _flag,
    "after": _after,
    "same": _one_of("nothing", "item", "category", "campaign"),
    "depth": _number(1),
    "fallback": _positive,
    "quiet": _quiet,
    "unengaged": _number(1),
    "engagement": _one_of("click", "open"),
    "grace": _duration,
    "events": _event_ids,
}
"""Key → how its value is read."""
