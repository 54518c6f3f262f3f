"""Files from strangers: a clear line or a quarantined row, and the rest goes in."""

import gzip
import io
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import zstandard

from audit import ingest
from audit.errors import InputError
from audit.ingest import json_rows, strict_json
from tests.audit.ingest.files import HEADER, by_source, counts, csv, ndjson, raw

GOOD = "e1,007,2026-01-05T10:00:00Z,order_completed,Nail clipper,1"
BYTES = f"{HEADER}\n{GOOD}\n".encode()
OBJECT = '{"customer_id":7,"occurred_at":"2026-01-01","kind":"order_completed"}'


def zipped(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "a.csv",
            b"event_id,customerid,occurred_at,kind\n",
            "column customer_id is missing .is it 'customerid'",
        ),
        ("a.csv", b"customer_id,occurred_at,kind,kind\n", "'kind' stands twice"),
        ("a.parquet", BYTES, "is named .parquet but holds csv"),
        ("a.zip", BYTES, "is named .zip but holds csv"),
        ("a.csv", b"PAR1", "is named .csv but holds parquet"),
        ("a.csv", b"%PDF-1.7", "is a PDF"),
        ("a.csv", zipped(("[Content_Types].xml", b"x")), "Excel"),
        ("a.csv", "customer_id".encode("utf-16"), "UTF-16"),
        ("a.csv", BYTES.decode().encode("utf-16-le"), "UTF-16"),
        ("a.ndjson", OBJECT.encode("utf-16-be"), "UTF-16"),
        ("a.csv", BYTES.decode().encode("utf-32-le"), "UTF-32"),
        ("a.csv.gz", BYTES, "is named .gz but is not packed"),
        ("a.csv", gzip.compress(BYTES), "is named .csv but is gz"),
        ("a.csv.gz", gzip.compress(BYTES * 9_999)[:-20], "cut off"),
        ("a.csv.zst", zstandard.compress(BYTES * 9_999)[:-20], "cut off"),
        ("a.zip", zipped(("a.csv", BYTES))[:90], "no readable zip"),
        ("a.zip", zipped(("a.csv", BYTES + b"0" * 50_000_000)), "200 times its size"),
        ("a.parquet", b"PAR1" + b"\0" * 50, "no readable Parquet"),
        ("a.bin", bytes(range(256)) * 3, "no format we know"),
        (
            "a.json",
            f"[{OBJECT},\n{OBJECT},".encode(),
            "a.json: ends before its list is closed; take the file again",
        ),
        ("a.json", f"[{OBJECT},{OBJECT[:-9]}".encode(), "ends before its list is closed"),
        ("a.zip", zipped(("b.json", b"[" + f"{OBJECT},".encode() * 2_000)), "b.json: ends before its list"),
        (
            "a.csv",
            BYTES + b'e2,1,2026-01-01,order_completed,1,"half a',
            "a.csv: ends before a quote is closed",
        ),
        (
            "a.csv",
            BYTES + GOOD.encode() + b'\ne2,1,2026-01-01,order_completed,"a\n' + b"b\n" * 600_000 + b'",1\n',
            "a.csv: in line 4 begins a field of more than 1 MiB, or a quote that nothing closes; mend that line",
        ),
        ("a.csv", BYTES.replace(b"\n", b"\r"), "a.csv: its lines end in CR alone; save it with"),
    ],
    ids=lambda one: "" if isinstance(one, bytes) else None,  # packed bytes hold the time of their packing
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(ws, tmp_path, name, content, says):
    with pytest.raises(InputError, match=says) as refused:
        ingest.import_paths(ws, [raw(tmp_path, content, name)])
    assert "\n" not in str(refused.value)
    assert ws.info.events == 0


def test_an_unknown_time_zone_is_refused(ws, tmp_path):
    with pytest.raises(InputError, match="'Mars/Olympus' is no time zone"):
        ingest.import_paths(ws, [raw(tmp_path, BYTES)], time_zone="Mars/Olympus")


