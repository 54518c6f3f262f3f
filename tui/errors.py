"""What can go wrong while the core answers, as one line that says what to do."""

from __future__ import annotations

import sys

from audit.errors import WhysentError


def expected() -> tuple[type[Exception], ...]:
    """What is told in a line instead of ending the program: our own errors, and a damaged or missing file."""
    polars = sys.modules.get("polars")
    damaged = () if polars is None else (polars.exceptions.ComputeError,)
    return (WhysentError, OSError, *damaged)


def line(error: Exception) -> str:
    """The line. What polars says of a damaged file is its own business, and may quote what is in it."""
    if isinstance(error, WhysentError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'this machine'}: {error.strerror or error}"
    return "a file of the workspace is damaged; restore it from a backup"
