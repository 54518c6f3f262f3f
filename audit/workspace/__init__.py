"""A workspace: one folder on disk, and the snapshot of it that a question is answered from."""

import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.workspace.workspace import Workspace

ENVIRONMENT = "WHYSENT_WORKSPACE"


def named_folder() -> Path | None:
    """The folder that `WHYSENT_WORKSPACE` names."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else None


def default_folder() -> Path:
    """Where the workspace is unless told: `WHYSENT_WORKSPACE`, else the user's data folder."""
    return named_folder() or _data_folder() / "workspace"


def demo_folder() -> Path:
    """Where the demo's workspace is: beside the default one, never in it."""
    return _data_folder() / "demo"


def _data_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("whysent", appauthor=False)


@contextmanager
def begun(folder: Path) -> "Iterator[Workspace]":
    """The workspace in a folder, made where there is none; one that was made here and into which nothing came is taken away again.

    A folder that held anything before stays, with all that is in it.
    """
    from audit.workspace.workspace import Workspace

    is_new = not folder.exists() or not any(folder.iterdir())
    workspace = Workspace.open_or_create(folder)
    try:
        yield workspace
    finally:
        if is_new:
            with suppress(WorkspaceError, OSError):  # somebody else has begun to write to it: it stays
                _take_away_empty(folder)


_OF_AN_EMPTY_ONE = {"workspace.json", "vault.db", "lock"}


def _take_away_empty(folder: Path) -> None:
    from audit.privacy import keys
    from audit.storage import manifest, private_files

    with private_files.exclusive(folder / "lock"):
        newest = manifest.load(folder)
        files = {file for file in folder.rglob("*") if file.is_file() and file.parent.name != "facts"}
        if (
            newest.generation > 1
            or not {file.relative_to(folder).as_posix() for file in files} <= _OF_AN_EMPTY_ONE
        ):
            return
        keys.forget(newest.id)
        for name in ("events", "quarantine", "facts"):
            shutil.rmtree(folder / name)
        for file in files:
            file.unlink()
    folder.rmdir()


MOST_NAMES = 200
"""House value: so many names a shell is offered at once."""

_NAMES = {
    "customers": (
        "vault.db",
        "select pseudonym from people join imports using (import_id) where not pending and pseudonym >= ? order by 1 limit ?",
    ),
    "rules": (
        "book.db",
        "select rule_id from versions group by rule_id having max(seq) and state != 'removed' and rule_id >= ? order by 1 limit ?",
    ),
    "proposals": ("book.db", "select 'p' || id as name from proposals where name >= ? order by 1 limit ?"),
}
"""Kind → the file that holds its names, and how to read those from a text on."""


def names(folder: Path, kind: str, start: str) -> list[str]:
    """The `customers` (pseudonyms), `rules`, `proposals` or `segments` of a workspace that begin with `start`, for a shell that completes them.

    Read as they lie there, with nothing decrypted and nothing heavy loaded; none where there is no workspace.
    """
    if kind == "segments":
        return sorted({name for name in _segments(folder) if name.startswith(start)})
    import sqlite3
    from contextlib import closing

    file, query = _NAMES[kind]
    try:
        with closing(sqlite3.connect(f"file:{(folder / file).as_posix()}?mode=ro", uri=True)) as database:
            rows = database.execute(query, (start, MOST_NAMES)).fetchall()
    except sqlite3.Error:
        return []
    return [name for (name,) in rows if name.startswith(start)]


def _segments(folder: Path) -> list[str]:
    """The ids of the definitions in force: those that ship, and the workspace's own."""
    import json
    import tomllib
    from importlib.resources import files

    def ids(text: str) -> list[str]:
        tables: list[dict[str, Any]] = tomllib.loads(text).get("segment", [])
        return [str(table["id"]) for table in tables]

    shipped = ids(files("audit").joinpath("segments/definitions.toml").read_text(encoding="utf-8"))
    try:
        record = json.loads((folder / "workspace.json").read_text(encoding="utf-8")).get("definitions")
    except (OSError, ValueError):
        return shipped
    if not record:
        return shipped
    import polars as pl

    own = pl.read_parquet(folder / record, columns=["own"])["own"]
    return shipped + (ids(own[-1]) if len(own) and own[-1] else [])
