"""What lies in the vault's file: its tables, and what can be read of them without the key."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from audit.events.document import Document
from audit.privacy.links import NOBODY, Persons
from audit.storage import database

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

_LINKS = (
    """create table links (
        seq integer primary key autoincrement,
        one text not null references people on delete cascade,
        other text not null references people on delete cascade,
        since text,
        source text not null,
        actor text not null,
        at text not null
    ) strict""",
    """create index links_of_other on links (other)""",
    """create index links_of_one on links (one)""",
)

KNOWN_BY = """
    select entry, pseudonym from wanted join people on source_token = entry or pseudonym = cast(entry as text)
    where import_id not in (select value from json_each(:hidden))
    union select entry, pseudonym from wanted join identifiers on lookup = entry
    where import_id not in (select value from json_each(:hidden))
"""


def migrations() -> "Migrations":
    """All steps that a vault's file has taken."""
    return database.migrations("vault", first=_TABLES, links=_LINKS)


class Shared(Document):
    """Customers of one address or telephone number."""

    field: Literal["email", "phone"]
    customers: tuple[str, ...]


def shared(path: Path, persons: Persons) -> list[Shared]:
    """The customers by whom the vault at `path` knows the same e-mail address or telephone number; shows without the key."""
    with database.connect(path) as db:
        rows = db.execute(
            "select field, group_concat(distinct pseudonym) from identifiers where lookup is not null"
            " and field in ('email', 'phone') group by field, lookup having count(distinct pseudonym) > 1"
        ).fetchall()
    groups = {
        (field, tuple(sorted({persons.of.get(ident, ident) for ident in ids.split(",")})))
        for field, ids in rows
    }
    return [Shared(field=field, customers=ids) for field, ids in sorted(groups) if len(ids) > 1]


def namesakes(path: Path, persons: Persons = NOBODY) -> dict[str, tuple[str, ...]]:
    """Customer → the other customers by which the vault at `path` knows the same e-mail address; who has none is left
    out. That two addresses are equal shows without the key.
    """
    with database.connect(path) as db:
        rows = db.execute(
            "select distinct mine.pseudonym, other.pseudonym from identifiers mine join identifiers other"
            " on mine.lookup = other.lookup and mine.pseudonym <> other.pseudonym where mine.lookup in ("
            " select lookup from identifiers where lookup is not null and field = 'email'"
            " group by lookup having count(distinct pseudonym) > 1) order by 1, 2"
        ).fetchall()
    others: dict[str, set[str]] = {}
    for ids in rows:
        name, another = (persons.of.get(ident, ident) for ident in ids)
        if name != another:
            others.setdefault(name, set()).add(another)
    return {name: tuple(sorted(names)) for name, names in sorted(others.items())}


def pseudonyms_of(db: "Database", tokens: Collection[bytes]) -> dict[bytes, str]:
    """The pseudonyms that there are for source ids, by token."""
    db.execute("create temp table wanted (token blob primary key)")
    db.conn.executemany("insert into wanted values (?)", [(token,) for token in sorted(tokens)])
    rows = db.execute("select token, pseudonym from wanted join people on source_token = token").fetchall()
    return dict(rows)
