"""Any table, as a map says how to read it."""

import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from audit import ingest
from audit.errors import InputError, NotFoundError
from audit.ingest import csv_text, mapped
from audit.privacy import vault_tables
from audit.queries import documents
from audit.storage import event_store
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import by_source, counts, csv, ndjson, raw
from tui.rendering.wording import import_lines

MAP = """
identifiers = ["Contact"]

[columns]
customer_id = "User"
occurred_at = "When"
kind = "What"
subject = "Title"

[constants]
source_name = "mailer"

[kinds]
"Email Open" = "message_opened"
Sent = "message_sent"

[time]
format = "%d/%m/%Y %H:%M"
zone = "Europe/London"

[[skip]]
column = "User"
absent = true
reason = "no customer"

[[skip]]
column = "What"
equals = "Ping"
reason = "a ping"

[[when]]
column = "Title"
starts_with = "Your order"
set = { message_class = "transactional" }
"""
HEADER = "User,When,What,Title,Contact,kind,Extra"


@pytest.fixture
def mapping(tmp_path):
    return raw(tmp_path, MAP.encode(), "map.toml")


def test_a_table_becomes_events(ws, tmp_path, mapping):
    rows = (
        "7,05/07/2026 10:00,Sent,Your order,jo@example.org,theirs,x",
        "7,05/07/2026 11:00,Email Open,News,,,",
        "7,05/07/2026 12:00,message_clicked,News,,,",
        ",05/07/2026 10:00,Sent,,,,",
        "8,05/07/2026 10:00,Ping,,,,",
        "9,05/07/2026 10:00,Unheard of,,,,",
        "9,2026-07-05,Sent,,,,",
    )
    report = ingest.import_paths(ws, [csv(tmp_path, *rows, header=HEADER)], map_file=mapping)
    events = by_source(ws)

    assert counts(report) == (7, 3, 0, 2, 2)
    assert report.skipped_by_reason == {"no customer": 1, "a ping": 1}
    assert set(report.refused_by_reason) == {"kind is none of those we know", "occurred_at is no time"}
    assert events["kind"].to_list() == ["message_sent", "message_opened", "message_clicked"]
    assert events["occurred_at"].dt.to_string("%H:%M").to_list() == ["09:00", "10:00", "11:00"]
    assert events["message_class"].to_list() == ["transactional", None, None]
    assert events["source_name"].unique().to_list() == ["mailer"]
    assert events["attributes"].to_list() == ['{"Extra":"x","kind_":"theirs"}', None, None]
    assert ws.resolve("jo@example.org") == ws.resolve("7")


def test_the_same_table_twice_adds_nothing(ws, tmp_path, mapping):
    file = csv(tmp_path, "7,05/07/2026 10:00,Sent,Your order,,,", header=HEADER)
    ingest.import_paths(ws, [file], map_file=mapping)
    assert counts(ingest.import_paths(ws, [file], map_file=mapping)) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize(
    ("unit", "when"), [("epoch_s", 1783245600), ("epoch_ms", 1783245600000), ("epoch_us", 1783245600000000)]
)
def test_times_that_count_from_1970(ws, tmp_path, unit, when):
    text = f'[columns]\ncustomer_id = "u"\noccurred_at = "t"\n[constants]\nkind = "product_viewed"\n[time]\nformat = "{unit}"\n'
    mapping = raw(tmp_path, text.encode(), "map.toml")
    rows = ({"u": 1, "t": when}, {"u": 1, "t": "abc"})
    report = ingest.import_paths(ws, [ndjson(tmp_path, *rows)], map_file=mapping)

    assert counts(report) == (2, 1, 0, 1, 0)
    assert str(by_source(ws)["occurred_at"][0]) == "2026-07-05 10:00:00+00:00"


def test_delimiter_and_encoding(ws, tmp_path):
    text = 'delimiter = ";"\nencoding = "latin-1"\n[columns]\ncustomer_id = "u"\noccurred_at = "t"\nitem_name = "i"\n[constants]\nkind = "product_viewed"\n'
    mapping = raw(tmp_path, text.encode(), "map.toml")
    ingest.import_paths(
        ws, [raw(tmp_path, "u;t;i\n1;2026-01-01;Käse, alt\n".encode("latin-1"))], map_file=mapping
    )
    assert by_source(ws)["item_name"].to_list() == ["Käse, alt"]


