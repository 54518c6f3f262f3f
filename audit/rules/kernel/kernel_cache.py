"""What stands for the texts of a fleet's events (`kernel.stored_encoding`), part by part on disk: made once, then read.

A replay then reads no text and tells none apart. All parts appear together, or none, and are of one scan: whoever names
a place for them has another for other events.
"""

import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit.errors import WorkspaceError
from audit.rules.replay.event_pruning import MissingColumn
from audit.storage import private_files

if TYPE_CHECKING:
    from audit.rules.kernel.stored_encoding import StoredEncoding

NAME = "numbers-2"
"""The folder at that place; another name once a number means something else."""

_HEIGHTS = "heights.json"
"""How many events each part has."""


class Numbered:
    """Numbers of events, part by part: read at `place`, or made, and written beside it until all are there.

    `heights`: how many events each part has, none where nothing is kept.
    """

    def __init__(self, place: Path) -> None:
        self._place, self._beside = place, place.with_name(f".{secrets.token_hex(8)}")
        self.heights = _heights(place)
        self._written: dict[int, int] = {}
        self._whole = True

    def of(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        """The numbers of a part, which are these events. Raises MissingColumn where they cannot be read."""
        return self._read(part, events) if self.heights else self._made(part, events)

    def _read(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        from audit.rules.kernel.stored_encoding import StoredEncoding

        try:
            encoding = StoredEncoding.read(*_files(self._place, part))
            if encoding.trait.size == events.height:
                return encoding
        except (OSError, pl.exceptions.ComputeError):
            pass
        shutil.rmtree(self._place, ignore_errors=True)  # to be made anew by the next replay
        raise MissingColumn

    def _made(self, part: int, events: pl.DataFrame) -> "StoredEncoding":
        from audit.rules.kernel.stored_encoding import StoredEncoding

        encoded = StoredEncoding.of(events)
        if self._whole:
            try:
                self._beside.mkdir(mode=0o700, exist_ok=True)
                with private_files.clear_errors(self._beside):
                    encoded.write(*map(private_files.reserve, _files(self._beside, part)))
                self._written[part] = events.height
            except (OSError, WorkspaceError):
                self._whole = False
        return encoded

    def finish(self) -> None:
        """Put what was made where it is looked for."""
        if self._whole and self._written:
            heights = [self._written[part] for part in sorted(self._written)]
            with suppress(OSError, WorkspaceError):
                private_files.write(self._beside / _HEIGHTS, json.dumps(heights).encode())
                self._beside.rename(self._place)

    def clear(self) -> None:
        """Take away what was made and is not in its place."""
        shutil.rmtree(self._beside, ignore_errors=True)


@contextmanager
def numbers(folder: Path) -> Iterator[Numbered]:
    """What is kept at `folder`; where nothing is, what will be when all parts are made.

    Where that cannot be written, it is gone without.
    """
    numbered = Numbered(folder / NAME)
    try:
        yield numbered
        numbered.finish()
    finally:
        numbered.clear()


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
