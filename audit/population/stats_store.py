"""Group facts on disk: one folder a generation; each frame is made whole under another name and then renamed."""

import json
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from audit.errors import WorkspaceError
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


def of(
    folder: Path, version: str, events: pl.LazyFrame, comparison: Callable[[], Audiences] = audience.none
) -> Facts:
    """The facts of the generation `version`, read from `folder` or counted over `events` and kept there.

    What is bought together, and what baskets look like, is counted when it is first asked for, and kept beside the rest;
    `comparison` gives who got each campaign. Where `folder` cannot be written, for want of room or permission, facts are counted and not kept.
    """
    generation = folder / version
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


def complete(folder: Path, version: str) -> bool:
    """Whether everything is kept for that generation that is counted only when it is asked for."""
    return all(_file(folder / version, name).is_file() for name in (*_LATER, *_USUAL))


def _usual(generation: Path, facts: Facts) -> Background:
    files = [_file(generation, name) for name in _USUAL]
    if all(file.is_file() for file in files):
        return Background(*map(pl.read_parquet, files))
    counted = facts.usual
    frames = (counted.places, counted.bursts, counted.hours, counted.accounts, counted.peaks)
    for file, frame in zip(files, frames, strict=True):
        _keep(file, frame.write_parquet)
    return counted


def audiences(folder: Path, version: str, comparison: Callable[[], Audiences]) -> Audiences:
    """Who got each campaign, read from the files of the generation `version`, or counted by `comparison` and kept there."""
    files = [_file(folder / version, name) for name in _AUDIENCES]
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
            _clear(path.parent.parent, path.parent.name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with private_files.clear_errors(fresh):
            write(private_files.reserve(fresh))
        fresh.replace(path)
    except (OSError, WorkspaceError):
        fresh.unlink(missing_ok=True)


def _clear(folder: Path, version: str) -> None:
    for older in folder.iterdir():
        if older.name != version:
            shutil.rmtree(older, ignore_errors=True)
