"""Files that are no text of rows: databases and their dumps, Avro, mailboxes."""

import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import fastavro
import polars as pl
import pytest

from audit import ingest
from audit.errors import InputError, NotFoundError
from audit.ingest import record_files
from audit.ingest.suggest import suggest
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import avro, by_source, counts, mysql, ndjson, postgres, raw, sqlite
from tui.rendering.wording import import_lines

TABLES = {
    "mt_email_stats": (
        [
            "id",
            "email_id",
            "lead_id",
            "email_address",
            "date_sent",
            "is_failed",
            "date_read",
            "tracking_hash",
        ],
        [
            (
                1,
                7,
                42,
                "jo@example.test",
                "2026-01-05 10:00:00",
                0,
                "2026-01-05 12:00:00",
                'it\'s "h1"; -- (x)',
            )
        ],
    ),
    "mt_lead_donotcontact": (
        ["id", "lead_id", "date_added", "reason", "channel", "channel_id", "comments"],
        [
            (1, 42, "2026-01-06 09:00:00", 1, "email", 7, "a\nb"),
            (2, 43, "2026-01-07 09:00:00", 2, "email", None, None),
        ],
    ),
    "mt_users": (("id", "password"), [(1, "secret")]),
}
EVENTS = [
    ("42", "message_sent", 'it\'s "h1"; -- (x)'),
    ("42", "message_opened", 'it\'s "h1"; -- (x)'),
    ("42", "unsubscribed", None),
    ("43", "message_bounced", None),
]


def of(ws):
    return by_source(ws).select("customer_id", "kind", "message_id").rows()


@pytest.mark.parametrize("made", [sqlite, mysql, postgres])
def test_the_tables_of_a_database_become_events_and_what_is_no_event_is_counted(ws, tmp_path, made):
    report = ingest.import_paths(ws, [made(tmp_path, TABLES)])
    assert {file.format for file in report.files} == {"mautic"}
    assert counts(report) == (4, 3, 0, 0, 1)
    assert of(ws) == EVENTS
    assert ws.resolve("jo@example.test") == ws.resolve("42")
    assert counts(ingest.import_paths(ws, [made(tmp_path, TABLES)]))[:3] == (4, 0, 3)


def test_a_dump_that_ends_inside_a_table_is_refused_whole(ws, tmp_path):
    with pytest.raises(InputError, match="ends inside the table mt_users; make the dump again"):
        ingest.import_paths(ws, [mysql(tmp_path, TABLES, end="")])
    assert ws.info.customers == 0


def test_no_statement_of_a_dump_is_run(ws, tmp_path):
    dump = mysql(tmp_path, TABLES)
    dump.write_text(
        dump.read_text() + "DROP TABLE events;\nDELETE FROM vault;\nINSERT INTO `x` VALUES (1,2,3);\n"
    )
    assert counts(ingest.import_paths(ws, [dump]))[:2] == (5, 3)


def sends(rows=3):
    fields = {
        "id": ["string"],
        "user_id": ["string"],
        "time": ["int"],
        "dispatch_id": ["string"],
        "email_address": ["string"],
    }
    record = {"user_id": "u1", "time": 1767607200, "email_address": "jo@example.test"}
    records = [{"id": str(at), "dispatch_id": f"d{at}", **record} for at in range(rows)]
    return avro("users.messages.email.Send", fields, records)


def test_avro_is_read_and_its_type_is_the_kind(ws, tmp_path):
    report = ingest.import_paths(ws, [raw(tmp_path, sends(), "part-0.avro")])
    assert {file.format for file in report.files} == {"braze"}
    assert counts(report) == (3, 3, 0, 0, 0)
    assert set(by_source(ws)["kind"]) == {"message_sent"}
    assert ws.resolve("jo@example.test") == ws.resolve("u1")


@pytest.mark.parametrize("cut", [30, -3])
def test_avro_cut_in_the_middle_is_one_clear_line(ws, tmp_path, cut):
    with pytest.raises(InputError, match=r"cut off|no format we know"):
        ingest.import_paths(ws, [raw(tmp_path, sends(2000)[:cut], "part-0.avro")])
    assert ws.info.customers == 0


MAIL = b"Delivered-To: jo@example.test\nFrom: News <news@shop.example.test>\nSubject: Hello\nDate: %s\nMessage-ID: <%d@x>\n\nbody"


