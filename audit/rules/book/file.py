"""The book's file: opened for one act at a time, so that any thread may ask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit.rules.book import versions
from audit.rules.book.schema import APPLICATION_ID, migrations
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
            database.bring_up_to_date(db, self.path, application_id=APPLICATION_ID, migrations=migrations())
            yield db
