"""What is handed over is by the source's own ids, logged and approved before it is read, and safe to open."""

import csv
import hashlib
import io
import json
import shutil

import pytest

from audit.enforcement import handover
from audit.errors import InputError, NotPermittedError, WorkspaceError
from audit.ingest import import_paths
from audit.privacy.roles import Role, Viewer
from audit.rules.model import from_dict
from audit.workspace.workspace import Workspace
from tests.audit.rules.build import cap

IDS = ("007", '=HYPERLINK("http://x")', "+49", "-1", "@me", "a,b", 'q"uote', "plain")


def taken_in(tmp_path, people):
    """A workspace in which each of `people` got one message."""
    made = Workspace.create(tmp_path / "workspace", synthetic=True)
    file = tmp_path / "rows.ndjson"
    rows = [{"occurred_at": "2026-01-05T10:00:00Z", "kind": "message_sent", **one} for one in people]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_paths(made, [file])
    made.refresh()
    return made


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A workspace of people with awkward ids; do not change it."""
    people = [{"customer_id": name, "email": f"{number}@example.org"} for number, name in enumerate(IDS)]
    return taken_in(tmp_path_factory.mktemp("handover"), people).path


@pytest.fixture
def ws(made_once, tmp_path):
    shutil.copytree(made_once, tmp_path / "workspace")
    return Workspace.open(tmp_path / "workspace")


RULES = [from_dict(cap(1, "7d", title="One a week"))]
ADMIN, OPERATOR = Viewer(Role.ADMIN), Viewer(Role.OPERATOR)


def handed(ws, form, rules=RULES, viewer=ADMIN, **more):
    return handover.hand_over(ws, rules, form, viewer=viewer, **more)


def sheet(made):
    return list(csv.reader(io.StringIO(made.text)))


def test_a_sheet_holds_the_sources_ids_and_no_formula(ws):
    made = handed(ws, "csv", viewer=OPERATOR)
    head, *rows = sheet(made)
    assert head == ["customer_id", "rule", "about", "until"]
    assert {row[0].removeprefix("'") for row in rows} == set(IDS)
    assert {tuple(row[1:]) for row in rows} == {("cap", "", "2026-01-12T10:00:00Z")}
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r"))]
    assert (made.people, made.altered) == (len(IDS), 4)
    assert "example.org" not in made.text


@pytest.mark.parametrize("sign", "=+-@\t\r")
def test_what_would_begin_a_formula_is_made_text(sign):
    assert handover.harmless(f"{sign}1") == f"'{sign}1"
    assert handover.harmless(f"1{sign}") == f"1{sign}"


def test_braze_gets_one_column_with_each_person_once(ws):
    head, *rows = sheet(handed(ws, "braze"))
    assert head == ["external_id"]
    assert len(rows) == len(IDS)


def test_klaviyo_gets_the_addresses_under_the_head_that_it_takes(ws):
    head, *rows = sheet(handed(ws, "klaviyo"))
    assert head == ["Email"]
    assert sorted(rows) == sorted([f"{number}@example.org"] for number in range(len(IDS)))


def test_addresses_are_for_a_role_that_may_reveal_them_and_a_refusal_reads_and_logs_nothing(ws):
    with pytest.raises(NotPermittedError, match="takes a role that may reveal them too, admin"):
        handed(ws, "klaviyo", viewer=OPERATOR)
    with pytest.raises(NotPermittedError, match="handover: not in the role reviewer"):
        handed(ws, "csv", viewer=Viewer(Role.REVIEWER))
    assert ws.log.entries() == []


def test_only_what_is_about_e_mail_goes_by_address(ws):
    of_sms = [from_dict(cap(1, "7d", channels=["sms"]))]
    assert sheet(handed(ws, "klaviyo", of_sms)) == [["Email"]]


def test_who_has_no_address_is_counted_and_left_out(tmp_path):
    ws = taken_in(tmp_path, [{"customer_id": "007"}, {"customer_id": "008", "email": "a@example.org"}])
    made = handed(ws, "klaviyo")
    assert sheet(made) == [["Email"], ["a@example.org"]]
    assert (made.people, made.nameless) == (1, 1)


def test_the_log_says_who_what_how_many_and_the_sum_of_the_file(ws):
    made = handed(ws, "csv", actor="olga")
    begun, written = ws.log.entries()
    assert (begun.act, begun.actor, begun.subject) == ("handover", "olga", "cap")
    assert begun.details == {
        "format": "csv", "rules": [{"id": "cap", "version": 0}], "as_of": "2026-01-05T10:00:00Z", "people": len(IDS),
        "reveals": ["source_id"], "proposal": None, "approved_by": None,
    }  # fmt: skip
    data = made.text.encode()
    assert written.details == {
        "of": begun.seq,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }


@pytest.mark.parametrize(("form", "reads"), [("csv", "source_ids"), ("klaviyo", "revealed")])
def test_no_id_is_read_before_the_log_says_so(ws, monkeypatch, form, reads):
    seen = []
    original = getattr(type(ws.vault), reads)

    def spied(vault, *arguments, **more):
        seen.append([one.act for one in ws.log.entries()])
        return original(vault, *arguments, **more)

    monkeypatch.setattr(type(ws.vault), reads, spied)
    handed(ws, form)
    assert seen == [["handover"]]


def test_where_the_log_cannot_be_written_nothing_is_read(ws, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    for reads in ("source_ids", "revealed"):
        monkeypatch.setattr(type(ws.vault), reads, refuse)
    (ws.path / "log.db").write_bytes(b"no database" * 100)
    for form in ("csv", "klaviyo"):
        with pytest.raises(WorkspaceError, match=r"log\.db: it is not a database"):
            handed(ws, form)


def test_the_vault_reveals_nothing_without_a_row_that_says_so(ws):
    said = ws.log.append("handover", "cap", {"reveals": ["source_id"]})
    with pytest.raises(WorkspaceError, match="email: row 1 of the log does not reveal it"):
        ws.vault.revealed("email", ["c_1"], logged=said)


def test_where_a_second_person_is_asked_an_export_is_made_once_after_they_said_yes(ws):
    ws.book.ask_second_person(["handover"], author="root")
    with pytest.raises(NotPermittedError, match="nobody approved this export"):
        handed(ws, "csv", actor="ada")
    asked = handover.approval(ws, RULES, "csv", viewer=OPERATOR, actor="ada")
    assert asked.state == "proposed"
    assert handover.approval(ws, RULES, "csv", viewer=OPERATOR, actor="ada") == asked
    with pytest.raises(WorkspaceError, match="p1 is proposed since"):
        handed(ws, "csv", approved=asked, actor="ada")
    assert ws.log.entries() == []
    ws.book.inbox.approve_handover(asked.number, actor="bob")
    approved = handover.approval(ws, RULES, "csv", viewer=OPERATOR, actor="ada")
    for other, form in ((RULES, "json"), ([from_dict(cap(2, "7d", id="other"))], "csv")):
        with pytest.raises(WorkspaceError, match="approved was another export"):
            handed(ws, form, other, approved=approved, actor="ada")
    with pytest.raises(NotPermittedError, match="p1 is ada's"):
        handed(ws, "csv", approved=approved, actor="eve")
    assert handed(ws, "csv", approved=approved, actor="ada").people == len(IDS)
    begun = ws.log.entries()[0]
    assert (begun.details["proposal"], begun.details["approved_by"]) == ("p1", "bob")
    with pytest.raises(WorkspaceError, match="p1 is used since"):
        handed(ws, "csv", approved=approved, actor="ada")


def test_the_document_holds_the_set_in_words_too_and_the_people_as_they_are(ws):
    document = json.loads(handed(ws, "json").text)
    words = "At most 1 marketing message in any 7 days."
    assert document["rules"] == [{**cap(1, "7d", title="One a week"), "version": None, "words": words}]
    assert {one["customer"] for one in document["people"]} == set(IDS)
    assert document["people"][0]["until"] == "2026-01-12T10:00:00Z"


def test_another_format_is_refused(ws):
    with pytest.raises(InputError, match="one of csv, json, braze, klaviyo, words"):
        handed(ws, "xlsx")


def test_a_no_to_everything_with_a_later_yes_is_handed_over_with_what_it_leaves_open(tmp_path):
    """The lists of people that know no exception hold them, as the mails they refused are more; who left one list alone
    is in none.
    """
    no, yes = {"kind": "unsubscribed", "channel": "email"}, {"kind": "subscribed", "channel": "email"}
    later = {"occurred_at": "2026-01-06T10:00:00Z"}
    mail = {"channel": "email", "list_id": "a"}
    people = [
        {"customer_id": "all-but-b", **no},
        {"customer_id": "all-but-b", **yes, **later, "list_id": "b"},
        {"customer_id": "left-a", **mail},
        {"customer_id": "left-a", **no, **later, "list_id": "a"},
        {"customer_id": "back", **no},
        {"customer_id": "back", **yes, **later},
    ]
    ws = taken_in(tmp_path, people)
    rule = [from_dict({"id": "no", "kind": "consent"})]
    made = handed(ws, "csv", rule)
    assert sorted(row[::2] for row in sheet(made)[1:]) == [
        ["all-but-b", "email, all but b"],
        ["left-a", "email · a"],
    ]
    of_everybody = json.loads(handed(ws, "json", rule).text)["people"]
    assert {(row["about"], *row["but"]) for row in of_everybody} == {("email", "b"), ("email · a",)}
    named = handed(ws, "braze", rule)
    assert sheet(named)[1:] == [["all-but-b"]]
    assert (named.people, named.narrower, named.wider) == (1, 1, 1)
