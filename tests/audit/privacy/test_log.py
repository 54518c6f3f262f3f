"""The log is appended to, and its database refuses to change it."""

import sqlite3
from datetime import UTC, datetime

import pytest

from audit.errors import WorkspaceError
from audit.privacy.log import Log


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "log.db", now=lambda: datetime(2026, 5, 1, tzinfo=UTC))


def test_rows_come_back_as_they_were_written_numbered_without_a_gap(log):
    assert log.entries() == []
    made = [log.append("handover", f"rule {n}", {"people": n, "to": ["é"]}, actor="olga") for n in range(3)]
    assert [one.seq for one in made] == [1, 2, 3]
    assert log.entries() == made
    assert (made[0].at, made[0].actor) == (datetime(2026, 5, 1, tzinfo=UTC), "olga")


def test_no_row_is_changed_or_deleted_and_only_its_owner_reads_the_file(log, tmp_path):
    log.append("handover", "cap", {})
    with sqlite3.connect(tmp_path / "log.db") as db:
        for act in ("update acts set actor = 'eve'", "delete from acts"):
            with pytest.raises(sqlite3.IntegrityError, match="only appended to"):
                db.execute(act)
    db.close()
    assert len(log.entries()) == 1
    assert (tmp_path / "log.db").stat().st_mode & 0o777 == 0o600


def test_a_log_that_is_another_programs_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "log.db") as db:
        db.execute("create table theirs (x)")
    db.close()
    with pytest.raises(WorkspaceError, match="belongs to another program"):
        Log(tmp_path / "log.db").append("handover", "cap", {})