def test_a_folder_of_mails_and_a_mail_of_50_mb_are_read_by_their_headers(ws, tmp_path):
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    raw(tmp_path / "Maildir" / "new", MAIL % (b"Mon, 5 Jan 2026 11:00:00 +0100", 1), "1700.M1.host")
    long = b"\nFrom here it goes on and on" + b"x" * 1000 + b"\n"
    raw(
        tmp_path / "Maildir" / "cur",
        MAIL % (b"5 Jan 2026 12:00:00 EST", 2) + long * 50_000,
        "1701.M2.host:2,S",
    )
    report = ingest.import_paths(ws, [tmp_path / "Maildir"])
    assert counts(report) == (2, 2, 0, 0, 0)
    assert by_source(ws).select("customer_id", "sender", "subject").unique().rows() == [
        ("jo@example.test", "shop.example.test", "Hello")
    ]


def test_whose_mailbox_it_is_can_be_said_and_a_mail_without_a_date_takes_the_envelopes(ws, tmp_path):
    box = b"From x@y Mon Jan  5 10:00:00 2026\nFrom: a@b.test\nSubject: =?bad?q?x\n\n\n" * 2
    ingest.import_paths(ws, [raw(tmp_path, box, "in.mbox")], customer="mia")
    assert by_source(ws)["customer_id"].to_list() == ["mia"]
    assert str(by_source(ws)["occurred_at"][0]) == "2026-01-05 10:00:00+00:00"


DUMP = "-- MySQL dump\nCREATE TABLE `t` (\n  `who` text,\n  `at` text,\n  `kind` text\n);\n"
OURS = '[columns]\ncustomer_id = "who"\noccurred_at = "at"\nkind = "kind"\n'


def dumped(ws, tmp_path, statements):
    mapping = raw(tmp_path, OURS.encode(), "ours.toml")
    return ingest.import_paths(ws, [raw(tmp_path, (DUMP + statements).encode(), "d.sql")], map_file=mapping)


def test_columns_named_in_another_order_and_semicolons_in_texts_lose_and_mix_nothing(ws, tmp_path):
    kind = "unsubscribed"
    statements = (
        f"INSERT INTO `t` (`who`,`at`,`kind`) VALUES ('ana','2026-01-05 10:00','{kind}');\n"
        f"REPLACE INTO `db`.`t` (`kind`,`at`,`who`) VALUES ('{kind}','2026-01-05 11:00','ben'),\n"
        f"('{kind}','2026-01-05 12:00','a;\nb'); -- done\n"
    )
    assert counts(dumped(ws, tmp_path, statements)) == (3, 3, 0, 0, 0)
    assert ws.info.customers == 3
    assert {ws.resolve("ana"), ws.resolve("ben")} < set(ws.scan().collect()["customer_id"])
    assert by_source(ws)["kind"].unique().to_list() == [kind]


def test_inserts_of_postgres_are_read_with_the_names_that_it_does_not_quote(ws, tmp_path):
    created = (
        "CREATE TABLE public.t (\n    who text NOT NULL,\n    at timestamp with time zone,\n"
        "    kind character varying(40) DEFAULT 'a, b',\n    CONSTRAINT c CHECK ((who <> ''::text)),\n    PRIMARY KEY (who)\n);\n"
    )
    rows = "INSERT INTO public.t VALUES ('ana', '2026-01-05 10:00:00+00', 'unsubscribed');\n"
    file = raw(tmp_path, f"--\n-- PostgreSQL database dump\n--\n\n{created}{rows * 2}".encode(), "d.sql")
    mapping = raw(tmp_path, OURS.encode(), "ours.toml")
    assert counts(ingest.import_paths(ws, [file], map_file=mapping)) == (2, 1, 1, 0, 0)


def test_the_tables_that_a_full_text_index_keeps_are_no_tables_of_rows(ws, tmp_path):
    with closing(sqlite3.connect(tmp_path / "t.db")) as database:
        database.execute("CREATE TABLE t (who, at, kind)")
        database.execute("INSERT INTO t VALUES ('ana', '2026-01-05', 'unsubscribed')")
        database.execute("CREATE VIRTUAL TABLE found USING fts5(who)")
        database.execute("INSERT INTO found VALUES ('ana')")
        database.commit()
    mapping = raw(tmp_path, OURS.encode(), "ours.toml")
    report = ingest.import_paths(ws, [tmp_path / "t.db"], map_file=mapping)
    assert [file.path.rpartition("!")[2] for file in report.files] == ["t"]
    assert counts(report) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    "row", ["('ana','2026-01-05')", "('ana',NOW(),'other')", "('a','b','c'); DROP TABLE x"]
)
def test_a_row_of_a_dump_that_is_not_read_is_a_clear_line_and_no_loss(ws, tmp_path, row):
    with pytest.raises(
        InputError, match="rows of t are written in a way that is not read; dump the table as CSV"
    ):
        dumped(ws, tmp_path, f"INSERT INTO `t` VALUES {row};\n")


