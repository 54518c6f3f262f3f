"""The gate on a workspace: a line out for each line in, and nothing that was answered is ever lost."""

import json
import os
import re
from pathlib import Path

import polars as pl
import pytest

from audit.enforcement.gate import stream
from audit.errors import WorkspaceError
from audit.ingest import import_paths
from audit.privacy import vault
from audit.rules.files import loads
from audit.workspace.workspace import Workspace
from tests.conftest import steady_pseudonym

CAP = '[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimit = 2\nwindow = "7d"\n'
BOUGHT = (
    '[[rule]]\nid = "bought"\nkind = "cooldown"\nafter = "order_completed"\nsame = "item"\nwindow = "30d"\n'
)


@pytest.fixture
def ws(tmp_path, monkeypatch):
    """Jo (007) was mailed on the 1st and bought item 7 on the 2nd of January."""
    monkeypatch.setattr(vault, "random_pseudonym", steady_pseudonym)
    made = Workspace.create(tmp_path / "workspace", synthetic=True)
    return taken_in(
        made,
        tmp_path,
        {"event_id": "p1", "occurred_at": "2026-01-01T10:00:00Z", "kind": "message_sent", "message_id": "m1",
         "message_class": "marketing", "email": "jo@example.org"},
        {"event_id": "p2", "occurred_at": "2026-01-02T10:00:00Z", "kind": "order_completed", "item_id": "7"},
    )  # fmt: skip


def taken_in(ws, folder, *rows):
    file = folder / "rows.ndjson"
    file.write_text("".join(json.dumps({"customer_id": "007", **row}) + "\n" for row in rows))
    import_paths(ws, [file])
    ws.refresh()
    return ws


def candidate(at, message_id=None, customer="007", **more):
    made = {
        "customer_id": customer,
        "occurred_at": at,
        "channel": "email",
        "message_class": "marketing",
        **more,
    }
    return made if message_id is None else {**made, "message_id": message_id}


def told(ws, *lines, rules=CAP):
    with stream.opened(ws, loads(rules)) as gate:
        return [gate.answer(line) for line in lines]


def decisions(answers):
    return [one.get("decision", "error" if "error" in one else "noted") for one in answers]


def test_the_past_counts_and_what_is_let_through_counts_for_what_follows(ws):
    lines = [candidate(f"2026-01-0{day}T10:00:00Z", f"n{day}") for day in (3, 4, 8, 9)]
    answers = told(ws, *lines)
    assert decisions(answers) == ["allow", "stop", "allow", "stop"]
    assert answers[1]["counted"][0] == "p1"
    assert answers[1]["next_allowed_at"] == "2026-01-08T10:00:00Z"
    assert set(answers[0]) >= {"decision", "deciding_rule", "failing_rules", "counted", "next_allowed_at"}


def test_events_of_other_kinds_are_noted_and_bear_on_what_follows(ws):
    asked = candidate("2026-02-10T10:00:00Z", item_id="8")
    bought = {
        "customer_id": "007",
        "occurred_at": "2026-02-11T10:00:00Z",
        "kind": "order_completed",
        "item_id": "8",
    }
    again = {**asked, "occurred_at": "2026-02-12T10:00:00Z"}
    answers = told(ws, asked, bought, again, rules=BOUGHT)
    assert answers[1] == {"noted": True}
    assert decisions(answers) == ["allow", "noted", "stop"]


