"""TOML that people write: read whole, or refused in one line."""

import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from audit.errors import InputError


def read(path: Path) -> dict[str, Any]:
    """What the file holds. Raises InputError naming the file, and the byte or line where it is not what it should be."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start}") from error
    try:
        return parsed(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parsed(text: str) -> dict[str, Any]:
    """What `text` holds. Raises InputError, also for numbers and nesting beyond what Python reads."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InputError(
            "is no TOML that can be read: lists or tables stand too deep in each other"
        ) from error
    except ValueError as error:
        raise InputError(f"is no TOML: {error}") from error


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'limit'?`, or nothing where no known word is near."""
    near = get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
