"""The book's file: its tables, and opening it for one act at a time, so that any thread may ask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit.rules.book import versions
from audit.rules.book.versions import Version
from audit.storage import database

if TYPE_CHECKING:
    from sqlite_utils import Database


class Store:
    """The file `path`, made with the first act that writes. Raises WorkspaceError where it cannot be used."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self.now = now

    def versions(self) -> list[Version]:
        """Every version, in the order written."""
        with self.reading() as db:
            return [] if db is None else versions.read(db, self.path)

    def revision(self) -> str:
        """How many rows the book's tables have had so far: rows are only ever added."""
        with self.reading() as db:
            newest = "select (select max(seq) from versions), (select max(seq) from steps), (select max(seq) from policies)"
            return "" if db is None else " ".join(str(row or 0) for row in db.conn.execute(newest).fetchone())

    @contextmanager
    def reading(self) -> "Iterator[Database | None]":
        """The book to read; None where nobody wrote in it yet."""
        if not self.path.exists():
            yield None
            return
        with self._open() as db:
            yield db

    @contextmanager
    def writing(self) -> "Iterator[Database]":
        """The book to read and write, in one transaction."""
        if not self.path.exists():
            database.create(self.path)
        with self._open() as db, database.immediate(db):
            yield db

    @contextmanager
    def _open(self) -> "Iterator[Database]":
        with database.connect(self.path) as db:
            migrations = database.migrations("rules", versions=[_VERSIONS], approvals=_APPROVALS)
            database.bring_up_to_date(db, self.path, application_id=_APPLICATION_ID, migrations=migrations)
            yield db


# -- tables -----------------------------------------------------------------------------------------------------

_APPLICATION_ID = 0x77535231  # "wSR1"

_VERSIONS = """
    create table versions (
        seq integer primary key,
        change integer not null,
        action text not null,
        undoes integer,
        rule_id text not null,
        version integer not null,
        state text not null check (state in ('enabled', 'disabled', 'removed')),
        body text not null,
        author text not null,
        recorded_at text not null,
        note text not null,
        unique (rule_id, version)
    ) strict
"""

_APPROVALS = (
    """create table proposals (
        id integer primary key,
        act text not null check (act in ('rules', 'handover')),
        action text not null,
        body text not null,
        undoes integer,
        effective text,
        author text not null,
        made_at text not null,
        campaign text not null,
        finding text not null,
        customer text not null,
        ticket text not null,
        note text not null
    ) strict""",
    """create table steps (
        seq integer primary key,
        proposal integer not null references proposals,
        state text not null check (state in ('draft', 'proposed', 'approved', 'rejected', 'withdrawn', 'used')),
        actor text not null,
        at text not null,
        note text not null
    ) strict""",
    """create index steps_of_proposal on steps (proposal)""",
    """create table policies (
        seq integer primary key,
        second_person text not null,
        author text not null,
        recorded_at text not null,
        note text not null
    ) strict""",
    """alter table versions add column effective text""",
    """alter table versions add column approved_by text""",
    """alter table versions add column proposal integer references proposals""",
    """update versions set effective = recorded_at""",
)
"""`customer`, `ticket` and `note` say whom a proposal is about: they stand alone, so that they can be emptied."""
