"""Tables that are no text of rows: Parquet, SQLite files, and dumps of MySQL, MariaDB and PostgreSQL read as text; nothing in them is run."""

import io
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, TypeVar

import polars as pl
from sqlite_utils import Database

from audit.errors import InputError
from audit.ingest import csv_text
from audit.ingest.values import as_text

ROWS = 50_000
"""Rows of a table handed on at a time."""

_STATEMENT = 64 * 1024**2
"""Bytes of one line of a dump, at most."""

_NAME = rb'(?:`[^`]+`|"[^"]+"|[^`"(\s.;]+)'
_IN_LIST = re.compile(rb'`[^`]+`|"[^"]+"|[^`",\s]+')
_TABLE = rb"((?:" + _NAME + rb"\.)?" + _NAME + rb")"
_NAMES = rb"\(((?:`[^`]*`|\"[^\"]*\"|[^)`\"])*)\)"
_CREATE = re.compile(rb"\s*CREATE TABLE (?:IF NOT EXISTS )?" + _TABLE, re.IGNORECASE)
_COLUMN = re.compile(
    rb'\s*(?:[`"]([^`"]+)[`"]|(?!(?:CONSTRAINT|PRIMARY|KEY|UNIQUE|FOREIGN|CHECK|EXCLUDE|LIKE|INDEX|FULLTEXT|SPATIAL)\b)([^\s`"(),;]+))\s',
    re.IGNORECASE,
)
_INSERT = re.compile(
    rb"\s*(?:INSERT|REPLACE) (?:IGNORE )?INTO " + _TABLE + rb"\s*(?:" + _NAMES + rb")?\s*VALUES\s*",
    re.IGNORECASE,
)
_INSERTS = re.compile(rb"\s*(?:INSERT|REPLACE)\s", re.IGNORECASE)
_COPY = re.compile(rb"COPY " + _TABLE + rb" " + _NAMES + rb" FROM stdin\b[^;]*;")
_COPIES = re.compile(rb"COPY .* FROM stdin", re.IGNORECASE)
_END = re.compile(rb"\s*;\s*(?:--[^\n]*|/\*.*\*/)?\s*$", re.DOTALL)
_VALUE = re.compile(rb"\s*(?:_binary\s*)?(?:'((?:[^'\\]|\\.|'')*)'|([^,()']*))\s*([,)])", re.DOTALL)
_GAP = re.compile(rb"\s*,?\s*")
_ESCAPED_SIGN = re.compile(rb"\\.", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"", b"b": b"", b"Z": b""}
_DUMP = re.compile(
    rb"\s*(?:--[^\n]*\n|/\*[^\n]*\n|\s*\n)*\s*(?:-- (?:MySQL|MariaDB|PostgreSQL) |/\*!|CREATE TABLE|INSERT INTO|DROP TABLE|SET )",
    re.IGNORECASE,
)

Row = TypeVar("Row")
Rows = tuple[str, pl.DataFrame, int]
"""A table's name, some of its rows (`row` from 1, every column as text), and bytes read so far."""


def is_dump(start: bytes) -> bool:
    """Whether a text begins as a dump of a database does."""
    return bool(_DUMP.match(start)) and any(
        word in start for word in (b"CREATE TABLE", b"INSERT INTO", b"dump", b"COPY ")
    )


