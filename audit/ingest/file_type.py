"""Files by what is in them, not by their names: the outer packing, the kind, and streams of their bytes."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from audit.errors import InputError

_PACKINGS = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
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
_NAMES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".zip": "zip",
}
_PACKED_NAMES = {".gz": "gz", ".zst": "zst"}
_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)
HEAD = 64 * 1024
"""Bytes by which a file is known."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: `kind` csv | ndjson | parquet | zip | empty, `packing` gz | zst | None, `head` its first bytes."""

    kind: str
    packing: str | None
    head: bytes


def look(path: Path) -> Found:
    """What lies at `path`. Raises InputError if it cannot be read, is nothing we read, or not what its name says."""
    with _clear(path), path.open("rb") as file:
        start = file.read(HEAD)
    packing = next((name for magic, name in _PACKINGS.items() if start.startswith(magic)), None)
    if packing:
        with stream(path, packing) as unpacked:
            start = unpacked.read(HEAD)
    found = Found(kind(start, str(path)), packing, start)
    _refuse_misnamed(path, found)
    return found


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
        taken = min(len(buffer), len(self._ready))
        buffer[:taken], self._ready = self._ready[:taken], self._ready[taken:]
        return taken


@contextmanager
def stream(path: Path, packing: str | None) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Broken packing raises InputError."""
    with _clear(path), path.open("rb") as file:
        if packing == "gz":
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield io.BufferedReader(unpacked, 1024**2)
        elif packing == "zst":
            yield io.BufferedReader(_Unpacked(file), 1024**2)
        else:
            yield file


def kind(start: bytes, path: str) -> str:
    """What a file is that begins with `start`. Raises InputError for what we do not read."""
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        return "empty"
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if b"[Content_Types].xml" in start[:4096]:
            raise InputError(f"{path}: is an Excel or Word file; save it as CSV")
        return "zip"
    for magic, what in _STRANGERS.items():
        if start.startswith(magic):
            raise InputError(f"{path}: is {what}")
    if start[257:262] == b"ustar":
        raise InputError(f"{path}: is a tar archive; unpack it first")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        raise InputError(f"{path}: is one JSON list; write one object on each line (NDJSON)")
    if text.startswith(b"{"):
        if text.split(b"\n", 1)[0].strip() == b"{":
            raise InputError(f"{path}: is JSON over several lines; write one object on each line (NDJSON)")
        return "ndjson"
    if text[:1] == b"<":
        raise InputError(f"{path}: is a page or XML; save the data as CSV")
    return "csv"


def _refuse_misnamed(path: Path, found: Found) -> None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    said_packing = _PACKED_NAMES.get(suffixes[-1]) if suffixes else None
    if said_packing != found.packing and (said_packing or (suffixes and suffixes[-1] in _NAMES)):
        raise InputError(f"{path}: is named {suffixes[-1]} but is {found.packing or 'not packed'}; rename it")
    plain = suffixes[:-1] if said_packing else suffixes
    said = _NAMES.get(plain[-1]) if plain else None
    if said and found.kind not in (said, "empty"):
        raise InputError(f"{path}: is named {plain[-1]} but holds {found.kind}; rename it, or fetch it again")


@contextmanager
def _clear(path: Path) -> Iterator[None]:
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