def test_a_database_with_changes_beside_it_is_asked_to_be_closed(ws, tmp_path):
    database = sqlite(tmp_path, TABLES)
    raw(tmp_path, b"x", "tables.db-wal")
    with pytest.raises(InputError, match=r"tables\.db-wal beside it holds changes"):
        ingest.import_paths(ws, [database], format="mautic")


MAP = '[columns]\ncustomer_id = "who"\noccurred_at = "at"\nitem_id = "item"\n[constants]\nkind = "product_viewed"\n'
AT = datetime(2026, 1, 5, tzinfo=UTC)
ODD = {
    "bytes": ({"who": [b"a", b"\xff"], "at": [AT, AT], "item": ["x", "y"]}, (2, 2, 0, 0, 0)),
    "durations": ({"who": ["a"], "at": [timedelta(days=20000)], "item": ["x"]}, (1, 0, 0, 1, 0)),
    "inside": (
        {"who": ["a"], "at": [AT], "item": ["x"], "l": [[b"\xff", b"a"]], "d": [[timedelta(1)]]},
        (1, 1, 0, 0, 0),
    ),
    "rows": ({"who": ["a"], "at": [AT], "item": ["x"], "row": [1], "row_": [2]}, (1, 1, 0, 0, 0)),
}


@pytest.mark.parametrize("name", ODD)
def test_parquet_of_odd_types_costs_a_field_and_never_more(ws, tmp_path, name):
    columns, account = ODD[name]
    pl.DataFrame(columns).write_parquet(tmp_path / "odd.parquet")
    mapping = raw(tmp_path, MAP.encode(), "odd.toml")
    report = ingest.import_paths(ws, [tmp_path / "odd.parquet"], map_file=mapping)
    assert counts(report) == account
    assert suggest(tmp_path / "odd.parquet").map


def test_a_table_whose_columns_are_called_row_keeps_them(ws, tmp_path):
    with sqlite3.connect(tmp_path / "r.db") as database:
        database.execute("CREATE TABLE t (who, at, item, row, row_)")
        database.execute("INSERT INTO t VALUES ('a', '2026-01-05 10:00', 'x', 1, 2)")
    database.close()
    ingest.import_paths(ws, [tmp_path / "r.db"], map_file=raw(tmp_path, MAP.encode(), "odd.toml"))
    assert json.loads(by_source(ws)["attributes"][0]) == {"row_": "2", "row__": "1"}


@pytest.mark.parametrize("fields", [[], [{"name": "l", "type": {"type": "array", "items": "null"}}]])
def test_avro_that_may_claim_any_number_of_nothing_is_refused_at_once(ws, tmp_path, fields):
    stream = io.BytesIO()
    fastavro.writer(
        stream, {"type": "record", "name": "N", "fields": fields}, [{}] if not fields else [{"l": []}]
    )
    with pytest.raises(InputError, match="values of no size"):
        ingest.import_paths(ws, [raw(tmp_path, stream.getvalue(), "n.avro")], format="braze")


def test_mails_begin_at_a_line_that_says_when_with_or_without_a_blank_before(ws, tmp_path):
    head = "Delivered-To: jo@example.test\nFrom: a@shop.test\nSubject: s\nMessage-ID: <{}@x>\nDate: Mon, 5 Jan 2026 11:0{}:00 +0100\n"
    lines = (
        "From a@b Mon Jan  5 10:00:00 2026 +0200",
        "From  Mon Jan  5 10:00:00 2026",
        "From c@d Mon, 5 Jan 10:00:00 2026",
    )
    box = "\n".join(f"{line}\n{head.format(at, at)}\nbody" for at, line in enumerate(lines))
    box += "\n\nFrom here we go until 2026\nSubject: no mail\nDate: Mon, 5 Jan 2026 11:00:00 +0100\n"
    report = ingest.import_paths(ws, [raw(tmp_path, box.encode(), "in.mbox")])
    assert counts(report) == (3, 3, 0, 0, 0)
    assert set(by_source(ws)["subject"]) == {"s"}


