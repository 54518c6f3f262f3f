"""Any readable file as tables: CSV, NDJSON, Parquet, packed or not, alone or as members of a zip.

What a file is tells its content, not its name: the outer packing, the kind, and streams of its bytes.
"""

import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

import polars as pl

from audit.errors import InputError
from audit.ingest import csv_text, databases, json_rows, record_files, strict_json
from audit.ingest.archive import Archive, clear_errors, packing_of, unpacked
from audit.ingest.format import REJECTED
from audit.ingest.json_rows import Apart

_MAGIC_KINDS = {b"PAR1": "parquet", b"SQLite format 3": "sqlite", b"Obj\x01": "avro"}
_OF_AN_OFFICE_FILE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"word/")
"""How the name of the first member of an Excel or Word file begins, which is a zip."""

_STRANGERS = {
    b"%PDF": "a PDF; save the data as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; save it as CSV",
    b"\x89PNG": "a picture; name the file with the data",
    b"\xff\xd8\xff": "a picture; name the file with the data",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
    b"BZh": "packed with bzip2; unpack it first",
    b"\xfd7zXZ": "packed with xz; unpack it first",
}
KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".zip": "zip",
    ".avro": "avro",
    ".mbox": "mbox",
    ".eml": "mail",
    ".sql": "sql",
}
"""What a file is by the ending of its name."""

PACKINGS = {".gz": "gz", ".zst": "zst"}
"""How it is packed by the ending after that."""

_LIST = re.compile(rb"\[\s*[{\]]")
"""How a list of objects begins."""

HEAD = 64 * 1024
"""Bytes by which a file is known."""

