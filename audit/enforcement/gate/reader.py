"""Reads the gate's stream: one JSON object a line, with the columns of a canonical event.

Only the columns that rules read are taken; direct identifiers and everything else are dropped here. A line is read fast
where it is plain, strictly where there is any doubt. Fast is a decoder made for the columns that are read: it passes over
those that it does not know, and of a key that stands twice takes the last. Both show in the number of quotes: two go with
each key and each text, and there are more only where a text has some of its own.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from hashlib import blake2b
from math import isfinite
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from audit.errors import InputError
from audit.events.purchases import ORDER, TAKEN_BACK
from audit.events.schema import KINDS, MESSAGE_CLASSES
from audit.events.vocabulary import campaign_of
from audit.ingest import strict_json
from audit.privacy import scan
from audit.privacy.clean import clean
from audit.rules.reference.history import Act, Message, known_zone

CANDIDATE = "message_sent"
"""What a line without a kind is: a message that would be sent."""

_NOT_IN_SHAPE = {"event_id", "at", "kind", "campaign", "message_key"}
_COLUMN = {"item": "item_id"}
_SHAPE = (
    "campaign_id", "campaign_name", "subject",
    *dict.fromkeys(_COLUMN.get(name, name) for name in (*Message._fields, *Act._fields) if name not in _NOT_IN_SHAPE),
)  # fmt: skip
"""The columns that rules read, beside which event it is and when; `subject` for the campaign map alone."""

LONGEST = 1024**2
"""Bytes of a line, at most."""

IDENTITY = ("customer_id", "occurred_at", "event_id", "message_id")
"""The columns that say who, when and which. They come first."""

_IDENTITY = len(IDENTITY)
"""So many values come first, those of `IDENTITY`; the rest are the shape."""

Values = tuple[Any, ...]
"""The values of `IDENTITY` and of the other columns that are read, in order; `UNSET` where a line has no such key, lists as tuples."""

_LISTS = ("topics", "causes", "sensitive")
_FLAGS = ("machine",)
_NUMBERS = ("quantity", "price")
_OF_ORDERS = ("item_name", *_NUMBERS)
"""What only an order or its return is asked for."""
_MOST_SHAPES = 20_000
"""Lines mostly repeat each other but for who and when; so many different ones are remembered."""

_NO_TIME = "occurred_at is no ISO 8601 time, such as 2026-11-20T09:00:00Z"

Fill = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Fills what a row leaves open from the campaign map."""


class Shape(NamedTuple):
    """A line without who, which and when: the fields of a message or an act between its time and its key, and
    the same as a piece of JSON. `quotes`: how many of a plain line's quotes that takes.
    """

    fields: tuple[Any, ...]
    is_candidate: bool
    time_zone: str | None
    text: bytes
    quotes: int

    def event(self, event_id: str, at: datetime, key: str) -> Message | Act:
        """The candidate, or the event of another kind."""
        if self.is_candidate:
            return tuple.__new__(Message, (event_id, at, *self.fields, key))
        return tuple.__new__(Act, (event_id, at, *self.fields, key))


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line that can be used. `customer` is the source's id; `key` makes candidates the same message."""

    customer: str
    key: str
    shape: Shape
    event: Message | Act