def test_an_unknown_format_is_refused(ws, tmp_path):
    with pytest.raises(InputError, match="no format 'cvs'"):
        ingest.import_paths(ws, [raw(tmp_path, BYTES)], format="cvs")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            b"e2,1,2026-01-01,order_completed,\xff\xfe,1",
            'not UTF-8; a map can say what it is, such as encoding = "cp1252", at byte 116',
        ),
        (
            b'e2,"[""1"",""2""]",2026-01-01,order_completed,x,1',
            "customer_id is a list or an object; a map can name a path into it",
        ),
        (b"e2,1,2026-01-01", "3 fields where the header has 6, at byte 116"),
        (b"e2,1,2026-01-01,order_completed,x,1,1", "7 fields where the header has 6, at byte 116"),
        (
            b'e2,1,2026-01-01,order_completed,"open,1',
            "a quote that is not closed on its line, or too long a field, at byte 116",
        ),
        (
            b"e2,1,2026-01-01,order_complete,x,1",
            "kind is none of those we know; did you mean order_completed?",
        ),
        (b"e2,1,2026-01-01,,x,1", "kind is absent"),
        (b"e2,,2026-01-01,order_completed,x,1", "customer_id is absent"),
        (b"e2,  ,2026-01-01,order_completed,x,1", "customer_id is absent"),
        (b"e2,NULL,2026-01-01,order_completed,x,1", "customer_id is NULL, which names nobody"),
        (b"e2, nan ,2026-01-01,order_completed,x,1", "customer_id is nan, which names nobody"),
        (b"e2,1,,order_completed,x,1", "occurred_at is absent"),
        (b"e2,1,yesterday,order_completed,x,1", "occurred_at is no time"),
        (b"e2,1,00.00.0000,order_completed,x,1", "occurred_at is no time"),
        (b"e2,1,99999999999,order_completed,x,1", "occurred_at is no time"),
        (b"e2,1,2026-13-01,order_completed,x,1", "occurred_at is no time"),
    ],
)
def test_a_bad_row_of_csv_is_quarantined_and_its_neighbours_go_in(ws, tmp_path, bad, reason):
    content = BYTES + bad + b"\n" + GOOD.replace("e1", "e3").encode() + b"\n"
    report = ingest.import_paths(ws, [raw(tmp_path, content)])

    assert counts(report) == (3, 2, 0, 1, 0)
    assert pl.read_parquet(report.quarantine).select("row", "reason").rows() == [(2, reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "no JSON: expecting value at character 1"),
        ("[1]", "no object"),
        ('{"customer_id":"1","customer_id":"2"}', "the same key twice in one object"),
        ('{"x":' + "9" * 5_000 + "}", "a number of 5,000 characters"),
        ('{"x":' + "[" * 5_000 + "]" * 5_000 + "}", "more than 32 levels deep"),
        ('{"x":"abc', "no JSON: unterminated string starting at character 6"),
        ('[{"x":1},', "no JSON: expecting value at character 10"),
        (
            '{"customer_id":["1"],"occurred_at":"2026-01-01","kind":"subscribed"}',
            "customer_id is a list or an object; a map can name a path into it",
        ),
    ],
)
def test_a_bad_line_of_ndjson_is_quarantined_and_its_neighbours_go_in(ws, tmp_path, line, reason):
    good = {"customer_id": 7, "occurred_at": "2026-01-01", "kind": "order_completed"}
    report = ingest.import_paths(ws, [ndjson(tmp_path, good, line, {**good, "event_id": "e3"})])

    assert counts(report) == (3, 2, 0, 1, 0)
    assert pl.read_parquet(report.quarantine).select("row", "reason").rows() == [(2, reason)]


SMALL = '{"customer_id":7}'
LONG = ('{"x":"' + "[{" * 40 + '"}', r'{"x":"' + r"\\\"" * 40 + r'\\"}', '{"x":[' + "{}," * 40 + "{}]}")
"""Objects longer than the 64 bytes that these tests allow."""


