"""How far long work has come: told a few times a second, and the place where a stopped worker ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from audit.errors import WhysentError

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 0.2
"""Seconds between two tellings."""


class StoppedError(WhysentError):
    """The worker was cancelled; what it was doing is of no interest any more."""


class Told:
    """A progress callback for workers: passes `(done, of, seconds left)` on, and raises StoppedError once cancelled."""

    def __init__(self, tell: Callable[[int, int, float], object]) -> None:
        self._tell = tell
        self._began: float | None = None
        self._last = 0.0

    def __call__(self, done: int, of: int) -> None:
        if get_current_worker().is_cancelled:
            raise StoppedError("stopped")
        now = time.monotonic()
        self._began = self._began or now
        if now - self._last >= EVERY:
            self._last = now
            self._tell(done, of, (now - self._began) * (of - done) / max(done, 1))
