"""Files that were read by a person and agreed on."""

import os
from pathlib import Path


def hold(file: Path, made: str) -> None:
    """Hold `made` to the text of `file`. WHYSENT_GOLDEN=write writes it anew, to be read before it is kept."""
    if os.environ.get("WHYSENT_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(made, encoding="utf-8")
    assert made == file.read_text(encoding="utf-8")
