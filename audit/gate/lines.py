"""Lines of the gate's stream: one JSON object a line, with the columns of a canonical event.

Only what rules read is taken; direct identifiers and everything else of a line are dropped where it is read.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from audit.errors import InputError
from audit.events import KINDS, MESSAGE_CLASSES
from audit.ingest import strict_json
from audit.privacy import scan
from audit.privacy.clean import clean
from audit.rules.answer import compact
from audit.rules.history import Act, Message
from audit.rules.zones import known_zone

LONGEST = 1024**2
"""Bytes of a line, at most."""

CANDIDATE = "message_sent"
"""What a line without a kind is: a message that would be sent."""

_OWN = {"event_id", "at", "kind", "campaign", "message_key"}
_COLUMN = {"item": "item_id"}
_SHAPE = (
    "campaign_id", "campaign_name", "subject",
    *dict.fromkeys(_COLUMN.get(name, name) for name in (*Message._fields, *Act._fields) if name not in _OWN),
)  # fmt: skip
"""The columns that rules read, beside which event it is and when; `subject` for the campaign map alone."""

_LISTS = ("topics", "causes", "sensitive")
_FLAGS = ("machine",)
_MOST_SHAPES = 20_000
"""Lines mostly repeat each other but for who and when; so many different ones are remembered."""

_NO_TIME = "occurred_at is no ISO 8601 time, such as 2026-11-20T09:00:00Z"

Fill = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Fills what a row leaves open from the campaign map."""


class Shape(NamedTuple):
    """What a line says beside who, which and when: a message or an act to copy, and the same as a piece of JSON."""

    kind: str
    message: Message
    act: Act
    time_zone: str | None
    text: str


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line that can be used. `customer` is the source's id; `key` makes candidates the same message."""

    customer: str
    at: datetime
    event_id: str
    key: str
    shape: Shape

    @property
    def is_candidate(self) -> bool:
        """Whether it asks for a decision."""
        return self.shape.kind == CANDIDATE

    @property
    def message(self) -> Message:
        """The candidate."""
        return tuple.__new__(Message, (self.event_id, self.at, *self.shape.message[2:-1], self.key))

    @property
    def act(self) -> Act:
        """The event of another kind."""
        return Act(self.event_id, self.at, *self.shape.act[2:-1], self.key)


class Reader:
    """Reads lines. `secret` makes the ids of events that have none; `fill` knows the campaign map."""

    def __init__(self, secret: bytes, fill: Fill | None = None) -> None:
        self._secret = secret
        self._fill = fill
        columns = ("kind", *(name for name in _SHAPE if fill is not None or name != "subject"))
        self._blank = dict.fromkeys(columns)
        self._columns = itemgetter(*columns)
        self._shapes: dict[tuple[Any, ...], Shape] = {}

    def read(self, line: bytes) -> Line:
        """One line. Raises InputError with what is wrong, naming the column and no value."""
        row = _object(line)
        customer = _text(row, "customer_id")
        if customer is None or not customer.strip():
            raise InputError("customer_id is absent")
        event_id = _text(row, "event_id")
        if event_id is None:
            event_id = "g" + blake2b(line.strip(), key=self._secret, digest_size=12).hexdigest()
        message_id = _text(row, "message_id")
        at = _moment(row.get("occurred_at"))
        return Line(customer, at, event_id, message_id or f"event:{event_id}", self.shape(row))

    def shape(self, row: Mapping[str, Any]) -> Shape:
        """What a row says beside who, which and when. Raises InputError."""
        asked = self._columns({**self._blank, **row})
        try:
            known = self._shapes.get(asked)
        except TypeError:  # a list in it
            asked = tuple(map(json.dumps, asked))
            known = self._shapes.get(asked)
        if known is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            known = self._shapes[asked] = self._made(row)
        return known

    def _made(self, row: Mapping[str, Any]) -> Shape:
        kind = _text(row, "kind") or CANDIDATE
        _known("kind", kind, KINDS)
        read: dict[str, Any] = {name: _value(row, name) for name in _SHAPE}
        if read["message_class"] is not None:
            _known("message_class", read["message_class"], MESSAGE_CLASSES)
        if read["time_zone"] is not None and known_zone(read["time_zone"]) is None:
            raise InputError("time_zone is no IANA time zone")
        if read["campaign_name"] is not None:
            read["campaign_name"] = scan.scrubbed(read["campaign_name"])
        filled: dict[str, Any] = dict(read if self._fill is None else self._fill({"kind": kind, **read}))
        filled["campaign"] = filled["campaign_id"] or filled["campaign_name"]
        filled["kind"] = kind
        kept = {
            name: value
            for name in ("kind", *_SHAPE)
            if name != "subject" and (value := read.get(name, kind)) is not None
        }
        return Shape(
            kind,
            Message._make(filled.get(_COLUMN.get(name, name)) for name in Message._fields),
            Act._make(filled.get(_COLUMN.get(name, name)) for name in Act._fields),
            filled["time_zone"],
            json.dumps(kept, separators=(",", ":"))[1:-1],
        )