def read(content: str) -> tuple[list[int], list[int], int]:
    """The numbers of the rows that can be read, and of those that cannot, and bytes read."""
    parts = list(json_rows.chunks(io.BytesIO(content.encode()), "a.json", lambda fields: [(fields, {})]))
    assert all(raw.startswith('{"x":') for _, refused, _ in parts for raw in refused["raw"])
    return (
        [row for rows, _, _ in parts for row in rows["row"]],
        [row for _, refused, _ in parts for row in refused["row"]],
        parts[-1][2],
    )


@pytest.fixture(params=[1, 7, 50, 64, 1_000])
def at_most_64_bytes(request, monkeypatch):
    monkeypatch.setattr(strict_json, "LONGEST", 64)
    monkeypatch.setattr(strict_json, "_CHUNK", request.param)


@pytest.mark.parametrize("long", LONG)
@pytest.mark.parametrize("parted", [",", ",\n", "\n,"])
def test_what_follows_too_long_an_object_in_a_list_is_read(at_most_64_bytes, long, parted):
    content = "[" + parted.join([SMALL, long, SMALL, SMALL, long, SMALL]) + "]"
    assert read(content) == ([1, 3, 4, 6], [2, 5], len(content) - 1)


@pytest.mark.parametrize("long", LONG)
def test_what_follows_too_long_an_object_on_a_line_or_over_lines_is_read(at_most_64_bytes, long):
    assert read(f"{long}\n{SMALL}\n{long}\n{SMALL}")[:2] == ([2, 4], [1, 3])
    assert read('{\n"customer_id":7}\n' + f"{long}\n{SMALL}")[:2] == ([1, 3], [2])


def test_a_list_or_objects_on_one_line_may_be_longer_than_an_object(at_most_64_bytes):
    for content in ("[" + ",".join([SMALL] * 20) + "]", SMALL * 20):
        assert read(content)[:2] == (list(range(1, 21)), [])


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        ('[{"x":7,' + f"{SMALL}," * 9 + "]", "its list"),
        ('{\n"x":7,' + f"{SMALL}\n" * 9, "an object of more than 0 MiB"),
        ('{\n"x":"7,' + "a" * 99, "an object of more than 0 MiB"),
    ],
)
def test_a_file_is_refused_that_ends_inside_too_long_an_object(at_most_64_bytes, content, cut):
    with pytest.raises(InputError, match=f"^a.json: ends before {cut} is closed; take the file again$"):
        read(content)


def test_a_last_line_with_an_open_quote_is_quarantined(ws, tmp_path):
    report = ingest.import_paths(ws, [csv(tmp_path, GOOD, 'e2,1,2026-01-01,order_completed,1,"half a')])
    assert counts(report) == (2, 1, 0, 1, 0)


def test_blank_lines_are_no_rows(ws, tmp_path):
    assert counts(ingest.import_paths(ws, [csv(tmp_path, "", GOOD, "", "")])) == (1, 1, 0, 0, 0)


def test_quotes_commas_newlines_and_inches_in_fields(ws, tmp_path):
    rows = (
        'e1,1,2026-01-01,order_completed,"a ""b"", c",1',
        'e2,1,2026-01-01,order_completed,5" pipe,1',
        'e3,1,2026-01-01,order_completed,6" pipe,',
        'e4,1,2026-01-01,order_completed,"two\nlines",',
    )
    assert counts(ingest.import_paths(ws, [csv(tmp_path, *rows)])) == (4, 4, 0, 0, 0)
    assert by_source(ws)["item_name"].to_list() == ['a "b", c', '5" pipe', '6" pipe', "two␊lines"]


def test_hostile_text_is_made_harmless(ws, tmp_path):
    hostile = "[/] [@click=app.quit]x \x1b]52;c;aGk=\x07 \u202e\x9b2J\x00"
    row = {
        "customer_id": "1",
        "occurred_at": "2026-01-01",
        "kind": "order_completed",
        "item_name": hostile,
        "box": {"k\x1b": hostile},
    }
    ingest.import_paths(
        ws, [ndjson(tmp_path, row), csv(tmp_path, f"e1,1,2026-01-01,order_completed,{hostile},")]
    )
    stored = by_source(ws)

    clean = "[/] [@click=app.quit]x ␛]52;c;aGk=␇ \ufffd\ufffd2J␀"
    assert set(stored["item_name"]) == {clean}
    assert stored["attributes"].drop_nulls().to_list() == ['{"box":{"k␛":"' + clean + '"}}']