def test_a_mapped_column_that_is_missing_is_named(ws, tmp_path, mapping):
    with pytest.raises(InputError, match=r"no column 'When', which .* names; did you mean 'Wen'"):
        ingest.import_paths(ws, [csv(tmp_path, header="User,Wen,What,Title,Contact")], map_file=mapping)


def test_a_column_to_drop_that_is_missing_is_named(ws, tmp_path, mapping):
    dropping = raw(tmp_path, b'drop = ["Tittle"]\n' + mapping.read_bytes(), "drop.toml")
    table = csv(tmp_path, header="User,When,What,Title,Contact,Phone,Tier")
    with pytest.raises(InputError, match=r"no column 'Tittle', which .* names; did you mean 'Title'"):
        ingest.import_paths(ws, [table], map_file=dropping)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[colums]\n", "unknown key colums; did you mean 'columns'"),
        ('[columns]\ncustomerid = "u"\n', "unknown key columns.customerid; did you mean 'customer_id'"),
        ('[columns]\ncustomer_id = "u"\n', "says nothing of occurred_at"),
        ('[kinds]\nx = "message_send"\n', "no kind 'message_send'; did you mean 'message_sent'"),
        ("[columns]\ncustomer_id = 1\n", "columns.customer_id must be a name in quotes, or a list of names"),
        ('[time]\nzone = "Mars"\n', "'Mars' is no time zone"),
        ('[[skip]]\ncolumn = "a"\nreason = "b"\n', "skip 1: give column and one of equals, in"),
        ("x = [", "no TOML"),
        ('[columns]\nkind = { colum = "k" }\n', "unknown key columns.kind.colum; did you mean 'column'"),
        ('[identifiers]\nemial = "x"\n', "unknown key identifiers.emial; did you mean 'email'"),
        ('[time]\nformat = ["iso", "epoch_sec"]\n', "unknown 'epoch_sec'; did you mean 'epoch_s'"),
        ('[kinds]\nelse = "kep"\n', "no kind 'kep'; did you mean 'keep'"),
        ('[[skip]]\nreason = "x"\ncolumn = "a"\nequals = 1\nin = [1]\n', "skip 1: give column and one of"),
        ('[[skip]]\nreason = "x"\nall = [{ column = "a" }]\n', "1: give column and one of"),
        ('[[skip]]\nreason = "x"\ncolumn = "a"\npattern = "("\n', r"skip 1: pattern '\(' is none"),
        (
            '[[when]]\ncolumn = "a"\nequals = 1\nset = { kind = "unsubscribe" }\n',
            "when 1: set.kind: no kind 'unsubscribe'; did you mean 'unsubscribed'",
        ),
        (
            '[constants]\nkind = "message_send"\n',
            "constants.kind: no kind 'message_send'; did you mean 'message_sent'",
        ),
        ('[[event]]\nset = { kind = "" }\n', "event 1: set.kind: no kind ''"),
        (
            '[constants]\nmessage_class = "marketin"\n',
            "no message_class 'marketin'; did you mean 'marketing'",
        ),
        ('[constants]\nmachine = "perhaps"\n', "constants.machine: no machine 'perhaps'"),
        ('[constants]\ntime_zone = "Mars"\n', "constants.time_zone: no time_zone 'Mars'"),
        ('[[skip]]\nreason = "x"\nany = "a"\n', "any must be a list of conditions"),
    ],
)
def test_a_map_that_cannot_be_right_is_refused(ws, tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        ingest.import_paths(ws, [csv(tmp_path)], map_file=raw(tmp_path, text.encode(), "map.toml"))


def test_a_word_for_nobody_is_no_customer_and_the_next_column_says_who_it_is(ws, tmp_path):
    rules = '[columns]\ncustomer_id = ["user", "visitor"]\noccurred_at = "at"\n[constants]\nkind = "product_viewed"\n'
    rules += '[[same_person]]\ncolumn = "other"\npresent = true\nids = ["other"]\n'
    lines = ["NULL,v1,2026-01-05,None", "u1,v1,2026-01-05,None", "null,(null),2026-01-05,None"]
    path = csv(tmp_path, *lines, header="user,visitor,at,other")
    report = ingest.import_paths(ws, [path], map_file=raw(tmp_path, rules.encode(), "m.toml"))
    assert (counts(report), report.customers, report.linked) == ((3, 2, 0, 1, 0), 2, 0)
    assert report.refused_by_reason == {"customer_id is absent": 1}
    assert ws.resolve("v1")
    assert ws.resolve("u1")
    assert ws.person("NULL") is None


def test_parquet_can_be_mapped_too(ws, tmp_path, mapping):
    pl.DataFrame(
        {
            "User": [7],
            "When": ["05/07/2026 10:00"],
            "What": ["Sent"],
            "Title": ["x"],
            "Contact": ["a@b.example"],
        }
    ).write_parquet(tmp_path / "t.parquet")
    assert counts(ingest.import_paths(ws, [tmp_path / "t.parquet"], map_file=mapping)) == (1, 1, 0, 0, 0)


NESTED = {
    "who": {"id": "7"},
    "acts": [{"at": "2026-01-05T10:00:00Z", "what": "a"}, {"at": "2026-01-05T11:00:00Z", "what": None}],
}
PATHS = '[columns]\ncustomer_id = "who.id"\noccurred_at = "acts[].at"\nitem_id = "acts[].what"\n[constants]\nkind = "product_viewed"\n'


PATHS += '[[skip]]\nreason = "one act"\ncolumn = "acts"\nseveral = false\n'


def _cells(tmp_path):
    pl.DataFrame({name: [json.dumps(value)] for name, value in NESTED.items()}).write_csv(tmp_path / "n.csv")
    return tmp_path / "n.csv"


def _parquet(tmp_path):
    pl.DataFrame([NESTED]).write_parquet(tmp_path / "n.parquet")
    return tmp_path / "n.parquet"


@pytest.mark.parametrize("path", ["full_name[0]", "who.full_name[0]"])
def test_the_first_of_several_identifiers_goes_to_the_vault(ws, tmp_path, path):
    several = {"full_name": ["Anna Berg"]}
    fields = {"id": 7, "at": "2026-01-01", **(several if path == "full_name[0]" else {"who": several})}
    text = '[columns]\ncustomer_id = "id"\noccurred_at = "at"\n[constants]\nkind = "product_viewed"\n'
    text += f'[[skip]]\nreason = "a robot"\ncolumn = "{path}"\nequals = "Robot"\n'
    map_file = raw(tmp_path, text.encode(), "map.toml")
    assert counts(ingest.import_paths(ws, [ndjson(tmp_path, fields)], map_file=map_file)) == (1, 1, 0, 0, 0)
    assert by_source(ws)["attributes"].to_list() == [None]
    assert len(ws.vault.masked(ws.resolve("7"))) == 1


def test_paths_into_parquet_pass_over_empty_cells_and_bytes_that_are_no_text(ws, tmp_path):
    who = {"id": ["7", "8"], "occurred_at": ["2026-01-01", "2026-01-02"], "kind": ["product_viewed"] * 2}
    frame = pl.DataFrame({**who, "data": [{"x": "a", "y": "b"}, None], "raw": [b'{"z":"c","n":1}', b"\xff"]})
    frame.write_parquet(tmp_path / "n.parquet")
    columns = '[columns]\ncustomer_id = "id"\noccurred_at = "occurred_at"\nkind = "kind"\n'
    text = columns + 'item_id = "data.x"\nitem_name = "raw.z"\n'
    report = ingest.import_paths(
        ws, [tmp_path / "n.parquet"], map_file=raw(tmp_path, text.encode(), "map.toml")
    )
    assert counts(report) == (2, 2, 0, 0, 0)
    assert by_source(ws).select("customer_id", "item_id", "item_name", "attributes").rows() == [
        ("7", "a", "c", '{"data":"{\\"y\\":\\"b\\"}","raw":"{\\"n\\":1}"}'),
        ("8", None, None, '{"raw":"\ufffd"}'),
    ]


@pytest.mark.parametrize(
    "written", [lambda place: ndjson(place, NESTED), _cells, _parquet], ids=["ndjson", "csv", "parquet"]
)
def test_paths_lead_into_objects_cells_and_nested_columns_alike(ws, tmp_path, written):
    report = ingest.import_paths(ws, [written(tmp_path)], map_file=raw(tmp_path, PATHS.encode(), "map.toml"))
    assert counts(report) == (1, 1, 0, 0, 0)  # one row, two events; the list that was taken apart is not kept
    assert by_source(ws).select("customer_id", "item_id", "attributes").rows() == [
        ("7", "a", None),
        ("7", None, None),
    ]
    assert counts(ingest.import_paths(ws, [written(tmp_path)], map_file=tmp_path / "map.toml")) == (
        1,
        0,
        1,
        0,
        0,
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"u":1,"t":1767607200}\n{"u":1,"t":1767607201}\n{"u":1,"t":"abc"}\n',
        '[{"u":1,"t":1767607200},{"u":1,"t":1767607201}]\n[{"u":1,"t":"abc"}]\n',
        '[\n  {"u":1,"t":1767607200},\n  {\n  "u":1,"t":1767607201}, {"u":1,"t":"}{ [\\""}\n]\n',
        '{"u":1,"t":1767607200}{"u":1,"t":1767607201}{"u":1,"t":"}{"}',
        '{\n "u":1,"t":1767607200\n}\n{"u":1,"t":1767607201}\n{"u":1,\n',
        '{"u":1,"t":1767607200}\n{"u":1,"t":1767607201}\n{"u":1,',
    ],
    ids=["lines", "posts", "list", "run together", "over lines, cut off", "cut off"],
)
def test_objects_come_in_however_they_stand_in_the_file(ws, tmp_path, text):
    mapping = '[columns]\ncustomer_id = "u"\noccurred_at = "t"\n[constants]\nkind = "product_viewed"\n'
    file = raw(tmp_path, text.encode(), "a.json")
    report = ingest.import_paths(ws, [file], map_file=raw(tmp_path, mapping.encode(), "map.toml"))
    assert counts(report) == (3, 2, 0, 1, 0)


