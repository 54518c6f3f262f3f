"""Ids that are one person: joined from a moment on, parted again, and told."""

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import ingest
from audit.enforcement import handover
from audit.enforcement.gate.stream import _People
from audit.errors import InputError, NotFoundError
from audit.events.times import parse_iso
from audit.privacy.links import Link, Persons, record
from audit.privacy.roles import Viewer
from audit.queries import documents, links
from audit.queries.case import named_in, read_case
from audit.queries.doctor import examine
from audit.queries.everybody import read_everybody
from audit.queries.reports import language
from audit.queries.reports.internal import _head
from audit.rules import files
from audit.rules.book.proposals import Case
from audit.rules.model import from_dict
from audit.workspace.workspace import Workspace
from tests import build
from tests.audit.ingest.files import csv, ndjson
from tests.audit.rules.build import cap
from tests.tui.command import Command

HEADER = "event_id,customer_id,occurred_at,kind,channel,message_class,message_id,category"
ROWS = (
    "v1,anna,2026-01-02,product_viewed,,,,Beauty",
    "n1,anna,2026-01-05,unsubscribed,email,,,",
    "m1,beate,2026-01-10,message_sent,email,marketing,m1,Beauty",
    "m2,beate,2026-02-10,message_sent,email,marketing,m2,Beauty",
    "m3,anna,2026-02-11,message_delivered,email,marketing,m3,Beauty",
    "v1,beate,2026-02-12,product_viewed,,,,Beauty",
    "o1,clara,2026-02-12,order_completed,,,,Garden",
)
JOINED = "2026-02-01T00:00:00Z"


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    ws = Workspace.create(tmp_path / "workspace", synthetic=True)
    ingest.import_paths(ws, [csv(tmp_path, *ROWS, header=HEADER)])
    return ws


def shown(ws, *customers):
    return [msgspec.json.encode(documents.show(ws, customer)) for customer in customers]


def test_either_id_opens_both_histories_as_one_person(ws):
    anna, beate = ws.resolve("anna"), ws.resolve("beate")
    links.link(ws, "anna", beate, since=parse_iso(JOINED), by="jo")
    person = min(anna, beate)

    assert ws.resolve("anna") == ws.resolve(beate) == person
    history = ws.history(person)
    assert history["occurred_at"].is_sorted()
    assert history.height == len(ROWS) - 1
    assert history["event_id"].n_unique() == history.height  # both had a v1
    assert set(history["customer_id"]) == {person}
    assert ws.scan().filter(pl.col("customer_id") == person).collect().equals(history)
    for at in (ws.at, parse_iso("2026-01-31")):  # in parts of a customer each
        parts = [ws.part(customers, at=at) for customers in ws.parts(1, at=at)]
        assert pl.concat(parts).equals(ws.events(at))
        assert all(part["customer_id"].n_unique() == 1 for part in parts if part.height)
    assert ws.info.customers == documents.customers(ws).total == 2
    assert documents.show(ws, "beate").messages.sent == 2
    (entry,) = ws.log.entries()
    assert (entry.act, entry.actor, entry.details) == ("linked", "jo", {"since": JOINED})


def test_before_its_time_a_link_joins_nobody(ws):
    anna, beate = ws.resolve("anna"), ws.resolve("beate")
    links.link(ws, anna, beate, since=parse_iso(JOINED))
    before = parse_iso("2026-01-31")
    assert read_case(ws, "anna", at=before).events["event_id"].to_list() == ["v1", "n1"]
    assert read_case(ws, "beate", at=before).events["event_id"].to_list() == ["m1"]
    assert ws.events(before)["customer_id"].n_unique() == 2


def test_of_what_was_decided_before_only_its_own_history_speaks(ws):
    """The no of one id is none for a mail to the other until both are one person."""
    links.link(ws, "anna", "beate", since=parse_iso(JOINED))
    told = documents.audit(ws, "anna").findings
    assert [(finding.check, finding.messages) for finding in told if finding.check == "after-opt-out"] == [
        ("after-opt-out", ("m2",))
    ]


