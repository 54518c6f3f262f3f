"""NDJSON line by line, so that one bad line is one bad row."""

from collections.abc import Callable, Iterator
from typing import IO, Any

import polars as pl

from audit.ingest import strict_json
from audit.ingest.batch import REJECTED
from audit.privacy.clean import clean

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
        made = strict_json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8").strip())
        if not isinstance(made, dict):
            raise ValueError("no object")  # noqa: TRY004  a bad row, whatever is wrong with it
        text = _text_cleaned if b"\\u" in line else _text
        row: dict[str, str | None] = {}
        rest: dict[str, Any] = {}
        for key, value in made.items():
            name = self._name(key)
            if name is None:
                rest[key] = value
            elif name == "attributes":
                rest.update(_object(value))
            else:
                row[name] = text(value)
        if rest:
            row["attributes"] = strict_json.dumps(rest)
        return row

    def _name(self, key: str) -> str | None:
        """The column of a key; None for what goes into the attributes."""
        if key not in self._names:
            kept = self._keep(key) or key == "attributes"
            self._names[key] = ("row_" if key == "row" else clean(key)) if kept else None
        return self._names[key]


def _object(value: Any) -> dict[str, Any]:
    """Attributes: an object, or its text."""
    made = strict_json.loads(value) if isinstance(value, str) and value.strip() else value or {}
    if not isinstance(made, dict):
        raise ValueError("attributes is no JSON object")  # noqa: TRY004  a bad row, whatever is wrong with it
    return made


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return str(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else strict_json.dumps(value)


def _text_cleaned(value: Any) -> str | None:
    """An escape can be half a character, which no column can hold."""
    made = _text(value)
    return None if made is None else clean(made)