ORDERS = 'key = ["Name", "sku"]\n[columns]\ncustomer_id = "Email"\noccurred_at = "Created at"\norder_id = "Name"\nitem_id = "sku"\n[constants]\nkind = "order_completed"\n'
MAILS = 'key = ["id"]\n[columns]\ncustomer_id = "lead"\noccurred_at = "sent"\n[constants]\nkind = "message_sent"\n'


AGAIN = {
    "orders": (
        ORDERS,
        "Name,Email,Created at,sku,state",
        "#1,ana,2026-05-14 11:23,NC-1,open",
        "#1,ana,2026-05-14 11:23,NC-1,sent",
    ),
    "mails": (MAILS, "id,lead,sent,opens", "1,9,2026-04-05 17:00,0", "1,9,2026-04-05 17:00,4"),
}


@pytest.mark.parametrize("what", AGAIN)
def test_what_is_exported_again_is_one_event_of_which_the_newest_row_stands(ws, tmp_path, what):
    text, header, may, june = AGAIN[what]
    mapping = raw(tmp_path, text.encode(), "map.toml")
    first, second = (
        csv(tmp_path, may, header=header, name="may.csv"),
        csv(tmp_path, june, header=header, name="june.csv"),
    )
    ingest.import_paths(ws, [first], map_file=mapping)
    before = by_source(ws)
    report = ingest.import_paths(ws, [second], map_file=mapping)

    assert (counts(report), report.updated) == ((1, 1, 0, 0, 0), 1)
    (event,) = by_source(ws).to_dicts()
    assert json.loads(event["attributes"])[header.rsplit(",", 1)[1]] == june.rsplit(",", 1)[1]
    assert event["event_id"] == before["event_id"][0]
    assert ws.daily["rows"].to_list() == [1]
    (file,) = ws.manifest.superseded
    superseded = pl.read_parquet(ws.path / file)
    assert superseded["attributes"].to_list() == before["attributes"].to_list()
    assert superseded["superseded_at"].null_count() == 0

    again = ingest.import_paths(ws, [second], map_file=mapping)
    assert (counts(again), again.updated, ws.manifest.superseded) == ((1, 0, 1, 0, 0), 0, (file,))
    assert by_source(ws).to_dicts() == [event]


