"""Group facts on disk: one folder a generation; each frame is made whole under another name and then renamed."""

import json
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path

import polars as pl

from audit.errors import WorkspaceError
from audit.events import messages
from audit.population import audience
from audit.population.audience import Audiences
from audit.population.basket_baseline import Background
from audit.population.stats import Facts, count, of_frames
from audit.storage import private_files

_CUSTOMERS = "customers.json"

_COUNTED = ("items", "intervals", "engaged", "responses", "silences", "quantiles", "prices", "repeats")
"""The facts that are counted together, when any is first asked for."""

_LATER = ("also_bought", "bought_together")
"""The facts that are counted one by one, when they are first asked for."""

_USUAL = tuple(f"usual-{name}" for name in ("places", "bursts", "hours", "accounts", "peaks"))
"""The frames of `audit.population.basket_baseline.Background`, in its order."""


_AUDIENCES = ("audience-campaigns", "audience-apart")
"""The frames of `audit.population.audience.Audiences`, in its order."""


@cache
def counted_by() -> str:
    """A digest of what counts: facts that another version of this program kept are counted anew."""
    digest = blake2b(digest_size=8)
    for folder in (Path(__file__).parent, Path(messages.__file__).parent):
        for file in sorted(folder.glob("*.*")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def of(generation: Path, events: pl.LazyFrame, comparison: Callable[[], Audiences] = audience.none) -> Facts:
    """The facts of a generation, read from its folder `generation` or counted over `events` and kept there.

    What is bought together, and what baskets look like, is counted when it is first asked for, and kept beside the rest;
    `comparison` gives who got each campaign. Where the folder cannot be written, for want of room or permission, facts are counted and not kept.
    """
    if (generation / _CUSTOMERS).is_file() and all(_file(generation, name).is_file() for name in _COUNTED):
        frames = {name: pl.read_parquet(_file(generation, name)) for name in _COUNTED}
        facts = of_frames(events, frames, json.loads((generation / _CUSTOMERS).read_bytes()))
    else:
        facts = count(events)
        for name in _COUNTED:
            _keep(_file(generation, name), getattr(facts, name).write_parquet)
        _keep(
            generation / _CUSTOMERS,
            lambda path: path.write_text(json.dumps(facts.customers), encoding="ascii"),
        )
    counting = threading.Lock()

    def pairs(name: str) -> pl.DataFrame:
        with counting:  # whoever asks meanwhile waits for the one count
            return _pairs(_file(generation, name), lambda: getattr(facts, name))

    def usual() -> Background:
        with counting:
            return _usual(generation, facts)

    also_bought, bought_together = (partial(pairs, name) for name in _LATER)
    return replace(facts, pairs=also_bought, baskets=bought_together, model=usual, comparison=comparison)


def complete(generation: Path) -> bool:
    """Whether everything is kept for a generation that is counted only when it is asked for."""
    return all(_file(generation, name).is_file() for name in (*_LATER, *_USUAL))


def _usual(generation: Path, facts: Facts) -> Background:
    files = [_file(generation, name) for name in _USUAL]
    if all(file.is_file() for file in files):
        return Background(*map(pl.read_parquet, files))
    counted = facts.usual
    frames = (counted.places, counted.bursts, counted.hours, counted.accounts, counted.peaks)
    for file, frame in zip(files, frames, strict=True):
        _keep(file, frame.write_parquet)
    return counted


def audiences(generation: Path, comparison: Callable[[], Audiences]) -> Audiences:
    """Who got each campaign, read from the files of a generation, or counted by `comparison` and kept there."""
    files = [_file(generation, name) for name in _AUDIENCES]
    if all(file.is_file() for file in files):
        return Audiences(*map(pl.read_parquet, files))
    counted = comparison()
    for file, frame in zip(files, (counted.campaigns, counted.apart), strict=True):
        _keep(file, frame.write_parquet)
    return counted


def _file(generation: Path, name: str) -> Path:
    return generation / f"{name}.parquet"


def _pairs(path: Path, counted: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    if path.is_file():
        return pl.read_parquet(path)
    frame = counted()
    _keep(path, frame.write_parquet)
    return frame


def _keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a private file whole or not at all; where that fails, go without. The first of a generation clears the others away."""
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    try:
        if not path.parent.exists():
            _clear(path.parent.parent)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with private_files.clear_errors(fresh):
            write(private_files.reserve(fresh))
        fresh.replace(path)
    except (OSError, WorkspaceError):
        fresh.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    for older in folder.glob("*"):
        shutil.rmtree(older, ignore_errors=True)
