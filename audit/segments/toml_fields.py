"""The fields of a definition as people write them: each read, or refused by file, segment and key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from audit.errors import InputError
from audit.events.schema import KINDS
from audit.events.times import duration

Row = Mapping[str, Any]

_CENTURY = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file something stands, for the sentence of an error."""

    file: str
    segment: str

    def error(self, key: str, problem: str) -> InputError:
        """The error that `key` of this segment has `problem`."""
        return InputError(f"{self.file}: segment {self.segment}: {key}: {problem}")


def refuse_unknown(place: Place, row: Row, allowed: Iterable[str]) -> None:
    """Refuse a key that is none of `allowed`, naming the nearest."""
    for key in row:
        if key not in set(allowed):
            raise place.error(key, unknown(key, allowed))


def unknown(value: str, allowed: Iterable[str]) -> str:
    """What is said of a value that is none of `allowed`."""
    near = get_close_matches(value, list(allowed), n=1, cutoff=0.5)
    return (
        f"unknown {value!r}; did you mean {near[0]}?"
        if near
        else f"unknown {value!r}; one of {', '.join(allowed)}"
    )


def text(place: Place, row: Row, key: str) -> str:
    """A text with something in it."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise place.error(key, "must be a text")
    return value


def flag(place: Place, row: Row, key: str) -> bool:
    """True or false; false where it is not written."""
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise place.error(key, "must be true or false")
    return value


def texts(place: Place, row: Row, key: str, allowed: Iterable[str] | None = None) -> tuple[str, ...]:
    """A list of texts, each of `allowed` where that is given; empty only where it is not written."""
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise place.error(key, "must be a list of texts")
    if key in row and not value:
        raise place.error(key, "must not be empty")
    for one in value if allowed is not None else ():
        if one not in set(allowed or ()):
            raise place.error(key, unknown(one, allowed or ()))
    return tuple(value)


def kinds(place: Place, row: Row, key: str) -> tuple[str, ...]:
    """A list of kinds of events."""
    return texts(place, row, key, KINDS)


def number(place: Place, row: Row, key: str, default: float) -> float:
    """A number above 0."""
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        if key in row:
            raise place.error(key, "must be a number above 0")
        return default
    return value


def numbers(place: Place, row: Row, key: str) -> tuple[float, ...]:
    """A rising list of numbers above 0; empty only where it is not written."""
    value = row.get(key, [])
    right = isinstance(value, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and 0 < one < 1e12 for one in value
    )
    if not right or (key in row and not value) or list(value) != sorted(set(value)):
        raise place.error(key, "must be a list of numbers above 0, each above the one before")
    return tuple(value)


def share(place: Place, row: Row) -> float:
    """`share`: above 0 and not above 1; 0 where it is not written."""
    if "share" not in row:
        return 0.0
    value = number(place, row, "share", 1.0)
    if value > 1:
        raise place.error("share", "must lie above 0 and not above 1")
    return value


def one_of(place: Place, row: Row, key: str, allowed: tuple[str, ...], default: Any) -> Any:
    """One of `allowed`."""
    value = row.get(key, default)
    if key in row and value not in allowed:
        raise place.error(key, unknown(str(value), allowed))
    return value


def window(place: Place, row: Row, key: str) -> timedelta:
    """A duration longer than nothing."""
    try:
        length = duration(row[key])
    except InputError as error:
        raise place.error(key, str(error)) from error
    if not length:
        raise place.error(key, "must be longer than nothing")
    if length > _CENTURY:
        raise place.error(key, "is longer than a century; leave it away where everything counts")
    return length