def test_versions_within_one_import_are_kept_too_and_other_rows_stay(ws, tmp_path):
    mapping = raw(tmp_path, MAILS.encode(), "map.toml")
    header = "id,lead,sent,opens"
    rows = (
        "1,9,2026-04-05 17:00,0",
        "2,9,2026-04-06 17:00,1",
        "1,9,2026-04-05 17:00,2",
        "1,9,2026-04-05 17:00,2",
    )
    ingest.import_paths(ws, [csv(tmp_path, *rows, header=header)], map_file=mapping)
    assert by_source(ws)["attributes"].str.json_path_match("$.opens").to_list() == ["2", "1"]
    assert [pl.read_parquet(ws.path / file).height for file in ws.manifest.superseded] == [1]


def test_an_event_told_once_does_not_replace_what_is_known(ws, tmp_path):
    text = 'key = { message_sent = ["id"], else = ["id", "at"] }\n[columns]\ncustomer_id = "u"\noccurred_at = "at"\nkind = "k"\nmessage_id = "id"\n[[event]]\ncolumn = "k"\nequals = "message_delivered"\nset = { kind = "message_sent" }\nonce = true\n'
    mapping = raw(tmp_path, text.encode(), "map.toml")
    header = "id,u,at,k"
    delivered, sent = "1,9,2026-01-05 10:01,message_delivered", "1,9,2026-01-05 10:00,message_sent"
    for number, rows in enumerate([(delivered,), (delivered, sent), (delivered,)]):
        ingest.import_paths(ws, [csv(tmp_path, *rows, header=header, name=f"{number}.csv")], map_file=mapping)
    assert by_source(ws).select("kind", pl.col("occurred_at").dt.minute()).rows() == [
        ("message_sent", 0),
        ("message_delivered", 1),
    ]