_FIRST = 50
"""Rows by which a table is known."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file, or of one member of an archive.

    `rows` has `row` (from 1; several events may be of one) and the source's columns, as text or typed; `rejected` as in `Batch`; `form` is the kind of
    file; `read` and `size` are bytes, for the progress.
    """

    path: str
    form: str
    rows: pl.DataFrame
    read: int
    size: int
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))

    @property
    def file_name(self) -> str:
        """The name of the file itself, in an archive too; of a database that of the table."""
        return PurePosixPath(self.path.rsplit("!", 1)[-1]).name

    @property
    def count(self) -> int:
        """How many rows of the source these are."""
        return self.rows["row"].n_unique() + self.rejected.height


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: `apart` takes JSON objects apart, see `paths`; the rest is of CSV, where a delimiter of
    None is found out, a `header` is given for files that have none, and a `block` is of so many bytes, unless as usual; `only` these
    files of a zip are read, by their path, unless all are.
    """

    apart: Apart
    delimiter: str | None = None
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    block: int | None = None
    only: Collection[str] | None = None


def tables(path: Path, reading: Reading) -> Iterator[Table]:
    """The rows of a file, in order. Raises InputError."""
    file = file_type(path)
    if file.kind == "zip":
        yield from _members(path, reading)
    elif file.kind == "sqlite":
        if file.packing:
            raise InputError(f"{path}: is an SQLite database inside .{file.packing}; unpack it first")
        for name, rows, done in databases.sqlite(path):
            yield Table(f"{path}!{name}", "sqlite", rows, done, path.stat().st_size)
    elif file.kind == "parquet":
        if file.packing:
            raise InputError(f"{path}: is Parquet inside .{file.packing}; unpack it first")
        for rows, part in databases.parquet(path, str(path)):
            size = path.stat().st_size
            yield Table(str(path), "parquet", rows, int(size * part), size)
    else:
        with unpacked(path, file.packing) as stream:
            yield from _text(
                stream, file.kind, str(path), 0 if file.packing else path.stat().st_size, reading
            )


def mails(folder: Path, paths: Sequence[Path], reading: Reading) -> Iterator[Table]:
    """Files of one mail each, all of a folder, as one table: a row a file. Raises InputError."""
    done = 0

    def records() -> Iterator[dict[str, Any]]:
        nonlocal done
        for path in paths:
            with unpacked(path, file_type(path).packing) as stream:
                yield from record_files.mail(stream, str(path))
            done += 1

    for rows, rejected, _ in json_rows.chunks(record_files.lines(records()), str(folder), reading.apart):
        yield Table(str(folder), "ndjson", rows, done, len(paths), rejected)


def heads(path: Path, reading: Reading, wanted: Callable[[bytes], bool]) -> Iterator[Table]:
    """The first rows of each table in a file, and before them a table of none; nothing of what cannot be read.

    Text whose first bytes, and tables whose columns, are not `wanted` are not looked at further.
    """
    try:
        file = file_type(path)
        if file.kind == "zip":
            with Archive(path) as archive:
                for member in archive.members:
                    with archive.open(member) as stream:
                        start = stream.peek(HEAD)[:HEAD]
                        with suppress(InputError):  # who reads the archive says what is wrong with the member
                            kind = kind_of(start, member.path)
                            yield from _head(stream, start, kind, member.path, reading, wanted=wanted)
        elif file.kind in ("sqlite", "sql", "mbox", "mail"):
            for table in _heads_of(path, path.stat().st_mtime_ns):
                yield Table(table.path, file.kind, pl.DataFrame(), 0, 0)
                if wanted(" ".join(table.rows.columns).encode()):
                    yield table
        else:
            with unpacked(path, file.packing) as stream:
                yield from _head(stream, file.head, file.kind, str(path), reading, wanted=wanted)
    except InputError:
        return


def _head(
    stream: IO[bytes],
    start: bytes,
    kind: str,
    path: str,
    reading: Reading,
    *,
    wanted: Callable[[bytes], bool],
) -> Iterator[Table]:
    yield Table(path, kind, pl.DataFrame(), 0, 0)
    if (kind in ("csv", "ndjson") and wanted(start)) or kind in ("mbox", "mail"):
        text = strict_json.closed(start) if kind == "ndjson" else start
        yield from _text(io.BytesIO(text), kind, path, len(start), reading)
    elif kind == "avro":
        lines = record_files.Lines(islice(record_files.avro(stream, path), _FIRST))
        for rows, rejected, _ in json_rows.chunks(io.BufferedReader(lines), path, reading.apart):
            yield Table(path, kind, rows, 0, 0, rejected)
    elif kind == "sql":
        yield from _text(stream, kind, path, 0, reading, limit=_FIRST)
    elif kind == "parquet":
        rows, _ = next(databases.parquet(io.BytesIO(stream.read()), path, _FIRST))
        yield Table(path, kind, rows, 0, 0)


@lru_cache(maxsize=4)
def _heads_of(path: Path, _modified: int) -> tuple[Table, ...]:
    """The first rows of each table of a database or mailbox; asked for by every format, and read once."""
    file = file_type(path)
    if file.kind in ("mbox", "mail"):
        every_key = Reading(lambda row: [(row, {})])
        return tuple(_text(io.BytesIO(file.head), file.kind, str(path), 0, every_key))
    if file.kind == "sqlite":
        found = [(name, rows) for name, rows, _ in databases.sqlite(path, _FIRST)]
    else:
        with unpacked(path, file.packing) as stream:
            found = [(name, rows) for name, rows, _ in databases.dump(stream, str(path), _FIRST)]
    return tuple(Table(f"{path}!{name}", file.kind, rows, 0, 0) for name, rows in found)


def _members(path: Path, reading: Reading) -> Iterator[Table]:
    with Archive(path) as archive:
        for member in archive.members:
            if reading.only is not None and member.path not in reading.only:
                continue
            with archive.open(member) as stream:
                kind = kind_of(stream.peek(HEAD)[:HEAD], member.path)
                size = 0 if PurePosixPath(member.name).suffix.lower() in PACKINGS else member.size
                if kind == "parquet":
                    for rows, part in databases.parquet(io.BytesIO(stream.read()), member.path):
                        yield Table(member.path, kind, rows, int(size * part), size)
                else:
                    yield from _text(stream, kind, member.path, size, reading)


def _not_inside(kind: str, path: str) -> InputError:
    return InputError(f"{path}: {kind} inside a zip is not read; unpack it")


def members(path: Path) -> dict[str, InputError | None]:
    """The files of a zip by their path, and why one cannot be read. Raises InputError."""
    problems: dict[str, InputError | None] = {}
    with Archive(path) as archive:
        for member in archive.members:
            with archive.open(member) as stream:
                start = stream.peek(HEAD)[:HEAD]
            problems[member.path] = None
            try:
                kind = kind_of(start, member.path)
            except InputError as error:
                problems[member.path] = error
            else:
                if kind in ("zip", "sqlite"):
                    problems[member.path] = _not_inside(kind, member.path)
    return problems


def _text(
    stream: IO[bytes], kind: str, path: str, size: int, reading: Reading, *, limit: int | None = None
) -> Iterator[Table]:
    lines = record_files.lines_of(kind)
    if lines is not None:
        for rows, rejected, _ in json_rows.chunks(lines(stream, path), path, reading.apart):
            done = stream.tell() if size and stream.seekable() else 0
            yield Table(path, "ndjson", rows, done, size, rejected)
    elif kind == "sql":
        for name, rows, done in databases.dump(stream, path, limit):
            yield Table(f"{path}!{name}", kind, rows, done, size)
    elif kind == "empty":
        yield Table(path, "csv", pl.DataFrame(schema={"row": pl.UInt64()}), 0, 0)
    elif kind == "ndjson":
        for rows, rejected, done in json_rows.chunks(stream, path, reading.apart):
            yield Table(path, kind, rows, done, size, rejected)
    elif kind == "csv":
        for rows, rejected, done in csv_text.chunks(
            stream, path, reading.delimiter, reading.encoding, reading.header, size=reading.block
        ):
            yield Table(path, kind, rows, done, size, rejected)
    else:
        raise _not_inside(kind, path)


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is: `kind` csv | ndjson | parquet | avro | sqlite | sql | mbox | mail | zip | empty, `packing` gz | zst | None, `head` its first bytes."""

    kind: str
    packing: str | None
    head: bytes


