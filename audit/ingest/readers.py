"""Any readable file as tables: CSV, NDJSON, Parquet, packed or not, alone or as members of a zip."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from audit.errors import InputError
from audit.ingest import csv_text, file_type, json_lines
from audit.ingest.archive import Archive
from audit.ingest.rows import Table

SLICE = 1_000_000
"""Rows of a Parquet file read at a time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: `keep` names the keys of JSON objects that become columns; the rest is of CSV, where a
    delimiter of None is found out.
    """

    keep: Callable[[str], bool]
    delimiter: str | None = None
    encoding: str = "utf-8"


def read(path: Path, how: Reading) -> Iterator[Table]:
    """The rows of a file, in order. Raises InputError."""
    found = file_type.look(path)
    if found.kind == "zip":
        yield from _members(path, how)
    elif found.kind == "parquet":
        if found.packing:
            raise InputError(f"{path}: is Parquet inside .{found.packing}; unpack it first")
        yield from _parquet(path, str(path), path.stat().st_size)
    else:
        with file_type.stream(path, found.packing) as stream:
            yield from _text(stream, found.kind, str(path), 0 if found.packing else path.stat().st_size, how)


def _members(path: Path, how: Reading) -> Iterator[Table]:
    with Archive(path) as archive:
        for member in archive.members:
            with archive.open(member) as stream:
                kind = file_type.kind(stream.peek(file_type.HEAD)[: file_type.HEAD], member.path)
                if kind == "parquet":
                    yield from _parquet(io.BytesIO(stream.read()), member.path, member.size)
                else:
                    yield from _text(stream, kind, member.path, member.size, how)


def _text(stream: IO[bytes], kind: str, path: str, size: int, how: Reading) -> Iterator[Table]:
    if kind == "empty":
        yield Table(path, "csv", pl.DataFrame(schema={"row": pl.UInt64()}), 0, 0)
    elif kind == "ndjson":
        for rows, rejected, done in json_lines.chunks(stream, how.keep):
            yield Table(path, kind, rows, done, size, rejected)
    elif kind == "csv":
        for rows, rejected, done in csv_text.chunks(stream, path, how.delimiter, how.encoding):
            yield Table(path, kind, rows, done, size, rejected)
    else:
        raise InputError(f"{path}: {kind} inside a zip is not read; unpack it")


def _parquet(source: Path | io.BytesIO, path: str, size: int) -> Iterator[Table]:
    try:
        frame = pl.scan_parquet(source)
        height = frame.select(pl.len()).collect().item()
        for start in range(0, max(height, 1), SLICE):
            rows = frame.slice(start, SLICE).collect().with_row_index("_row", start + 1)
            if "row" in rows.columns:
                rows = rows.rename({"row": "row_"})
            rows = rows.rename({"_row": "row"}).with_columns(pl.col("row").cast(pl.UInt64))
            done = size * min(start + SLICE, height) // max(height, 1)
            yield Table(path, "parquet", rows, done, size)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(
            f"{path}: no readable Parquet ({str(error).splitlines()[0]}); fetch it again"
        ) from error