def test_an_event_made_of_a_list_of_people_takes_its_own_address_and_both_of_one_person(ws, tmp_path):
    tells = '["who", "to[].mail", "to[0].mail"]'
    described = (
        f'[columns]\ncustomer_id = {tells}\noccurred_at = "at"\n[constants]\nkind = "message_sent"\n'
        '[identifiers]\nemail = ["to[].mail", "to[].second", "to[0].mail", "to[0].second", "first", "who"]\n'
    )
    to = [{"mail": "a@x.test", "second": "a2@x.test"}, {"mail": "b@x.test", "second": "b2@x.test"}]
    rows = [
        {"at": "2026-01-05T10:00:00Z", "to": to, "first": "a@x.test"},
        {"at": "2026-01-06T10:00:00Z", "to": to, "who": "c@x.test"},
    ]
    mapping = raw(tmp_path, described.encode(), "to.toml")
    ingest.import_paths(ws, [ndjson(tmp_path, *rows)], map_file=mapping)
    assert vault_tables.namesakes(ws.path / "vault.db", ws.generation.persons()) == {}
    assert ws.resolve("a2@x.test") == ws.resolve("a@x.test")
    assert ws.resolve("b2@x.test") == ws.resolve("b@x.test") != ws.resolve("a@x.test")


def test_the_words_of_kinds_kept_as_other_are_told_without_addresses(ws, tmp_path):
    keeping = raw(tmp_path, MAP.replace("[kinds]", '[kinds]\nelse = "keep"').encode(), "keep.toml")
    words = ("Wink", "jo@x.test", "Wink", "Sent")
    rows = [f"7,05/01/2026 10:0{at},{word},t,c,k,e" for at, word in enumerate(words)]
    answer = ingest.import_paths(ws, [csv(tmp_path, *rows, header=HEADER)], map_file=keeping).document()
    assert answer.others == 3
    assert list(answer.other_kinds.items()) == [("Wink", 2), ("[e-mail]", 1)]
    again = ingest.import_paths(
        ws, [csv(tmp_path, *rows, "8,05/01/2026 11:00,Nod,t,c,k,e", header=HEADER)], map_file=keeping
    ).document()
    told = "events of an unknown kind, kept as other: {}: Wink (2), [e-mail] (1)"
    assert told.format(3) in import_lines(answer)
    told = (
        "events of an unknown kind, kept as other: {} (of 4 rows, refused and known ones counted): Wink (2), "
    )
    assert (again.accepted, again.others) == (1, 1)
    assert any(line.startswith(told.format(1)) for line in import_lines(again))


FILLED = (
    '[fill]\nby = "Order"\ncolumns = ["Order", "Who", "At"]\n[key]\nelse = ["Order", "@line"]\n'
    '[columns]\ncustomer_id = "Who"\noccurred_at = "At"\norder_id = "Order"\nitem_name = "Item"\n'
    '[constants]\nkind = "order_completed"\n'
)


