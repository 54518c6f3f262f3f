"""The gate's record on disk: a line of JSON for each decision and noted event, appended before the answer goes out.

Customers stand in it by pseudonym. One that the gate met first has a line with its pseudonym and the source's id,
sealed with the vault's key, so that neither is lost before the vault has them. A killed gate loses nothing that was
answered; a power cut at most what was answered in the last second.

As it grows it is compacted: lines that no rule can need any more are left out. That is done beside the answering, in
another file that takes its place when it is on the disk, so that there is a whole record at every moment.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from audit.enforcement.gate.reader import Line
from audit.errors import WorkspaceError
from audit.storage import private_files

SYNCED_EVERY = 0.5
"""Seconds between two times at which what was appended is forced to the disk."""

WORTH = 16 * 1024**2
"""Bytes from which on a record is compacted; and again whenever it is twice as long as it was then."""

_AT_ONCE = 65_536
"""Bytes that are looked through, or copied, without a pause for the answering."""

_PAUSE = 0.001
"""Seconds of such a pause."""

Needed = Callable[[bytes], bool]
"""Whether a line of the record is needed any more."""


class Record:
    """The record of one workspace, opened for the one gate that writes it."""

    def __init__(self, path: Path, handle: int, length: int) -> None:
        self._path = path
        self._handle = handle
        self._length = length
        self._worth = WORTH
        self._unsynced = False
        self._failed: OSError | None = None
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self._is_needed: Needed | None = None

    @classmethod
    @contextmanager
    def open(cls, folder: Path, settle: Callable[[], None]) -> Iterator["Record"]:
        """The record in `folder`, a torn last line cut off; one at a time.

        `settle` is called beside every sync. Raises WorkspaceError if another gate runs, or it cannot be written.
        """
        private_files.make(folder)
        path = folder / "record.ndjson"
        with private_files.exclusive(folder / "lock"):
            _compacted(path).unlink(missing_ok=True)
            with private_files.clear_errors(path):
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            record = cls(path, handle, 0)
            try:
                record._cut()
                private_files.sync(folder)
                thread = threading.Thread(target=record._maintain, args=(settle,), daemon=True)
                thread.start()
                try:
                    yield record
                finally:
                    record._ended.set()
                    thread.join()
            finally:
                os.close(record._handle)

    def lines(self) -> Iterator[bytes]:
        """Every line so far."""
        with private_files.clear_errors(self._path), self._path.open("rb") as file:
            yield from file

    def damaged(self, number: int) -> WorkspaceError:
        """What to say of a line that cannot be read."""
        return WorkspaceError(
            f"{self._path}: line {number:,} is damaged; move the file away to begin without what the gate let through"
        )

    def append(self, text: bytes) -> None:
        """Add whole lines, all of them or none. Raises WorkspaceError."""
        with private_files.clear_errors(self._path), self._writing:
            if self._failed is not None:
                raise self._failed
            try:
                _write(self._handle, text)
            except OSError:
                os.ftruncate(self._handle, self._length)
                os.lseek(self._handle, self._length, os.SEEK_SET)
                raise
            self._length += len(text)
            self._unsynced = True

    def compact_with(self, is_needed: Needed) -> None:
        """From now on leave out, as the record grows, the lines that are not needed."""
        self._is_needed = is_needed

    def compact(self) -> None:
        """Leave out now what is not needed. Where there is no room for a second file, the record stays as it is."""
        is_needed = self._is_needed
        if is_needed is None or sys.platform == "win32":  # an open file cannot be replaced there
            return
        fresh = _compacted(self._path)
        with suppress(OSError, WorkspaceError):
            try:
                self._replaced(fresh, is_needed)
            finally:
                fresh.unlink(missing_ok=True)
        self._worth = max(WORTH, 2 * self._length)

    def _replaced(self, fresh: Path, is_needed: Needed) -> None:
        handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with self._path.open("rb") as record:
                done = self._sift(record.fileno(), handle, is_needed)
                while (remaining := self._length - done) > _AT_ONCE:
                    done += _copy(record.fileno(), handle, done, min(remaining, _AT_ONCE))
                os.fsync(handle)
                with self._writing:
                    done += _copy(record.fileno(), handle, done, self._length - done)
                    fresh.replace(self._path)
                    handle, self._handle = self._handle, handle
                    self._length, self._unsynced = os.lseek(self._handle, 0, os.SEEK_CUR), True
            private_files.sync(self._path.parent)
        finally:
            os.close(handle)

    def _sift(self, record: int, handle: int, is_needed: Needed) -> int:
        """Copy the lines that are needed of what is there by now; answers how far that was."""
        end, done, cut_line = self._length, 0, b""
        while done < end and not self._ended.is_set():
            part = os.pread(record, min(_AT_ONCE, end - done), done)
            done += len(part)
            *lines, cut_line = (cut_line + part).split(b"\n")
            _write(handle, b"".join(line + b"\n" for line in lines if is_needed(line)))
            self._ended.wait(_PAUSE)
        if done < end:
            raise InterruptedError
        return done

    def _cut(self) -> None:
        """Take away what a killed writer left of a line that was never answered."""
        with private_files.clear_errors(self._path):
            end = os.fstat(self._handle).st_size
            while end:
                start = max(0, end - 65_536)
                newline = os.pread(self._handle, end - start, start).rfind(b"\n")
                if newline >= 0:
                    end = start + newline + 1
                    break
                end = start
            os.ftruncate(self._handle, end)
            os.lseek(self._handle, end, os.SEEK_SET)
            self._length = end

    def _maintain(self, settle: Callable[[], None]) -> None:
        """Beside the answering: sync what was appended, put new customers in the vault, compact."""
        ended = False
        while not ended:
            ended = self._ended.wait(SYNCED_EVERY)
            if self._unsynced:
                self._unsynced = False
                try:
                    os.fsync(self._handle)
                except OSError as error:  # the next line finds out
                    self._failed = error
            settle()
            if self._length > self._worth and not ended:
                self.compact()


def _compacted(path: Path) -> Path:
    return path.with_name(f".{path.name}.compacted")


def _write(handle: int, text: bytes) -> None:
    remaining = memoryview(text)
    while remaining:
        remaining = remaining[os.write(handle, remaining) :]


def _copy(source: int, handle: int, start: int, count: int) -> int:
    """Copy `count` bytes from `start`; answers how many that were."""
    part = os.pread(source, count, start)
    _write(handle, part)
    return len(part)


# -- its lines -------------------------------------------------------------------------------------------------


_ENCODE = msgspec.json.Encoder().encode


def compact(value: Any) -> bytes:
    """`value` as JSON, as short as it can be written in ASCII; times end with `Z`."""
    text = _ENCODE(value)
    return text if text.isascii() else json.dumps(json.loads(text), separators=(",", ":")).encode()


class _Event(msgspec.Struct, gc=False):
    """An event and its customer, as the record names them."""

    customer_id: str
    occurred_at: datetime
    event_id: str
    key: str


def entry(line: Line, customer: str, answer: bytes | None = None) -> bytes:
    """The record's line for a line of the stream: the pseudonym, the event, the columns that rules read, and the answer if it had one."""
    event, shape = line.event, line.shape.text
    head = compact(_Event(customer, event.at, event.event_id, line.key))[:-1]
    if answer is None:
        return b"".join((head, shape, b"}\n"))
    return b"".join((head, shape, b',"answer":', answer, b"}\n"))


class _Answer(msgspec.Struct, gc=False):
    """Shows that there was an answer, whatever it was."""


class EntryHead(msgspec.Struct, gc=False):
    """The fields of an entry that say whether it is needed yet; `sealed` and `answer` are there or not."""

    customer_id: str
    key: str = ""
    event_id: str = ""
    kind: str = ""
    channel: str | None = None
    machine: bool | None = None
    sealed: str | None = None
    answer: _Answer | None = None


read_head = msgspec.json.Decoder(EntryHead).decode
"""Reads a line of the record so."""
