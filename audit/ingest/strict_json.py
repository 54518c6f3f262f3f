"""JSON from strangers: what parsers disagree about is refused, numbers keep the text they were written in."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import IO, Any

import msgspec
import polars as pl

from audit.errors import InputError
from audit.ingest.format import REJECTED
from audit.privacy.clean import HOSTILE, clean

DEPTH = 32
"""Objects and lists inside each other, at most."""

DIGITS = 100
"""Characters of a number, at most."""


class Number(str):
    """A number as it was written: an id 007.10 or one of 24 digits loses nothing."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Parse one JSON value; numbers are `Number`. Raises ValueError in plain words for what cannot be trusted.

    Refused: the same key twice, more than `DEPTH` levels, numbers longer than `DIGITS`, NaN and infinities.
    """
    if text.count("{") + text.count("[") > DEPTH:
        _refuse_deep(text)
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError(f"more than {DEPTH} levels deep") from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f"no JSON: {error.msg.lower().removesuffix(' at')} at character {error.pos + 1}"
        ) from error


def parse(text: str) -> Any:
    """Parse JSON of our own, numbers as `Number`; of a key that stands twice, the last."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def dumps(value: Any) -> str:
    """Compact JSON with numbers as they were written and every text cleaned."""
    try:
        written = _ENCODER.encode(value).decode()
    except UnicodeEncodeError:  # half a character
        return _cleaned(value)
    return _cleaned(value) if _UNSAFE.search(written) else written


def _cleaned(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return json.dumps(clean(value), ensure_ascii=False)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{_cleaned(str(key))}:{_cleaned(element)}" for key, element in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_cleaned(element) for element in value) + "]"
    return json.dumps(value, allow_nan=False)


def _raw(number: Any) -> msgspec.Raw:
    """A `Number` as it was written, the one type that msgspec does not know."""
    return msgspec.Raw(str(number).encode())


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("the same key twice in one object")
    return fields


def _number(text: str) -> Number:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text):,} characters")
    return Number(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _refuse_deep(text: str) -> None:
    level, quoted, escaped = 0, False, False
    for sign in text:
        if quoted:
            escaped, quoted = (sign == "\\" and not escaped), (sign != '"' or escaped)
        elif sign == '"':
            quoted = True
        elif sign in "{[":
            level += 1
            if level > DEPTH:
                raise ValueError(f"more than {DEPTH} levels deep")
        elif sign in "}]":
            level -= 1


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_number, parse_float=_number, parse_constant=_constant
)
_ENCODER = msgspec.json.Encoder(enc_hook=_raw)
_UNSAFE = re.compile(rf"\\\\[bfnrtu]|[{HOSTILE}]")
"""What text may hold that `clean` changes, as it stands in JSON."""


ROWS = 50_000
"""Events of a batch, about."""

LONGEST = 16 * 1024**2
"""Bytes of a row, at most."""

_CHUNK = 1024**2
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\]]', re.DOTALL)
_NEXT = re.compile(rb"\} ?\{")
_BLANK = b" \t\r\n"

Apart = Callable[[dict[str, Any]], Iterable[tuple[dict[str, Any], dict[str, Any]]]]
"""Takes one object apart: for each event in it the values of columns, and what is left for its attributes."""


class _OpenError(ValueError):
    """A list, or too long an object, that is not closed where its text ends."""


def chunks(stream: IO[bytes], path: str, apart: Apart) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    """Events as text with the number of their row, refused rows, and bytes read so far.

    Raises InputError, last of all, if the file ends inside a list, or inside an object longer than `LONGEST`.

    A row is an object: one on a line, several on one, or over several lines; in a list or not. Numbers keep the
    text they were written in; lists and objects are JSON.
    """
    part, done, cut = _Part(apart), 0, ""
    try:
        for number, (written, done) in enumerate(_objects(stream), start=1):
            part.take(number, written)
            if part.height >= ROWS:
                yield (*part.frames(), done)
                part = _Part(apart)
    except _OpenError as error:
        cut = str(error)
    yield (*part.frames(), done)
    if cut:
        raise InputError(f"{path}: ends before {cut} is closed; take the file again")


