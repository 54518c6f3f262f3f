"""Where data lies that is too large, or not ours, to be kept here: `WHYSENT_DATA`, or `*/data` beside the repository."""

import os
from pathlib import Path


def folder(name: str) -> Path | None:
    """The folder `name` of that data, None where it is absent."""
    named = os.environ.get("WHYSENT_DATA")
    places = [Path(named)] if named else sorted(Path(__file__).parents[3].glob("*/data"))
    return next((place / name for place in places if (place / name).exists()), None)
