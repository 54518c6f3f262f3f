"""A map to begin with is a map, says what the file shows, and tells its doubts."""

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import ingest
from audit.errors import InputError
from audit.ingest.suggest import suggest
from tests.audit.ingest.files import by_source, counts, csv, ndjson, raw
from tests.audit.ingest.test_shipped_tables import SHIPPED

GERMAN = (
    "KundenNr;Datum;Ereignis;E-Mail;Betreff;Preis",
    "1;05.01.2026 11:00;Versendet;jo@example.test;Neue Scheren;",
    "1;05.01.2026 12:00;Geöffnet;jo@example.test;Neue Scheren;",
    "1;06.01.2026 12:00;Kauf;jo@example.test;;1.234,50",
    "2;07.01.2026 12:00;Abmeldung;al@example.test;;",
    "2;17.01.2026 12:00;Gewinnspiel;al@example.test;;",
)


def tried(ws, tmp_path, file):
    suggestion = suggest(file)
    mapping = raw(tmp_path, suggestion.map.encode(), "suggested.toml")
    return suggestion, ingest.import_paths(ws, [file], map_file=mapping)


def test_a_german_log_goes_in_with_what_is_suggested(ws, tmp_path):
    suggestion, report = tried(ws, tmp_path, raw(tmp_path, "\n".join(GERMAN).encode(), "log.csv"))
    assert counts(report) == (5, 5, 0, 0, 0)
    assert by_source(ws).select("customer_id", "kind", "subject", "price").rows() == [
        ("1", "message_sent", "Neue Scheren", None),
        ("1", "message_opened", "Neue Scheren", None),
        ("1", "order_completed", None, 1234.5),
        ("2", "unsubscribed", None, None),
        ("2", "other", None, None),
    ]
    assert ws.resolve("jo@example.test") == ws.resolve("1")
    assert suggestion.unsure == (
        "kinds: what 'Gewinnspiel' means",
        "times carry no offset: in which zone they are read must be said",
    )


def test_paths_go_into_objects_and_lists(tmp_path):
    row = {"user": {"id": 7}, "events": [{"ts": 1767607200, "type": "click", "sku": "a"}], "tags": ["x"]}
    written = tomllib.loads(suggest(ndjson(tmp_path, row)).map)
    assert written["columns"] == {
        "customer_id": "user.id",
        "occurred_at": "events[].ts",
        "kind": "events[].type",
        "item_id": "events[].sku",
    }
    assert written["kinds"] == {"click": "message_clicked", "else": "keep"}


def test_what_no_column_says_is_a_comment_and_the_map_not_usable(tmp_path):
    suggestion = suggest(csv(tmp_path, "red,4", "blue,5", header="colour,size"))
    assert not suggestion.usable
    assert suggestion.unsure == (
        "customer_id: no column looks like it",
        "occurred_at: no column looks like it",
        "kind: no column says what happened; one kind for all rows is a guess",
    )


def test_the_kind_may_stand_in_the_name_of_the_file_or_of_its_times(tmp_path):
    rows = ("jo@example.test,2026-01-05T10:00Z", "al@example.test,2026-01-06T10:00Z")
    by_file = suggest(csv(tmp_path, *rows, header="mail,when", name="optouts.csv"))
    by_time = suggest(csv(tmp_path, *rows, header="mail,opened_at", name="x.csv"))
    kinds = [tomllib.loads(each.map)["constants"]["kind"] for each in (by_file, by_time)]
    assert kinds == ["unsubscribed", "message_opened"]


def test_a_column_that_names_campaigns_is_not_taken_to_say_what_happened(tmp_path):
    rows = ("1,2026-01-05T10:00Z,Baby weekly,sent", "2,2026-01-06T10:00Z,Cart,opened")
    written = tomllib.loads(suggest(csv(tmp_path, *rows, header="id,time,campaign_name,status")).map)
    assert (written["columns"]["campaign_name"], written["columns"]["kind"]) == ("campaign_name", "status")
    assert written["kinds"] == {"sent": "message_sent", "opened": "message_opened", "else": "keep"}


def test_two_forms_of_a_date_that_both_fit_are_a_doubt(tmp_path):
    suggestion = suggest(csv(tmp_path, "1,05/01/2026,sent", "2,06/02/2026,sent", header="user,date,kind"))
    assert "times: %d/%m/%Y and %m/%d/%Y both fit; the first is taken" in suggestion.unsure