@pytest.mark.parametrize("block", [20, 45, 70, 10**6])
def test_what_stands_in_the_first_row_of_a_group_reaches_the_others_across_blocks(
    ws, tmp_path, monkeypatch, block
):
    monkeypatch.setattr(csv_text, "BLOCK", block)
    rows = ("#1,ana,2026-01-05,a", "#1,,,a", ",,,b", "#2,ben,2026-01-06,c", "#3,,,d", "#4,eve,2026-01-07,e")
    file = csv(tmp_path, *rows, header="Order,Who,At,Item")
    mapping = raw(tmp_path, FILLED.encode(), "filled.toml")
    for _ in range(2):
        report = ingest.import_paths(ws, [file], map_file=mapping)
    assert counts(report) == (6, 0, 5, 1, 0)
    assert sorted(by_source(ws).select("customer_id", "order_id", "item_name").rows()) == [
        ("ana", "#1", "a"),
        ("ana", "#1", "a"),
        ("ana", "#1", "b"),
        ("ben", "#2", "c"),
        ("eve", "#4", "e"),
    ]


def test_a_group_is_told_by_the_first_column_that_is_there_and_asked_for_where_none_is(ws, tmp_path):
    file = csv(tmp_path, "1,ana,2026-01-05,a", "1,,,b", header="Nr,Who,At,Item")
    text = FILLED.replace('by = "Order"', 'by = ["Order", "Nr"]')
    text = text.replace('order_id = "Order"', 'order_id = "Nr"').replace('["Order", "Who"', '["Nr", "Who"')
    mapping = raw(tmp_path, text.replace('["Order", "@line"]', '["Nr", "@line"]').encode(), "two.toml")
    with pytest.raises(InputError, match=r"no column 'Order', which .* names"):
        ingest.import_paths(ws, [file], map_file=raw(tmp_path, FILLED.encode(), "filled.toml"))
    ingest.import_paths(ws, [file], map_file=mapping)
    assert sorted(by_source(ws)["item_name"]) == ["a", "b"]


JOINED = (
    '[[join]]\nfile = "*people.csv"\non = { person = "id" }\ntake = { mail = "address" }\n'
    '[columns]\ncustomer_id = "mail"\noccurred_at = "at"\n[identifiers]\nemail = "mail"\n[constants]\nkind = "product_viewed"\n'
)


def test_a_file_is_joined_by_its_name_from_the_same_zip_and_asked_for_where_it_is_absent(ws, tmp_path):
    mapping = raw(tmp_path, JOINED.encode(), "joined.toml")
    views = csv(tmp_path, "7,2026-01-05", "8,2026-01-06", header="person,at", name="views.csv")
    with pytest.raises(InputError, match=r"no file \*people\.csv beside it"):
        ingest.import_paths(ws, [views], map_file=mapping)
    other = raw(tmp_path, b"id,town\n7,Ulm\n", "a_people.csv")
    with pytest.raises(InputError, match=r"a_people\.csv: no column 'address'"):
        ingest.import_paths(ws, [views], map_file=mapping)
    other.unlink()
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.write(views, "data/views.csv")
        archive.writestr("data/people.csv", "id,address\n7,jo@x.test\n7,jo@y.test\n9,al@x.test\n")
    several = (
        JOINED + '[[table]]\nignore = "who they are"\nrecognise = { column = "address", present = true }\n'
    )
    several += '[[table]]\nrecognise = { column = "person", present = true }\n'
    mapping = raw(tmp_path, several.encode(), "several.toml")
    report = ingest.import_paths(ws, [tmp_path / "export.zip"], map_file=mapping)
    assert counts(report) == (5, 1, 0, 1, 3)
    assert report.skipped_by_reason == {"who they are": 3}
    assert by_source(ws)["customer_id"].to_list() == ["jo@y.test"]
    assert report.document().joined_by_last == {"people.csv": 1}
    assert "people.csv: 1 key stands on several rows that differ; of each the last row was joined" in [
        *import_lines(report.document())
    ]


