"""Getting the kernel ready for replays that follow each other as somebody types."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from audit.rules.kernel import installed

_LOOK = 0.1
"""Seconds between two looks at whether it is still wanted."""

_READY = Event()


def is_ready() -> bool:
    """Whether it was loaded by `make_ready`, so that using it takes no longer than deciding."""
    return _READY.is_set()


def make_ready(wanted: Callable[[], bool] = lambda: True) -> None:
    """Load it without standing in anybody's way: what is not compiled yet is compiled in a process of its own.

    Does nothing where it is not installed, and gives up once it is no longer `wanted`.
    """
    if is_ready() or not installed():
        return
    compiling = subprocess.Popen(
        [sys.executable, "-m", "audit.rules.kernel"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while compiling.poll() is None and wanted():
            with suppress(subprocess.TimeoutExpired):
                compiling.wait(_LOOK)
    finally:
        compiling.kill()
        compiling.wait()
    if compiling.returncode == 0:
        from audit.rules.kernel import warmup

        warmup.up()
        _READY.set()
