"""Whatever the rows are: all are accounted for, nothing is lost, and the order of files does not matter."""

import csv
import io
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import ingest
from audit.ingest import csv_text
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import by_source, counts, raw

KIND = st.sampled_from(["order_completed", "message_sent", "no_such_kind", ""])
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)
ROW = st.tuples(
    st.sampled_from(["", "e1", "e2", "e3"]),
    st.sampled_from(["", "7", "007", "x"]),
    st.sampled_from(["2026-01-05T10:00:00Z", "2026-01-05T10:00:00", "soon", ""]),
    KIND,
    CELL,
    st.sampled_from(["", "1", "1.5", "many", "inf"]),
)
HEADER = ("event_id", "customer_id", "occurred_at", "kind", "item_name", "quantity")
SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def file_of(place: Path, rows, name: str) -> Path:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerows([HEADER, *rows])
    return raw(place, target.getvalue().encode(), name)


def is_good(row) -> bool:
    _, customer, moment, kind, _, _ = row
    return bool(customer) and moment.startswith("2026") and kind not in ("", "no_such_kind")


@SLOW
@given(rows=st.lists(ROW, max_size=12))
def test_every_row_is_accounted_for(monkeypatch, rows):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        monkeypatch.setenv("WHYSENT_KEY_FILE", str(place / "key"))
        ws = Workspace.create(place / "ws")
        file = file_of(place, rows, "a.csv")
        first, again = ingest.import_paths(ws, [file]), ingest.import_paths(ws, [file])

        good = [row for row in rows if is_good(row)]
        assert counts(first)[0] == len(rows)
        assert counts(first)[3] == len(rows) - len(good)
        assert counts(first)[0] == sum(counts(first)[1:])
        assert ws.info.events == counts(first)[1]
        named = {(row[1], row[0]) for row in good if row[0]}
        assert {
            key for key in by_source(ws).select("customer_id", "event_id").rows() if key in named
        } == named
        assert counts(again) == (len(rows), 0, len(good), len(rows) - len(good), 0)


@SLOW
@given(
    rows=st.lists(ROW.filter(is_good), max_size=12, unique_by=lambda row: (row[1], row[0] or row)),
    data=st.data(),
)
def test_the_order_of_files_does_not_matter(monkeypatch, rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        monkeypatch.setenv("WHYSENT_KEY_FILE", str(place / "key"))
        files = [file_of(place, rows[:cut], "a.csv"), file_of(place, rows[cut:], "b.csv")]
        there, back = Workspace.create(place / "there"), Workspace.create(place / "back")
        ingest.import_paths(there, files)
        for file in reversed(files):
            ingest.import_paths(back, [file])
        # Ids made from content depend on the pseudonym; everything else is the same.
        columns = [name for name in by_source(there).columns if name != "event_id"]
        assert (
            by_source(there)
            .select(columns)
            .sort([*columns[:4], "item_name", "quantity"])
            .equals(by_source(back).select(columns).sort([*columns[:4], "item_name", "quantity"]))
        )


@settings(max_examples=45, deadline=None)
@given(
    st.lists(st.lists(st.text(st.sampled_from('ab,"\n é'), max_size=5), min_size=3, max_size=3), max_size=8)
)
def test_csv_is_read_as_it_was_written(rows):
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows([["a", "b", "c"], *rows])
    found = [
        values
        for frame, rejected, _ in csv_text.chunks(io.BytesIO(target.getvalue().encode()), "a.csv")
        for values in frame.select("a", "b", "c").rows()
        if rejected.is_empty()
    ]
    assert found == [tuple(cell or None for cell in row) for row in rows]


@settings(max_examples=45, deadline=None)
@given(st.text(st.sampled_from('ab,"\n'), max_size=40))
def test_no_byte_of_a_broken_csv_is_lost(text):
    body = f"{text}\n".encode()  # without an end of its last line the file may be cut off, and is refused
    parts = list(csv_text.chunks(io.BytesIO(b"a,b,c\n" + body), "a.csv"))
    kept = "".join(
        "".join(cell or "" for cell in row) for frame, _, _ in parts for row in frame.drop("row").rows()
    )
    refused = "".join(raw for _, rejected, _ in parts for raw in rejected["raw"])
    for letter in "ab":
        assert (kept + refused).count(letter) == text.count(letter)


cells = st.text(
    st.sampled_from('ab",;\n é\x00'), max_size=6
)  # a bare carriage return is refused by line only


@settings(max_examples=45, deadline=None)
@given(
    st.lists(st.lists(cells, min_size=1, max_size=4), max_size=8),
    st.sampled_from([",", ";"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)
def test_a_block_that_is_read_at_once_holds_what_reading_it_line_by_line_does(
    rows, delimiter, quoting, whole
):
    target = io.StringIO()
    three = [[*row, "", ""][:3] for row in rows] if whole else rows
    csv.writer(target, lineterminator="\n", delimiter=delimiter, quoting=quoting).writerows(three)
    block, names = target.getvalue().encode(), ["a", "b", "c"]
    at_once = csv_text._fast(block, names, delimiter)
    by_line, refused, records = csv_text._slow(block, names, delimiter, 1, 0)
    if at_once is not None:
        assert refused.is_empty()
        assert records == at_once.height
        empty_is_absent = at_once.with_columns(pl.when(pl.all() != "").then(pl.all()))
        assert empty_is_absent.equals(by_line.drop("row"))