def test_equal_rows_of_a_joined_file_and_rows_without_a_key_are_not_told(ws, tmp_path):
    views = csv(tmp_path, "7,2026-01-05", header="person,at", name="views.csv")
    rows = ["7,a@x.test,Ulm", "7,a@x.test,Bonn", ",b@x.test,Ulm", ",c@x.test,Ulm", "8,d@x.test,Ulm"]
    csv(tmp_path, *rows, header="id,address,town", name="people.csv")
    report = ingest.import_paths(ws, [views], map_file=raw(tmp_path, JOINED.encode(), "joined.toml"))
    assert report.document().joined_by_last == {}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[[table]]\nignore = "x"', "table 1: recognise is missing; it says which tables these are"),
        (
            '[[table]]\n[table.recognise]\ncolumn = "a"\npresent = true',
            "table 1: says nothing of customer_id",
        ),
        ("table = 3", "table is a list of tables"),
        (
            '[[table]]\nignor = "x"\nrecognise = { column = "a", present = true }',
            "unknown key table 1: ignor",
        ),
        ('[fill]\nby = "x"\ncolumn = "y"', "unknown key fill.column; did you mean 'columns'"),
        ('[[join]]\nfile = "x"\non = { a = "b" }', "join.take"),
    ],
)
def test_what_a_map_says_wrongly_of_tables_is_told(ws, tmp_path, written, said):
    mapping = raw(tmp_path, written.encode(), "wrong.toml")
    with pytest.raises(InputError, match=re.escape(said)):
        ingest.import_paths(ws, [csv(tmp_path)], map_file=mapping)


STATES = 'key = ["id"]\n[columns]\ncustomer_id = "lead"\noccurred_at = "sent"\nkind = "state"\nmessage_id = "id"\ncampaign_id = "campaign"\n[kinds]\nwaits = "message_attempted"\ngone = "message_sent"\n'


def exported(ws, tmp_path, *exports):
    """Imports exports of the same mails, one after another; answers a moment before, between and after them."""
    mapping = raw(tmp_path, STATES.encode(), "map.toml")
    moments = [datetime.now(UTC)]
    for number, rows in enumerate(exports):
        file = csv(tmp_path, *rows, header="id,lead,sent,state,campaign", name=f"{number}.csv")
        ingest.import_paths(ws, [file], map_file=mapping)
        moments.append(datetime.now(UTC))
    return moments


def test_an_answer_may_rest_on_what_was_known_at_a_moment(ws, tmp_path):
    moments = exported(
        ws,
        tmp_path,
        ["1,9,2026-04-05 17:00,waits,May"],
        ["1,9,2026-04-05 17:00,gone,May"],
        ["1,9,2026-04-05 17:00,gone,June", "2,9,2026-04-06 17:00,gone,June"],
    )

    def shown(moment):
        answer = documents.show(Workspace.open(ws.path, known_at=moment), "9")
        sources = [source.last.day for source in answer.coverage.sources]
        return answer.events, answer.messages.by_campaign, sources, answer.known_at

    expected = [(0, {}, []), (1, {}, [5]), (1, {"May": 1}, [5]), (2, {"June": 2}, [6])]
    assert [shown(moment) for moment in moments] == [
        (*answer, moment) for answer, moment in zip(expected, moments, strict=True)
    ]
    assert shown(None) == (*expected[-1], None)
    then = Workspace.open(ws.path, known_at=moments[2])
    why = documents.explain(then, "9", message="1")
    assert (why.known_at, why.subject.title, then.at.day) == (moments[2], "May", 5)
    with pytest.raises(NotFoundError):
        documents.explain(then, "9", message="2")
    assert then.events().equals(then.history(then.resolve("9")))

    with ws.writing():  # what is written anew keeps when it came in
        merged = event_store.merge(ws.path / "events", ws.manifest.segments)
        ws.commit(replace(ws.manifest, segments=tuple(merged)))
    assert [shown(moment)[:3] for moment in moments] == expected


def test_what_an_older_program_took_in_was_known_until_it_was_replaced(ws, tmp_path):
    row = "1,9,2026-04-05 17:00,{},May"
    _, between, _ = exported(ws, tmp_path, [row.format("waits")], [row.format("gone")])
    for path in [*(ws.path / "events").iterdir(), *(ws.path / name for name in ws.manifest.superseded)]:
        pl.read_parquet(path).drop("imported_at").write_parquet(path)

    sent = [documents.show(Workspace.open(ws.path, known_at=at), "9").messages.sent for at in (between, None)]
    assert sent == [0, 1]