def sqlite(path: Path, limit: int | None = None) -> Iterator[Rows]:
    """The rows of every table of an SQLite file, at most `limit` of each. Raises InputError where it cannot be read."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and wal.stat().st_size:
        raise InputError(f"{path}: {wal.name} beside it holds changes not yet in it; close its program first")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            database = Database(connection)
            for table in sorted(set(database.table_names()) - _of_indexes(connection)):
                start = 1
                for several in _batched(database[table].rows_where(limit=limit), ROWS):
                    rows = [[_text(value) for value in row.values()] for row in several]
                    yield table, _frame(rows, start, list(several[0])), 0
                    start += len(rows)
    except sqlite3.Error as error:
        raise InputError(f"{path}: no readable SQLite database ({error}); fetch it again") from error


def _of_indexes(connection: sqlite3.Connection) -> set[str]:
    """Tables of no data of their own: those of full-text and other indexes, and what these keep."""
    listed = connection.execute("PRAGMA table_list").fetchall()  # nothing where SQLite is older than 3.37
    return {name for _, name, kind, *_ in listed if kind in ("virtual", "shadow")}


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bytes) else str(value)


def dump(stream: IO[bytes], path: str, limit: int | None = None) -> Iterator[Rows]:
    """The rows of every table of a dump, at most `limit` of each.

    Raises InputError, last of all, where the dump ends inside a table.
    """
    counts: dict[str, int] = {}
    reader = _Dump(stream, path)
    for (table, columns), rows in groupby(reader.rows(), key=itemgetter(0, 1)):
        for several in _batched((row for *_, row in rows), ROWS):
            start = counts.get(table, 0) + 1
            kept = several if limit is None else several[: max(limit - start + 1, 0)]
            counts[table] = start - 1 + len(kept)
            if kept:
                yield table, _frame(kept, start, list(columns)), reader.done
    if reader.cut and limit is None:
        raise InputError(f"{path}: ends inside the table {reader.cut}; make the dump again")


def _batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    source = iter(rows)
    while several := list(islice(source, size)):
        yield several


def _frame(rows: list[list[str]], start: int, names: list[str]) -> pl.DataFrame:
    named = [csv_text.other_name(name, names) if name == "row" else name for name in names]
    return csv_text.frame(rows, list(range(start, start + len(rows))), named)


class _Dump:
    """The rows of a dump as they stand in it, each with its table and columns.

    `done`: bytes read so far; `cut`: the table inside which the dump ends. A row that cannot be read raises InputError.
    """

    def __init__(self, stream: IO[bytes], path: str) -> None:
        self._stream, self._path = stream, path
        self._columns: dict[str, tuple[str, ...]] = {}
        self.done, self.cut = 0, ""

    def rows(self) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
        while line := self._line():
            if copied := _COPY.match(line):
                yield from self._copied(_table(copied[1]), tuple(_names(copied[2])))
            elif inserted := _INSERT.match(line):
                yield from self._inserted(line, inserted)
            elif created := _CREATE.match(line):
                self._create(_table(created[1]))
            elif _INSERTS.match(line) or _COPIES.match(line):
                raise self._unread(line.split(b"(", 1)[0].decode("utf-8", "replace")[:80])

    def _line(self) -> bytes:
        line = self._stream.readline(_STATEMENT)
        self.done += len(line)
        return line

    def _unread(self, table: str) -> InputError:
        return InputError(
            f"{self._path}: rows of {table} are written in a way that is not read; dump the table as CSV"
        )

    def _copied(
        self, table: str, columns: tuple[str, ...]
    ) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
        while line := self._line():
            if line.startswith(b"\\."):
                return
            row = [_copied(cell) for cell in line.rstrip(b"\r\n").split(b"\t")]
            if len(row) != len(columns):
                raise self._unread(table)
            yield table, columns, row
        self.cut = table

    def _inserted(
        self, line: bytes, begins: re.Match[bytes]
    ) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
        table, at = _table(begins[1]), begins.end()
        while (_is_open(line) or not _END.search(line)) and (more := self._line()):
            line += more
        is_cut = _is_open(line) or not _END.search(line)
        if is_cut:
            self.cut = table
        columns = tuple(_names(begins[2])) if begins[2] else self._columns.get(table, ())
        while line[at : at + 1] == b"(":
            row, at = _row(line, at + 1)
            columns = columns or tuple(f"column {place}" for place in range(1, len(row or ()) + 1))
            if row is None or len(row) != len(columns):
                if is_cut:
                    return
                raise self._unread(table)
            yield table, columns, row
            at = _GAP.match(line, at).end()  # type: ignore[union-attr]
        if not is_cut and not _END.match(line, at):
            raise self._unread(table)

    def _create(self, table: str) -> None:
        names = []
        while (line := self._line()) and not line.lstrip().startswith(b")"):
            if column := _COLUMN.match(line):
                names.append((column[1] or column[2]).decode("utf-8", "replace"))
        self._columns[table] = tuple(names)


def _table(written: bytes) -> str:
    """A table's name without its schema and quotes."""
    *_, name = re.finditer(_NAME, written)
    return name[0].strip(b'`"').decode("utf-8", "replace")


def _is_open(line: bytes) -> bool:
    """Whether a quote is open at the end of a statement as far as it was read."""
    return bool(_ESCAPED_SIGN.sub(b"", line).count(b"'") % 2)


def _names(written: bytes) -> list[str]:
    return [name.strip(b'`"').decode("utf-8", "replace") for name in _IN_LIST.findall(written)]


def _row(line: bytes, at: int) -> tuple[list[str] | None, int]:
    """The row of an INSERT that begins behind its bracket, and where it ends; None where it cannot be read."""
    row = []
    while value := _VALUE.match(line, at):
        quoted, plain, at = value[1], value[2], value.end()
        if quoted is not None:
            row.append(_ESCAPE.sub(_unescaped, quoted).decode("utf-8", "replace"))
        else:
            text = plain.strip().decode("utf-8", "replace")
            row.append("" if text.upper() in ("NULL", "DEFAULT") or text.startswith("0x") else text)
        if value[3] == b")":
            return row, at
    return None, at


def _unescaped(match: re.Match[bytes]) -> bytes:
    return b"'" if match[1] is None else _ESCAPED.get(match[1], match[1])


def _copied(cell: bytes) -> str:
    return (
        ""
        if cell == b"\\N"
        else _ESCAPE.sub(_unescaped, cell.replace(b"''", b"\\'\\'")).decode("utf-8", "replace")
    )


PARQUET_ROWS = 1_000_000
"""Rows read at a time."""


def parquet(
    source: Path | io.BytesIO, path: str, at_a_time: int = PARQUET_ROWS
) -> Iterator[tuple[pl.DataFrame, float]]:
    """Rows (`row` from 1, the columns as they are), and which part of all of them was read. Raises InputError."""
    try:
        frame = pl.scan_parquet(source)
        height = frame.select(pl.len()).collect().item()
        for start in range(0, max(height, 1), at_a_time):
            rows = _named_rows(frame.slice(start, at_a_time), start + 1)
            yield rows, min(start + at_a_time, height) / max(height, 1)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(
            f"{path}: no readable Parquet ({str(error).splitlines()[0]}); fetch it again"
        ) from error


def _named_rows(frame: pl.LazyFrame, first: int) -> pl.DataFrame:
    """The rows of a Parquet file with their number; a column that is called so has `_` behind its name.

    Bytes and durations are text, also inside lists and objects.
    """
    rows = frame.collect()
    rows = rows.rename({"row": csv_text.other_name("row", rows.columns)} if "row" in rows.columns else {})
    texts = [
        as_text(column) if not column.dtype.is_nested() else column.map_elements(_as_json, pl.String)
        for column in rows
        if re.search("Binary|Duration", str(column.dtype))
    ]
    rows = rows.with_columns(texts).with_row_index("row", first)
    return rows.with_columns(pl.col("row").cast(pl.UInt64))


def _as_json(value: Any) -> str:
    """A list or object as JSON."""
    plain = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(
        plain, default=lambda one: one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
    )