def test_what_was_bought_before_the_start_bears_on_it_too(ws):
    assert decisions(told(ws, candidate("2026-01-03T10:00:00Z", item_id="7"), rules=BOUGHT)) == ["stop"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[]", "no object"),
        (b"\xff{}", "not UTF-8"),
        (b"{}", "customer_id is absent"),
        (b'{"customer_id":" ","occurred_at":"2026-01-03"}', "customer_id is absent"),
        (b'{"customer_id":["a"],"occurred_at":"2026-01-03"}', "customer_id is no text"),
        (b'{"customer_id":"1","customer_id":"2"}', "the same key twice"),
        (b'{"customer_id":"1"}', "occurred_at is absent"),
        (b'{"customer_id":"1","occurred_at":"soon"}', "occurred_at is no ISO 8601 time"),
        (b'{"customer_id":"1","occurred_at":20260103}', "occurred_at is no ISO 8601 time"),
        (b'{"customer_id":"1","occurred_at":"0001-01-01T00:00:00+14:00"}', "occurred_at is no ISO 8601 time"),
        (b'{"customer_id":"1","occurred_at":"2026-01-03","kind":"order_complete"}', "did you mean order_completed"),
        (b'{"customer_id":"1","occurred_at":"2026-01-03","message_class":"ads"}', "message_class is none"),
        (b'{"customer_id":"1","occurred_at":"2026-01-03","time_zone":"Mars"}', "time_zone is no IANA"),
        (b'{"customer_id":"1","occurred_at":"2026-01-03","topics":"a"}', "topics is no list"),
        (b'{"customer_id":"1","occurred_at":"2026-01-03","channel":{}}', "channel is no text"),
        (b'{"customer_id":"007","occurred_at":"2026-01-01"}', "older than this customer's last"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "levels deep"),
        (b'{"a":"' + b"x" * 1024**2 + b'"}', "more than 1 MiB"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_told_so_and_the_stream_goes_on(ws, line, said):
    good = candidate("2026-01-03T10:00:00Z", "n1")
    with stream.opened(ws, loads(CAP)) as gate:
        first, second = (
            json.loads(one) for one in gate.answers([line, json.dumps(good).encode()]).splitlines()
        )
    assert said in first["error"]
    assert second["decision"] == "allow"


def test_a_customer_is_found_by_the_sources_id_or_the_pseudonym_and_numbers_keep_their_text(ws):
    lines = [candidate("2026-01-03T10:00:00Z", "n1", name) for name in ("007", steady_pseudonym("007"))]
    lines[1]["message_id"] = "n2"
    lines[1]["occurred_at"] = "2026-01-04T10:00:00Z"
    assert decisions(told(ws, *lines)) == ["allow", "stop"]
    with stream.opened(ws, loads(CAP)) as gate:
        gate.answer(b'{"customer_id":8,"occurred_at":"2026-01-03"}')
    assert ws.vault.resolve("8") is not None


def test_state_survives_a_restart(ws):
    lines = [candidate(f"2026-01-{day}T10:00:00Z", f"n{day}", "new") for day in (10, 11, 12)]
    first = told(ws, *lines[:2])
    again = told(Workspace.open(ws.path), *lines)
    assert decisions(again) == ["allow", "allow", "stop"]
    assert again[:2] == first


def test_a_deferred_message_is_remembered_over_a_restart(ws):
    rules = CAP + 'on_fail = "defer"\n'
    lines = [candidate(f"2026-01-{day}T10:00:00Z", f"n{day}", "new") for day in (10, 11, 12)]
    put_off = told(ws, *lines, rules=rules)[2]
    assert (put_off["decision"], put_off["next_allowed_at"]) == ("defer", "2026-01-17T10:00:00Z")
    assert told(ws, lines[2], rules=rules) == [put_off]
    later = {**lines[2], "occurred_at": "2026-01-17T10:00:00Z"}
    assert decisions(told(ws, later, rules=rules)) == ["allow"]


def test_a_message_that_is_imported_after_it_was_let_through_counts_once(ws, tmp_path):
    assert decisions(told(ws, candidate("2026-01-10T10:00:00Z", "n1"))) == ["allow"]
    sent = {
        "event_id": "s1",
        "occurred_at": "2026-01-10T10:00:05Z",
        "kind": "message_sent",
        "message_id": "n1",
    }
    taken_in(ws, tmp_path, sent)
    lines = [candidate(f"2026-01-{day}T10:00:00Z", f"n{day}") for day in (11, 12)]
    assert decisions(told(ws, *lines)) == ["allow", "stop"]


def test_the_record_holds_pseudonyms_and_no_identifier(ws):
    lines = [
        candidate("2026-01-10T10:00:00Z", "n1", "jo@example.org", email="jo@example.org", name="Jo Doe"),
        candidate(
            "2026-01-10T10:00:00Z", "n1", "4711-jo", campaign_name="For jo@example.org", subject="Dear Jo"
        ),
    ]
    told(ws, *lines)
    kept = (ws.path / stream.FOLDER / "record.ndjson").read_text()
    assert kept.count("\n") == 4
    in_clear = re.sub(r'"sealed":"[^"]+"', "", kept)
    assert in_clear != kept
    for secret in ("jo@example.org", "4711", "Jo", "007"):
        assert secret not in in_clear
    assert (ws.path / stream.FOLDER / "record.ndjson").stat().st_mode & 0o777 == 0o600
    for name in ("jo@example.org", "4711-jo"):
        assert ws.vault.resolve(name) in kept


def test_somebody_new_who_is_not_in_the_vault_yet_is_found_in_the_record(ws, monkeypatch):
    """As a kill between the answer and the vault leaves it; and as an import leaves it that was faster."""
    with monkeypatch.context() as patch:
        patch.setattr(stream._People, "settle", lambda _: None)
        told(
            ws,
            candidate("2026-01-10T10:00:00Z", "n1", "new"),
            candidate("2026-01-10T11:00:00Z", "n2", "other"),
        )
    assert ws.vault.resolve("new") is None
    names = ws.vault.pseudonyms(["other"], import_id="i1", maker=lambda _: "c_00000000")
    ws.vault.confirm("i1")
    lines = [
        candidate("2026-01-11T10:00:00Z", f"n{number}", name)
        for number in (3, 4)
        for name in ("new", "other")
    ]
    for number, line in enumerate(lines):
        line["message_id"] = f"x{number}"
    assert decisions(told(ws, *lines)) == ["allow", "allow", "stop", "stop"]
    assert ws.vault.resolve("new") == steady_pseudonym("new")
    assert ws.vault.resolve("other") == names["other"] == "c_00000000"


def test_a_line_that_was_torn_off_was_never_answered(ws):
    told(ws, candidate("2026-01-10T10:00:00Z", "n1"))
    record = ws.path / stream.FOLDER / "record.ndjson"
    whole = record.read_bytes()
    record.write_bytes(whole + whole[: len(whole) // 2])
    assert decisions(told(ws, candidate("2026-01-10T10:00:00Z", "n1"))) == ["allow"]
    record.write_bytes(whole[: len(whole) // 2])
    assert decisions(told(ws, candidate("2026-01-10T10:00:00Z", "n1"))) == ["allow"]


def test_a_record_that_was_damaged_is_one_clear_line(ws):
    told(ws, candidate("2026-01-10T10:00:00Z", "n1"), candidate("2026-01-10T11:00:00Z", "n2"))
    record = ws.path / stream.FOLDER / "record.ndjson"
    record.write_bytes(b"oops\n" + record.read_bytes())
    with pytest.raises(WorkspaceError, match="line 1 is damaged"):
        told(ws)


def test_one_gate_at_a_time(ws):
    with stream.opened(ws, loads(CAP)), pytest.raises(WorkspaceError, match="another program"):
        told(ws)


def test_no_answer_where_the_record_cannot_be_written(ws, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with stream.opened(ws, loads(CAP)) as gate:
        gate.answer(candidate("2026-01-10T10:00:00Z", "n1"))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(WorkspaceError, match="no room left"):
                gate.answer(candidate("2026-01-10T11:00:00Z", "n2"))


def test_the_campaign_map_fills_what_a_line_leaves_open(ws):
    from audit.flows.campaign_map import SCHEMA

    news = {"campaign_id": "news", "category": "A > B", "message_class": "marketing"}
    ws.set_map(pl.DataFrame([news], schema=SCHEMA), None)
    rule = '[[rule]]\nid = "a"\nkind = "mute"\ncategories = ["A"]\n'
    line = candidate("2026-01-10T10:00:00Z", campaign_id="news")
    assert decisions(told(ws, line, {**line, "campaign_id": "other"}, rules=rule)) == ["stop", "allow"]


NINE = """
[[rule]]
id = "no"
kind = "consent"
[[rule]]
id = "private"
kind = "sensitive"
[[rule]]
id = "out"
kind = "exclude_event"
events = ["p2"]
[[rule]]
id = "sunset"
kind = "sunset"
unengaged = 2
"""


def test_opt_outs_responses_and_causes_come_by_the_stream_and_are_remembered(ws):
    clicked = {
        "customer_id": "008",
        "kind": "message_clicked",
        "occurred_at": "2026-01-03T10:00:00Z",
        "channel": "email",
    }
    touching = candidate("2026-01-04T10:00:00Z", "m2", sensitive=["health"], causes=["p2", "o9"])
    resting = candidate("2026-01-04T11:00:00Z", "m3", sensitive=[], causes=["p2"])
    silent = candidate("2026-01-04T12:00:00Z", "m4")
    after = candidate("2026-01-05T10:00:00Z", "m5", sensitive=[], causes=[])
    answers = told(ws, clicked, touching, resting, silent, after, rules=NINE)
    assert decisions(answers) == ["noted", "stop", "stop", "allow", "allow"]
    assert [one["failing_rules"] for one in answers[1:3]] == [["private"], ["out"]]
    assert answers[3]["cannot_tell"] == ["private", "out"]
    no = {"customer_id": "007", "kind": "unsubscribed", "occurred_at": "2026-01-06T10:00:00Z"}
    later = candidate("2026-01-07T10:00:00Z", "m6", sensitive=[], causes=[])
    more = told(ws, no, later, rules=NINE)
    assert decisions(more) == ["noted", "stop"]
    assert more[1]["failing_rules"] == [
        "no",
        "sunset",
    ]  # the two that went out are remembered, and so is the click
    own = {
        "customer_id": "007",
        "kind": "message_clicked",
        "occurred_at": "2026-01-08T10:00:00Z",
        "message_id": "m5",
    }
    last = candidate("2026-01-09T10:00:00Z", "m7", sensitive=[], causes=[])
    assert told(ws, own, last, rules=NINE)[1]["failing_rules"] == ["no"]


SUNSET = '[[rule]]\nid = "s"\nkind = "sunset"\nunengaged = 1\n'


def test_a_click_that_names_no_channel_is_one_of_the_channel_of_its_message(ws):
    """What comes over a channel without any response cannot be told, as in the replay; also after a restart."""
    first = candidate("2026-06-01T10:00:00Z", "n1", channel="email")
    clicked = {
        "customer_id": "007",
        "kind": "message_clicked",
        "occurred_at": "2026-06-01T11:00:00Z",
        "message_id": "n1",
    }
    second, third, fourth = (
        candidate(f"2026-06-0{day}T10:00:00Z", f"n{day}", channel=None) for day in (2, 3, 4)
    )
    answers = told(ws, first, clicked, second, third, rules=SUNSET)
    answers += told(ws, fourth, rules=SUNSET)
    assert decisions(answers) == ["allow", "noted", "allow", "allow", "allow"]
    assert all(answer["cannot_tell"] == ["s"] for answer in answers[2:])


def test_another_row_of_a_message_tells_where_the_customer_is(ws):
    """The zone is that of the newest row of any kind; also after a restart."""
    rule = CAP.replace("limit = 2", "limit = 1").replace(
        'window = "7d"', 'window = "1d"\nwindow_kind = "calendar"'
    )
    first = candidate("2026-06-01T10:00:00Z", "n1", time_zone="UTC")
    again = first | {"occurred_at": "2026-06-01T12:00:00Z", "event_id": "again", "time_zone": "Asia/Kolkata"}
    next_day_there = candidate("2026-06-01T19:00:00Z", "n2")
    assert decisions(told(ws, first, again, rules=rule)) == ["allow", "allow"]
    assert decisions(told(ws, again, next_day_there, rules=rule)) == ["allow", "allow"]


def test_the_gate_in_python_is_as_the_documentation_shows_it(ws):
    page = (Path(__file__).parents[4] / "docs" / "rules.md").read_text()
    shown = page.split("## gate")[1].split("```python\n")[1].split("```")[0]
    ws.book.apply(ws.book.plan_add(loads(CAP)))
    names = {"folder": ws.path}
    exec(shown.replace("    opened.answer(", "    told = opened.answer("), names)
    assert names["told"]["decision"] == "allow"
