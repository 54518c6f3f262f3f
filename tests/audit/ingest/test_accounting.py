"""Every row is accounted for, and importing again adds nothing."""

import gzip
import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest
import zstandard

from audit import ingest
from audit.errors import InputError
from audit.ingest import csv_text, run
from tests.audit.ingest.files import HEADER, by_source, counts, csv, ndjson, raw

ROWS = (
    "e1,007,2026-01-05T10:00:00Z,order_completed,Nail clipper,1",
    "e2,007,2026-01-06T10:00:00Z,message_sent,,",
    "e1,8,2026-01-05T10:00:00Z,product_viewed,Camera,",
)


def test_rows_are_accepted_and_found_again(ws, tmp_path):
    report = ingest.import_paths(ws, [csv(tmp_path, *ROWS)])

    assert counts(report) == (3, 3, 0, 0, 0)
    assert report.document().to_json()["customers"] == 2
    assert (report.document().to_json()["first"], report.document().to_json()["last"]) == (
        "2026-01-05T10:00:00Z",
        "2026-01-06T10:00:00Z",
    )
    events = by_source(ws)
    assert events["customer_id"].to_list() == ["007", "007", "8"]
    assert events["event_id"].to_list() == ["e1", "e2", "e1"]
    assert events["quantity"].to_list() == [1.0, None, None]


def test_the_same_file_twice_adds_nothing(ws, tmp_path):
    file = csv(tmp_path, *ROWS)
    ingest.import_paths(ws, [file])
    version = ws.version
    report = ingest.import_paths(ws, [file])

    assert counts(report) == (3, 0, 3, 0, 0)
    assert not report.nothing_taken
    assert ws.version == version
    assert ws.info.events == 3


def test_rows_without_an_id_are_known_again_in_any_form(ws, tmp_path):
    file = csv(
        tmp_path, "7,2026-01-05T10:00:00Z,product_viewed,4.50", header="customer_id,occurred_at,kind,price"
    )
    other = ndjson(
        tmp_path,
        {
            "customer_id": "7",
            "occurred_at": "2026-01-05T11:00:00+01:00",
            "kind": "product_viewed",
            "price": 4.5,
        },
    )
    ingest.import_paths(ws, [file])

    assert counts(ingest.import_paths(ws, [other])) == (1, 0, 1, 0, 0)


def test_of_rows_that_repeat_an_event_id_of_a_customer_the_first_is_kept(ws, tmp_path):
    later = "e1,007,2026-02-05T10:00:00Z,product_viewed,Another,1"
    report = ingest.import_paths(ws, [csv(tmp_path, *ROWS, later, *ROWS)])

    assert counts(report) == (7, 3, 4, 0, 0)
    assert by_source(ws).filter(pl.col("event_id") == "e1")["item_name"].to_list() == [
        "Nail clipper",
        "Camera",
    ]


def test_equal_rows_without_an_id_are_one_event_and_others_are_not(ws, tmp_path):
    header = "customer_id,occurred_at,kind,colour"
    red, blue = "7,2026-01-05,product_viewed,red", "7,2026-01-05,product_viewed,blue"
    report = ingest.import_paths(ws, [csv(tmp_path, red, blue, red, header=header)])

    assert counts(report) == (3, 2, 1, 0, 0)


def test_bad_rows_are_quarantined_and_good_ones_go_in(ws, tmp_path):
    bad = ("e8,7,2026-01-01,no_such_kind,,", "e9,7,soon,order_completed,,1")
    report = ingest.import_paths(ws, [csv(tmp_path, ROWS[0], *bad)])
    held = pl.read_parquet(report.quarantine)

    assert counts(report) == (3, 1, 0, 2, 0)
    assert held["row"].to_list() == [2, 3]
    assert held["reason"].to_list() == ["kind is none of those we know", "occurred_at is no time"]
    assert "no_such_kind" in ws.vault.unseal(held["raw"][0]).decode()
    assert b"no_such_kind" not in report.quarantine.read_bytes()


def test_the_same_bad_rows_are_held_once(ws, tmp_path):
    file = csv(tmp_path, "e8,7,2026-01-01,no_such_kind,,")
    first = ingest.import_paths(ws, [file])
    again = ingest.import_paths(ws, [file])

    assert first.nothing_taken
    assert again.quarantine == first.quarantine
    assert len(list(first.quarantine.parent.iterdir())) == 1


def test_a_customer_of_refused_rows_only_is_nowhere(ws, tmp_path):
    ingest.import_paths(ws, [csv(tmp_path, "e8,gone,2026-01-01,no_such_kind,,")])
    assert ws.vault.resolve("gone") is None


