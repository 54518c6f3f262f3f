"""A workspace: what it answers, who may write, and what a kill leaves behind."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import ingest
from audit.errors import NotFoundError, WorkspaceError
from audit.events.schema import ORDER, SCHEMA, TIME
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.queries import documents
from audit.rules.model import from_dict
from audit.storage import event_store, manifest, private_files
from audit.workspace import begun, default_folder, demo_folder
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import by_source, counts, csv
from tests.build import events as build_events

HEADER = "event_id,customer_id,occurred_at,kind,campaign_id,campaign_name,subject,category,topics"


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    return Workspace.create(tmp_path / "workspace")


def sends(tmp_path: Path, *lines: str, name: str = "sends.csv") -> Path:
    return csv(tmp_path, *lines, header=HEADER, name=name)


def snapshot(place: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "lock"
    }


def test_a_history_is_in_order_and_one_customers_alone(ws, tmp_path):
    lines = (
        "b,7,2026-01-05,message_sent,,,,,",
        "a,7,2026-01-05,message_sent,,,,,",
        "c,7,2026-01-04,message_sent,,,,,",
    )
    ingest.import_paths(ws, [sends(tmp_path, *lines, "a,8,2026-01-01,message_sent,,,,,")])
    assert ws.history(ws.resolve("7"))["event_id"].to_list() == ["c", "a", "b"]


def test_what_orders_say_beside_is_known_of_all_imports_and_of_an_older_programs_coverage(ws, tmp_path):
    header = "event_id,customer_id,occurred_at,kind,gift,recipient"
    marked = {("order_completed", "gift"), ("order_completed", "recipient")}
    for number, line in enumerate(
        ("a,7,2026-01-05,order_completed,true,", "b,8,2026-01-06,order_completed,,r")
    ):
        ingest.import_paths(ws, [csv(tmp_path, line, header=header, name=f"{number}.csv")])
    assert ws.coverage.marks == marked
    assert ws.context(datetime(2026, 1, 5, tzinfo=UTC)).coverage.marks == {("order_completed", "gift")}
    stored = ws.path / ws.manifest.coverage
    pl.read_parquet(stored).drop("marks").write_parquet(stored)
    assert Workspace.open(ws.path).coverage.marks == marked


def test_a_history_over_several_imports_is_one_in_order(ws, tmp_path):
    for number in (3, 1, 2):
        ingest.import_paths(ws, [sends(tmp_path, f"e{number},7,2026-01-0{number},message_sent,,,,,")])
    customer = ws.resolve("7")
    assert ws.history(customer)["event_id"].to_list() == ["e1", "e2", "e3"]
    assert ws.history(customer, without=["e2"])["event_id"].to_list() == ["e1", "e3"]
    assert ws.history(customer, at=datetime(2026, 1, 2, tzinfo=UTC))["event_id"].to_list() == ["e1", "e2"]
    assert ws.scan().collect().equals(ws.history(customer))


def test_many_imports_are_merged_and_lose_nothing(ws, tmp_path):
    for number in range(event_store.RUNS + 3):
        ingest.import_paths(ws, [sends(tmp_path, f"e{number:02},{number % 3},2026-01-05,message_sent,,,,,")])
    assert len(ws.manifest.segments) <= event_store.RUNS
    assert by_source(ws)["event_id"].sort().to_list() == [
        f"e{number:02}" for number in range(event_store.RUNS + 3)
    ]
    assert ws.info.events == event_store.RUNS + 3
    assert ws.info.customers == 3


def test_a_merge_keeps_order_and_cuts_between_customers(tmp_path, monkeypatch):
    monkeypatch.setattr(event_store, "SEGMENT_ROWS", 4)
    rows = [{"customer_id": f"c{number % 5}", "at": f"2026-01-{1 + number % 9:02}"} for number in range(30)]
    everything = build_events(*rows)
    halves = [event_store.write(tmp_path, half) for half in (everything[::2], everything[1::2])]
    merged = event_store.merge(tmp_path, halves)

    assert len(merged) > 1
    assert all(one.last < other.first for one, other in pairwise(merged))
    assert event_store.scan(tmp_path, merged).collect().equals(everything)
    assert event_store.scan(tmp_path, halves).collect().equals(everything)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30),
    st.integers(0, 3),
)
def test_runs_are_read_in_order_however_they_came_and_fold_without_loss(drawn, few):
    """Each row: whose, when, and by which import; times of one customer are often the same."""
    everything = build_events(
        *({"customer_id": f"c{who}", "at": f"2026-01-0{1 + when}"} for who, when, _ in drawn)
    )
    names = [[f"e{n}" for n, (*_, of) in enumerate(drawn, start=1) if of == run] for run in range(4)]
    by_run = [everything.filter(pl.col("event_id").is_in(some)) for some in names if some]
    with TemporaryDirectory() as folder, mock.patch.multiple(event_store, RUNS=1, _FEW=few):
        segments = [event_store.write(Path(folder), rows) for rows in by_run]
        for kept in (segments, event_store.folded(Path(folder), segments)):
            assert event_store.scan(Path(folder), kept).collect().equals(everything)
            few_columns = event_store.scan(Path(folder), kept).select("occurred_at").collect()
            assert few_columns.equals(everything.select("occurred_at"))
            for run in event_store.runs(kept):
                assert all(one.last < other.first for one, other in pairwise(run))
            (part,) = event_store.parts(Path(folder), kept, 1000)
            assert (
                event_store.part(Path(folder), kept, part).select(list(SCHEMA)).collect().equals(everything)
            )


def test_one_customer_is_read_without_the_rest(tmp_path):
    rows = 400_000
    frame = pl.DataFrame({"customer_id": [f"c_{number // 200:06}" for number in range(rows)]}).with_columns(
        pl.lit("product_viewed").alias("kind"),
        pl.int_range(rows).cast(pl.String).str.zfill(7).alias("event_id"),
        pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).alias("occurred_at"),
    )
    from audit.events.schema import conform

    segment = event_store.write(tmp_path, conform(frame))
    groups = (
        pl.scan_parquet(tmp_path / segment.file).select(pl.len()).collect().item()
        / event_store.ROWS_PER_GROUP
    )
    times = []
    for number in (0, 777, 1999):
        start = time.perf_counter()
        assert event_store.history(tmp_path, [segment], f"c_{number:06}").height == 200
        times.append(time.perf_counter() - start)
    assert groups > 20
    assert min(times) < 0.05


def test_the_moment_is_the_newest_event_not_later_than_its_import(ws, tmp_path):
    assert ws.at == ws.info.created
    future = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    ingest.import_paths(
        ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,", f"b,7,{future},message_sent,,,,,")]
    )

    assert ws.at == datetime(2026, 1, 5, tzinfo=UTC)
    assert ws.events()["event_id"].to_list() == ["a"]
    assert ws.history(ws.resolve("7"))["event_id"].to_list() == ["a", "b"]
    assert ws.coverage.kinds["message_sent"].rows == 1, "no row later than its import"


def test_the_coverage_of_a_past_moment_counts_only_what_had_happened(ws, tmp_path):
    lines = (
        "a,7,2026-01-05T08:00:00Z,message_sent,,,,,",
        "b,7,2026-01-05T20:00:00Z,message_sent,,,,,",
        "c,7,2026-01-06T08:00:00Z,product_viewed,,,,,",
    )
    ingest.import_paths(ws, [sends(tmp_path, *lines)])
    then = ws.context(datetime(2026, 1, 5, 12, tzinfo=UTC)).coverage
    assert list(then.kinds) == ["message_sent"]
    assert then.kinds["message_sent"].rows == 1
    assert then.kinds["message_sent"].last == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert ws.context().coverage == ws.coverage


def test_an_unknown_customer_is_not_found(ws):
    with pytest.raises(NotFoundError) as unknown:
        ws.resolve("nobody@example.org")
    assert "nobody" not in str(unknown.value)


def test_the_campaign_map_is_filled_in_and_overwrites_nothing(ws, tmp_path):
    lines = (
        "a,7,2026-01-01,message_sent,c1,,,,",
        "b,7,2026-01-02,message_sent,c1,Own name,,Own,",
        "c,7,2026-01-03,product_viewed,c1,,,,",
    )
    ingest.import_paths(ws, [sends(tmp_path, *lines)])
    version = ws.version
    entry = {"campaign_id": "c1", "campaign_name": "News", "category": "Beauty", "topics": ["nails"]}
    ws.set_map(pl.DataFrame([entry], schema=CAMPAIGNS), None)

    for events in (ws.history(ws.resolve("7")), ws.scan().collect(), Workspace.open(ws.path).events()):
        assert events["category"].to_list() == ["Beauty", "Own", None]
        assert events["campaign_name"].to_list() == ["News", "Own name", None]
        assert events["topics"].to_list() == [["nails"], ["nails"], None]
    assert ws.version != version


def test_facts_are_counted_once_a_generation(ws, tmp_path, monkeypatch):
    rows = ("a,7,2026-01-05,order_completed,,,,,", "b,7,2026-01-05,message_clicked,,,,,")
    ingest.import_paths(ws, [sends(tmp_path, *rows)])
    first = ws.facts()
    monkeypatch.setattr("audit.population.stats_store.count", lambda _events: pytest.fail("counted again"))
    again = Workspace.open(ws.path).facts()

    assert again.customers == first.customers
    assert again.items.equals(first.items)
    assert again.engaged.equals(first.engaged)
    assert again.engaged.height == 1


def test_facts_kept_without_what_is_counted_by_now_are_counted_again(ws, tmp_path):
    ingest.import_paths(ws, [sends(tmp_path, "b,7,2026-01-05,message_clicked,,,,,")])
    first = ws.facts()
    next(ws.path.rglob("engaged.parquet")).unlink()
    assert Workspace.open(ws.path).facts().engaged.equals(first.engaged)


def test_whether_responses_are_recorded_is_asked_of_everybody_for_one_customer_too(ws, tmp_path):
    sent = [f"m{day},7,2026-01-0{day},message_sent,,,,," for day in (1, 2, 3)]
    ingest.import_paths(ws, [sends(tmp_path, *sent)])
    rule = from_dict({"id": "sunset", "kind": "sunset", "unengaged": 2})
    ws.book.apply(ws.book.plan_add([rule]), author="test")
    assert documents.explain(ws, "7", message="m3").rules[0].verdict == "cannot_tell"
    ingest.import_paths(ws, [sends(tmp_path, "c,8,2026-01-05,message_clicked,,,,,", name="more.csv")])
    assert documents.explain(ws, "7", message="m3").rules[0].verdict == "stops"


def test_everything_is_private(ws, tmp_path):
    ingest.import_paths(
        ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,", "b,7,2026-01-05,nothing,,,,,")]
    )
    ws.facts()
    assert ws.book.rules() is not None
    for path in (ws.path, *ws.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_second_workspace_is_not_made_over_the_first(ws):
    with pytest.raises(WorkspaceError, match="there is a workspace here already"):
        Workspace.create(ws.path)


def test_what_is_left_of_a_workspace_is_not_written_over(ws, tmp_path):
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    (ws.path / manifest.NAME).unlink()
    before = snapshot(ws.path)
    with pytest.raises(WorkspaceError, match="is missing; restore that from a backup"):
        Workspace.open_or_create(ws.path)
    assert snapshot(ws.path) == before


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "other"])
def test_a_damaged_file_of_events_is_named(ws, tmp_path, damage):
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    (events,) = (ws.path / "events").iterdir()
    whole = events.read_bytes()
    if damage == "missing":
        events.unlink()
    else:
        events.write_bytes({"cut": whole[:-9], "empty": b"", "other": b"hello there"}[damage])
    for asked in (lambda: ws.history(ws.resolve("7")), ws.events, ws.context):
        with pytest.raises(WorkspaceError, match=rf"{events.name}: .*restore the workspace from a backup"):
            asked()


@pytest.mark.parametrize(
    "change", [{"price": pl.lit("dear")}, {"occurred_at": pl.col("occurred_at").dt.cast_time_unit("ms")}]
)
def test_a_file_of_events_with_other_columns_is_named(ws, tmp_path, change):
    """As somebody leaves it who wrote it anew with another program; the one before it is as it was."""
    for day in (5, 6):
        ingest.import_paths(ws, [sends(tmp_path, f"a{day},7,2026-01-0{day},message_sent,,,,,")])
    file = ws.path / "events" / ws.manifest.segments[-1].file
    pl.read_parquet(file).with_columns(**change).write_parquet(file)
    for asked in (ws.events, lambda: ws.parts(9, at=ws.at), ws.context):
        with pytest.raises(
            WorkspaceError, match=rf"{file.name}: column {next(iter(change))} is not as whysent"
        ):
            asked()


def test_where_there_is_none_it_says_how_to_make_one(tmp_path):
    with pytest.raises(NotFoundError, match="whysent import FILE"):
        Workspace.open(tmp_path)


def test_a_newer_workspace_is_refused(ws):
    path = ws.path / manifest.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(WorkspaceError, match=r"made by a newer whysent .format 99"):
        Workspace.open(ws.path)


def test_a_workspace_of_the_first_program_still_opens(ws, tmp_path):
    """Its manifest has these keys; what was added since is there once something is imported."""
    first = {
        "format", "id", "created", "settings", "generation", "at", "customers", "segments", "coverage", "campaigns",
        "quarantine", "imports", "retired", "synthetic",
    }  # fmt: skip
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    path = ws.path / manifest.NAME
    written = json.loads(path.read_bytes())
    path.write_text(json.dumps({name: written[name] for name in first}))
    assert Workspace.open(ws.path).events()["event_id"].to_list() == ["a"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}'])
def test_a_damaged_manifest_is_refused(ws, content):
    (ws.path / manifest.NAME).write_text(content)
    with pytest.raises(WorkspaceError, match="is damaged"):
        Workspace.open(ws.path)


def test_two_writers_do_not_meet_and_readers_do_not_wait(ws, tmp_path):
    file = sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")
    ingest.import_paths(ws, [file])
    other = Workspace.open(ws.path)
    with ws.writing():
        with pytest.raises(WorkspaceError, match=rf"another program .process {os.getpid()}. is writing"):
            ingest.import_paths(other, [file])
        assert Workspace.open(ws.path).events().height == 1
    assert counts(ingest.import_paths(other, [file])) == (1, 0, 1, 0, 0)


def test_a_reader_keeps_its_generation(ws, tmp_path):
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    reader = Workspace.open(ws.path)
    for number in range(event_store.RUNS + 1):
        ingest.import_paths(ws, [sends(tmp_path, f"b{number},7,2026-01-05,message_sent,,,,,")])
    assert len(ws.manifest.segments) == 1
    assert reader.events().height == 1
    reader.refresh()
    assert reader.events().height == 2 + event_store.RUNS


def test_a_reader_left_far_behind_goes_on_at_the_newest_generation(ws, tmp_path):
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    reader = Workspace.open(ws.path)
    for number in range(event_store.RUNS + 3):
        ingest.import_paths(ws, [sends(tmp_path, f"b{number},7,2026-01-05,message_sent,,,,,")])
    assert reader.history(reader.resolve("7")).height == 4 + event_store.RUNS
    assert reader.events().height == 4 + event_store.RUNS


def test_no_room_is_said_in_one_line_and_leaves_all_as_it_was(ws, tmp_path, monkeypatch):
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    before = (ws.path / manifest.NAME).read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(WorkspaceError, match="no room left on the disk"):
            ingest.import_paths(ws, [sends(tmp_path, "b,new,2026-01-05,message_sent,,,,,")])
    assert (ws.path / manifest.NAME).read_bytes() == before
    assert ws.vault.resolve("new") is None
    assert counts(ingest.import_paths(ws, [sends(tmp_path, "b,new,2026-01-05,message_sent,,,,,")])) == (
        1,
        1,
        0,
        0,
        0,
    )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom modes can stop")
def test_no_permission_is_said_in_one_line(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(WorkspaceError, match="no permission"):
        Workspace.create(closed / "ws")


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match=r"a file stands where a folder should be|File exists"):
        Workspace.create(tmp_path / "file")


def test_the_default_folder_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_WORKSPACE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("WHYSENT_WORKSPACE")
    assert default_folder() != demo_folder()
    assert default_folder().name == "workspace"


KILLED = """
import os, signal, sys
from pathlib import Path
from audit import ingest
from audit.storage import event_store
from audit.storage.manifest import Manifest
from audit.workspace.workspace import Workspace

