"""Any readable file as tables: CSV, NDJSON, Parquet, packed or not, alone or as members of a zip.

What a file is tells its content, not its name: the outer packing, the kind, and streams of its bytes.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import polars as pl

from audit.errors import InputError
from audit.ingest import csv_text, json_rows
from audit.ingest.archive import Archive
from audit.ingest.format import REJECTED
from audit.ingest.json_rows import Apart

_MAGIC = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
_STRANGERS = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; save it as CSV",
    b"SQLite format 3": "an SQLite database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
    b"BZh": "packed with bzip2; unpack it first",
    b"\xfd7zXZ": "packed with xz; unpack it first",
    b"Obj\x01": "an Avro file, which is not read yet",
}
KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".zip": "zip",
}
"""What a file is by the ending of its name."""

PACKINGS = {".gz": "gz", ".zst": "zst"}
"""How it is packed by the ending after that."""

_LIST = re.compile(rb"\[\s*[{\]]")
"""How a list of objects begins."""

_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)
HEAD = 64 * 1024
"""Bytes by which a file is known."""

SLICE = 1_000_000
"""Rows of a Parquet file read at a time."""


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
    def count(self) -> int:
        """How many rows of the source these are."""
        return self.rows["row"].n_unique() + self.rejected.height


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: `apart` takes JSON objects apart, see `paths`; the rest is of CSV, where a delimiter of
    None is found out, and a `header` is given for files that have none.
    """

    apart: Apart
    delimiter: str | None = None
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()


def tables(path: Path, reading: Reading) -> Iterator[Table]:
    """The rows of a file, in order. Raises InputError."""
    file = file_type(path)
    if file.kind == "zip":
        yield from _members(path, reading)
    elif file.kind == "parquet":
        if file.packing:
            raise InputError(f"{path}: is Parquet inside .{file.packing}; unpack it first")
        yield from _parquet(path, str(path), path.stat().st_size)
    else:
        with unpacked(path, file.packing) as stream:
            yield from _text(
                stream, file.kind, str(path), 0 if file.packing else path.stat().st_size, reading
            )


def heads(path: Path, reading: Reading, wanted: Callable[[bytes], bool]) -> Iterator[Table]:
    """The first rows of a file of text, or of each file in a zip; none of those whose first bytes are not `wanted`, and nothing
    of what cannot be read.
    """
    try:
        file = file_type(path)
        if file.kind in ("csv", "ndjson"):
            yield Table(str(path), file.kind, pl.DataFrame(), 0, 0)
        if file.kind in ("csv", "ndjson") and wanted(file.head):
            yield from _text(io.BytesIO(file.head), file.kind, str(path), len(file.head), reading)
        elif file.kind == "zip":
            with Archive(path) as archive:
                for member in archive.members:
                    with archive.open(member) as stream:
                        start = stream.peek(HEAD)[:HEAD]
                    kind = kind_of(start, member.path)
                    yield Table(member.path, kind, pl.DataFrame(), 0, 0)
                    if kind in ("csv", "ndjson") and wanted(start):
                        yield from _text(io.BytesIO(start), kind, member.path, len(start), reading)
    except InputError:
        return


def _members(path: Path, reading: Reading) -> Iterator[Table]:
    with Archive(path) as archive:
        for member in archive.members:
            with archive.open(member) as stream:
                kind = kind_of(stream.peek(HEAD)[:HEAD], member.path)
                if kind == "parquet":
                    yield from _parquet(io.BytesIO(stream.read()), member.path, member.size)
                else:
                    yield from _text(stream, kind, member.path, member.size, reading)


def _text(stream: IO[bytes], kind: str, path: str, size: int, reading: Reading) -> Iterator[Table]:
    if kind == "empty":
        yield Table(path, "csv", pl.DataFrame(schema={"row": pl.UInt64()}), 0, 0)
    elif kind == "ndjson":
        for rows, rejected, done in json_rows.chunks(stream, path, reading.apart):
            yield Table(path, kind, rows, done, size, rejected)
    elif kind == "csv":
        for rows, rejected, done in csv_text.chunks(
            stream, path, reading.delimiter, reading.encoding, reading.header
        ):
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


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is: `kind` csv | ndjson | parquet | zip | empty, `packing` gz | zst | None, `head` its first bytes."""

    kind: str
    packing: str | None
    head: bytes


def file_type(path: Path) -> FileType:
    """What lies at `path`. Raises InputError if it cannot be read, is nothing we read, or not what its name says."""
    with _clear_errors(path), path.open("rb") as file:
        start = file.read(HEAD)
    packing = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    if packing:
        with unpacked(path, packing) as stream:
            start = stream.read(HEAD)
    description = FileType(kind_of(start, str(path)), packing, start)
    _refuse_misnamed(path, description)
    return description


class _Unpacked(io.RawIOBase):
    """A zstd stream of one or more frames; a broken one, or one that ends inside a frame, raises EOFError."""

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        super().__init__()
        self._file, self._new = file, zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._frame, self._ready = self._new(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            packed = (self._frame.unused_data if self._frame.eof else b"") or self._file.read(1024**2)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("it ends in the middle")
                return 0
            if self._frame.eof:
                self._frame = self._new()
            try:
                self._ready = self._frame.decompress(packed)
            except self._error as error:
                raise EOFError(str(error)) from error
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


@contextmanager
def unpacked(path: Path, packing: str | None) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Broken packing raises InputError."""
    with _clear_errors(path), path.open("rb") as file:
        if packing == "gz":
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield io.BufferedReader(unpacked, 1024**2)
        elif packing == "zst":
            yield io.BufferedReader(_Unpacked(file), 1024**2)
        else:
            yield file


def kind_of(start: bytes, path: str) -> str:
    """What a file is that begins with `start`. Raises InputError for what we do not read."""
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        return "empty"
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if b"[Content_Types].xml" in start[:4096]:
            raise InputError(f"{path}: is an Excel or Word file; save it as CSV")
        return "zip"
    for magic, description in _STRANGERS.items():
        if start.startswith(magic):
            raise InputError(f"{path}: is {description}")
    if start[257:262] == b"ustar":
        raise InputError(f"{path}: is a tar archive; unpack it first")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") or _LIST.match(text):
        return "ndjson"
    if text[:1] == b"<":
        raise InputError(f"{path}: is a page or XML; save the data as CSV")
    return "csv"


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


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file or folder") from error
    except _BROKEN as error:
        raise InputError(f"{path}: the packing is broken or cut off ({error}); fetch it again") from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
