"""Packed files and zip archives as they come from strangers: streamed and counted, nothing is extracted by name."""

import gzip
import io
import re
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from audit.errors import InputError
from audit.privacy.clean import clean

MEMBERS = 200_000
"""Members listed at most; real exports hold one JSON file an item."""

MEMBER_BYTES = 2 * 1024**3
"""Bytes read of one member at most."""

TOTAL_BYTES = 8 * 1024**3
"""Bytes read of an archive in all, at most."""

RATIO = 200
"""Bytes read for each compressed byte, at most; looked at from the first mebibyte on."""

_RATIO_FROM = 1024**2
_IN_MEMORY = 64 * 1024**2
_LINK = 0o12
_HIDDEN = re.compile(r"(^|/)(\.[^./]|__MACOSX/)")
"""What a folder shows nobody, and what a Mac adds to a zip."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


_PACKINGS = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
_BROKEN_PACKING = (gzip.BadGzipFile, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, or in a zip inside that archive.

    - `path`: for people, `export.zip!Orders.zip!Orders.csv`; a second file of that name has ` (2)` behind it;
    - `name`: its own name inside the innermost zip, `/` between folders; never a place to write to;
    - `inside`: the name of the zip it lies in within the archive, None for the archive itself;
    - `size`, `compressed`: bytes, as the archive states them;
    - `place`, `inside_place`: which of the files it is, in the zip it lies in and that zip in the archive; a name may stand twice;
    - `modified`: year, month, day, hour, minute and second, as the archive states them of it or of the zip it lies in.
    """

    path: str
    name: str
    inside: str | None
    size: int
    compressed: int
    modified: tuple[int, int, int, int, int, int]
    place: int
    inside_place: int | None = None


class Archive:
    """A zip, or a zip of zips, opened for reading.

    `members` are all its files in the archive's order; folders and links are left out. Raises InputError for a
    truncated, encrypted or unreadable archive, and for one beyond the limits above.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._nested: tuple[int, zipfile.ZipFile] | None = None
        with _clear(str(path)):
            self._zip = _whole(zipfile.ZipFile(path))
        try:
            self.members = tuple(self._list())
        except InputError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and of what was read of it."""
        self._close_nested()
        self._zip.close()

    @contextmanager
    def open(self, member: Member) -> "Iterator[io.BufferedReader[Any]]":
        """Stream one member, unpacked where it is packed itself; reading beyond a limit, or broken data, raises InputError."""
        with ExitStack() as opened:
            with _clear(member.path):
                within = member.inside_place
                holder = self._zip if within is None else self._nested_zip(within)
                info = holder.infolist()[member.place]
                raw = opened.enter_context(holder.open(info))
            counted = _Counted(self, raw, member.path, info.compress_size)
            stream: io.BufferedReader[Any] = opened.enter_context(io.BufferedReader(counted))
            packing = packing_of(stream.peek(4))
            if packing is not None:
                opened.enter_context(clear_errors(member.path))
                stream = _without_packing(stream, packing, member.path, info.file_size)
            yield stream

    def count(self, path: str, n: int, so_far: int, compressed: int) -> None:
        """Account for `n` more bytes; raises InputError beyond a limit."""
        self._read += n
        if so_far > MEMBER_BYTES:
            raise InputError(f"{path}: larger than {MEMBER_BYTES >> 30} GiB, and nothing was read; split it")
        if self._read > TOTAL_BYTES:
            raise InputError(f"{self.path}: holds more than {TOTAL_BYTES >> 30} GiB; split it")
        if so_far > _RATIO_FROM and so_far > RATIO * max(compressed, 1):
            raise InputError(
                f"{path}: grows to more than {RATIO} times its size, like a zip bomb, and is refused; unpack it yourself if you trust it"
            )

    def _list(self) -> Iterator[Member]:
        titles: Counter[str] = Counter()
        for number, (place, info, within) in enumerate(self._infos(), start=1):
            if number > MEMBERS:
                raise InputError(
                    f"{self.path}: more than {MEMBERS:,} files in it; import them in smaller archives, or unpacked"
                )
            holder = None if within is None else self._zip.infolist()[within]
            inside = None if holder is None else holder.filename
            title = clean("!".join(part for part in (self.path.name, inside, info.filename) if part))
            titles[title] += 1
            unique = title if titles[title] == 1 else f"{title} ({titles[title]})"
            modified = (holder or info).date_time
            yield Member(
                unique, info.filename, inside, info.file_size, info.compress_size, modified, place, within
            )

    def _infos(self) -> Iterator[tuple[int, zipfile.ZipInfo, int | None]]:
        """All files with their place, and the place of the zip inside this one that holds them."""
        for place, info in _files(self._zip):
            if not info.filename.lower().endswith(".zip"):
                yield place, info, None
                continue
            with _clear(f"{self.path.name}!{clean(info.filename)}"):
                inner = _files(self._nested_zip(place))
            yield from ((number, member, place) for number, member in inner)

    def _nested_zip(self, place: int) -> zipfile.ZipFile:
        if self._nested is not None and self._nested[0] == place:
            return self._nested[1]
        self._close_nested()
        info = self._zip.infolist()[place]
        path = clean(f"{self.path.name}!{info.filename}")
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed with the zip that reads it
        with self._zip.open(info) as raw:
            shutil.copyfileobj(_Counted(self, raw, path, info.compress_size), spool, 1024**2)
        spool.seek(0)
        self._nested = (place, _whole(_OwningZip(spool)))
        return self._nested[1]

    def _close_nested(self) -> None:
        if self._nested is not None:
            self._nested[1].close()
            self._nested = None


