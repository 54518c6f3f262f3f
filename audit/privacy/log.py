"""The log of what was done with people's data: appended to, never changed.

The database refuses to change or delete a row, which guards against slips. It does not show what somebody did who
opened the file with another program.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit.events.times import iso, parse_iso
from audit.privacy import roles
from audit.storage import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_utils import Database

APPLICATION_ID = 0x77534C31  # "wSL1"

_TABLES = (
    """create table acts (
        seq integer primary key,
        at text not null,
        actor text not null,
        act text not null,
        subject text not null,
        details text not null
    ) strict""",
    """create trigger acts_stay before update on acts begin
        select raise(abort, 'the log is only appended to');
    end""",
    """create trigger acts_remain before delete on acts begin
        select raise(abort, 'the log is only appended to');
    end""",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log: at `at` (UTC) `actor` did `act` to `subject`. `details` are plain values, no identifiers."""

    seq: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: Mapping[str, Any]


class Log:
    """The log in the file `path`, made with its first row. All raise WorkspaceError where it cannot be used."""

    def __init__(self, path: "Path", *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now

    def append(
        self, act: str, subject: str, details: Mapping[str, Any], *, actor: str | None = None
    ) -> Entry:
        """Write a row; it is on the disk when this answers."""
        if not self._path.exists():
            database.create(self._path)
        with self._open() as db, database.immediate(db):
            (newest,) = db.conn.execute("select coalesce(max(seq), 0) from acts").fetchone()
            entry = Entry(newest + 1, self._now(), actor or roles.current_user(), act, subject, details)
            written = json.dumps(details, ensure_ascii=False)
            db.conn.execute(
                "insert into acts values (?, ?, ?, ?, ?, ?)",
                [entry.seq, iso(entry.at), entry.actor, act, subject, written],
            )
        return entry

    def entries(self) -> list[Entry]:
        """Every row, oldest first."""
        if not self._path.exists():
            return []
        with self._open() as db:
            rows = db.conn.execute("select seq, at, actor, act, subject, details from acts order by seq")
            return [
                Entry(seq, parse_iso(at), actor, act, subject, json.loads(details))
                for seq, at, actor, act, subject, details in rows
            ]

    @contextmanager
    def _open(self) -> "Iterator[Database]":
        with database.connect(self._path) as db:
            migrations = database.migrations("log", acts=_TABLES)
            database.bring_up_to_date(db, self._path, application_id=APPLICATION_ID, migrations=migrations)
            yield db