def test_a_line_of_a_body_that_says_from_and_when_begins_no_mail_without_headers_behind_it(ws, tmp_path):
    line = "From jo@shop.test Mon Jan  5 10:00:00 2026"
    head = "Delivered-To: jo@example.test\nFrom: a@shop.test\nSubject: {0}\nDate: Mon, 5 Jan 2026 11:0{0}:00 +0100\n"
    bodies = (
        f"As you wrote:\n{line}\nthat is what it said: nothing.\n",
        f"{line}\n\n{line}\n",
        f">{line}\nSubject: quoted\n",
        "x" * 70_000 + line + "\n",
    )
    box = "".join(f"{line}\n{head.format(nth)}\n{body}" for nth, body in enumerate(bodies))
    report = ingest.import_paths(ws, [raw(tmp_path, box.encode(), "in.mbox")])
    assert counts(report) == (4, 4, 0, 0, 0)
    assert set(by_source(ws)["subject"]) == set("0123")


def test_many_mails_of_a_folder_are_read_as_one_and_each_is_accounted_for(ws, tmp_path):
    place = tmp_path / "Maildir" / "cur"
    place.mkdir(parents=True)
    for number in range(30):
        when = b"none" if number == 7 else b"Mon, 5 Jan 2026 11:00:%02d +0100" % number
        raw(place, MAIL % (when, number), f"17{number:02}.M1.host:2,S")
    report = ingest.import_paths(ws, [tmp_path / "Maildir"])
    assert [(file.path, file.rows) for file in report.files] == [(str(place), 30)]
    assert counts(report) == (30, 29, 0, 1, 0)
    assert counts(ingest.import_paths(ws, [tmp_path / "Maildir"])) == (30, 0, 29, 1, 0)


def test_of_a_mail_no_byte_behind_its_headers_is_asked_for():
    stream = io.BytesIO(MAIL % (b"Mon, 5 Jan 2026 11:00:00 +0100", 1) + b"\nFrom x\n" * 1_000_000)
    assert len(list(record_files.mail(stream, ""))) == 1
    assert stream.tell() < 200


def test_a_truth_that_one_file_leaves_blank_and_another_says_is_one_column(ws, tmp_path):
    row = {"customer_id": "a", "occurred_at": "2026-01-05", "kind": "message_sent", "machine": ""}
    pl.DataFrame([row]).write_parquet(tmp_path / "blank.parquet")
    said = {**row, "occurred_at": "2026-01-06", "kind": "message_opened", "machine": True}
    ingest.import_paths(ws, [tmp_path / "blank.parquet", ndjson(tmp_path, said)])
    assert by_source(ws)["machine"].to_list() == [None, True]


def test_a_mail_to_several_is_one_event_each_unless_it_says_whose_mailbox_it_is(ws, tmp_path):
    head = "From x@y Mon Jan  5 10:00:00 2026\nFrom: News <news@shop.test>\nSubject: Hi\n"
    several = 'To: "Example, Ana" <ana@a.test>, Bo <bo@b.test>\nCc: cy@c.test, ANA@a.test\nBcc: di@d.test\n'
    box = f"{head}Message-ID: <m1@x>\n{several}\nx\n\n{head}Message-ID: <m2@x>\n{several}Envelope-To: di@d.test\n\nx\n"
    file = raw(tmp_path, box.encode(), "in.mbox")
    report = ingest.import_paths(ws, [file])
    to = [("ana@a.test", "m1@x"), ("bo@b.test", "m1@x"), ("cy@c.test", "m1@x"), ("di@d.test", "m1@x")]
    assert sorted(by_source(ws).select("customer_id", "message_id").rows()) == [*to, ("di@d.test", "m2@x")]
    assert counts(report) == (2, 2, 0, 0, 0)
    assert report.document().events == 5
    assert "5 events of these rows · 4 customers" in next(import_lines(report.document()))
    assert report.document().same_address == 0
    owner = Workspace.create(tmp_path / "owner")
    report = ingest.import_paths(owner, [file], customer="mia")
    assert (counts(report), report.held_back) == ((2, 2, 0, 0, 0), {})
    assert sorted(by_source(owner).select("customer_id", "message_id").rows()) == [
        ("mia", "m1@x"),
        ("mia", "m2@x"),
    ]
    assert owner.resolve("di@d.test") == owner.resolve("mia")
    with pytest.raises(NotFoundError):
        owner.resolve("bo@b.test")
