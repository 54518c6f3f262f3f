"""Loading the kernel before it is needed; `python -m audit.rules.kernel.preload` compiles it and keeps that on disk."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event

from audit.rules.kernel import installed

_POLL = 0.1
"""Seconds between two looks at whether it is still needed."""

_READY = Event()


def is_ready() -> bool:
    """Whether `make_ready` loaded it, so that using it takes no longer than deciding."""
    return _READY.is_set()


def make_ready(is_needed: Callable[[], bool] = lambda: True) -> None:
    """Load it without standing in anybody's way: what is not compiled yet is compiled in a process of its own.

    Does nothing where it is not installed, and gives up once `is_needed` says no.
    """
    if is_ready() or not installed():
        return
    compiling = subprocess.Popen(
        [sys.executable, "-m", "audit.rules.kernel.preload"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while compiling.poll() is None and is_needed():
            with suppress(subprocess.TimeoutExpired):
                compiling.wait(_POLL)
    finally:
        compiling.kill()
        compiling.wait()
    if compiling.returncode == 0:
        warm_up()
        _READY.set()


def warm_up() -> None:
    """Decide one message by one rule, so that everything is compiled, or loaded."""
    import polars as pl

    from audit.events.schema import SCHEMA, conform
    from audit.population.stats import none
    from audit.rules.kernel import totals
    from audit.rules.model import from_dict
    from audit.rules.reference import histories
    from audit.rules.scopes import RuleSet

    row = {
        "event_id": "e",
        "customer_id": "c",
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
        "kind": "message_sent",
    }
    events = conform(pl.DataFrame([row], schema={name: SCHEMA[name] for name in row})).with_row_index("row")
    rule = from_dict({"id": "r", "kind": "min_gap", "window": "1d"})
    totals.of(histories.sent(events), events, RuleSet([rule]), none())


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # polite towards whoever works meanwhile
    warm_up()