def test_lone_surrogates_are_replaced(ws, tmp_path):
    line = r'{"customer_id":"\ud800x","occurred_at":"2026-01-01","kind":"order_completed","item_name":"\ud83d\ude00 \udfff"}'
    assert counts(ingest.import_paths(ws, [ndjson(tmp_path, line)])) == (1, 1, 0, 0, 0)
    assert by_source(ws)["item_name"][0] == "😀 \ufffd"


@pytest.mark.parametrize(
    "identity", ["007", "1" * 24, " padded", "jo@example.org", "é", "1e5", "Nan", "none-1"]
)
def test_ids_are_text(ws, tmp_path, identity):
    ingest.import_paths(ws, [csv(tmp_path, f"0001,{identity},2026-01-01,order_completed,,")])
    assert ws.resolve(identity) == ws.scan().collect()["customer_id"][0]
    assert by_source(ws)["event_id"].to_list() == ["0001"]


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_what_unpacks_a_thousandfold_is_refused_before_it_fills_the_memory(ws, tmp_path, ending, pack):
    file = raw(tmp_path, pack(b"customer_id,occurred_at,kind\n" + b"," * 8 * 1024**2), f"bomb.csv{ending}")
    with pytest.raises(
        InputError, match=r"bomb\.csv\.\w+: unpacks to more than 1 MiB; unpack it yourself first"
    ):
        ingest.import_paths(ws, [file])


PACK = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("ending", PACK)
def test_what_is_packed_inside_a_zip_is_unpacked_within_the_same_limits(ws, tmp_path, ending):
    objects = PACK[ending](f"{OBJECT}\n".encode())
    members = ((f"in/a.csv{ending}", PACK[ending](BYTES)), (f"b.ndjson{ending}", objects))
    report = ingest.import_paths(ws, [raw(tmp_path, zipped(*members), "a.zip")])
    assert [(file.format, file.accepted) for file in report.files] == [("csv", 1), ("ndjson", 1)]

    bomb = (f"a.csv{ending}", PACK[ending](BYTES + b"," * 8 * 1024**2))
    with pytest.raises(InputError, match=r"b\.zip!a\.csv\.\w+: unpacks to more than 1 MiB"):
        ingest.import_paths(ws, [raw(tmp_path, zipped(bomb), "b.zip")])
    broken = (f"a.csv{ending}", PACK[ending](BYTES * 9_999)[:-20])
    with pytest.raises(InputError, match=r"c\.zip!a\.csv\.\w+: .*cut off"):
        ingest.import_paths(ws, [raw(tmp_path, zipped(broken), "c.zip")])


def test_a_long_field_of_many_lines_and_delimiters_behind_a_row_cost_nothing(ws, tmp_path):
    """A sound row beside a ragged one is read as it is among sound ones alone."""
    long = "a line\n" * 100_000
    content = f'{BYTES.decode()}e2,1,2026-01-01,order_completed,"{long}",1,,\ne3,1,2026-01-02,unsubscribed,,,,\ne4,1\n'
    report = ingest.import_paths(ws, [raw(tmp_path, content.encode())])
    assert counts(report) == (4, 3, 0, 1, 0)
    assert ws.events().filter(event_id="e2")["item_name"][0].count("line") == 100_000


def test_what_json_cannot_write_as_a_number_costs_no_row(ws, tmp_path):
    rows = (
        f'{{"customer_id":"1","occurred_at":"2026-01-0{day}","kind":"unsubscribed","price":{value},"extra":[{value}]}}'
        for day, value in enumerate(("NaN", "Infinity", "-Infinity"), start=1)
    )
    report = ingest.import_paths(ws, [ndjson(tmp_path, *rows)])
    assert counts(report) == (3, 3, 0, 0, 0)
    assert report.unread["price", "unread"] == 3
    assert '"extra":["-Infinity"],"price":"-Infinity","price_flag":"unread"' in ws.events()["attributes"][2]