def _objects(stream: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """The text of each object, and bytes read so far."""
    lines = _lines(stream)
    first = next((line for line in lines if line.strip(_BLANK)), b"")
    begun = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    blocks = iter(partial(stream.read, _CHUNK), b"")
    if begun.startswith(b"[") or (_is_cut(first) and _NEXT.search(first)):
        yield from _split(chain([first], blocks))
        return
    second = next(lines, b"")
    if _is_open(begun) and not second.lstrip().startswith(b"{"):
        yield from _split(chain([first, second], blocks))
        return
    done = 0
    for line in chain([first, second], lines):
        done += len(line)
        yield from ((written, done) for written in _on_line(line))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Each line; of one that is too long the beginning, and the rest is passed over when the next one is asked for."""
    while line := stream.readline(LONGEST):
        yield line
        while _is_cut(line):
            line = stream.readline(LONGEST)


def _is_cut(line: bytes) -> bool:
    return len(line) == LONGEST and not line.endswith(b"\n")


def _on_line(line: bytes) -> Iterator[bytes]:
    """The objects on a line: the line itself, unless it is a list of them, or several without anything between."""
    if not line.strip():
        return
    if not _is_cut(line) and (line.lstrip()[:1] == b"[" or _NEXT.search(line)):
        try:
            several = [written for written, _ in _split([line])]
        except _OpenError:
            several = []
        if several and len(line.strip(_BLANK + b"[]")) <= sum(map(len, several)) + 2 * len(several):
            yield from several
            return
    yield line


def _is_open(text: bytes) -> bool:
    """Whether a text begins with an object that does not end in it."""
    tokens = [match[0][:1] for match in _TOKEN.finditer(text)]
    opened, closed = sum(token in b"{[" for token in tokens), sum(token in b"}]" for token in tokens)
    return text.startswith(b"{") and opened > closed


def _split(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Objects one after another or in lists, and bytes read so far; one that never ends comes last, as far as it goes.

    Of an object longer than `LONGEST` the middle is left out. Raises _OpenError, last of all, where a list or such an
    object has no end.
    """
    text, at, depth, lists, begin, before, long = b"", 0, 0, 0, None, 0, b""
    for block in blocks:
        text += block
        end = len(text)
        for match in _TOKEN.finditer(text, at):
            token = match[0][:1]
            if token == b'"' and not match[1]:  # a text that goes on in the next block
                end = match.start()
            elif token == b"{" or (token == b"[" and depth):
                begin = match.start() if begin is None else begin
                depth += 1
            elif token in b"]}" and depth:
                depth -= 1
                if not depth and begin is not None:
                    yield long + text[begin : match.end()], before + match.end()
                    begin, long = None, b""
            elif token in b"[]":
                lists = lists + 1 if token == b"[" else max(lists - 1, 0)
        kept = end if begin is None else begin
        text, at, before, begin = text[kept:], end - kept, before + kept, None if begin is None else 0
        if len(text) > LONGEST:
            long = b"" if begin is None else long or text[:LONGEST]
            read, text, at = len(text), _unread(text, at), 0
            before += read - len(text)
    if begin is not None:
        yield long + text, before + len(text)
    if lists or long:
        raise _OpenError(f"an object of more than {LONGEST >> 20} MiB" if long else "its list")


def _unread(text: bytes, at: int) -> bytes:
    """What is to be read again with the next block: of a text that begins at `at` and goes on, its quote alone."""
    goes_on = _TOKEN.match(text, at)
    return b'"' + text[goes_on.end() :] if goes_on else b""


class _Part:
    """Events on their way into a frame, column by column."""

    def __init__(self, apart: Apart) -> None:
        self._apart = apart
        self._numbers: list[int] = []
        self._taken: list[dict[str, str | None]] = []
        self._refused: list[tuple[int, str, str]] = []

    @property
    def height(self) -> int:
        return len(self._numbers) + len(self._refused)

    def take(self, number: int, written: bytes) -> None:
        try:
            events = self._events(written)
        except ValueError as error:
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            self._refused.append((number, reason, written[:LONGEST].decode("utf-8", "replace")))
            return
        self._taken += events
        self._numbers += [number] * len(events)

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        names = dict.fromkeys(chain.from_iterable(self._taken))
        columns = [
            pl.Series(name, [event.get(name) for event in self._taken], dtype=pl.String) for name in names
        ]
        rows = pl.DataFrame([pl.Series("row", self._numbers, dtype=pl.UInt64), *columns])
        return rows, pl.DataFrame(self._refused, schema=REJECTED, orient="row")

    def _events(self, written: bytes) -> list[dict[str, str | None]]:
        """The columns of each event of one object. Raises ValueError in plain words."""
        if len(written) >= LONGEST:
            raise ValueError(f"a line of more than {LONGEST >> 20} MiB")
        parsed = loads(written.removeprefix(b"\xef\xbb\xbf").decode("utf-8").strip())
        if not isinstance(parsed, dict):
            raise ValueError("no object")  # noqa: TRY004  a bad row, whatever is wrong with it
        said = _text_cleaned if b"\\u" in written else text
        events = []
        for values, rest in self._apart(parsed):
            event = {
                name: (value or None) if type(value) is str and said is text else said(value)
                for name, value in values.items()
            }
            if rest:
                attributes = _flattened(rest) if "attributes" in rest else rest
                event["attributes"] = said(attributes) if attributes else None
            events.append(event)
        return events


def _flattened(rest: dict[str, Any]) -> Any:
    """What is left of an object, with what it calls attributes among it; if those are none, a list of both, to be kept as text."""
    attributes: dict[str, Any] = {}
    for key, value in rest.items():
        try:
            attributes.update(_object(value) if key == "attributes" else {key: value})
        except ValueError:
            others = {name: rest[name] for name in rest if name != key}
            return [value, others] if others else value
    return attributes


def _object(value: Any) -> dict[str, Any]:
    """Attributes: an object, or its text."""
    parsed = loads(value) if isinstance(value, str) and value.strip() else value or {}
    if not isinstance(parsed, dict):
        raise ValueError("attributes is no JSON object")  # noqa: TRY004  it is kept as text, whatever is wrong with it
    return parsed


def text(value: Any) -> str | None:
    """A value as text: numbers as they were written, lists and objects as JSON, nothing for an empty text."""
    if isinstance(value, str):
        return str(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else dumps(value)


def _text_cleaned(value: Any) -> str | None:
    """An escape can be half a character, which no column can hold."""
    said = text(value)
    return None if said is None else clean(said)