def test_files_of_a_folder_are_counted_one_by_one(ws, tmp_path):
    inbox = tmp_path / "inbox"
    (inbox / "deeper").mkdir(parents=True)
    csv(inbox, ROWS[0], name="a.csv")
    csv(inbox / "deeper", ROWS[1], name="b.csv")
    (inbox / "LICENSE").write_text("You may.")
    report = ingest.import_paths(ws, [inbox])

    assert [(file.path, file.rows) for file in report.files] == [
        (str(inbox / "a.csv"), 1),
        (str(inbox / "deeper" / "b.csv"), 1),
    ]
    assert report.unknown == [inbox / "LICENSE"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("events.csv", bytes),
        ("events.csv.gz", gzip.compress),
        ("events.csv.zst", zstandard.compress),
        ("events", bytes),
    ],
)
def test_packed_files_are_read_by_what_is_in_them(ws, tmp_path, name, pack):
    content = ("﻿" + "\r\n".join([HEADER, *ROWS]) + "\r\n").encode()
    assert counts(ingest.import_paths(ws, [raw(tmp_path, pack(content), name)])) == (3, 3, 0, 0, 0)


def test_parquet_keeps_its_types_and_its_other_columns(ws, tmp_path):
    pl.DataFrame(
        {
            "customer_id": [7],
            "occurred_at": [datetime(2026, 1, 5, 10, tzinfo=UTC)],
            "kind": ["order_completed"],
            "topics": [["nails"]],
            "points": [1.5],
            "box": [{"w": 3, "note": 'a "b"'}],
        }
    ).write_parquet(tmp_path / "events.parquet")
    assert counts(ingest.import_paths(ws, [tmp_path / "events.parquet"])) == (1, 1, 0, 0, 0)
    event = by_source(ws).row(0, named=True)
    assert (event["customer_id"], event["topics"]) == ("7", ["nails"])
    assert event["attributes"] == r'{"points":1.5,"box":{"w":3,"note":"a \"b\""}}'


def test_members_of_a_zip_are_files(ws, tmp_path):
    path = tmp_path / "events.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "\n".join([HEADER, ROWS[0]]))
        archive.writestr("../../b.csv", "\n".join([HEADER, ROWS[1]]))
    report = ingest.import_paths(ws, [path])

    assert counts(report) == (2, 2, 0, 0, 0)
    assert [file.path for file in report.files] == ["events.zip!a.csv", "events.zip!../../b.csv"]
    assert not (tmp_path.parent.parent / "b.csv").exists()


STRANGERS = {
    "shop/readme.txt": b"what is in here",
    "logo.bin": b"\x89PNG\r\n\x1a\n",
    "towns.csv": b"id,town\n1,Ulm\n",
}


def _zip(place, files):
    path = place / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _folder(place, files):
    path = place / "export"
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [_zip, _folder])
def test_of_a_zip_as_of_a_folder_what_is_known_goes_in_and_the_rest_is_named(ws, tmp_path, packed):
    files = {
        "events.csv": f"{HEADER}\ne1,007,2026-01-05,order_completed,a,1\n".encode(),
        "posts/mails.json": b'[{"email": "jo@x.test", "timestamp": 1767607200, "event": "delivered", "sg_event_id": "e", "sg_message_id": "m"}]',
        **STRANGERS,
        "__MACOSX/._events.csv": b"\0\5\x16\7",
        ".DS_Store": b"\0",
    }
    if packed is _folder:
        del files["__MACOSX/._events.csv"]
    (tmp_path / "in").mkdir()
    path = packed(tmp_path / "in", files)
    report = ingest.import_paths(ws, [path])
    assert sorted((file.format, file.accepted) for file in report.files) == [("csv", 1), ("sendgrid", 1)]
    names = sorted(name.name.rpartition("!")[2].rpartition("/")[2] for name in report.unknown)
    assert names == ["logo.bin", "readme.txt", "towns.csv"]
    assert ingest.import_paths(ws, [path]).events == 0
    around = ingest.import_paths(ws, [path.parent])
    assert (around.total("duplicates"), len(around.unknown)) == (2, 3)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (STRANGERS, "no format we know|is missing|is a picture"),
        ({"towns.csv": STRANGERS["towns.csv"]}, "column customer_id is missing"),
        ({"a.db": b"SQLite format 3\0"}, "sqlite inside a zip is not read; unpack it"),
        ({"events.csv": f"{HEADER}\n".encode(), "more.csv": b"\x89PNG"}, "more.csv: is a picture"),
    ],
)
def test_a_zip_of_which_nothing_is_known_or_a_part_is_not_what_it_says_is_refused(ws, tmp_path, files, says):
    with pytest.raises(InputError, match=says):
        ingest.import_paths(ws, [_zip(tmp_path, files)])