def test_nobody_is_accused_of_what_could_not_be_known(ws):
    at = parse_iso("2026-02-11")
    links.link(ws, "anna", "beate", since=at)
    case = read_case(ws, "anna")
    assert "after-opt-out" not in case.found["check"].to_list()
    assert read_everybody(ws).found.equals(case.found)
    assert "n1" not in case.why("message", "m1").evidence


def test_linked_and_parted_again_is_as_before(ws):
    ids = [ws.resolve(name) for name in ("anna", "beate")]
    before, events = shown(ws, *ids), ws.scan().collect()
    links.link(ws, "anna", "beate")
    links.link(ws, "clara", "beate")
    assert ws.info.customers == 1
    assert set(ws.scan().collect()["customer_id"]) == {min(*ids, ws.vault.resolve("clara"))}
    links.unlink(ws, "beate", "anna", by="jo", note="two sisters")
    links.unlink(ws, "beate", "clara", by="jo")
    again = Workspace.open(ws.path)
    assert shown(again, *ids) == before
    assert again.scan().collect().equals(events)
    assert again.info.customers == 3
    assert [link.undone_by for link in links.listed(again).links] == ["jo", "jo"]
    assert [(entry.act, entry.details.get("note")) for entry in again.log.entries()][2] == (
        "unlinked",
        "two sisters",
    )


def test_what_comes_later_under_either_id_is_the_persons(ws, tmp_path):
    links.link(ws, "anna", "beate", since=parse_iso(JOINED))
    more = "n2,beate,2026-02-13,unsubscribed,email,,,"
    ingest.import_paths(ws, [csv(tmp_path, more, header=HEADER, name="more.csv")])
    assert ws.history(ws.resolve("anna"))["event_id"][-1] == "n2"
    assert ws.info.customers == 2


def test_a_link_that_a_killed_writer_left_is_swept_and_joins_nobody(ws):
    row = (ws.resolve("anna"), ws.resolve("beate"), parse_iso(JOINED), "person", "jo", parse_iso(JOINED))
    record(ws.path / "vault.db", [row])
    assert Workspace.open(ws.path).info.customers == 3
    links.link(ws, "anna", "clara")
    assert ws.info.customers == 2


def test_the_gate_and_a_handover_know_the_person(ws):
    anna, beate = ws.resolve("anna"), ws.resolve("beate")
    links.link(ws, anna, beate)
    person = min(anna, beate)
    people = _People(ws)
    assert {people.of(text)[0] for text in ("anna", beate, "beate")} == {person}
    rule = {"id": "m", "kind": "mute", "customers": ["beate"]}
    assert named_in(ws, [from_dict(rule)]) == {"beate": person}
    made = handover.hand_over(ws, [from_dict(cap(1, "30d"))], "braze", viewer=Viewer())
    assert set(made.text.split()[1:]) == {"anna", "beate"}


def test_what_cannot_be_linked_or_parted_is_said(ws):
    a, b, c = (ws.resolve(name) for name in ("anna", "beate", "clara"))
    with pytest.raises(InputError, match=f"{a} is one id already"):
        links.link(ws, "anna", " anna ")
    with pytest.raises(NotFoundError, match="no such customer"):
        links.link(ws, "anna", "nobody")
    with pytest.raises(NotFoundError, match="are not linked"):
        links.unlink(ws, "anna", "beate")
    links.link(ws, a, b)
    links.link(ws, b, c)
    links.link(ws, c, a)  # a circle changes nothing
    assert ws.info.customers == 1
    links.unlink(ws, a, c)
    with pytest.raises(NotFoundError, match="through other ids; part one of these"):
        links.unlink(ws, a, c)
    assert [link.undone_at is None for link in links.listed(ws).links] == [True, True, False]


