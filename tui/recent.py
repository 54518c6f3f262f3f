"""The cases opened last, so that one can go back to them: pseudonyms only, in a private file of the workspace."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 5
NAME = "recent.json"


def read(folder: Path) -> tuple[str, ...]:
    """The pseudonyms of the last cases, newest first; none where there is no file that can be read."""
    import json

    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(one for one in found if isinstance(one, str))[:KEPT] if isinstance(found, list) else ()


def note(folder: Path, customer: str) -> None:
    """Put `customer` first; a workspace that cannot be written remembers nothing."""
    import json

    kept = (customer, *(one for one in read(folder) if one != customer))[:KEPT]
    with suppress(OSError):
        descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file)