SAMPLES = sorted(file for file in SHIPPED.glob("*/*") if file.suffix in (".csv", ".ndjson"))[::3]


@pytest.mark.parametrize("file", SAMPLES, ids=[f"{file.parent.name}-{file.stem}" for file in SAMPLES])
def test_every_suggestion_is_toml_and_a_usable_one_can_be_used(ws, tmp_path, file):
    suggestion = suggest(file)
    tomllib.loads(suggestion.map)
    if suggestion.usable:
        _, report = tried(ws, tmp_path, file)
        rows, _, _, quarantined, _ = counts(report)
        assert quarantined * 2 < rows or any("empty in" in doubt for doubt in suggestion.unsure)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=6), st.text(max_size=6) | st.integers() | st.none(), max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_columns_are_called_the_suggestion_is_toml(tmp_path_factory, rows):
    file = ndjson(tmp_path_factory.mktemp("rows"), *map(json.dumps, rows))
    try:
        tomllib.loads(suggest(file).map)
    except InputError as error:
        assert "holds no row" in str(error)


def test_names_written_in_one_are_known(tmp_path):
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    row = "536365,85123A,WHITE HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom"
    columns = tomllib.loads(suggest(csv(tmp_path, row, header=header)).map)["columns"]
    assert columns["item_id"] == "StockCode"
    assert {"customer_id", "occurred_at", "order_id", "item_name", "quantity", "price"} < columns.keys()


@pytest.mark.parametrize(
    ("first", "second", "line"), [("#1001", "#1002", 'order_id = "Name"'), ("Jo", "Al", 'name = ["Name"]')]
)
def test_a_name_of_orders_is_no_name_of_a_person(tmp_path, first, second, line):
    file = tmp_path / "orders.csv"
    file.write_text(f"Name,Email,Created at\n{first},jo@e.test,2026-01-05\n{second},al@e.test,2026-01-06\n")
    assert [each for each in suggest(file).map.splitlines() if '"Name"' in each] == [line]


def test_a_file_that_is_not_utf8_is_read_with_the_map_that_is_suggested_for_it(ws, tmp_path):
    content = "Kunde;E-Mail;Datum;Typ;Stadt\n1;jo@example.org;2026-01-05;Abmeldung;Köln – Süd\n"
    file = raw(tmp_path, content.encode("cp1252"), "kunden.csv")
    suggested, report = tried(ws, tmp_path, file)
    assert 'encoding = "cp1252"' in suggested.map
    assert "the file is not UTF-8; it is read as cp1252" in suggested.unsure
    assert counts(report) == (1, 1, 0, 0, 0)
    assert "Köln – Süd" in ws.events()["attributes"][0]


def test_a_column_that_is_only_called_like_what_is_needed_is_named(tmp_path):
    file = csv(tmp_path, "1;nach Ostern;Abmeldung", header="Kunde;Datum;Ereignis")
    suggestion = suggest(file)
    assert (
        '# occurred_at = "Datum"   # needed: called like it, but its values do not look like it'
        in suggestion.map
    )
    assert suggestion.unsure == ("occurred_at: Datum is called like it, but its values do not look like it",)
    assert not suggestion.usable


def test_days_as_spreadsheets_keep_them_are_times_in_a_column_that_is_called_so(ws, tmp_path):
    rows = ("1;46027.4583333333;46027;Abmeldung", "1;46028;46028;Kauf")
    file = csv(tmp_path, *rows * 2, "1;0;1;Kauf", "2;46029.75;3;Kauf", header="Kunde;Datum;Menge;Ereignis")
    suggestion = suggest(file)
    assert 'format = "excel"' in suggestion.map
    assert "times: 1 in the first rows are not written so" in suggestion.unsure
    mapping = raw(tmp_path, suggestion.map.replace("# zone", "zone").encode(), "m.toml")
    report = ingest.import_paths(ws, [file], map_file=mapping)
    assert (counts(report), dict(report.refused_by_reason)) == (
        (6, 3, 2, 1, 0),
        {"occurred_at is no time": 1},
    )
    assert [f"{moment:%m-%d %H:%M:%S.%f}" for moment in ws.events()["occurred_at"].sort()] == [
        "01-05 10:00:00.000000",
        "01-05 23:00:00.000000",
        "01-07 17:00:00.000000",
    ]
    assert 'occurred_at = "Menge"' not in suggest(csv(tmp_path, "1;46027", header="Kunde;Menge")).map