point, place, file = sys.argv[1:]
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
if point == "before segments": event_store.write = die
if point == "after segments":
    write = event_store.write
    event_store.write = lambda *given: (write(*given), die())
if point == "before manifest": Manifest.save = die
if point == "after manifest":
    save = Manifest.save
    Manifest.save = lambda *given: (save(*given), die())
ingest.import_paths(Workspace.open(Path(place)), [Path(file)])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("point", ["before segments", "after segments", "before manifest", "after manifest"])
def test_a_killed_import_is_whole_or_nothing(ws, tmp_path, point):
    ingest.import_paths(ws, [sends(tmp_path, "a,7,2026-01-05,message_sent,,,,,")])
    file = sends(
        tmp_path, "b,new,2026-01-05,message_sent,,,,,", "c,new,2026-01-05,nothing,,,,,", name="more.csv"
    )
    ended = subprocess.run([sys.executable, "-c", KILLED, point, str(ws.path), str(file)], check=False)
    assert ended.returncode == -signal.SIGKILL
    taken = point == "after manifest"

    assert Workspace.open(ws.path).events()["event_id"].sort().to_list() == (["a", "b"] if taken else ["a"])
    if taken:
        assert Workspace.open(ws.path).resolve("new") == ws.vault.resolve("new")
    else:
        with pytest.raises(NotFoundError):
            Workspace.open(ws.path).resolve("new")
    ws.refresh()
    with ws.writing():
        pass
    assert (ws.vault.resolve("new") is not None) == taken
    assert not ws.vault.pending()
    files = {
        path.relative_to(ws.path).as_posix()
        for path in ws.path.rglob("*.parquet")
        if path.parent.name != "facts"
    }
    assert files <= ws.manifest.files() | set(ws.manifest.retired)
    assert counts(ingest.import_paths(ws, [file])) == ((2, 0, 1, 1, 0) if taken else (2, 1, 0, 1, 0))


def test_the_lock_file_names_its_holder(tmp_path):
    with private_files.exclusive(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


@settings(max_examples=35, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.text("xyz", min_size=1, max_size=3)),
        min_size=1,
    )
)
def test_events_are_put_in_order_as_sorting_by_all_of_it_does(rows):
    columns = {"customer_id": pl.String, "occurred_at": pl.Int64, "event_id": pl.String}
    mixed = pl.DataFrame(rows, schema=columns, orient="row").cast({"occurred_at": TIME})
    assert event_store.in_order(mixed).equals(mixed.sort(ORDER))


def test_a_folder_that_held_anything_before_is_never_taken_away(tmp_path):
    mine = tmp_path / "here" / "facts" / "mine.txt"
    mine.parent.mkdir(parents=True, mode=0o700)
    mine.write_text("mine")
    with begun(tmp_path / "here"):
        pass
    assert mine.read_text() == "mine"
    with begun(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
