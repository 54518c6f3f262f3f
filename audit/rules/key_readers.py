"""How the value of a key of the rules file is read: its type, and what is impossible.

Each reader takes what TOML or JSON gives and returns the value a rule holds. It raises InputError with what is wrong;
the caller adds the rule and the key. A kind of rule with a key of a shape of its own has the reader beside it.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit.errors import InputError
from audit.events.times import duration, parse_iso

HIGHEST = 10**9
"""A number in a rule, at most: more messages than anybody is sent."""


def text(value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise InputError(f"has to be text, is {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError("holds half a character") from error
    return value


def name(value: Any) -> str:
    """A text that is not blank."""
    if not text(value).strip():
        raise InputError("is empty")
    return str(value)


def names(value: Any) -> tuple[str, ...]:
    """A list of names, none of them twice."""
    if not isinstance(value, list | tuple):
        raise InputError(f'has to be a list, such as ["email"], is {value!r}')
    return tuple(dict.fromkeys(name(entry) for entry in value))


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InputError(f"has to be true or false, is {value!r}")
    return value


def number(least: int) -> Callable[[Any], int]:
    """A whole number from `least` up to `HIGHEST`."""

    def reader(value: Any) -> int:
        if isinstance(value, int) and value > HIGHEST:
            raise InputError(f"is more than {HIGHEST:,}; no rule counts that far")
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"has to be a whole number from {least} up, is {value!r}")
        return value

    return reader


class one_of:  # noqa: N801 - a reader, as those beside it
    """One of these words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, value: Any) -> str:
        if value not in self.words:
            raise InputError(f"{value!r} is none of {', '.join(self.words)}")
        return str(value)


class some_of:  # noqa: N801 - a reader, as those beside it
    """A list of at least one of these words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, value: Any) -> tuple[str, ...]:
        chosen = names(value)
        for word in chosen:
            if word not in self.words:
                nearest = get_close_matches(word, self.words, n=1, cutoff=0)[0]
                raise InputError(f"there is no {word!r}; the nearest is {nearest}")
        if not chosen:
            raise InputError(f"is empty; name at least one of {', '.join(self.words)}")
        return chosen


def moment(value: Any) -> datetime:
    """A time with its offset, in UTC."""
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


def span(value: Any) -> str:
    """A duration such as `7d`, as it is written; it may be zero."""
    duration(text(value))
    return str(value).strip()


def positive_span(value: Any) -> str:
    """A duration such as `7d` that is not zero, as it is written."""
    if duration(text(value)) == timedelta(0):
        raise InputError(f"{value!r} is no window: nothing lies in it")
    return str(value).strip()


def window(value: Any) -> str:
    """A duration that is not zero, a calendar month or the time until a re-purchase: which it may be depends on the kind."""
    return text(value) if text(value) in {"repurchase", "1mo"} else positive_span(value)


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises InputError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"{name!r} is no time zone; write customer, UTC or a name such as Europe/Berlin"
        ) from error


def rule_zone(value: Any) -> str:
    """`customer`, or the name of a zone."""
    return str(value) if text(value) == "customer" else zone(value).key


class _CountedPer(some_of):
    """What messages counted together share; the customer always."""

    def __call__(self, value: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("customer", *super().__call__(value))))


def choices(reader: Callable[[Any], Any]) -> tuple[str, ...]:
    """The words that a reader takes; empty where it takes others too."""
    if reader is flag:
        return "true", "false"
    return reader.words if isinstance(reader, one_of | some_of) else ()


Text = Annotated[str, text]
Names = Annotated[tuple[str, ...], names]
Moment = Annotated[datetime | None, moment, "2026-01-01T00:00:00Z"]
Flag = Annotated[bool, flag, "true or false"]
Window = Annotated[str, window, "30m 16h 7d 4w"]
Zone = Annotated[str, rule_zone, "customer, UTC or Europe/Berlin"]
_PER = _CountedPer("customer", "channel", "category", "item", "campaign", "sender")
Per = Annotated[tuple[str, ...], _PER, "counted apart by: channel, category, item, campaign, sender"]
