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
def numbers(place: Path) -> Iterator[Numbered]:
    """What is kept at `place`; where nothing is, what will be when all parts are made.

    Where that cannot be written, it is gone without.
    """
    heights = _heights(place / NAME)
    if heights:
        yield _Read(place / NAME, heights)
        return
    making = _Made(place / f".{secrets.token_hex(8)}")
    try:
        yield making
        making.finish(place / NAME)
    finally:
        shutil.rmtree(making.place, ignore_errors=True)


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

    def __init__(self, place: Path, heights: Sequence[int]) -> None:
        self._place, self.heights = place, heights

    def of(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        from audit.rules.kernel.stored_encoding import StoredEncoding

        try:
            found = StoredEncoding.read(*_files(self._place, part))
        except (OSError, pl.exceptions.ComputeError) as error:
            raise self._damaged() from error
        if found.trait.size != events.height:
            raise self._damaged()
        return found

    def _damaged(self) -> MissingColumn:
        """They are dropped, to be made anew by the next replay."""
        shutil.rmtree(self._place, ignore_errors=True)
        return MissingColumn()


class _Made:
    """Numbers that are made, and written beside where they will be looked for."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.heights: Sequence[int] = ()
        self._written: dict[int, int] = {}
        self._whole = True

    def of(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        from audit.rules.kernel.stored_encoding import StoredEncoding

        made = StoredEncoding.of(events)
        if self._whole:
            try:
                self.place.mkdir(mode=0o700, exist_ok=True)
                with private_files.clear_errors(self.place):
                    made.write(*map(private_files.reserve, _files(self.place, part)))
                self._written[part] = events.height
            except (OSError, WorkspaceError):
                self._whole = False
        return made

    def finish(self, place: Path) -> None:
        """Put what was made where it is looked for."""
        if self._whole and self._written:
            heights = [self._written[part] for part in sorted(self._written)]
            try:
                private_files.write(self.place / _HEIGHTS, json.dumps(heights).encode())
                self.place.rename(place)
            except (OSError, WorkspaceError):
                return


def _heights(place: Path) -> Sequence[int]:
    """How many events each part at `place` has; none where nothing is kept, or nothing that can be read."""
    try:
        found: list[int] = json.loads((place / _HEIGHTS).read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError):
        shutil.rmtree(place, ignore_errors=True)
        return ()
    return found


def _files(place: Path, part: int) -> tuple[Path, Path]:
    """Where the numbers of a part are, and the texts that they stand for."""
    return place / f"{part:06d}.rows.parquet", place / f"{part:06d}.texts.parquet"