def test_nothing_is_taken_when_one_path_is_missing(ws, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        ingest.import_paths(ws, [csv(tmp_path, *ROWS), tmp_path / "missing.csv"])
    assert ws.info.events == 0


def test_nothing_is_taken_when_a_later_file_cannot_be_read(ws, tmp_path):
    broken = raw(tmp_path, b"customer_id,when\n1,2\n", "broken.csv")
    with pytest.raises(InputError, match="the column occurred_at is missing"):
        ingest.import_paths(ws, [csv(tmp_path, *ROWS), broken])
    assert ws.info.events == 0
    assert ws.vault.resolve("007") is None


def test_an_empty_file_gives_nothing(ws, tmp_path):
    for file in (raw(tmp_path, b"", "empty.csv"), csv(tmp_path, name="header.csv")):
        report = ingest.import_paths(ws, [file])
        assert counts(report) == (0, 0, 0, 0, 0)
        assert report.nothing_taken


def test_progress_is_told_in_bytes(ws, tmp_path):
    told = []
    file = csv(tmp_path, *ROWS)
    ingest.import_paths(ws, [file], progress=lambda *each: told.append(each))
    assert told[-1] == (file.stat().st_size, file.stat().st_size, str(file))


def test_an_import_larger_than_memory_is_one_import(ws, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "BUFFER", 3)
    monkeypatch.setattr(csv_text, "BLOCK", 100)
    rows = [
        f'e{number % 40:02},{number % 4},2026-01-{1 + number % 28:02},product_viewed,"a,\nb",1'
        for number in range(60)
    ]
    report = ingest.import_paths(ws, [csv(tmp_path, *rows)])

    assert counts(report) == (60, 40, 20, 0, 0)
    assert by_source(ws).height == 40
    assert ws.scan().collect().equals(ws.scan().collect().sort("customer_id", "occurred_at", "event_id"))
    assert ws.coverage.kinds["product_viewed"].rows == 40


def test_ndjson_of_something_else_is_refused(ws, tmp_path):
    with pytest.raises(InputError, match="the column customer_id is missing"):
        ingest.import_paths(ws, [ndjson(tmp_path, {"userId": 7, "event": "Order Completed"})])


@pytest.mark.parametrize("given", [{"a": 1, "b": [True]}, '{"a":1,"b":[true]}'])
def test_attributes_of_ndjson_are_an_object_or_its_text_and_other_keys_join_them(ws, tmp_path, given):
    row = {
        "customer_id": "7",
        "occurred_at": "2026-01-05",
        "kind": "product_viewed",
        "attributes": given,
        "colour": "red",
    }
    ingest.import_paths(ws, [ndjson(tmp_path, row)])
    assert by_source(ws)["attributes"].to_list() == ['{"a":1,"b":[true],"colour":"red"}']


REPEATS = "7,2026-01-05,order_completed,CD"
TOLD = "customer_id,occurred_at,kind,item_name"


def table_map(place, head=""):
    path = place / "map.toml"
    columns = "".join(f'{name} = "{name}"\n' for name in TOLD.split(","))
    path.write_text(f"{head}\n[columns]\n{columns}")
    return path


def test_equal_rows_of_an_import_and_known_ones_are_counted_apart(ws, tmp_path):
    file = csv(tmp_path, REPEATS, REPEATS, REPEATS.replace("CD", "LP"), header=TOLD)
    first, again = (ingest.import_paths(ws, [file]).document() for _ in range(2))
    assert (first.accepted, first.duplicates, first.repeated) == (2, 1, 1)
    assert (again.accepted, again.duplicates, again.repeated) == (0, 3, 0)
    more = csv(tmp_path, REPEATS, "8" + REPEATS[1:], "8" + REPEATS[1:], header=TOLD)
    third = ingest.import_paths(ws, [more]).document()
    assert (third.accepted, third.duplicates, third.repeated) == (1, 2, 1)


@pytest.mark.parametrize("buffer", [run.BUFFER, 2])
def test_equal_rows_are_events_of_their_own_where_a_map_says_so_and_still_known_again(
    ws, tmp_path, monkeypatch, buffer
):
    monkeypatch.setattr(run, "BUFFER", buffer)
    monkeypatch.setattr(csv_text, "BLOCK", 64)
    distinct = table_map(tmp_path, 'rows = "distinct"')
    may = csv(tmp_path, *[REPEATS] * 3, REPEATS.replace("CD", "LP"), header=TOLD, name="may.csv")
    assert counts(ingest.import_paths(ws, [may], map_file=distinct)) == (4, 4, 0, 0, 0)
    assert counts(ingest.import_paths(ws, [may], map_file=distinct)) == (4, 0, 4, 0, 0)
    june = csv(tmp_path, *[REPEATS] * 4, header=TOLD, name="june.csv")
    assert counts(ingest.import_paths(ws, [june], map_file=distinct)) == (4, 1, 3, 0, 0)
    assert by_source(ws)["event_id"].n_unique() == 5


LOST_IF_FUTURE = ("unsubscribed", "objected", "consent_withdrawn", "message_complained", "message_bounced")


def test_odd_times_and_zones_are_told(ws, tmp_path):
    header = "customer_id,occurred_at,kind,time_zone"
    rows = (
        "a,2026-01-05 10:00,product_viewed,Europe/Berlin",
        "a,2026-01-06,product_viewed,Asia/Tokyo",
        "b,2026-01-06T10:00Z,product_viewed,Asia/Tokyo",
        "b,1970-01-01T00:00:00Z,product_viewed,Asia/Tokyo",
        "c,2026-01-06T10:00Z,product_viewed,Asia/Tokyo",
        "c,2026-01-07T10:00Z,product_viewed,GMT+09:00",  # an offset says nothing against a zone
        "b,2150-01-01T00:00:00Z,product_viewed,",
        *(f"b,2206-01-01T00:00:00Z,{kind}," for kind in LOST_IF_FUTURE),
    )
    answer = ingest.import_paths(
        ws, [csv(tmp_path, *rows, header=header)], time_zone="Europe/Berlin"
    ).document()
    assert answer.bare_times == {"Europe/Berlin": 2}
    assert (answer.before_1990, answer.future, answer.several_zones) == (1, 6, 1)
    assert answer.future_opt_outs == len(LOST_IF_FUTURE) == 5


SHOP = """[columns]
customer_id = "who"
occurred_at = "at"
order_id = "order"
item_id = "sku"
[constants]
kind = "order_completed"
"""
SENT = """[columns]
customer_id = "who"
occurred_at = "at"
campaign_id = "mail"
[constants]
kind = "message_sent"
"""


@pytest.mark.parametrize(
    ("mapping", "header", "rows"),
    [
        (
            SHOP,
            "order,who,at,sku,status,size",
            ["1,ana,2026-05-14 11:23,NC,open,", "1,ana,2026-05-14 11:23,NC,sent,"],
        ),
        (SENT, "mail,who,at,opens", ["7,ana,2026-05-14 11:23,0", "7,ana,2026-05-14 11:23,2"]),
    ],
)
def test_a_later_export_without_a_key_says_what_stands_now(ws, tmp_path, mapping, header, rows):
    told = raw(tmp_path, mapping.encode(), "m.toml")
    ingest.import_paths(ws, [csv(tmp_path, rows[0], header=header, name="may.csv")], map_file=told)
    report = ingest.import_paths(ws, [csv(tmp_path, rows[1], header=header, name="june.csv")], map_file=told)
    assert (counts(report), report.updated) == ((1, 1, 0, 0, 0), 1)
    (event,) = by_source(ws).to_dicts()
    assert ('"sent"' if "sku" in header else '"2"') in event["attributes"]
    again = ingest.import_paths(ws, [tmp_path / "june.csv"], map_file=told)
    assert (counts(again), again.updated) == ((1, 0, 1, 0, 0), 0)


def test_lines_of_an_order_that_differ_in_columns_of_their_own_alone_are_two(ws, tmp_path):
    told, header = raw(tmp_path, SHOP.encode(), "m.toml"), "order,who,at,sku,status,size"
    lines = [f"1,ana,2026-05-14 11:23,NC,{{}},{size}" for size in "SM"]
    for status, updated in (("open", 0), ("sent", 2)):
        given = csv(tmp_path, *(line.format(status) for line in lines), header=header)
        assert ingest.import_paths(ws, [given], map_file=told).updated == updated
    kept = sorted(by_source(ws)["attributes"])
    assert kept == [f'{{"status":"sent","size":"{size}"}}' for size in "MS"]


def test_a_table_with_nothing_of_ours_beside_others_is_left_alone_and_a_misspelt_one_refused(ws, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    csv(folder, "a,2026-01-05,unsubscribed", header="customer_id,occurred_at,kind")
    other = csv(folder, "a,2", header="customer_id,tags", name="tags.csv")
    report = ingest.import_paths(ws, [folder])
    assert (counts(report), report.unknown) == ((1, 1, 0, 0, 0), [other])
    csv(folder, "b,2026-01-05,unsubscribed", header="customer_id,occured_at,kind", name="noes.csv")
    with pytest.raises(InputError, match="the column occurred_at is missing"):
        ingest.import_paths(ws, [folder])
    with pytest.raises(InputError, match=r"tags.csv: the column occurred_at is missing"):
        ingest.import_paths(ws, [other])
