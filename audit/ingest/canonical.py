"""Our own form: CSV, NDJSON or Parquet with the columns of `audit.events`, plain or packed, alone or in a zip."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from audit.events import KINDS, NEEDED
from audit.ingest import columns, csv_text, files
from audit.ingest.batch import Batch
from audit.ingest.formats import Format, Options


def _is_csv(path: Path) -> bool:
    return path.is_file() and files.look(path).kind in ("csv", "empty")


def _read_csv(path: Path, options: Options) -> Iterator[Batch]:
    found = files.look(path)
    if found.kind == "empty":
        yield columns.empty_batch(str(path), CSV.name)
        return
    with files.stream(path, found.packing) as stream:
        yield from csv_batches(stream, str(path), options, path.stat().st_size)


def csv_batches(stream: IO[bytes], path: str, options: Options, size: int) -> Iterator[Batch]:
    """Batches of a canonical CSV stream. Raises InputError where a needed column is missing."""
    done = 0
    for table in csv_text.tables(stream, path):
        columns.refuse_missing(path, table.rows.columns)
        done += table.read_bytes
        options.tell(min(done, size), size, path)
        yield columns.batch(
            path, CSV.name, table.rows, rows=table.count, rejected=table.rejected, source=table.rows
        )


CSV = Format(
    "csv",
    "Canonical events as CSV",
    f"CSV with the columns {', '.join(NEEDED)} and any other of ours; also .gz, .zst",
    KINDS,
    _is_csv,
    _read_csv,
)

FORMATS = (CSV,)
