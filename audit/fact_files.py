"""Group facts on disk: one folder a generation; each frame is made whole under another name and then renamed."""

import json
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from audit import folder
from audit.errors import WorkspaceError
from audit.facts import Facts, count

_ITEMS, _INTERVALS, _PAIRS, _ENGAGED, _STANDING, _PRICES, _CUSTOMERS = (
    "items.parquet",
    "intervals.parquet",
    "also_bought.parquet",
    "engaged.parquet",
    "standing.parquet",
    "prices.parquet",
    "customers.json",
)


def of(place: Path, version: str, events: pl.LazyFrame) -> Facts:
    """The facts of the generation `version`, read from `place` or counted over `events` and kept there.

    What people also bought is counted when it is first asked for, and kept beside the rest. Where `place` cannot be
    written, for want of room or permission, facts are counted and not kept.
    """
    kept = place / version
    if all((kept / name).is_file() for name in (_CUSTOMERS, _ENGAGED, _PRICES)):
        customers = json.loads((kept / _CUSTOMERS).read_bytes())
        facts = Facts(
            pl.read_parquet(kept / _ITEMS),
            pl.read_parquet(kept / _INTERVALS),
            lambda: count(events).also_bought,
            customers,
            pl.read_parquet(kept / _ENGAGED),
            pl.read_parquet(kept / _STANDING),
            pl.read_parquet(kept / _PRICES),
        )
    else:
        facts = count(events)
        _clear(place, version)
        _keep(kept / _ITEMS, facts.items.write_parquet)
        _keep(kept / _INTERVALS, facts.intervals.write_parquet)
        _keep(kept / _ENGAGED, facts.engaged.write_parquet)
        _keep(kept / _STANDING, facts.standing.write_parquet)
        _keep(kept / _PRICES, facts.prices.write_parquet)
        _keep(kept / _CUSTOMERS, lambda path: path.write_text(json.dumps(facts.customers), encoding="ascii"))
    counting = threading.Lock()

    def pairs() -> pl.DataFrame:
        with counting:  # whoever asks meanwhile waits for the one count
            return _pairs(kept, facts)

    return replace(facts, pairs=pairs)


def has_pairs(place: Path, version: str) -> bool:
    """Whether what people also bought is kept for that generation."""
    return (place / version / _PAIRS).is_file()


def _pairs(kept: Path, facts: Facts) -> pl.DataFrame:
    if (kept / _PAIRS).is_file():
        return pl.read_parquet(kept / _PAIRS)
    counted = facts.also_bought
    _keep(kept / _PAIRS, counted.write_parquet)
    return counted


def _keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a private file whole or not at all; where that fails, go without."""
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write(folder.reserve(fresh))
        fresh.replace(path)
    except (OSError, WorkspaceError):
        fresh.unlink(missing_ok=True)


def _clear(place: Path, version: str) -> None:
    for older in place.iterdir():
        if older.name != version:
            shutil.rmtree(older, ignore_errors=True)
