"""What stands for the texts of a fleet's events (`kernel.stored_encoding`), part by part on disk: made once, then read.

A replay then reads no text and tells none apart. All parts appear together, or none, and are of one scan: whoever names
a place for them has another for other events.
"""

import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import polars as pl

from audit.errors import WorkspaceError
from audit.rules.replay.event_pruning import MissingColumn
from audit.storage import private_files

if TYPE_CHECKING:
    from audit.rules.kernel.stored_encoding import StoredEncoding

NAME = "numbers-1"
"""The folder at that place; another name once a number means something else."""

_HEIGHTS = "heights.json"
"""How many events each part has."""


class Numbered(Protocol):
    """Numbers of events, part by part. `heights`: how many events each part has, none where that is not known yet."""

    heights: Sequence[int]

    def of(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        """The numbers of a part, which are these events. Raises MissingColumn where they cannot be read."""


@contextmanager
def numbers(folder: Path) -> Iterator[Numbered]:
    """What is kept at `folder`; where nothing is, what will be when all parts are made.

    Where that cannot be written, it is gone without.
    """
    heights = _heights(folder / NAME)
    if heights:
        yield _Read(folder / NAME, heights)
        return
    making = _Made(folder / f".{secrets.token_hex(8)}")
    try:
        yield making
        making.finish(folder / NAME)
    finally:
        shutil.rmtree(making.folder, ignore_errors=True)


def cut(scan: pl.LazyFrame, heights: Sequence[int]) -> Iterator[pl.DataFrame]:
    """`scan` in parts of these heights. Raises MissingColumn where it has fewer rows."""
    batches = scan.collect_batches(chunk_size=max(heights), maintain_order=True)
    waiting = pl.DataFrame(schema=scan.collect_schema())
    for height in heights:
        while waiting.height < height:
            batch = next(batches, None)
            if batch is None:
                raise MissingColumn
            waiting = pl.concat([waiting, batch])
        yield waiting[:height]
        waiting = waiting[height:]


class _Read:
    """Numbers that are there."""

    def __init__(self, folder: Path, heights: Sequence[int]) -> None:
        self._folder, self.heights = folder, heights

    def of(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        from audit.rules.kernel.stored_encoding import StoredEncoding

        try:
            encoding = StoredEncoding.read(*_files(self._folder, part))
        except (OSError, pl.exceptions.ComputeError) as error:
            raise self._damaged() from error
        if encoding.trait.size != events.height:
            raise self._damaged()
        return encoding

    def _damaged(self) -> MissingColumn:
        """They are dropped, to be made anew by the next replay."""
        shutil.rmtree(self._folder, ignore_errors=True)
        return MissingColumn()


class _Made:
    """Numbers that are made, and written beside where they will be looked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heights: Sequence[int] = ()
        self._written: dict[int, int] = {}
        self._whole = True

    def of(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        from audit.rules.kernel.stored_encoding import StoredEncoding

        encoded = StoredEncoding.of(events)
        if self._whole:
            try:
                self.folder.mkdir(mode=0o700, exist_ok=True)
                with private_files.clear_errors(self.folder):
                    encoded.write(*map(private_files.reserve, _files(self.folder, part)))
                self._written[part] = events.height
            except (OSError, WorkspaceError):
                self._whole = False
        return encoded

    def finish(self, folder: Path) -> None:
        """Put what was made where it is looked for."""
        if self._whole and self._written:
            heights = [self._written[part] for part in sorted(self._written)]
            try:
                private_files.write(self.folder / _HEIGHTS, json.dumps(heights).encode())
                self.folder.rename(folder)
            except (OSError, WorkspaceError):
                return


def _heights(folder: Path) -> Sequence[int]:
    """How many events each part at `folder` has; none where nothing is kept, or nothing that can be read."""
    try:
        heights: list[int] = json.loads((folder / _HEIGHTS).read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
        return ()
    return heights


def _files(folder: Path, part: int) -> tuple[Path, Path]:
    """Where the numbers of a part are, and the texts that they stand for."""
    return folder / f"{part:06d}.rows.parquet", folder / f"{part:06d}.texts.parquet"