def test_the_command_links_lists_and_parts(ws, capsys, monkeypatch):
    anna, beate = sorted(ws.resolve(name) for name in ("anna", "beate"))
    whysent = Command(ws.path, capsys, monkeypatch)
    made = whysent(
        "link",
        "-",
        beate,
        "--since",
        "2026-02-01",
        "--note",
        "she said so",
        "--json",
        stdin="anna\n" if anna == ws.resolve("anna") else "beate\n",
    )
    assert (made.code, made.document["links"][0]["since"]) == (0, JOINED)
    page = whysent("show", "anna").out
    assert f"{anna} and {beate} are one person since 2026-02-01; what was decided before is judged" in page
    head = _head(language("de"), documents.show(Workspace.open(ws.path), "anna"), None, None)
    assert f": {anna} (01.02.2026), {beate} (01.02.2026)" in head.paragraphs[1]
    listed = whysent("link", "--list")
    assert f"{anna}   {beate}   2026-02-01 00:00" in listed.out
    assert listed.out.endswith("1 link\n")
    assert whysent("unlink", anna, beate, "--as", "reviewer").code == 0
    assert whysent("unlink", anna, beate).code == 2
    assert whysent("link", anna).err.startswith("whysent: name two ids")
    assert whysent("link", anna, beate, "--as", "agent").code == 3


CALLS = (
    {
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": "a1",
        "timestamp": "2026-01-01T10:00:00Z",
        "messageId": "1",
    },
    {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "a1",
        "timestamp": "2026-01-03T10:00:00Z",
        "messageId": "2",
        "traits": {"phone": "+49 30 9000011"},
    },
    {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "a1",
        "timestamp": "2026-01-02T10:00:00Z",
        "messageId": "3",
    },
    {
        "type": "identify",
        "userId": "u2",
        "anonymousId": "a1",
        "timestamp": "2026-01-04T10:00:00Z",
        "messageId": "4",
        "traits": {"phone": "030 9000011"},
    },
    {
        "type": "alias",
        "userId": "u3",
        "previousId": "u2",
        "timestamp": "2026-01-05T10:00:00Z",
        "messageId": "5",
    },
)


