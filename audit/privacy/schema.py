"""The vault's tables and the steps that made them."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import WorkspaceError

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x77535631  # "wSV1"
VERSION = 1

_TABLES = (
    """create table meta (name text primary key, value blob not null) strict, without rowid""",
    """create table imports (
        import_id text primary key,
        pending integer not null check (pending in (0, 1))
    ) strict, without rowid""",
    """create table people (
        pseudonym text primary key,
        source_token blob not null unique,
        source_id blob not null,
        import_id text not null references imports on delete cascade
    ) strict, without rowid""",
    """create index people_of_import on people (import_id)""",
    """create table identifiers (
        id integer primary key,
        pseudonym text not null references people on delete cascade,
        field text not null,
        value blob not null,
        token blob not null,
        lookup blob,
        import_id text not null references imports on delete cascade,
        unique (pseudonym, field, token)
    ) strict""",
    """create index identifiers_of_lookup on identifiers (lookup) where lookup is not null""",
    """create index identifiers_of_import on identifiers (import_id)""",
)


def migrate(db: "Database") -> None:
    """Bring a vault to this version, each step in one transaction after a copy of the file.

    Raises WorkspaceError if the vault is of a newer version.
    """
    from sqlite_utils import Migrations

    if int(db.execute("pragma user_version").fetchone()[0]) > VERSION:
        raise WorkspaceError("this vault was made by a newer whysent; update whysent to open it")
    steps = Migrations("vault")
    steps()(_first)
    pending = steps.pending(db)
    if pending and db.table_names():
        _copy(db)
    if pending:
        steps.apply(db)


def _first(db: "Database") -> None:
    """Everything of version 1."""
    for statement in _TABLES:
        db.conn.execute(statement)
    db.conn.execute(f"pragma application_id = {APPLICATION_ID}")
    db.conn.execute(f"pragma user_version = {VERSION}")


def _copy(db: "Database") -> None:
    from audit import database

    path = Path(db.execute("pragma database_list").fetchone()[2])
    spare = path.with_name(f"{path.name}.before-{VERSION}")
    spare.unlink(missing_ok=True)
    database.create(spare)
    target = sqlite3.connect(spare)
    try:
        db.conn.backup(target)
    finally:
        target.close()
