"""SQLite files with the settings that were measured to be safe: private, strict about constraints, durable."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import WorkspaceError

if TYPE_CHECKING:
    from sqlite_utils import Database

_SETTINGS = (
    "foreign_keys=ON",
    "synchronous=EXTRA",
    "journal_mode=DELETE",  # the write-ahead log of SQLite 3.7.0-3.51.2 can corrupt with two connections
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",  # KiB
    "busy_timeout=5000",
)


def create(path: Path) -> None:
    """Make an empty file only its owner can read (0600; on Windows the folder's own permissions hold).

    The journal files of SQLite inherit its mode. Raises WorkspaceError if it exists or cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise WorkspaceError(f"{path}: exists already") from error
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be made: {error.strerror}") from error


@contextmanager
def connect(path: Path) -> Iterator["Database"]:
    """A connection to the existing file `path`, closed afterwards; one for each act, so that any thread may ask.

    Raises WorkspaceError naming the file when it is absent, locked, full, or no database.
    """
    from sqlite_utils import Database

    if not path.is_file():
        raise WorkspaceError(f"{path}: is missing")
    try:
        with Database(sqlite3.connect(path, timeout=5), execute_plugins=False) as db:
            for setting in _SETTINGS:
                db.conn.execute(f"PRAGMA {setting}")
            yield db
    except sqlite3.OperationalError as error:
        raise WorkspaceError(f"{path}: {error}; another program may be using it") from error
    except sqlite3.DatabaseError as error:
        raise WorkspaceError(f"{path}: {error}") from error
