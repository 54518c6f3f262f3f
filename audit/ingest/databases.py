"""Tables inside databases: SQLite files, and dumps of MySQL, MariaDB and PostgreSQL read as text; nothing in them is run."""

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

ROWS = 50_000
"""Rows of a table handed on at a time."""

_STATEMENT = 64 * 1024**2
"""Bytes of one line of a dump, at most."""

_CREATE = re.compile(rb'\s*CREATE TABLE (?:IF NOT EXISTS )?[`"]?([^`"(\s]+)', re.IGNORECASE)
_COLUMN = re.compile(rb'\s*[`"]([^`"]+)[`"]\s')
_INSERT = re.compile(
    rb'\s*INSERT (?:IGNORE )?INTO [`"]?([^`"(\s]+)[`"]?\s*(?:\(([^)]*)\))?\s*VALUES\s*', re.IGNORECASE
)
_COPY = re.compile(rb'COPY (?:"?\w+"?\.)?"?(\w+)"? \(([^)]*)\) FROM stdin;')
_VALUE = re.compile(rb"\s*(?:_binary\s*)?(?:'((?:[^'\\]|\\.|'')*)'|([^,()']*))\s*([,)])", re.DOTALL)
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
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            database = Database(connection)
            for table in sorted(database.table_names()):
                start = 1
                for several in _batched(database[table].rows_where(limit=limit), ROWS):
                    rows = [[_text(value) for value in row.values()] for row in several]
                    yield table, _frame(rows, start, list(several[0])), 0
                    start += len(rows)
    except sqlite3.Error as error:
        raise InputError(f"{path}: no readable SQLite database ({error}); fetch it again") from error


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bytes) else str(value)


def dump(stream: IO[bytes], path: str, limit: int | None = None) -> Iterator[Rows]:
    """The rows of every table of a dump, at most `limit` of each.

    Raises InputError, last of all, where the dump ends inside a table.
    """
    columns: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    reader = _Dump(stream, columns)
    for table, rows in groupby(reader.rows(), key=itemgetter(0)):
        fitting = (row for _, row in rows if len(row) == len(columns.setdefault(table, _numbered(row))))
        for several in _batched(fitting, ROWS):
            start = counts.get(table, 0) + 1
            kept = several if limit is None else several[: max(limit - start + 1, 0)]
            counts[table] = start - 1 + len(kept)
            if kept:
                yield table, _frame(kept, start, columns[table]), reader.done
    if reader.cut and limit is None:
        raise InputError(f"{path}: ends inside the table {reader.cut}; make the dump again")


def _numbered(row: list[str]) -> list[str]:
    return [f"column {at}" for at in range(1, len(row) + 1)]


def _batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    source = iter(rows)
    while several := list(islice(source, size)):
        yield several


def _frame(rows: list[list[str]], start: int, names: list[str]) -> pl.DataFrame:
    named = ["row_" if name == "row" else name for name in names]
    return csv_text.frame(rows, list(range(start, start + len(rows))), named)


class _Dump:
    """The rows of a dump as they stand in it, each with its table; `columns` learns what the tables' columns are called.

    `done`: bytes read so far; `cut`: the table inside which the dump ends.
    """

    def __init__(self, stream: IO[bytes], columns: dict[str, list[str]]) -> None:
        self._stream, self._columns = stream, columns
        self.done, self.cut = 0, ""

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        while line := self._line():
            if copied := _COPY.match(line):
                yield from self._copied(copied)
            elif inserted := _INSERT.match(line):
                yield from self._inserted(line, inserted)
            elif created := _CREATE.match(line):
                self._create(created[1].decode("utf-8", "replace").rpartition(".")[2])

    def _line(self) -> bytes:
        line = self._stream.readline(_STATEMENT)
        self.done += len(line)
        return line

    def _copied(self, begins: re.Match[bytes]) -> Iterator[tuple[str, list[str]]]:
        table = begins[1].decode()
        self._columns[table] = _names(begins[2])
        while line := self._line():
            if line.startswith(b"\\."):
                return
            yield table, [_copied(cell) for cell in line.rstrip(b"\r\n").split(b"\t")]
        self.cut = table

    def _inserted(self, line: bytes, begins: re.Match[bytes]) -> Iterator[tuple[str, list[str]]]:
        table = begins[1].decode("utf-8", "replace")
        if begins[2]:
            self._columns[table] = _names(begins[2])
        while not line.rstrip().endswith(b";") and (more := self._line()):
            line += more
        for row in _rows(line, begins.end()):
            yield table, row
        if not line.rstrip().endswith(b";"):
            self.cut = table

    def _create(self, table: str) -> None:
        names = []
        while (line := self._line()) and not line.lstrip().startswith(b")"):
            if column := _COLUMN.match(line):
                names.append(column[1].decode("utf-8", "replace"))
        self._columns[table] = names


def _names(written: bytes) -> list[str]:
    return [name.strip(b'`" ').decode("utf-8", "replace") for name in written.split(b",")]


def _rows(line: bytes, at: int) -> Iterator[list[str]]:
    """The rows of an INSERT, `(…),(…);`; ends at what is none."""
    while (at := line.find(b"(", at)) >= 0:
        row, at = [], at + 1
        while value := _VALUE.match(line, at):
            quoted, plain, at = value[1], value[2], value.end()
            if quoted is not None:
                row.append(_ESCAPE.sub(_unescaped, quoted).decode("utf-8", "replace"))
            else:
                text = plain.strip().decode("utf-8", "replace")
                row.append("" if text.upper() in ("NULL", "DEFAULT") or text.startswith("0x") else text)
            if value[3] == b")":
                yield row
                break
        else:
            return


def _unescaped(match: re.Match[bytes]) -> bytes:
    return b"'" if match[1] is None else _ESCAPED.get(match[1], match[1])


def _copied(cell: bytes) -> str:
    return (
        ""
        if cell == b"\\N"
        else _ESCAPE.sub(_unescaped, cell.replace(b"''", b"\\'\\'")).decode("utf-8", "replace")
    )
