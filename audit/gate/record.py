"""What the gate decided and was told, on disk: a line of JSON each, appended before the answer goes out.

Customers stand in it by pseudonym. One that the gate met first has a line with its pseudonym and the source's id,
sealed with the vault's key, so that neither is lost before the vault has them. A killed gate loses nothing that was
answered; a power cut at most what was answered in the last second.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit import folder
from audit.errors import WorkspaceError

SYNCED_EVERY = 0.5
"""Seconds between two times at which what was appended is forced to the disk."""


class Record:
    """The record of one workspace, opened for the one gate that writes it."""

    def __init__(self, path: Path, handle: int, length: int) -> None:
        self._path = path
        self._handle = handle
        self._length = length
        self._unsynced = False
        self._failed: OSError | None = None
        self._ended = threading.Event()

    @classmethod
    @contextmanager
    def open(cls, place: Path, settle: Callable[[], None]) -> Iterator["Record"]:
        """The record in the folder `place`, a torn last line cut off; one at a time.

        `settle` is called beside every sync. Raises WorkspaceError if another gate runs, or it cannot be written.
        """
        folder.make(place)
        path = place / "record.ndjson"
        with folder.exclusive(place / "lock"):
            with folder.clear_errors(path):
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                made = cls(path, handle, 0)
                made._cut()
                thread = threading.Thread(target=made._keep_synced, args=(settle,), daemon=True)
                thread.start()
                try:
                    yield made
                finally:
                    made._ended.set()
                    thread.join()
            finally:
                os.close(handle)

    def lines(self) -> Iterator[bytes]:
        """Every line so far."""
        with folder.clear_errors(self._path), self._path.open("rb") as file:
            yield from file

    def damaged(self, number: int) -> WorkspaceError:
        """What to say of a line that cannot be read."""
        return WorkspaceError(
            f"{self._path}: line {number:,} is damaged; move the file away to begin without what the gate let through"
        )

    def append(self, text: bytes) -> None:
        """Add whole lines, all of them or none. Raises WorkspaceError."""
        with folder.clear_errors(self._path):
            if self._failed is not None:
                raise self._failed
            try:
                left = memoryview(text)
                while left:
                    left = left[os.write(self._handle, left) :]
            except OSError:
                os.ftruncate(self._handle, self._length)
                raise
        self._length += len(text)
        self._unsynced = True

    def _cut(self) -> None:
        """Take away what a killed writer left of a line that was never answered."""
        with folder.clear_errors(self._path):
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

    def _keep_synced(self, settle: Callable[[], None]) -> None:
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
