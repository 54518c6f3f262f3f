"""JSON from strangers: what parsers disagree about is refused, numbers keep the text they were written in."""

import json
from collections.abc import Callable, Iterator
from typing import IO, Any

import polars as pl

from audit.ingest.format import REJECTED
from audit.privacy.clean import clean

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
        raise ValueError(f"no JSON: {error.msg.lower()} at character {error.pos + 1}") from error


def parse(text: str) -> Any:
    """Parse JSON of our own, numbers as `Number`; of a key that stands twice, the last."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def dumps(value: Any) -> str:
    """Compact JSON with numbers as they were written and every text cleaned."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return json.dumps(clean(value), ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(str(key))}:{dumps(element)}" for key, element in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(element) for element in value) + "]"
    return json.dumps(value, allow_nan=False)


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


ROWS = 200_000
"""Lines of a batch."""

LONGEST = 16 * 1024**2
"""Bytes of a line, at most."""


def chunks(
    stream: IO[bytes], keep: Callable[[str], bool]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    """Rows as text, refused rows, and bytes read so far.

    Columns are the keys that `keep` says yes to; everything else of an object is its `attributes`. Numbers keep the
    text they were written in; lists and objects are JSON.
    """
    part = _Part(keep)
    number = done = 0
    for line in _lines(stream):
        done += len(line)
        if not line.strip():
            continue
        number += 1
        part.take(number, line)
        if part.height == ROWS:
            yield (*part.frames(), done)
            part = _Part(keep)
    yield (*part.frames(), done)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST and not line.endswith(b"\n"):
            while (more := stream.readline(LONGEST)) and not more.endswith(b"\n"):
                pass
        yield line


class _Part:
    """Rows on their way into a frame, column by column."""

    def __init__(self, keep: Callable[[str], bool]) -> None:
        self._keep = keep
        self._names: dict[str, str | None] = {}
        self._numbers: list[int] = []
        self._columns: dict[str, list[str | None]] = {}
        self._refused: list[tuple[int, str, str]] = []

    @property
    def height(self) -> int:
        return len(self._numbers) + len(self._refused)

    def take(self, number: int, line: bytes) -> None:
        try:
            row = self._row(line)
        except ValueError as error:
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            self._refused.append((number, reason, line[:LONGEST].decode("utf-8", "replace")))
            return
        for name, value in row.items():
            column = self._columns.setdefault(name, [])
            column.extend([None] * (len(self._numbers) - len(column)))
            column.append(value)
        self._numbers.append(number)

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        height = len(self._numbers)
        columns = [
            pl.Series(name, [*values, *[None] * (height - len(values))], dtype=pl.String)
            for name, values in self._columns.items()
        ]
        rows = pl.DataFrame([pl.Series("row", self._numbers, dtype=pl.UInt64), *columns])
        return rows, pl.DataFrame(self._refused, schema=REJECTED, orient="row")

    def _row(self, line: bytes) -> dict[str, str | None]:
        """The columns of one line. Raises ValueError in plain words."""
        if len(line) >= LONGEST:
            raise ValueError(f"a line of more than {LONGEST >> 20} MiB")
        parsed = loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8").strip())
        if not isinstance(parsed, dict):
            raise ValueError("no object")  # noqa: TRY004  a bad row, whatever is wrong with it
        text = _text_cleaned if b"\\u" in line else _text
        row: dict[str, str | None] = {}
        attributes: dict[str, Any] = {}
        for key, value in parsed.items():
            name = self._name(key)
            if name is None:
                attributes[key] = value
            elif name == "attributes":
                attributes.update(_object(value))
            else:
                row[name] = text(value)
        if attributes:
            row["attributes"] = dumps(attributes)
        return row

    def _name(self, key: str) -> str | None:
        """The column of a key; None for what goes into the attributes."""
        if key not in self._names:
            is_column = self._keep(key) or key == "attributes"
            self._names[key] = ("row_" if key == "row" else clean(key)) if is_column else None
        return self._names[key]


def _object(value: Any) -> dict[str, Any]:
    """Attributes: an object, or its text."""
    parsed = loads(value) if isinstance(value, str) and value.strip() else value or {}
    if not isinstance(parsed, dict):
        raise ValueError("attributes is no JSON object")  # noqa: TRY004  a bad row, whatever is wrong with it
    return parsed


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return str(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else dumps(value)


def _text_cleaned(value: Any) -> str | None:
    """An escape can be half a character, which no column can hold."""
    text = _text(value)
    return None if text is None else clean(text)