class _Stored(msgspec.Struct, gc=False):
    """Which event of whom it is, as the record names them."""

    customer_id: str
    occurred_at: datetime
    event_id: str
    key: str


def stored(line: Line, customer: str, answer: str | None = None) -> str:
    """What the record holds of a line: the pseudonym, which and when, what rules read, and the answer if it had one."""
    which = compact(_Stored(customer, line.at, line.event_id, line.key))[:-1]
    end = "}\n" if answer is None else f',"answer":{answer}}}\n'
    return f"{which},{line.shape.text}{end}"


_PLAIN = msgspec.json.Decoder(dict[str, str | bool | list[str] | None])


def _object(line: bytes) -> Mapping[str, Any]:
    """What a line holds; most are plain, and parsed fast. Whatever is not is left to the strict parser."""
    if len(line) > LONGEST:
        raise InputError(f"a line of more than {LONGEST >> 20} MiB")
    try:
        made = _PLAIN.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _strict(line)
    return made if _no_key_twice(line, made) else _strict(line)


def _no_key_twice(line: bytes, made: Mapping[str, Any]) -> bool:
    """Whether it is sure at a glance: without escapes two quotes go with each key and each text, and there are no others."""
    if b"\\" in line:
        return False
    texts = 0
    for value in made.values():
        if type(value) is str:
            texts += 1
        elif type(value) is list:
            texts += len(value)
    return line.count(b'"') == 2 * (len(made) + texts)


def _strict(line: bytes) -> Mapping[str, Any]:
    try:
        made = strict_json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8") from error
    except ValueError as error:
        raise InputError(str(error)) from error
    if not isinstance(made, dict):
        raise InputError("no object")
    return made


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if type(value) is str and value.isascii() and value.isprintable():
        return value
    if not isinstance(value, str):
        raise InputError(f"{name} is no text")
    return clean(str(value))


def _value(row: Mapping[str, Any], name: str) -> Any:
    if name in _LISTS:
        return _texts(row.get(name), name)
    if name in _FLAGS:
        value = row.get(name)
        if value not in (None, True, False):
            raise InputError(f"{name} is no true or false")
        return value
    return _text(row, name)


def _texts(value: Any, name: str) -> Sequence[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"{name} is no list of texts")
    return [clean(each) for each in value]


def _known(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        near = get_close_matches(value, allowed, 1)
        raise InputError(f"{name} is none of those we know" + (f"; did you mean {near[0]}?" if near else ""))


def _moment(value: Any) -> datetime:
    if value is None or value == "":
        raise InputError("occurred_at is absent")
    if not isinstance(value, str) or isinstance(value, strict_json.Number):
        raise InputError(_NO_TIME)
    try:
        made = datetime.fromisoformat(value)
        return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(_NO_TIME) from error
