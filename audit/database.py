"""SQLite files of a workspace: opened the same careful way everywhere, with one clear line when that fails.

Foreign keys are checked, the schema is not trusted, deleted content is overwritten, and a commit is on the disk
when it returns. The journal is a rollback journal: the write-ahead log has a corruption race with two
connections before SQLite 3.51.3.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
)
"""Set on every connection, in this order; the busy time-out is in milliseconds."""

_CAUSES = {
    sqlite3.SQLITE_BUSY: "another program is writing to it; try again when that has finished",
    sqlite3.SQLITE_LOCKED: "another program is writing to it; try again when that has finished",
    sqlite3.SQLITE_READONLY: "it cannot be written; check the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "it cannot be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_AUTH: "it cannot be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_FULL: "there is no room left on the disk; nothing was changed",
    sqlite3.SQLITE_IOERR: "the disk does not answer as it should; nothing was changed",
    sqlite3.SQLITE_NOTADB: "it is not a database; restore it from a backup",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a backup",
}


def connect(path: Path, *, application_id: int, migrations: "Migrations", what: str) -> "Database":
    """Open the database `path`, made first (0600) where it does not exist, and bring it to the newest version.

    `application_id` marks whose file it is; `user_version` is the number of `migrations` it has. An older file
    is copied to `NAME.v<version>` before it is changed; all changes are one transaction. `what` names the file
    in errors, such as `the rule book`. Raises WorkspaceError.
    """
    from sqlite_utils import Database

    with clear_errors(path, what):
        _create(path)
        database = Database(sqlite3.connect(path, check_same_thread=False), strict=True)
        try:
            for setting in SETTINGS:
                database.conn.execute(f"PRAGMA {setting}").fetchall()
            _bring_up_to_date(database, path, application_id, migrations, what)
        except BaseException:
            database.close()
            raise
        return database


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
def clear_errors(path: Path, what: str) -> Iterator[None]:
    """Turn whatever SQLite or the file system says about `path` into one line. Raises WorkspaceError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        cause = _CAUSES.get(code & 0xFF) if code is not None else None
        raise WorkspaceError(f"{what} {path}: {cause or error}") from error
    except OSError as error:
        raise WorkspaceError(f"{what} {path}: {error.strerror or error}") from error


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def _bring_up_to_date(
    database: "Database", path: Path, application_id: int, migrations: "Migrations", what: str
) -> None:
    _version(database, path, application_id, migrations, what)
    if not migrations.pending(database):
        return
    with immediate(database):
        version = _version(database, path, application_id, migrations, what)
        if not migrations.pending(database):  # another program was faster
            return
        if version:
            _copy_aside(path, version)
        migrations.apply(database)
        database.conn.execute(f"PRAGMA application_id = {application_id:d}")
        database.conn.execute(f"PRAGMA user_version = {_known(migrations):d}")


def _version(
    database: "Database", path: Path, application_id: int, migrations: "Migrations", what: str
) -> int:
    owner, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    if owner != application_id and (owner or version or database.table_names()):
        raise WorkspaceError(f"{what} {path}: this file belongs to another program; nothing was changed")
    newest = _known(migrations)
    if version > newest:
        raise WorkspaceError(
            f"{what} {path}: made by a newer whysent (version {version}, this one reads up to {newest}); update whysent"
        )
    return version


def _known(migrations: "Migrations") -> int:
    from sqlite_utils import Database

    with Database(memory=True) as empty:
        return len(migrations.pending(empty))


def _pragma(database: "Database", name: str) -> int:
    return int(database.conn.execute(f"PRAGMA {name}").fetchone()[0])


def _copy_aside(path: Path, version: int) -> None:
    copy = path.with_name(f"{path.name}.v{version}")
    shutil.copy2(path, copy)
    copy.chmod(0o600)
