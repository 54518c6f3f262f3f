"""JSON from strangers: what parsers disagree about is refused, numbers keep the text they were written in."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import IO, Any

import msgspec

from audit.privacy.clean import HOSTILE, clean

DEPTH = 32
"""Objects and lists inside each other, at most."""

DIGITS = 100
"""Characters of a number, at most."""


class Number(str):
    """A number as it was written: an id 007.10 or one of 24 digits loses nothing."""

    __slots__ = ()


class Placeholder:
    """What stands for the texts or numbers of many rows while one row is taken apart; notes whether anything hung on what it is."""

    __slots__ = ("is_number", "looked_into")

    def __init__(self, *, is_number: bool) -> None:
        self.is_number = is_number
        self.looked_into = False

    def __bool__(self) -> bool:
        self.looked_into = True
        return True


def loads(text: str, *, words: bool = False) -> Any:
    """Parse one JSON value; numbers are `Number`. Raises ValueError in plain words for what cannot be trusted.

    Refused: the same key twice, more than `DEPTH` levels, numbers longer than `DIGITS`, NaN and infinities, which are texts with `words`.
    """
    if text.count("{") + text.count("[") > DEPTH:
        _refuse_deep(text)
    try:
        return (_DECODER_OF_WORDS if words else _DECODER).decode(text)
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


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_DECODER, _DECODER_OF_WORDS = (
    json.JSONDecoder(
        object_pairs_hook=_pairs, parse_int=_number, parse_float=_number, parse_constant=constant
    )
    for constant in (_constant, str)
)
_ENCODER = msgspec.json.Encoder(enc_hook=_raw)
_UNSAFE = re.compile(rf"\\\\[bfnrtu]|[{HOSTILE}]")
"""What text may hold that `clean` changes, as it stands in JSON."""


LONGEST = 16 * 1024**2
"""Bytes of a row, at most."""

_CHUNK = 1024**2
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\]]', re.DOTALL)
_NEXT = re.compile(rb"\} ?\{")
BLANK = b" \t\r\n"


class OpenError(ValueError):
    """A list, or too long an object, that is not closed where its text ends."""


def objects(stream: IO[bytes]) -> Iterator[tuple[list[bytes], int]]:
    """The text of each object, about `_CHUNK` bytes of them at a time, and bytes read so far.

    Raises OpenError, last of all, if the stream ends inside a list, or inside an object longer than `LONGEST`.
    """
    lines = _lines(stream)
    first = next((line for line in lines if line.strip(BLANK)), b"")
    begun = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    blocks = iter(partial(stream.read, _CHUNK), b"")
    if begun.startswith(b"[") or (_is_cut(first) and _NEXT.search(first)):
        yield from _together(_split(chain([first], blocks)))
        return
    second = next(lines, b"")
    if _is_open(begun) and not second.lstrip().startswith(b"{"):
        yield from _together(_split(chain([first, second], blocks)))
        return
    done = 0
    for several in _blocks(chain([first, second], lines)):
        block = b"".join(several)
        done += len(block)
        if _are_objects(several, block):
            yield several, done
        else:
            yield [written for line in several for written in _on_line(line)], done


def _are_objects(lines: Sequence[bytes], block: bytes) -> bool:
    """Whether there can be but one object on each of these lines."""
    begun = all(line.startswith(b"{") for line in lines)
    return begun and len(max(lines, key=len)) < LONGEST and b"}{" not in block and b"} {" not in block


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines, about `_CHUNK` bytes of them at a time."""
    several: list[bytes] = []
    size = 0
    for line in lines:
        several.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield several
            several, size = [], 0
    if several:
        yield several


def _together(split: Iterable[tuple[bytes, int]]) -> Iterator[tuple[list[bytes], int]]:
    """Objects, about `_CHUNK` bytes of them at a time; those that came before an error too."""
    several: list[bytes] = []
    begun = done = 0
    try:
        for written, done in split:
            several.append(written)
            if done - begun >= _CHUNK:
                yield several, done
                several, begun = [], done
    except OpenError:
        yield several, done
        raise
    yield several, done


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
        except OpenError:
            several = []
        if several and len(line.strip(BLANK + b"[]")) <= sum(map(len, several)) + 2 * len(several):
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

    Of an object longer than `LONGEST` the middle is left out. Raises OpenError, last of all, where a list or such an
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
        raise OpenError(f"an object of more than {LONGEST >> 20} MiB" if long else "its list")


def closed(text: bytes) -> bytes:
    """A text that ends inside its first object, without what comes after the last whole object of a list in it, and closed."""
    opened: list[bytes] = []
    whole = b""
    for match in _TOKEN.finditer(text):
        token = match[0][:1]
        if token in b"{[":
            opened.append(b"}" if token == b"{" else b"]")
        elif token in b"}]" and opened:
            opened.pop()
            if not opened:
                return text
            if token == b"}" and opened[-1] == b"]":
                whole = text[: match.end()] + b"".join(reversed(opened))
    return whole or text


def _unread(text: bytes, at: int) -> bytes:
    """What is to be read again with the next block: of a text that begins at `at` and goes on, its quote alone."""
    goes_on = _TOKEN.match(text, at)
    return b'"' + text[goes_on.end() :] if goes_on else b""


def text(value: Any) -> str | None:
    """A value as text: numbers as they were written, lists and objects as JSON, nothing for an empty text."""
    if isinstance(value, str):
        return str(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else dumps(value)
