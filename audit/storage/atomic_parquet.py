"""A Parquet file made of frames that come one after another: it appears whole, or not at all."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from audit.errors import InputError


@contextmanager
def whole(out: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Give what takes a frame; when all were taken, put them together at `out`.

    Each is written at once into a folder beside `out`, which is gone at the end, however it ends. What stood at `out`
    stays until the new file is whole. Raises InputError where that cannot be written.
    """
    with _clear_errors(out):
        folder = Path(tempfile.mkdtemp(prefix=".whysent-", dir=out.parent))
    parts: list[Path] = []

    def take(frame: pl.DataFrame) -> None:
        parts.append(folder / f"{len(parts):06d}.parquet")
        with _clear_errors(out):
            frame.write_parquet(parts[-1])

    try:
        yield take
        with _clear_errors(out):
            together = folder / "together.parquet"
            pl.scan_parquet(parts).sink_parquet(together)
            _move(together, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(made: Path, out: Path) -> None:
    """Put it in the place of a file; into what is no file, such as a pipe, write it."""
    if out.exists() and not out.is_file():
        with made.open("rb") as source, out.open("wb") as target:
            shutil.copyfileobj(source, target)
    else:
        made.replace(out)


@contextmanager
def _clear_errors(out: Path) -> Iterator[None]:
    from polars.exceptions import ComputeError

    try:
        yield
    except (OSError, ComputeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{out}: cannot be written: {said}") from error