def test_counts_from_1970_are_times_whose_size_says_the_unit(ws, tmp_path):
    lines = "a,1767607200,order_completed,,\na,1767607201000,unsubscribed,,\na,1767607202.5,subscribed,,\n"
    report = ingest.import_paths(
        ws, [raw(tmp_path, f"customer_id,occurred_at,kind,item_name,quantity\n{lines}".encode())]
    )
    assert counts(report) == (3, 3, 0, 0, 0)
    times = [f"{moment:%m-%d %H:%M:%S.%f}"[:-5] for moment in ws.events()["occurred_at"]]
    assert times == ["01-05 10:00:00.0", "01-05 10:00:01.0", "01-05 10:00:02.5"]
    assert not report.bare_times


def test_ids_that_a_table_holds_as_numbers_with_a_point_or_as_lists(ws, tmp_path):
    """pandas makes 7.0 of every 7 in a column that has gaps."""
    path = tmp_path / "e.parquet"
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    frame = pl.DataFrame(
        {
            "customer_id": [7.0, 8.5, None],
            "occurred_at": times,
            "kind": ["unsubscribed", "subscribed", "subscribed"],
        }
    )
    frame.write_parquet(path)
    assert counts(ingest.import_paths(ws, [path])) == (3, 2, 0, 1, 0)
    assert ws.resolve("7")
    assert ws.resolve("8.5")
    frame.with_columns(customer_id=pl.Series([["7"], ["8", "9"], None])).write_parquet(path)
    report = ingest.import_paths(ws, [path])
    assert (counts(report), report.lost_opt_outs) == ((3, 0, 0, 3, 0), 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_is_no_file_is_not_waited_for(ws, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path(os.devnull)):
        with pytest.raises(
            InputError, match="is a pipe or a device; write what comes out of it into a file first"
        ):
            ingest.import_paths(ws, [path])


@pytest.mark.parametrize("delimiter", [";", "|"])
def test_a_first_line_that_tells_excel_the_delimiter_is_no_header(ws, tmp_path, delimiter):
    lines = f"sep={delimiter}\r\n" + f"{HEADER}\r\n{GOOD}\r\ne2,1,soon,unsubscribed,,\r\n".replace(
        ",", delimiter
    )
    for start in (b"", b"\xef\xbb\xbf"):
        report = ingest.import_paths(ws, [raw(tmp_path, start + lines.encode())])
        assert (report.total("rows"), report.total("quarantined"), ws.info.events) == (2, 1, 1)


def test_a_spreadsheet_inside_a_zip_does_not_make_a_spreadsheet_of_it(ws, tmp_path):
    office = zipped(("docProps/app.xml", b"<x/>"), ("[Content_Types].xml", b"<x/>"))
    with pytest.raises(InputError, match=r"a\.xlsx: is an Excel or Word file; save it as CSV"):
        ingest.import_paths(ws, [raw(tmp_path, office, "a.xlsx")])
    with pytest.raises(InputError, match=r"all\.zip!b\.csv: is an Excel or Word file"):
        ingest.import_paths(ws, [raw(tmp_path, zipped(("b.csv", office), ("e.csv", BYTES)), "all.zip")])


def test_times_that_end_in_the_name_of_utc(ws, tmp_path):
    times = ("2026-01-05 10:00:00 UTC", "2026-01-05T11:00:00.5GMT", "2026-01-05 12:00 utc", "soon UTC")
    rows = (f"e{nth},1,{time},order_completed,x,1" for nth, time in enumerate(times))
    report = ingest.import_paths(ws, [csv(tmp_path, *rows)], time_zone="Asia/Tokyo")
    assert [moment.hour for moment in ws.events()["occurred_at"].sort()] == [10, 11, 12]
    assert (report.refused_by_reason, report.bare_times) == ({"occurred_at is no time": 1}, {})