WIDE = """
[columns]
customer_id = "u"
occurred_at = "sent"
message_id = "id"
[constants]
kind = "message_sent"
[[event]]
column = "read"
present = true
columns = { occurred_at = "read" }
set = { kind = "message_opened" }
[[event]]
column = "left"
present = true
columns = { occurred_at = "left" }
set = { kind = "unsubscribed" }
"""


def test_one_event_of_a_row_that_cannot_be_read_costs_the_others_nothing(ws, tmp_path):
    mapping = raw(tmp_path, WIDE.encode(), "m.toml")
    table = csv(
        tmp_path,
        "1,9,2026-01-01,2026-01-02,",
        "2,9,,2026-01-02,2026-01-03",  # it has no time at which it was sent
        "3,9,2026-01-01,never,2026-01-03",
        "4,9,2026-01-01,,some day",
        "5,9,2026-01-05,,unsubscribed",
        header="id,u,sent,read,left",
    )
    report = ingest.import_paths(ws, [table], map_file=mapping)

    assert counts(report) == (5, 2, 0, 3, 0)
    events = ws.events().sort("message_id", "occurred_at").select("message_id", "kind").rows()
    assert events == [
        ("1", "message_sent"),
        ("1", "message_opened"),
        ("2", "message_opened"),
        ("2", "unsubscribed"),
        ("3", "message_sent"),
        ("3", "unsubscribed"),
        ("4", "message_sent"),
        ("5", "message_sent"),
    ]
    held = pl.read_parquet(report.quarantine).select("row", "opt_out").rows()
    assert held == [(3, False), (4, True), (5, True)]  # a message is none, whatever stands beside it
    assert report.lost_opt_outs == 2
    again = ingest.import_paths(ws, [table], map_file=mapping)
    assert counts(again) == (5, 0, 2, 3, 0)
    assert (again.events, again.repeated) == (0, 0)


@pytest.mark.parametrize(
    ("name", "stated", "rows"),
    [
        ("e.csv", '[constants]\nkind = "unsubscribed"', ("1,soon,", "2,2026-01-01,", "3,2026-01-01,,x,y")),
        (
            "e.csv",
            'kind = "k"\n[kinds]\naustritt = "unsubscribed"',
            ("1,soon,austritt", "2,2026-01-01,austritt"),
        ),
        ("unsubscribed_news.csv", '[constants]\nkind = "unsubscribed"', ("1,2026-01-01,,x,y",)),
    ],
)
def test_a_refused_no_is_known_by_what_the_map_makes_of_it(ws, tmp_path, name, stated, rows):
    mapping = raw(tmp_path, f'[columns]\ncustomer_id = "u"\noccurred_at = "t"\n{stated}\n'.encode(), "m.toml")
    report = ingest.import_paths(ws, [csv(tmp_path, *rows, header="u,t,k", name=name)], map_file=mapping)
    assert report.lost_opt_outs == report.total("quarantined") == len(rows) - report.total("accepted") > 0


@pytest.mark.parametrize("otherwise", ["keep", "skip"])
def test_a_word_that_may_be_a_no_is_told_where_the_map_does_not_list_it(ws, tmp_path, otherwise):
    stated = f'[columns]\ncustomer_id = "u"\noccurred_at = "t"\nkind = "k"\n[kinds]\nelse = "{otherwise}"\n'
    words = ("order_completed", "Unsubscribed by link", "Spam report", "Wiggled", "unsubscribed")
    rows = (f"1,2026-01-0{day},{word}" for day, word in enumerate(words, start=1))
    report = ingest.import_paths(
        ws, [csv(tmp_path, *rows, header="u,t,k")], map_file=raw(tmp_path, stated.encode(), "m.toml")
    )
    said = [line for line in import_lines(report.document()) if "may be a no" in line]
    if otherwise == "keep":
        assert report.document().other_opt_outs == 2
        assert said == [
            "2 rows of an unknown kind by the word for it may be a no, a complaint or a bounce: name the word under [kinds] of a map and import them again"
        ]
    else:
        assert report.skipped_by_reason == {mapped.NO_KIND: 1, mapped.MAY_BE_A_NO: 2}
        assert said == []
