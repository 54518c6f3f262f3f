"""SQLite files of a workspace: opened the same careful way everywhere, with one clear line when that fails.

Foreign keys are checked, the schema is not trusted, deleted content is overwritten, and a commit is on the disk
when it returns. The journal is a rollback journal: the write-ahead log has a corruption race with two
connections before SQLite 3.51.3.
"""

import importlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from audit.errors import WorkspaceError

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

SETTINGS = (
    "busy_timeout = 5000",
    "trusted_schema = OFF",
    "foreign_keys = ON",
    "cell_size_check = ON",
    "secure_delete = ON",
    "journal_mode = DELETE",
    "synchronous = EXTRA",
    "temp_store = MEMORY",
    "cache_size = -65536",
)
"""Set on every connection, in this order; the busy time-out is in milliseconds, the cache in KiB."""

_CAUSES = {
    sqlite3.SQLITE_BUSY: "another program is writing to it; try again when that has finished",
    sqlite3.SQLITE_LOCKED: "another program is writing to it; try again when that has finished",
    sqlite3.SQLITE_READONLY: "it cannot be written; check the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "it cannot be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_AUTH: "it cannot be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_FULL: "there is no room left on the disk, and nothing was changed; make room, then try again",
    sqlite3.SQLITE_IOERR: "the disk does not answer as it should, and nothing was changed; look after the disk",
    sqlite3.SQLITE_NOTADB: "it is not a database; restore it from a backup",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a backup",
}


def create(path: Path) -> None:
    """Make an empty file only its owner can read (0600; on Windows the folder's own permissions hold).

    The journal files of SQLite inherit its mode. Raises WorkspaceError if it exists or cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise WorkspaceError(f"{path}: exists already; name another folder") from error
    except OSError as error:
        raise WorkspaceError(
            f"{path}: cannot be made: {error.strerror}; check the permissions of its folder"
        ) from error


def _library() -> ModuleType:
    """sqlite-utils, without pandas: where that is installed, importing it too would take ten times as long."""
    unwanted = "pandas" not in sys.modules
    if unwanted:
        sys.modules["pandas"] = None  # type: ignore[assignment]  # Python's own way to say: not there
    try:
        return importlib.import_module("sqlite_utils")
    finally:
        if unwanted:
            del sys.modules["pandas"]


@contextmanager
def connect(path: Path) -> Iterator["Database"]:
    """A connection to the existing file `path`, closed afterwards; one for each act, so that any thread may ask.

    Raises WorkspaceError naming the file when it is absent, locked, read-only, full, or no database.
    """
    Database = _library().Database  # noqa: N806 - a class

    if not path.is_file():
        raise WorkspaceError(f"{path}: is missing; restore it from a backup")
    with clear_errors(path), Database(sqlite3.connect(path), execute_plugins=False, strict=True) as database:
        for setting in SETTINGS:
            database.conn.execute(f"PRAGMA {setting}").fetchall()
        yield database


def bring_up_to_date(
    database: "Database", path: Path, *, application_id: int, migrations: "Migrations"
) -> None:
    """Apply the `migrations` that `database`, the file `path`, does not have yet.

    `application_id` marks whose file it is; `user_version` is the number of migrations it has. An older file
    is copied to `NAME.v<version>` before it is changed; all changes are one transaction. Raises WorkspaceError
    if the file is another program's or made by a newer whysent.
    """
    _version(database, path, application_id, migrations)
    if not migrations.pending(database):
        return
    with immediate(database):
        version = _version(database, path, application_id, migrations)
        if not migrations.pending(database):  # another program was faster
            return
        if version:
            _copy_aside(path, version)
        migrations.apply(database)
        database.conn.execute(f"PRAGMA application_id = {application_id:d}")
        database.conn.execute(f"PRAGMA user_version = {_known(migrations):d}")


def migrations(name: str, **steps: Iterable[str]) -> "Migrations":
    """The migrations called `name`: the SQL statements of each of its steps, by the step's name."""
    by_name: Migrations = _library().Migrations(name)
    for step, statements in steps.items():
        by_name(name=step)(lambda db, statements=statements: _execute(db, statements))
    return by_name


def _execute(database: "Database", statements: Iterable[str]) -> None:
    for statement in statements:
        database.conn.execute(statement)


@contextmanager
def immediate(database: "Database") -> Iterator[None]:
    """One transaction that holds the right to write from its first statement; all of it is kept, or nothing."""
    database.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.conn.execute("COMMIT")
    except BaseException:
        database.rollback()
        raise


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn whatever SQLite or the file system says about `path` into one line. Raises WorkspaceError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        cause = _CAUSES.get(code & 0xFF) if code is not None else None
        raise WorkspaceError(f"{path}: {cause or error}") from error
    except OSError as error:
        raise WorkspaceError(f"{path}: {error.strerror or error}") from error


def _version(database: "Database", path: Path, application_id: int, migrations: "Migrations") -> int:
    owner, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    if owner != application_id and (owner or version or database.table_names()):
        raise WorkspaceError(
            f"{path}: this file belongs to another program, and nothing was changed; name another folder with --workspace"
        )
    newest = _known(migrations)
    if version > newest:
        raise WorkspaceError(
            f"{path}: made by a newer whysent (version {version}, this one reads up to {newest}); update whysent"
        )
    return version


def _known(migrations: "Migrations") -> int:
    Database = _library().Database  # noqa: N806 - a class

    with Database(memory=True) as empty:
        return len(migrations.pending(empty))


def _pragma(database: "Database", name: str) -> int:
    return int(database.conn.execute(f"PRAGMA {name}").fetchone()[0])


def _copy_aside(path: Path, version: int) -> None:
    copy = path.with_name(f"{path.name}.v{version}")
    shutil.copy2(path, copy)
    copy.chmod(0o600)
