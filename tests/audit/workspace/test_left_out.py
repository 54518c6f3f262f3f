"""Rows that no answer rests on stand in the header of every answer that they could change, the same everywhere."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.ingest import import_paths
from audit.ingest.report import ImportReport
from audit.population.coverage import LeftOut
from audit.queries import documents
from audit.queries.everybody import read_everybody
from audit.queries.findings_documents import totals_document
from audit.queries.reports.limits import line
from audit.workspace.workspace import Workspace

FUTURE = (datetime.now(UTC) + timedelta(days=3_000)).isoformat()
HEAD = "customer_id,event_id,occurred_at,kind,channel,message_id\n"
ROWS = (
    "a,e1,2026-03-02T12:00:00Z,message_sent,email,m1\n"
    "a,e2,yesterday,unsubscribed,email,\n"
    "a,e3,2026-03-04T12:00:00Z,message_send,email,m3\n"
    f"a,e4,{FUTURE},message_sent,email,m4\n"
    ",e5,2026-03-04T12:00:00Z,unsubscribed,email,\n"
    f"b,e6,{FUTURE},message_sent,email,m6\n"
    f"b,e7,{FUTURE},message_sent,email,m6\n"
)


@pytest.fixture
def taken(tmp_path: Path) -> tuple[Workspace, ImportReport]:
    file = tmp_path / "events.csv"
    file.write_text(HEAD + ROWS)
    ws = Workspace.create(tmp_path / "workspace")
    return ws, import_paths(ws, [file])


def test_an_import_counts_what_no_answer_will_rest_on(taken):
    _, report = taken
    document = report.document()
    assert (document.quarantined, document.lost_opt_outs, document.future) == (3, 2, 3)
    assert document.customers == 2


def test_a_workspace_has_all_of_it_and_a_customer_only_what_names_them(taken):
    ws, _ = taken
    assert ws.context().coverage.left_out == LeftOut(quarantined=3, lost_opt_outs=2, future=3, messages=2)
    of_a = LeftOut(quarantined=2, lost_opt_outs=1, future=1, messages=1)
    assert documents.show(ws, "a").coverage.left_out == of_a
    assert documents.audit(ws, "a").left_out == of_a
    assert documents.audit(ws, "b").left_out == LeftOut(future=2, messages=1)


def test_the_totals_are_those_of_the_import(taken):
    ws, report = taken
    triage = documents.customers(ws)
    assert (
        triage.total == report.customers == totals_document(read_everybody(ws)).customers == ws.info.customers
    )
    assert triage.left_out == totals_document(read_everybody(ws)).left_out == ws.coverage.left_out


def test_the_coverage_reaches_no_further_than_the_import(taken):
    ws, _ = taken
    assert max(source.last for source in documents.show(ws, "a").coverage.sources) == ws.at
    assert "to 2 Mar 2026" in line(ws.coverage)
    assert line(ws.coverage).endswith(
        "left out: 3 refused rows, 2 look like a no, a complaint or a bounce · 3 rows later than their import"
    )


def test_a_no_that_could_not_be_read_leaves_the_question_of_the_no_open(taken):
    ws, _ = taken
    assert "opt_outs" in {row.lacks for row in documents.show(ws, "a").unanswered}
    assert "opt_outs" not in {row.lacks for row in documents.show(ws, "b").unanswered}


def test_a_replay_says_how_many_messages_it_left_out(taken):
    from audit.rules.replay import simulation

    ws, _ = taken
    figures = simulation.simulate(ws.events(), [], ws.context()).totals().document()
    assert (figures.messages, figures.later) == (1, 2)
    assert figures.left_out == ws.coverage.left_out


def test_where_nothing_is_left_out_nothing_is_said(tmp_path):
    file = tmp_path / "events.csv"
    file.write_text(HEAD + ROWS.splitlines()[0])
    ws = Workspace.create(tmp_path / "workspace")
    import_paths(ws, [file])
    assert ws.coverage.left_out == LeftOut()
    assert "left out" not in line(ws.coverage)


def test_a_quarantine_of_before_counts_as_rows_of_nobody(taken, tmp_path):
    import polars as pl

    ws, _ = taken
    file = ws.path / "quarantine" / ws.manifest.quarantine[0]
    pl.read_parquet(file).drop("customer", "opt_out").write_parquet(file)
    ws = Workspace.open(ws.path)
    assert ws.coverage.left_out.quarantined == 3
    assert documents.show(ws, "a").coverage.left_out.quarantined == 0


@pytest.mark.parametrize(
    ("locale", "said"),
    [("en", "left out: 2 refused rows"), ("de", "außen vor: 2 abgewiesene Zeilen, 1 sieht nach einem Nein")],
)
def test_the_note_says_it_in_its_head(taken, locale, said):
    ws, _ = taken
    assert said in documents.report(ws, "a", kind="internal", locale=locale).written("md")


@pytest.fixture
def half_read(tmp_path: Path) -> tuple[Workspace, Path]:
    """What came in of rows with fields that cannot be read: two prices of a, a price and a zone of b."""
    file = tmp_path / "fields.csv"
    file.write_text(
        "customer_id,event_id,occurred_at,kind,price,time_zone\n"
        "a,e1,2026-03-02T12:00:00Z,order_completed,five,\n"
        'a,e2,2026-03-03T12:00:00Z,order_completed,"1,234",\n'
        "b,e1,2026-03-03T12:00:00Z,order_completed,six,summer\n"
        "b,e2,2026-03-04T12:00:00Z,order_completed,7,Europe/Berlin\n"
    )
    ws = Workspace.create(tmp_path / "fields")
    import_paths(ws, [file])
    return ws, file


def test_values_that_could_not_be_read_stand_in_the_header_of_whom_they_concern(half_read):
    ws, _ = half_read
    assert documents.customers(ws).left_out == LeftOut(unread={"price": 3, "time_zone": 1})
    assert documents.audit(ws, "a").left_out == LeftOut(unread={"price": 2})
    assert line(ws.coverage).endswith(" · 3 prices and 1 time zone could not be read")
    assert line(ws.context(customer=ws.resolve("a")).coverage).endswith(" · 2 prices could not be read")
    assert "nicht zu lesen: 2 Preise" in documents.report(ws, "a", kind="internal", locale="de").written("md")


def test_what_is_known_already_is_not_counted_again(half_read):
    ws, file = half_read
    report = import_paths(ws, [file])
    assert report.document().unread == {"price": 3, "time_zone": 1}
    further = file.with_name("further.csv")
    further.write_text("customer_id,occurred_at,kind,price\na,2026-03-09,order_completed,nine\n")
    import_paths(ws, [further])
    assert documents.customers(ws).left_out.unread == {"price": 4, "time_zone": 1}


def test_a_value_that_a_later_export_says_readably_is_not_counted_any_more(tmp_path):
    table_map = tmp_path / "map.toml"
    table_map.write_text(
        'key = ["id"]\n[columns]\ncustomer_id = "c"\noccurred_at = "t"\norder_id = "id"\nprice = "p"\n'
        '[constants]\nkind = "order_completed"\n'
    )
    ws = Workspace.create(tmp_path / "workspace")
    for price, unread in (("five", {"price": 2}), ("5", {"price": 1})):
        file = tmp_path / "orders.csv"
        file.write_text(f"c,t,id,p\na,2026-03-02,1,{price}\na,2026-03-02,2,six\n")
        import_paths(ws, [file], map_file=table_map)
        assert ws.coverage.left_out.unread == unread


@pytest.mark.parametrize("kind", ["unsubscribed", "message_complained", "message_bounced"])
def test_the_doctor_repeats_what_may_be_a_no_until_it_is_repaired(tmp_path, kind):
    from audit.queries.doctor import examine

    file = tmp_path / "events.csv"
    file.write_text(f"customer_id,occurred_at,kind\na,soon,{kind}\nb,2026-03-02,message_sent\n")
    ws = Workspace.create(tmp_path / "workspace")
    import_paths(ws, [file])
    (check,) = (check for check in examine(ws.path).checks if check.name == "opt-outs")
    assert not check.ok
    assert "1 refused row looks like a no, a complaint or a bounce: repair it" in check.detail


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "left out: 2 rows later than their import, 1 of them a no, a complaint or a bounce"),
        (
            "de",
            "außen vor: 2 Zeilen aus der Zeit nach dem Einlesen, davon 1 mit einem Nein, einer Beschwerde",
        ),
    ],
)
def test_a_no_of_the_future_is_told_by_the_doctor_and_the_header(tmp_path, locale, said):
    from audit.queries.doctor import examine

    file = tmp_path / "events.csv"
    file.write_text(
        f"{HEAD}a,,{FUTURE},unsubscribed,email,\na,,{FUTURE},message_sent,email,m\na,,2026-03-02,subscribed,,\n"
    )
    ws = Workspace.create(tmp_path / "workspace")
    import_paths(ws, [file])
    assert documents.audit(ws, "a").left_out == LeftOut(future=2, messages=1, future_opt_outs=1)
    assert said in documents.report(ws, "a", kind="internal", locale=locale).written("md")
    (check,) = (check for check in examine(ws.path).checks if check.name == "opt-outs")
    assert not check.ok
    assert check.detail == (
        "1 row that is a no, a complaint or a bounce is dated later than its import, and no answer knows of it: "
        "correct the date and import it again"
    )
