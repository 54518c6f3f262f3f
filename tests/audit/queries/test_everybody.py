"""What is found in everybody part by part is what is found in all at once, and is kept as long as what it rests on stands."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit import findings
from audit.queries import everybody as reading
from audit.queries.everybody import Everybody, read_everybody
from audit.rules import model
from audit.workspace.workspace import Workspace
from tests.audit.rules.build import cap


@pytest.fixture
def ws(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The scenes in many parts, nothing kept yet."""
    folder = shutil.copytree(scenes, tmp_path / "ws")
    for kept in folder.glob("facts/*/findings-*"):
        shutil.rmtree(kept)
    monkeypatch.setattr(reading, "ROWS", 150)
    return Workspace.open(folder)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events the checks were asked about, a number each time."""
    heights: list[int] = []
    ask = reading.find_in

    def counted(context):
        heights.append(context.events.height)
        return ask(context)

    monkeypatch.setattr(reading, "find_in", counted)
    return heights


def assert_equal(one: Everybody, other: Everybody) -> None:
    assert_frame_equal(one.found, other.found)
    assert_frame_equal(one.people, other.people)
    assert (one.unanswered, one.coverage) == (other.unanswered, other.coverage)


def test_the_parts_together_are_the_whole(ws: Workspace, asked: list[int]) -> None:
    everybody, events, context = read_everybody(ws), ws.events(), ws.context()
    assert len(asked) > 3
    assert sum(asked) == events.height
    assert_frame_equal(everybody.found, findings.find(events, context))
    assert_frame_equal(findings.ranked(everybody.people, everybody.found), findings.triage(events, context))
    lost = context.coverage.left_out.lost_opt_outs
    assert everybody.unanswered == findings.unanswered_checks(events, context, lost_opt_outs=lost)
    assert everybody.coverage == context.coverage.since(events["occurred_at"].min())


def test_what_was_found_is_read_the_next_time(ws: Workspace, asked: list[int]) -> None:
    first = read_everybody(ws)
    asked.clear()
    assert_equal(read_everybody(Workspace.open(ws.path)), first)
    assert not asked


def test_of_another_moment_it_is_found_anew_and_what_is_kept_stays(ws: Workspace, asked: list[int]) -> None:
    first = read_everybody(ws)
    asked.clear()
    earlier = read_everybody(ws, at=first.context.at.replace(year=first.context.at.year - 1))
    assert sum(asked) < ws.info.events
    assert earlier.found.height < first.found.height
    asked.clear()
    assert_equal(read_everybody(ws), first)
    assert not asked


def test_who_was_stopped_goes_on_where_they_were(ws: Workspace, asked: list[int]) -> None:
    def stopped(done: int, total: int, what: str) -> None:
        assert (0 < done <= total, what) == (True, "events")
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_everybody(ws, progress=stopped)
    before = sum(asked)
    everybody = read_everybody(ws)
    assert sum(asked) == ws.info.events
    assert 0 < before < ws.info.events
    assert_frame_equal(everybody.found, findings.find(ws.events(), ws.context()))


def test_a_declared_rule_changes_what_is_found(ws: Workspace) -> None:
    rule = model.from_dict(cap(1, "7d", declared=True))
    assert "declared-vs-observed" not in set(read_everybody(ws).found["check"])
    ws.book.apply(ws.book.plan_add([rule]))
    again = read_everybody(ws)
    assert "declared-vs-observed" in set(again.found["check"])
    assert_frame_equal(again.found, findings.find(ws.events(), ws.context()))
    assert len(list(ws.generation.beside.glob("findings-*"))) == 1


def test_a_part_that_cannot_be_read_is_found_anew(ws: Workspace, asked: list[int]) -> None:
    first = read_everybody(ws)
    asked.clear()
    file = min(ws.generation.beside.glob("findings-*/*-found.parquet"))
    file.write_bytes(file.read_bytes()[:100])
    assert_equal(read_everybody(ws), first)
    assert len(asked) == 1
    asked.clear()
    assert_equal(read_everybody(ws), first)
    assert not asked


def test_what_cannot_be_kept_is_answered_all_the_same(
    ws: Workspace, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit.storage.private_files.write_parquet", full)
    assert_frame_equal(read_everybody(ws).found, findings.find(ws.events(), ws.context()))
    asked.clear()
    read_everybody(ws)
    assert asked


def test_of_nobody_nothing_is_found(tmp_path: Path) -> None:
    everybody = read_everybody(Workspace.create(tmp_path / "empty"))
    assert everybody.customers == everybody.found.height == everybody.people.height == 0
    assert isinstance(everybody.found, pl.DataFrame)
