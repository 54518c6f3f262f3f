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


SLICE = 0.004
"""Seconds after which a worker that computes in Python stands back for the screen, which shares its interpreter."""

BREATH = 0.001
"""Seconds for which it does."""


class StoppedError(WhysentError):
    """The worker was cancelled; what it was doing is of no interest any more."""


class Told:
    """A progress callback for workers: passes `(done, of, seconds left)` on, and raises StoppedError once cancelled."""

    def __init__(self, tell: Callable[[int, int, float], object]) -> None:
        self._tell = tell
        self._began: float | None = None
        self._last = 0.0
        self._breathed = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        if get_current_worker().is_cancelled:
            raise StoppedError("stopped")
        now = time.monotonic()
        if now - self._breathed >= SLICE:
            time.sleep(BREATH)
            self._breathed = time.monotonic()
        self._began = self._began or now
        if now - self._last >= EVERY:
            self._last = now
            self._tell(done, of, (now - self._began) * (of - done) / max(done, 1))


def still_wanted() -> Callable[[], bool]:
    """Whether the worker in which this is called has not been cancelled."""
    worker = get_current_worker()
    return lambda: not worker.is_cancelled