class Reader:
    """Reads lines. `secret` makes the ids of events that have none; `fill` knows the campaign map."""

    def __init__(self, secret: bytes, fill: Fill | None = None) -> None:
        self._digest = blake2b(key=secret, digest_size=12)
        self._fill = fill
        self._columns = ("kind", *(name for name in _SHAPE if fill is not None or name != "subject"))
        types: dict[str, Any] = dict.fromkeys(_LISTS, tuple[str, ...]) | dict.fromkeys(_FLAGS, bool)
        types |= dict.fromkeys(_NUMBERS, float)
        optional = [
            (name, types.get(name, str) | None | UnsetType, UNSET) for name in (*IDENTITY[2:], *self._columns)
        ]
        row = msgspec.defstruct("Row", [(IDENTITY[0], str), (IDENTITY[1], str), *optional], gc=False)
        self._decode = msgspec.json.Decoder(row).decode
        self._shapes: dict[Values, Shape] = {}

    def read(self, line: bytes) -> Line:
        """One line. Raises InputError with what is wrong, naming the column and no value."""
        values = self._glance(line)
        shape = None if values is None else self._shapes.get(values[_IDENTITY:])
        if values is None or not (_has_only(line, values, shape) or _is_plain(line)):
            values, shape = self._values(parsed(line)), None
        customer = _text("customer_id", values[0])
        if customer is None or not customer.strip():
            raise InputError("customer_id is absent")
        event_id = _text("event_id", values[2])
        if event_id is None:
            event_id = self._id_of(line)
        key = _text("message_id", values[3]) or f"event:{event_id}"
        at = _moment(values[1])
        shape = shape or self._shape(values[_IDENTITY:])
        return Line(customer, key, shape, shape.event(event_id, at, key))

    def shape(self, row: Mapping[str, Any]) -> Shape:
        """The shape of a row. Raises InputError."""
        return self._shape(self._values(row)[_IDENTITY:])

    def _glance(self, line: bytes) -> Values | None:
        """The values of a plain line; they hold if it has just as many quotes as they take. Else None."""
        if len(line) > LONGEST:
            return None
        try:
            return msgspec.structs.astuple(self._decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _values(self, row: Mapping[str, Any]) -> Values:
        """The values of a line that is parsed already, whatever their types."""
        return tuple([_comparable(name, row.get(name, UNSET)) for name in (*IDENTITY, *self._columns)])

    def _id_of(self, line: bytes) -> str:
        digest = self._digest.copy()
        digest.update(line.strip())
        return "g" + digest.hexdigest()

    def _shape(self, values: Values) -> Shape:
        try:
            shape = self._shapes.get(values)
        except TypeError:  # an object where a text should be
            return self._new_shape(values)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[values] = self._new_shape(values)
        return shape

    def _new_shape(self, values: Values) -> Shape:
        row = dict(zip(self._columns, values, strict=True))
        kind = _text("kind", row["kind"]) or CANDIDATE
        _refuse_unknown("kind", kind, KINDS)
        columns: dict[str, Any] = {name: _value(name, row.get(name, UNSET)) for name in _SHAPE}
        if columns["message_class"] is not None:
            _refuse_unknown("message_class", columns["message_class"], MESSAGE_CLASSES)
        if columns["time_zone"] is not None and known_zone(columns["time_zone"]) is None:
            raise InputError("time_zone is no IANA time zone")
        if kind not in (ORDER, *TAKEN_BACK):
            columns |= dict.fromkeys(_OF_ORDERS)
        for name in ("campaign_name", "item_name"):
            if columns[name] is not None:
                columns[name] = scan.scrubbed(columns[name])
        filled: dict[str, Any] = dict(
            columns if self._fill is None else self._fill({"kind": kind, **columns})
        )
        filled["campaign"] = campaign_of(filled["campaign_id"], filled["campaign_name"])
        filled["kind"] = kind
        recorded = {
            name: value
            for name in ("kind", *_SHAPE)
            if name != "subject" and (value := columns.get(name, kind)) is not None
        }
        fields = Message._fields if kind == CANDIDATE else Act._fields
        return Shape(
            tuple(filled[_COLUMN.get(name, name)] for name in fields[2:-1]),
            kind == CANDIDATE,
            filled["time_zone"],
            f",{json.dumps(recorded, separators=(',', ':'))[1:-1]}".encode("ascii"),
            _quotes(values),
        )


_QUOTES = {UnsetType: 0, type(None): 2, str: 4}


def _has_only(line: bytes, values: Values, shape: Shape | None) -> bool:
    """Whether a plain line holds nothing but these values, each once; `shape` is theirs, if it was met before."""
    quotes = _quotes(values[_IDENTITY:]) if shape is None else shape.quotes
    return line.count(b'"') == quotes + 8 + _QUOTES[type(values[2])] + _QUOTES[type(values[3])]


def _quotes(values: Values) -> int:
    """How many quotes a plain line has that holds these values and no others, each once."""
    keys = sum(value is not UNSET for value in values)
    return 2 * (keys + _count_texts(values))


_FLAT = msgspec.json.Decoder(dict[str, str | bool | float | tuple[str, ...] | None])


def _is_plain(line: bytes) -> bool:
    """Whether a line that was glanced at is sure to hold each key once, whatever its keys are."""
    try:
        row = _FLAT.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return line.count(b'"') == 2 * (len(row) + _count_texts(row.values()))


def _count_texts(values: Iterable[Any]) -> int:
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


def _text(name: str, value: Any) -> str | None:
    if type(value) is str and value.isascii() and value.isprintable():
        return value or None
    if value is UNSET or value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(f"{name} is no text")
    return clean(str(value))


def _comparable(name: str, value: Any) -> Any:
    """A value that equals another only if it means the same."""
    if name in _NUMBERS and isinstance(value, strict_json.Number | bool):
        return str(value) if isinstance(value, bool) else float(value)
    return tuple(value) if type(value) is list else value


def _value(name: str, value: Any) -> Any:
    if name in _LISTS:
        return _texts(name, value)
    if name in _FLAGS:
        if value not in (UNSET, None, True, False):
            raise InputError(f"{name} is no true or false")
        return None if value is UNSET else value
    if name in _NUMBERS:
        return _number(name, value)
    return _text(name, value)


def _number(name: str, value: Any) -> float | None:
    if value is UNSET or value is None or value == "":
        return None
    if isinstance(value, float) and isfinite(value):
        return value
    raise InputError(f"{name} is no number")


def _texts(name: str, value: Any) -> Sequence[str] | None:
    if value is None or value is UNSET:
        return None
    if not isinstance(value, tuple) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{name} is no list of texts")
    return tuple(clean(text) for text in value)


def _refuse_unknown(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        near = get_close_matches(value, allowed, 1)
        raise InputError(f"{name} is none of those we know" + (f"; did you mean {near[0]}?" if near else ""))


def _moment(value: Any) -> datetime:
    if value is None or value is UNSET or value == "":
        raise InputError("occurred_at is absent")
    if not isinstance(value, str) or isinstance(value, strict_json.Number):
        raise InputError(_NO_TIME)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(_NO_TIME) from error
