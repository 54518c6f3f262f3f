"""What is handed over is by the source's own ids, and safe to open."""

import csv
import io
import json

import pytest

from audit import handover
from audit.errors import InputError
from audit.ingest import import_paths
from audit.rules.model import from_dict
from audit.workspace import Workspace
from tests.audit.rules.build import cap

IDS = ("007", '=HYPERLINK("http://x")', "+49", "-1", "@me", "a,b", 'q"uote', "plain")


@pytest.fixture
def ws(tmp_path):
    made = Workspace.create(tmp_path / "workspace", synthetic=True)
    file = tmp_path / "rows.ndjson"
    rows = [
        {"customer_id": name, "occurred_at": "2026-01-05T10:00:00Z", "kind": "message_sent", "email": f"{number}@example.org"}
        for number, name in enumerate(IDS)
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_paths(made, [file])
    made.refresh()
    return made


def handed(ws, form):
    rules = [from_dict(cap(1, "7d", title="One a week"))]
    return handover.written(handover.people(ws, rules, ws.at)[0], rules, ws.at, form)


def test_a_sheet_holds_the_sources_ids_and_no_formula(ws):
    head, *rows = csv.reader(io.StringIO(handed(ws, "csv")))
    assert head == ["customer_id", "rule", "about", "until"]
    assert {row[0].removeprefix("'") for row in rows} == set(IDS)
    assert {tuple(row[1:]) for row in rows} == {("cap", "", "2026-01-12T10:00:00Z")}
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r"))]
    assert "example.org" not in handed(ws, "csv")


@pytest.mark.parametrize("sign", "=+-@\t\r")
def test_what_would_begin_a_formula_is_made_text(sign):
    assert handover.harmless(f"{sign}1") == f"'{sign}1"
    assert handover.harmless(f"1{sign}") == f"1{sign}"


def test_braze_gets_one_column_with_each_person_once(ws):
    head, *rows = csv.reader(io.StringIO(handed(ws, "braze")))
    assert head == ["external_id"]
    assert len(rows) == len(IDS)


def test_the_document_holds_the_set_and_the_people_as_they_are(ws):
    document = json.loads(handed(ws, "json"))
    assert document["rules"] == [{**cap(1, "7d", title="One a week"), "version": None}]
    assert {one["customer"] for one in document["people"]} == set(IDS)
    assert document["people"][0]["until"] == "2026-01-12T10:00:00Z"


def test_another_format_is_refused(ws):
    with pytest.raises(InputError, match="one of csv, json, braze"):
        handed(ws, "xlsx")