def test_identify_and_alias_join_from_their_time_on_and_what_was_parted_stays_so(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    ws = Workspace.create(tmp_path / "workspace", synthetic=True)
    file = ndjson(tmp_path, *CALLS)
    report = ingest.import_paths(ws, [file]).document()
    u1, u2 = ws.resolve("u1"), ws.resolve("u2")
    assert (report.linked, report.not_linked, ws.info.customers) == (2, 1, 2)
    assert ws.resolve("a1") == u1 != u2 == ws.resolve("u3")
    assert sorted((link.since.day, link.source) for link in ws.generation.links) == [
        (2, "segment"),
        (5, "segment"),
    ]
    assert ws.history(u1)["event_id"].n_unique() == 3
    assert "a1" not in "".join(ws.scan().collect()["attributes"].drop_nulls())
    assert [(group.field, group.customers) for group in report.shared] == [("phone", tuple(sorted((u1, u2))))]
    assert any(
        f"2 ids of one telephone number: {min(u1, u2)} and {max(u1, u2)}; `whysent link" in check.detail
        for check in examine(ws.path).checks
    )

    links.unlink(ws, "a1", "u1")
    again = ingest.import_paths(ws, [file])
    later = {**CALLS[1], "timestamp": "2026-02-03T10:00:00Z", "messageId": "9"}
    more = ingest.import_paths(ws, [ndjson(tmp_path, later, name="more.ndjson")])
    assert (again.linked, more.linked, ws.info.customers) == (0, 0, 3)
    links.link(ws, "u1", "u2")
    assert links.same_addresses(ws) == []


def test_our_own_files_name_another_id_in_a_column(ws, tmp_path):
    header = "event_id,customer_id,occurred_at,kind,same_person_id"
    ingest.import_paths(
        ws, [csv(tmp_path, "l1,anna,2026-02-01,account_linked,Dora@Example.org", header=header, name="l.csv")]
    )
    assert ws.resolve("dora@example.org") == ws.resolve("anna")
    assert ws.history(ws.resolve("anna"))["attributes"].null_count() == 4
    report = ingest.import_paths(
        ws,
        [
            csv(
                tmp_path,
                "x,emil,2026-02-02,product_viewed,dora@example.org",
                header="event_id,customer_id,occurred_at,kind,email",
                name="e.csv",
            )
        ],
    )
    (group,) = report.shared
    assert set(group.customers) == {ws.resolve("anna"), ws.resolve("emil")}


def test_ids_that_are_one_telephone_number_are_told_however_they_are_written(ws, tmp_path):
    ids = ("+49 30 901820", "+49 (30) 90-18-20", "7", "+7", "4930901820")
    rows = (f"{ident},2026-02-02,message_sent,{'030 901820' if ident == '7' else ''}" for ident in ids)
    report = ingest.import_paths(ws, [csv(tmp_path, *rows, header="customer_id,occurred_at,kind,phone")])
    (group,) = report.shared
    assert (group.field, set(group.customers)) == ("phone", {ws.resolve(ident) for ident in ids[:3]})
    assert links.joins_them(group).endswith(
        f" and `whysent link {group.customers[0]} {group.customers[2]}` join them"
    )


def test_a_rule_or_note_keeps_the_pseudonym_of_an_address_or_its_mask(ws, tmp_path):
    """No byte of the book, the log or an export holds an address that somebody typed."""
    jo, nobody = "Jo.Canary@example.org", "no.canary@example.test"
    header = "event_id,customer_id,occurred_at,kind,email"
    ingest.import_paths(
        ws, [csv(tmp_path, f"x,emil,2026-02-02,product_viewed,{jo}", header=header, name="e.csv")]
    )
    emil, note = ws.resolve("emil"), f"{jo.upper()} asked, not {nobody}"
    muted = {"id": "m", "kind": "mute", "customers": [jo], "title": f"Nothing for {jo}", "note": note}
    plan = ws.book.plan_add([from_dict(muted)])
    (rule,) = ws.book.apply(plan, note=note)
    assert (rule.customers, rule.title) == ((emil,), f"Nothing for {emil}")
    assert ws.book.history()[0].note == rule.note == f"{emil} asked, not n•••@•••.test"
    proposal = ws.book.inbox.propose(ws.book.plan_set("m", {"title": jo}), Case(note=note))
    ws.book.inbox.reject(proposal.number, note=note)
    ws.book.ask_second_person(["rules"], note=note)
    links.link(ws, "anna", "beate", note=note)
    with pytest.raises(InputError, match=r"nobody here has the address n•••@•••\.test"):
        ws.book.plan_set("m", {"customers": [nobody]})
    for path in ws.path.rglob("*"):
        assert path.is_dir() or b"canary" not in path.read_bytes().lower(), path
    assert "anary" not in files.dump(ws.book.rules())


IDS = ("c_1", "c_2", "c_3", "c_4", "c_5")


def made(one, other, day):
    at = parse_iso(f"2026-01-{day:02}")
    return Link(ids=(min(one, other), max(one, other)), since=at, source="person", by="jo", at=at)


pairs = st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), st.integers(1, 28)).filter(
    lambda p: p[0] != p[1]
)
rows = st.lists(st.tuples(st.sampled_from(IDS), st.integers(1, 28), st.integers(1, 3)), max_size=12)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(pairs, max_size=6).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))),
    rows,
    st.integers(1, 28),
)
def test_joined_events_are_all_of_all_ids_in_order_whoever_was_linked_first(some, events, day):
    """In any order of links, circles too, a person has the events of all their ids and nobody else has any of them."""
    at = parse_iso(f"2026-01-{day:02}")
    one, other = (Persons([made(*pair) for pair in order], at) for order in some)
    assert (one.of, one.since) == (other.of, other.since)
    stored = build.events(
        {"kind": "product_viewed", "at": "2026-01-01", "event_id": "none", "customer_id": "c_9"},
        *(
            {"kind": "product_viewed", "at": f"2026-01-{d:02}", "event_id": f"e{n}", "customer_id": c}
            for c, d, n in {(c, n): (c, d, n) for c, d, n in events}.values()
        ),
    )
    joined = one.joined(stored.lazy()).collect() if one else stored.with_columns(member="customer_id")
    assert joined.select("customer_id", "occurred_at", "event_id").equals(
        joined.select("customer_id", "occurred_at", "event_id").sort("customer_id", "occurred_at", "event_id")
    )
    assert sorted(joined.select("member", "occurred_at").rows()) == sorted(
        stored.select("customer_id", "occurred_at").rows()
    )
    assert joined.select("customer_id", "event_id").is_unique().all()
    for customer, member in joined.select("customer_id", "member").rows():
        assert member in one.ids(customer)
