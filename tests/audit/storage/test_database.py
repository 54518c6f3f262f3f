"""A workspace's SQLite files: private from the start, one transaction a change, one clear line when it fails."""

import sqlite3
import stat
from contextlib import contextmanager

import pytest
from sqlite_utils import Database, Migrations

from audit.errors import WorkspaceError
from audit.storage import database

MARK = 0x77687400


def migrations(*, versions=1):
    made = Migrations("test")

    @made()
    def notes(db: Database) -> None:
        db["note"].create({"text": str})

    if versions > 1:

        @made()
        def authors(db: Database) -> None:
            db["author"].create({"name": str})

    if versions > 2:

        @made()
        def broken(db: Database) -> None:
            db["half"].create({"name": str})
            raise sqlite3.OperationalError("out of luck")

    return made


@contextmanager
def opened(path, *, versions=1):
    if not path.exists():
        database.create(path)
    with database.connect(path) as db:
        database.bring_up_to_date(db, path, application_id=MARK, migrations=migrations(versions=versions))
        yield db


def prepare(path, *, versions=1):
    with opened(path, versions=versions):
        pass


def test_a_new_file_can_be_read_by_its_owner_alone(tmp_path):
    prepare(tmp_path / "a.db")
    assert stat.S_IMODE((tmp_path / "a.db").stat().st_mode) == 0o600


def test_connections_are_set_to_be_careful(tmp_path):
    with opened(tmp_path / "a.db") as db:
        settings = {
            name: db.conn.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("foreign_keys", "trusted_schema", "secure_delete", "journal_mode", "synchronous")
        }
    assert settings == {
        "foreign_keys": 1,
        "trusted_schema": 0,
        "secure_delete": 1,
        "journal_mode": "delete",
        "synchronous": 3,
    }


def test_tables_are_strict(tmp_path):
    with opened(tmp_path / "a.db") as db:
        assert db["note"].strict


def test_an_older_file_is_copied_before_it_is_changed(tmp_path):
    with opened(tmp_path / "a.db") as db:
        db["note"].insert({"text": "kept"})
    with opened(tmp_path / "a.db", versions=2) as db:
        assert db.table_names() == ["_sqlite_migrations", "note", "author"]
    with Database(tmp_path / "a.db.v1") as copy:
        assert [row["text"] for row in copy["note"].rows] == ["kept"]
        assert "author" not in copy.table_names()


def test_a_migration_that_fails_changes_nothing(tmp_path):
    prepare(tmp_path / "a.db")
    with pytest.raises(WorkspaceError):
        prepare(tmp_path / "a.db", versions=3)
    with opened(tmp_path / "a.db") as db:
        assert db.table_names() == ["_sqlite_migrations", "note"]


def test_a_newer_file_is_refused(tmp_path):
    prepare(tmp_path / "a.db", versions=2)
    with pytest.raises(WorkspaceError, match=r"a\.db: made by a newer whysent \(version 2"):
        prepare(tmp_path / "a.db")


def test_another_programs_file_is_refused_and_left_alone(tmp_path):
    with Database(tmp_path / "a.db") as db:
        db["theirs"].insert({"x": 1})
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(WorkspaceError, match="belongs to another program"):
        prepare(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "a.db").write_bytes(b"hello there, this is text" * 100)
    with pytest.raises(WorkspaceError, match="it is not a database"):
        prepare(tmp_path / "a.db")


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(WorkspaceError, match="cannot be made: No such file or directory"):
        prepare(tmp_path / "nowhere" / "a.db")


def test_a_locked_file_is_one_line(tmp_path):
    with opened(tmp_path / "a.db") as first, opened(tmp_path / "a.db") as second:
        second.conn.execute("PRAGMA busy_timeout = 1")
        with (
            database.immediate(first),
            pytest.raises(WorkspaceError, match="another program is writing"),
            database.clear_errors(tmp_path / "a.db"),
            database.immediate(second),
        ):
            pass


@pytest.mark.parametrize(
    ("pragma", "says"), [("max_page_count = 1", "no room left"), ("query_only = ON", "cannot be written")]
)
def test_a_full_disk_and_a_read_only_file_are_one_line_and_lose_nothing(tmp_path, pragma, says):
    with opened(tmp_path / "a.db") as db:
        db["note"].insert({"text": "kept"})
        db.conn.execute(f"PRAGMA {pragma}")
        with (
            pytest.raises(WorkspaceError, match=says),
            database.clear_errors(tmp_path / "a.db"),
            database.immediate(db),
        ):
            db["note"].insert({"text": "x" * 100_000})
        assert [row["text"] for row in db["note"].rows] == ["kept"]
