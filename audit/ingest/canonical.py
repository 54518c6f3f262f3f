"""Our own form: CSV, NDJSON or Parquet with the columns of `audit.events.schema`, plain or packed, alone or in a zip."""

from collections.abc import Iterator
from pathlib import Path

from audit.errors import InputError
from audit.events.schema import KINDS, NEEDED, SCHEMA
from audit.ingest import (
    columns,
    csv_text,
    file_type,
    identifier_names,
    readers,
)
from audit.ingest.archive import Archive
from audit.ingest.batch import Batch
from audit.ingest.formats import Format, Options
from audit.ingest.rows import Table

_TITLES = {
    "csv": "CSV",
    "ndjson": "NDJSON",
    "parquet": "Parquet",
    "zip": "a zip of CSV, NDJSON or Parquet files",
}
_SUFFIXES = {
    "csv": (".csv", ".tsv"),
    "ndjson": (".ndjson", ".jsonl", ".json"),
    "parquet": (".parquet",),
    "zip": (".zip",),
}


def is_ours(name: str) -> bool:
    """Whether a column is known to the canonical form: an event's, or a direct identifier."""
    return name in SCHEMA or identifier_names.field_of(name) is not None


def read(path: Path, options: Options) -> Iterator[Batch]:
    """Canonical events. Raises InputError where a needed column is missing."""
    for table in readers.read(path, readers.Reading(is_ours)):
        if _has_header(table):
            columns.refuse_missing(table.path, table.rows.columns)
        options.tell(table.read, table.size, table.path)
        yield columns.batch(table)


def _has_header(table: Table) -> bool:
    """Whether the columns say what the file is; objects of NDJSON may each lack one, but not all of them all."""
    if table.form != "ndjson":
        return table.rows.width > 1
    return table.rows.height > 0 and not set(NEEDED) & set(table.rows.columns)


def recognises(path: Path, kind: str) -> bool:
    """Whether `path` is a file of this kind and either named so or plainly ours."""
    if not path.is_file():
        return False
    found = file_type.look(path)
    if found.kind == "zip":
        return kind == "zip" and _zip_is_ours(path)
    if found.kind == "empty":
        return kind == "csv"
    return found.kind == kind and (kind != "csv" or _named(path, kind) or _header_is_ours(found.head, path))


def _named(path: Path, kind: str) -> bool:
    return any(suffix.lower() in _SUFFIXES[kind] for suffix in path.suffixes)


def _header_is_ours(head: bytes, path: Path) -> bool:
    try:
        header, _ = csv_text.header(head, str(path))
    except InputError:
        return False
    return set(NEEDED) <= set(header)


def _zip_is_ours(path: Path) -> bool:
    with Archive(path) as archive:
        return bool(archive.members) and all(
            any(
                Path(member.name).name.lower().endswith(each)
                for kind in _SUFFIXES
                for each in _SUFFIXES[kind]
            )
            for member in archive.members
        )


def _format(kind: str) -> Format:
    return Format(
        name=kind,
        title=f"Canonical events: {_TITLES[kind]}",
        reads=f"{', '.join('*' + each for each in _SUFFIXES[kind])}"
        + ("" if kind in ("parquet", "zip") else ", also .gz and .zst")
        + f"; columns {', '.join(NEEDED)} and any other of ours",
        gives=KINDS,
        recognises=lambda path: recognises(path, kind),
        read=read,
    )


FORMATS = tuple(_format(kind) for kind in _TITLES)
