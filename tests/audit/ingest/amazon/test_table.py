import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InputError
from audit.ingest.amazon.datasets import tidy
from audit.ingest.amazon.table import JsonTable, Table


def read(content, **options):
    table = Table(io.BytesIO(content), "e.csv", **options)
    chunks = list(table.chunks())
    cells = pl.concat([chunk.cells(table.header) for chunk in chunks]) if chunks else pl.DataFrame()
    bad = pl.concat([chunk.rejected() for chunk in chunks]) if chunks else pl.DataFrame()
    return table, cells, bad


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"[1]", b"{", b"[{", b"null", b'[{"a":1}{"a":2}', b'{"a":{"b":1}}']
)
def test_json_of_another_shape_is_no_table_and_nothing_worse(content):
    rows = JsonTable(io.BytesIO(content), "e.json")
    taken = list(rows.chunks())
    assert sum(chunk.rows for chunk in taken) == sum(len(chunk.records) + len(chunk.bad) for chunk in taken)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa,b\n1,2\n",
        b'\xef\xbb\xbf"a","b"\r\n"1","2"\r\n',
        b"a, b\n\n1, 2\n",
        b"\na,b\n1,2",
        b' a ,"b"\n1,2\n\n',
    ],
)
def test_marks_quotes_blanks_and_line_ends_are_no_matter(content):
    table, cells, bad = read(content)
    assert table.header == ["a", "b"]
    assert cells.rows() == [("1", "2", 1)]
    assert bad.is_empty()


def test_short_rows_are_filled_and_long_ones_refused_unless_only_blanks_are_left_over():
    _, cells, bad = read(b"a,b\n1\n1,2,,\n1,2,3\n")
    assert cells.rows() == [("1", None, 1), ("1", "2", 2)]
    assert bad.select("row", "reason").rows() == [(3, "3 fields where the header has 2")]


def test_a_title_with_commas_is_put_together_where_it_is_last():
    _, cells, bad = read(b"a,title\n1,x, y,z\n", overflow=True)
    assert cells["title"].to_list() == ["x, y, z"]
    assert bad.is_empty()


def test_a_footer_is_no_data():
    table, cells, _ = read(b"a,b\n1,2\n\nFile Summary:\nTotal: 1\n", footers=("File Summary:",))
    assert cells.height == 1
    assert table.rows == 3


@given(
    st.binary(max_size=40).filter(
        lambda raw: b"\n" not in raw and b"\r" not in raw and b'"' not in raw and b"," not in raw
    )
)
def test_a_line_that_is_no_utf8_is_refused_with_its_place(raw):
    content = b"\xef\xbb\xbfa,b\nok,1\n" + raw + b"x,2\nok,3\n"
    _, cells, bad = read(content)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        assert bad.select("row", "reason").rows() == [(2, f"no UTF-8 at byte {12 + error.start}")]
        assert cells["row"].to_list() == [1, 3]
    else:
        assert cells["row"].to_list() == [1, 2, 3]


def test_quoted_lines_carriage_returns_and_nul_stay_in_their_cell():
    _, cells, bad = read(b'a,b\n"x\ny",1\nc\rd,2\ne\x00f,3\n')
    assert cells["a"].to_list() == ["x\ny", "c\N{SYMBOL FOR CARRIAGE RETURN}d", "e\x00f"]
    assert bad.is_empty()


def test_a_column_twice_is_refused():
    with pytest.raises(InputError, match=r"e\.csv: the column 'a' stands twice"):
        read(b"a,b,a\n1,2,3\n")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfea\x00"])
def test_no_header_no_columns(content):
    table, _, _ = read(content)
    assert table.header == []


def test_chunks_hold_every_row_once():
    table = Table(io.BytesIO(b"a\n" + b"".join(b"%d\n" % n for n in range(25))), "e.csv")
    chunks = list(table.chunks(size=10))
    assert [chunk.rows for chunk in chunks] == [10, 10, 5]
    assert [number for chunk in chunks for number in chunk.numbers] == list(range(1, 26))


@pytest.mark.parametrize(
    "text", ["", " ", "N/A", "n/a", "null", "Not Available", "not applicable", "Data Not Available"]
)
def test_placeholders_are_absent(text):
    assert tidy(pl.DataFrame({"a": [text], "row": [1]})).rows() == [(None, 1)]
