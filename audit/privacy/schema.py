"""The vault's tables and the steps that made them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

APPLICATION_ID = 0x77535631  # "wSV1"

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


def steps() -> "Migrations":
    """What brings a vault to this version."""
    from sqlite_utils import Migrations

    migrations = Migrations("vault")
    migrations()(first)
    return migrations


def first(database: "Database") -> None:
    """Everything of version 1."""
    for statement in _TABLES:
        database.conn.execute(statement)
