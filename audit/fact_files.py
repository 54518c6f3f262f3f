"""Group facts on disk: one folder a generation, made whole under another name and then renamed."""

import json
import secrets
import shutil
from pathlib import Path

import polars as pl

from audit import folder
from audit.facts import Facts, count

_FRAMES = ("items", "intervals", "also_bought")


def of(place: Path, version: str, events: pl.LazyFrame) -> Facts:
    """The facts of the generation `version`, read from `place` or counted over `events` and kept there.

    Where `place` cannot be written, for want of room or permission, they are counted and not kept.
    """
    kept = place / version
    if kept.is_dir():
        return _read(kept)
    facts = count(events)
    try:
        _keep(place, kept, facts)
    except OSError:
        return facts
    return facts


def _read(kept: Path) -> Facts:
    frames = {name: pl.read_parquet(kept / f"{name}.parquet") for name in _FRAMES}
    return Facts(**frames, customers=json.loads((kept / "customers.json").read_bytes()))


def _keep(place: Path, kept: Path, facts: Facts) -> None:
    fresh = place / f".{secrets.token_hex(8)}"
    fresh.mkdir(mode=0o700)
    try:
        for name in _FRAMES:
            getattr(facts, name).write_parquet(folder.reserve(fresh / f"{name}.parquet"))
        folder.reserve(fresh / "customers.json").write_text(json.dumps(facts.customers), encoding="ascii")
        for older in place.iterdir():
            if older != fresh:
                shutil.rmtree(older, ignore_errors=True)
        fresh.rename(kept)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
