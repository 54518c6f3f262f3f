"""A line of JSON to the values of its columns: fast where it is plain, strictly where there is any doubt.

Fast is a decoder made for the columns that are read. It passes over those that it does not know, and of a key that
stands twice takes the last. Both show in the number of quotes: two go with each key and each text, and there are more
only where a text has some of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from audit.errors import InputError
from audit.ingest import strict_json

LONGEST = 1024**2
"""Bytes of a line, at most."""

IDENTITY = ("customer_id", "occurred_at", "event_id", "message_id")
"""The columns that say who, when and which. They come first."""

Values = tuple[Any, ...]
"""The values of `IDENTITY` and of the other columns that are read, in order; `UNSET` where a line has no such key, lists as tuples."""


class Parser:
    """Parses lines to the values of `IDENTITY` and of `columns`, of which `lists` are lists and `flags` true or false."""

    def __init__(self, columns: Sequence[str], *, lists: Sequence[str], flags: Sequence[str]) -> None:
        types: dict[str, Any] = dict.fromkeys(lists, tuple[str, ...]) | dict.fromkeys(flags, bool)
        optional = [
            (name, types.get(name, str) | None | UnsetType, UNSET) for name in (*IDENTITY[2:], *columns)
        ]
        row = msgspec.defstruct("Row", [(IDENTITY[0], str), (IDENTITY[1], str), *optional], gc=False)
        self._names = (*IDENTITY, *columns)
        self._decode = msgspec.json.Decoder(row).decode

    def glance(self, line: bytes) -> Values | None:
        """The values of a plain line; they hold if it has just as many quotes as they take. Else None."""
        if len(line) > LONGEST:
            return None
        try:
            return msgspec.structs.astuple(self._decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def strictly(self, line: bytes) -> Values:
        """The values of any line, whatever their types. Raises InputError."""
        return self.values(parsed(line))

    def values(self, row: Mapping[str, Any]) -> Values:
        """The values of a line that is parsed already."""
        values = [row.get(name, UNSET) for name in self._names]
        return tuple([tuple(value) if type(value) is list else value for value in values])


_QUOTES = {UnsetType: 0, type(None): 2, str: 4}


def quotes_of_identity(values: Values) -> int:
    """`quotes` of the values of `IDENTITY`, the first two of which are texts, as a glance finds them."""
    return 8 + _QUOTES[type(values[2])] + _QUOTES[type(values[3])]


def quotes(values: Values) -> int:
    """How many quotes a plain line has that holds these values and no others, each once."""
    keys = sum(value is not UNSET for value in values)
    return 2 * (keys + _texts(values))


_FLAT = msgspec.json.Decoder(dict[str, str | bool | tuple[str, ...] | None])


def is_plain(line: bytes) -> bool:
    """Whether a line that was glanced at is sure to hold each key once, whatever its keys are."""
    try:
        row = _FLAT.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return line.count(b'"') == 2 * (len(row) + _texts(row.values()))


def _texts(values: Iterable[Any]) -> int:
    texts = 0
    for value in values:
        if isinstance(value, str):
            texts += 1
        elif type(value) is tuple:
            texts += len(value)
    return texts


def parsed(line: bytes) -> Mapping[str, Any]:
    """What a line holds. Raises InputError if it is no object, or a key stands twice."""
    if len(line) > LONGEST:
        raise InputError(f"a line of more than {LONGEST >> 20} MiB")
    try:
        row = strict_json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8") from error
    except ValueError as error:
        raise InputError(str(error)) from error
    if not isinstance(row, dict):
        raise InputError("no object")
    return row