class _OwningZip(zipfile.ZipFile):
    """A zip that closes the temporary file it reads."""

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        super().__init__(spool)

    def close(self) -> None:
        super().close()
        self._spool.close()


class _Counted(io.RawIOBase):
    """A member's bytes, each read accounted for against the archive's limits."""

    def __init__(self, archive: Archive, raw: IO[bytes], path: str, compressed: int) -> None:
        super().__init__()
        self._archive, self._raw, self._path, self._compressed = archive, raw, path, compressed
        self._so_far = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "io.BufferedIOBase | memoryview") -> int:  # type: ignore[override]
        with _clear(self._path):
            block = self._raw.read(len(buffer))  # type: ignore[arg-type]
        self._so_far += len(block)
        self._archive.count(self._path, len(block), self._so_far, self._compressed)
        buffer[: len(block)] = block  # type: ignore[index]
        return len(block)


_Zip = TypeVar("_Zip", bound=zipfile.ZipFile)


def _whole(archive: _Zip) -> _Zip:
    """Refuse a zip whose first file does not stand at its beginning: a zip of zips that was cut off reads as its last part."""
    if archive.infolist() and min(info.header_offset for info in archive.infolist()) > 0:
        archive.close()
        raise zipfile.BadZipFile("its end is missing")
    return archive


def _files(archive: zipfile.ZipFile) -> list[tuple[int, zipfile.ZipInfo]]:
    """The files of a zip with their place in it, without folders, links and hidden files."""
    listed = enumerate(archive.infolist())
    return [
        (place, info)
        for place, info in listed
        if not info.is_dir() and (info.external_attr >> 28) != _LINK and not _HIDDEN.search(info.filename)
    ]


@contextmanager
def _clear(path: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(f"{path}: no readable zip ({error}); fetch it again") from error


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


class _Bounded(io.RawIOBase):
    """What comes out of a packing; raises InputError where it is more than anybody packs into so little."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, path: str, size: int) -> None:
        super().__init__()
        self._stream, self._path, self._read = stream, path, 0
        self._most = min(TOTAL_BYTES, max(_RATIO_FROM, size * RATIO))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._stream.read(len(buffer))
        self._read += len(part)
        if self._read > self._most:
            raise InputError(
                f"{self._path}: unpacks to more than {self._most >> 20:,} MiB; unpack it yourself first"
            )
        buffer[: len(part)] = part
        return len(part)


def packing_of(start: bytes) -> str | None:
    """How something is packed that begins with `start`: gz, zst, or not at all."""
    return next((name for magic, name in _PACKINGS.items() if start.startswith(magic)), None)


@contextmanager
def unpacked(path: Path, packing: str | None) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Broken packing raises InputError."""
    with clear_errors(path), path.open("rb") as file:
        size = path.stat().st_size
        yield file if packing is None else _without_packing(file, packing, str(path), size)


def _without_packing(file: IO[bytes], packing: str, path: str, size: int) -> "io.BufferedReader[Any]":
    """What is packed in the `size` bytes of `file`."""
    plain = gzip.GzipFile(fileobj=file) if packing == "gz" else io.BufferedReader(_Unpacked(file))
    return io.BufferedReader(_Bounded(plain, path, size), 1024**2)


@contextmanager
def clear_errors(path: Path | str) -> Iterator[None]:
    """Broken packing, and what the system says, as an InputError."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file or folder; look at its name") from error
    except _BROKEN_PACKING as error:
        raise InputError(f"{path}: the packing is broken or cut off ({error}); fetch it again") from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