def file_type(path: Path) -> FileType:
    """What lies at `path`. Raises InputError if it cannot be read, is nothing we read, or not what its name says."""
    with clear_errors(path):
        status = path.stat()
    return _file_type(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _file_type(path: Path, _modified: int, _size: int) -> FileType:
    """The same of a file as it is now; every format asks."""
    with clear_errors(path), path.open("rb") as file:
        start = file.read(HEAD)
    packing = packing_of(start)
    if packing:
        with unpacked(path, packing) as stream:
            start = stream.read(HEAD)
    description = FileType(kind_of(start, str(path)), packing, start)
    _refuse_misnamed(path, description)
    return description


def kind_of(start: bytes, path: str) -> str:
    """What a file is that begins with `start`. Raises InputError for what we do not read."""
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        return "empty"
    for magic, kind in _MAGIC_KINDS.items():
        if start.startswith(magic):
            return kind
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if start[30:].startswith(_OF_AN_OFFICE_FILE):
            raise InputError(f"{path}: is an Excel or Word file; save it as CSV")
        return "zip"
    if description := _stranger(start):
        raise InputError(f"{path}: is {description}")
    if start[257:262] == b"ustar":
        raise InputError(f"{path}: is a tar archive; unpack it first")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") or _LIST.match(text):
        return "ndjson"
    if databases.is_dump(text):
        return "sql"
    if (mail := record_files.is_mail(start)) is not None:
        return mail
    if text[:1] == b"<":
        raise InputError(f"{path}: is a page or XML; save the data as CSV")
    return "csv"


def _stranger(start: bytes) -> str | None:
    """What we do not read that begins with `start`, and what to do about it."""
    if any(start[place::2].count(0) * 2 > len(start[place::2]) for place in (0, 1)):
        return "text in UTF-16 or UTF-32; save it as UTF-8"
    return next((words for magic, words in _STRANGERS.items() if start.startswith(magic)), None)


def plain_name(name: str) -> str:
    """A file's name in small letters, without how it is packed."""
    plain = name.lower()
    return next((plain.removesuffix(packing) for packing in PACKINGS if plain.endswith(packing)), plain)


def _refuse_misnamed(path: Path, description: FileType) -> None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    said_packing = PACKINGS.get(suffixes[-1]) if suffixes else None
    if said_packing != description.packing and (said_packing or (suffixes and suffixes[-1] in KINDS)):
        raise InputError(
            f"{path}: is named {suffixes[-1]} but is {description.packing or 'not packed'}; rename it"
        )
    plain = suffixes[:-1] if said_packing else suffixes
    suffix_kind = KINDS.get(plain[-1]) if plain else None
    if suffix_kind and description.kind not in (suffix_kind, "empty"):
        raise InputError(
            f"{path}: is named {plain[-1]} but holds {description.kind}; rename it, or fetch it again"
        )
