"""A workspace: one folder on disk, and the snapshot of it that a question is answered from."""

import os
from pathlib import Path

ENVIRONMENT = "WHYSENT_WORKSPACE"


def default_folder() -> Path:
    """Where the workspace is unless told: `WHYSENT_WORKSPACE`, else the user's data folder."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else _data_folder() / "workspace"


def demo_folder() -> Path:
    """Where the demo's workspace is: beside the default one, never in it."""
    return _data_folder() / "demo"


def _data_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("whysent", appauthor=False)
