"""Tables as the export writes them: CSV with marks, blank lines, ragged rows, footers, lines that are no UTF-8; and JSON."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any

import polars as pl

from audit.errors import InputError
from audit.ingest import csv_text, strict_json
from audit.ingest.format import REJECTED
from audit.privacy.clean import clean

CHUNK = 50_000
_FIELD_BYTES = 16 * 1024**2
_MARK = b"\xef\xbb\xbf"


@dataclass
class Chunk:
    """Some rows of a file: `rows` of them in all, `footer` of these being no data."""

    rows: int = 0
    footer: int = 0
    records: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    bad: list[tuple[int, str, str]] = field(default_factory=list)

    def cells(self, header: list[str]) -> pl.DataFrame:
        """What could be read: the columns of `header`, all text, and `row` (UInt64, from 1)."""
        return csv_text.frame(self.records, self.numbers, header)

    def rejected(self) -> pl.DataFrame:
        """What could not, in the shape of `REJECTED`."""
        return pl.DataFrame(self.bad, schema=REJECTED, orient="row")


class Table:
    """A CSV being read.

    `header`: the columns, stripped of marks and blanks; empty if there is no readable one. `rows`: those read so far.

    Raises InputError if a column stands twice.
    """

    def __init__(
        self, stream: IO[bytes], path: str, *, overflow: bool = False, footers: tuple[str, ...] = ()
    ) -> None:
        csv.field_size_limit(_FIELD_BYTES)
        self._lines = _Lines(stream)
        self._reader = csv.reader(self._lines, skipinitialspace=True)
        self._overflow = overflow
        self._footers = footers
        self.header = self._header(path)
        self.rows = 0

    def chunks(self, size: int = CHUNK) -> Iterator[Chunk]:
        """All rows, in chunks of at most `size`; blank lines are no rows."""
        chunk = Chunk()
        for record in self._records():
            self.rows += 1
            chunk.rows += 1
            self._take(chunk, self.rows, record)
            if chunk.rows >= size:
                yield chunk
                chunk = Chunk()
        if chunk.rows:
            yield chunk

    @property
    def read_bytes(self) -> int:
        """How far into the file it has been read."""
        return self._lines.offset

    def _header(self, path: str) -> list[str]:
        try:
            record = next((record for record in self._reader if record), [])
        except csv.Error:
            return []
        names = [name.strip() for name in record]
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice:
            raise InputError(f"{path}: the column {clean(twice)!r} stands twice in the header; rename one")
        return [] if self._lines.take_flaw() else names

    def _records(self) -> Iterator[list[str] | str]:
        """Each record, or the reason why it is none."""
        while True:
            try:
                record = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._lines.take_flaw()
                yield f"no readable CSV: {error}"
                continue
            flaw = self._lines.take_flaw()
            if flaw:
                yield flaw
            elif any(cell.strip() for cell in record):
                yield record

    def _take(self, chunk: Chunk, number: int, record: list[str] | str) -> None:
        width = len(self.header)
        if isinstance(record, str):
            chunk.bad.append((number, record, self._lines.last))
        elif self._is_footer(record):
            chunk.footer += 1
        elif len(record) > width and not self._overflow and any(record[width:]):
            reason = f"{len(record)} fields where the header has {width}"
            chunk.bad.append((number, reason, ",".join(record)))
        else:
            if len(record) > width:
                overflow = record[width - 1 :] if self._overflow else record[width - 1 : width]
                record = [*record[: width - 1], ", ".join(overflow)]
            chunk.records.append(record + [""] * (width - len(record)))
            chunk.numbers.append(number)

    def _is_footer(self, record: list[str]) -> bool:
        """The footer's first line, and every line after it."""
        if self._footers and record[0].startswith(self._footers):
            self._footers = ("",)
        return self._footers == ("",)


class JsonTable(Table):
    """The same of a JSON list of objects, whose keys are the columns of the CSV (since November 2023 some exports hold
    `Retail.OrderHistory.1.json`: github.com/hutauf/vine-prices-estimation, issue 2). `header`: the keys of the first object.
    """

    def __init__(
        self, stream: IO[bytes], path: str, *, overflow: bool = False, footers: tuple[str, ...] = ()
    ) -> None:
        del path
        self._overflow, self._footers = overflow, footers
        self._lines = _Lines(stream)
        values = self._values(stream)
        first = next(values, None)
        self.header = list(first) if isinstance(first, dict) else []
        self._objects = chain([] if first is None else [first], values)
        self.rows = 0

    def _values(self, stream: IO[bytes]) -> Iterator[dict[str, Any] | str]:
        """Each object, or the reason why it is none."""
        try:
            for texts, self._lines.offset in strict_json.objects(stream):
                for text in texts:
                    self._lines.last = text.decode("utf-8", "backslashreplace").strip()
                    yield _object(self._lines.last)
        except strict_json.OpenError as error:
            yield f"no readable JSON: {error}"

    def _records(self) -> Iterator[list[str] | str]:
        for value in self._objects:
            if isinstance(value, str):
                yield value
            elif not value.keys() <= set(self.header):
                yield "a field that the first object does not have"
            else:
                yield [_cell(value.get(name)) for name in self.header]


def _object(text: str) -> dict[str, Any] | str:
    try:
        value = strict_json.loads(text)
    except ValueError as error:
        return f"no readable JSON: {error}"
    return value if isinstance(value, dict) else "no readable JSON: no object"


def _cell(value: Any) -> str:
    """A value as the CSV has it: text and numbers as they are written, nothing for null."""
    return "" if value is None else value if isinstance(value, str) else strict_json.dumps(value)


def table(stream: IO[bytes], path: str, *, overflow: bool = False, footers: tuple[str, ...] = ()) -> Table:
    """The table in a stream, by the ending of its name. Raises InputError if a column stands twice."""
    kind = JsonTable if path.casefold().endswith(".json") else Table
    return kind(stream, path, overflow=overflow, footers=footers)


class _Lines:
    """The lines of a stream as text, remembering where one was no UTF-8."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.offset = 0
        self._flaw: str | None = None
        self.last = ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = self._stream.readline(_FIELD_BYTES)
        if not raw:
            raise StopIteration
        start, self.offset = self.offset, self.offset + len(raw)
        if not start:
            raw = raw.removeprefix(_MARK)
            start = self.offset - len(raw)
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            self._flaw = f"no UTF-8 at byte {start + error.start}"
            line = raw.decode(errors="backslashreplace")
        self.last = line.replace("\r\n", "\n").replace("\r", "\N{SYMBOL FOR CARRIAGE RETURN}")
        return self.last

    def take_flaw(self) -> str | None:
        flaw, self._flaw = self._flaw, None
        return flaw
