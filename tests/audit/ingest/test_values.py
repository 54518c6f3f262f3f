"""Values as people write them are read; what cannot be read costs its field, never its row."""

import json
from datetime import time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import ingest
from audit.ingest.values import Conventions, country, known_words, listed, number, truth, zone
from tests.audit.ingest.files import by_source, counts, csv, ndjson, raw

GERMAN = ("1.234,50", "8,90", "1.234")


def read(reader, *texts, name="x", **more):
    told = reader(pl.Series(name, texts, dtype=pl.String), **more)
    flags = [None] * len(texts) if told.flags is None else told.flags.to_list()
    return list(zip(told.values.to_list(), flags, strict=True))


def numbers(*texts, decimal=None):
    return read(number, *texts, conventions=Conventions(decimal=decimal))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$17.80", 17.8),
        ("1,234.50", 1234.5),
        ("9,90", 9.9),
        ("1 234,50", 1234.5),
        ("1\N{NARROW NO-BREAK SPACE}234,50 €", 1234.5),
        ("1'234.50 CHF", 1234.5),
        ("R$ 1.234.567,8", 1234567.8),
        ("1,23,456.00", 123456.0),
        ("-3", -3.0),
        ("\N{MINUS SIGN}4,5", -4.5),
        ("-$3", -3.0),
        ("(5.00)", -5.0),
        ("12,50-", -12.5),
        ("8,-", 8.0),
        ("1.234,— €", 1234.0),
        ("5.--", 5.0),
        ("-5,-", -5.0),
        ("EUR 5", 5.0),
        ("5kr", 5.0),
        ("2 pcs", 2.0),
        ("3 Stk.", 3.0),
        ("1e3", 1000.0),
        ("0,125", 0.125),
        ("1.234", 1.234),
        ("", None),
        (None, None),
    ],
)
def test_numbers_as_people_write_them(text, value):
    assert numbers(text) == [(value, None)]


@pytest.mark.parametrize("text", ["x", "1.2.3", "5 cm", "--1", "1,2,3", "NaN", "inf", "9" * 5000])
def test_what_is_no_number(text):
    assert numbers(text) == [(None, "unread")]


def test_a_number_is_no_larger_than_a_million_millions():
    assert numbers("1e12", "-1e12", "1000000000001", "9e15") == [
        (1e12, None),
        (-1e12, None),
        (None, "out_of_range"),
        (None, "out_of_range"),
    ]


@pytest.mark.parametrize(
    ("beside", "decimal", "value"),
    [
        ((), None, (None, "ambiguous")),
        (("8.90",), None, (1234.0, None)),
        (("8,90",), None, (1.234, None)),
        (("8,90", "8.90"), None, (None, "ambiguous")),
        ((), ".", (1234.0, None)),
        ((), ",", (1.234, None)),
    ],
)
def test_a_comma_before_three_digits_is_what_its_column_shows(beside, decimal, value):
    assert numbers("1,234", *beside, decimal=decimal)[0] == value


def test_a_dot_before_three_digits_is_a_decimal_sign_unless_the_column_has_commas():
    assert numbers(*GERMAN) == [(1234.5, None), (8.9, None), (1234.0, None)]
    assert numbers(*GERMAN, "7.50")[2] == (None, "ambiguous")


def test_a_decimal_sign_that_was_said_is_the_only_one():
    assert numbers("8.90", "8,90", decimal=",") == [(None, "unread"), (8.9, None)]
    assert numbers("8.90", "8,90", decimal=".") == [(8.9, None), (None, "unread")]


def test_what_a_column_has_shown_holds_for_the_rest_of_its_file():
    conventions = Conventions()
    read(number, "8,90", conventions=conventions)
    assert read(number, "1.234", conventions=conventions) == [(1234.0, None)]
    assert read(number, "1.234", name="y", conventions=conventions) == [(1.234, None)]


@pytest.mark.parametrize(
    ("reader", "name", "text", "value"),
    [
        (truth, "gift", "Yes", (True, None)),
        (truth, "gift", "nein", (False, None)),
        (truth, "gift", "0", (False, None)),
        (truth, "gift", "", (None, None)),
        (truth, "gift", "apple", (None, "unread")),
        (listed, "topics", "nails", (["nails"], None)),
        (listed, "topics", "nails; care, hands", (["nails", "care", "hands"], None)),
        (listed, "topics", '["a, b", 7]', (["a, b", "7"], None)),
        (listed, "topics", "[1", (None, "unread")),
        (listed, "topics", "[[1]]", (None, "unread")),
        (known_words, "message_class", "Promo", ("marketing", None)),
        (known_words, "message_class", "gossip", (None, "unread")),
        (known_words, "source", "First-Party", ("first_party", None)),
        (known_words, "source", "organic", (None, "unread")),
        (country, "country", "de", ("DE", None)),
        (country, "country", "DEU", ("DE", None)),
        (country, "country", "Österreich", ("AT", None)),
        (country, "country", "United Kingdom", ("GB", None)),
        (country, "country", "Congo", (None, "unread")),
        (zone, "time_zone", "europe/zurich", ("Europe/Zurich", None)),
        (zone, "time_zone", "America/New York", ("America/New_York", None)),
        (zone, "time_zone", "(GMT+01:00) Europe/Berlin", ("Europe/Berlin", None)),
        (zone, "time_zone", "+02:00", ("Etc/GMT-2", "offset")),
        (zone, "time_zone", "UTC-05", ("Etc/GMT+5", "offset")),
        (zone, "time_zone", "+05:30", ("Asia/Kolkata", "offset")),
        (zone, "time_zone", "CEST", ("CET", "abbreviation")),
        (zone, "time_zone", "IST", (None, "unread")),
        (zone, "time_zone", "+15:00", (None, "unread")),
    ],
)
def test_words_as_people_write_them(reader, name, text, value):
    assert read(reader, text, name=name) == [value]


@given(st.floats(min_value=-1e11, max_value=1e11).map(lambda value: round(value, 2)))
@settings(max_examples=30, deadline=None)
def test_a_number_is_the_same_however_a_country_writes_it(value):
    english = f"{value:,.2f}"
    swapped = english.translate(str.maketrans(",.", ".,"))
    for text in (english, swapped, english.replace(",", " "), english.replace(",", "'"), f"{swapped} EUR"):
        assert numbers(text, "0.5" if text[-3] == "." else "0,5")[0] == (pytest.approx(value), None), text


FIELDS = "customer_id,occurred_at,kind,price,quantity,machine,country,gift,source,message_class,time_zone,recorded_at"


def test_an_unreadable_field_is_left_out_and_its_row_comes_in(ws, tmp_path):
    rows = (
        'a,2026-07-01,unsubscribed,"8,90",2 pcs,Yes,Germany,TRUE,organic,promo,CEST,soon',
        "b,2026-07-01,unsubscribed,five,NaN,maybe,Atlantis,,first_party,gossip,summer,2026-07-02",
        "c,2026-07-01,unsubscribed,five,1,,,,,,,",
    )
    report = ingest.import_paths(ws, [csv(tmp_path, *rows, header=FIELDS)])
    a, b, _ = by_source(ws).to_dicts()

    assert counts(report) == (3, 3, 0, 0, 0)
    assert [a[name] for name in ("price", "quantity", "machine", "country", "gift", "time_zone")] == [
        8.9, 2.0, True, "DE", True, "CET",
    ]  # fmt: skip
    assert json.loads(a["attributes"]) == {
        "recorded_at": "soon", "recorded_at_flag": "unread", "source": "organic", "source_flag": "unread",
        "time_zone": "CEST", "time_zone_flag": "abbreviation",
    }  # fmt: skip
    assert json.loads(b["attributes"])["price"] == "five"
    document = report.document()
    assert document.unread == {
        "price": 2, "source": 1, "recorded_at": 1, "quantity": 1, "machine": 1, "country": 1, "message_class": 1, "time_zone": 1
    }  # fmt: skip
    assert {field.reason for field in document.unread_fields} == {"unread"}


def test_a_number_that_means_two_is_counted_by_that_reason(ws, tmp_path):
    report = ingest.import_paths(
        ws,
        [
            csv(
                tmp_path,
                'a,2026-07-01,order_completed,"1,234",1',
                header="customer_id,occurred_at,kind,price,quantity",
            )
        ],
    )
    (field,) = report.document().unread_fields
    assert (field.column, field.reason, field.rows) == ("price", "ambiguous", 1)
    assert json.loads(by_source(ws)["attributes"][0]) == {"price": "1,234", "price_flag": "ambiguous"}


def test_a_map_says_the_decimal_sign(ws, tmp_path):
    table = raw(tmp_path, b"wer;wann;preis\nanna;2026-11-04;59,90\nbo;2026-11-04;1,234\n", "bestellungen.csv")
    table_map = tmp_path / "map.toml"
    table_map.write_text(
        'delimiter = ";"\n[columns]\ncustomer_id = "wer"\noccurred_at = "wann"\nprice = "preis"\n'
        '[constants]\nkind = "order_completed"\n[numbers]\ndecimal = ","\n'
        '[time]\nzone = "europe/berlin"\n'
    )
    assert counts(ingest.import_paths(ws, [table], map_file=table_map)) == (2, 2, 0, 0, 0)
    assert by_source(ws)["price"].to_list() == [59.9, 1.234]
    assert by_source(ws)["occurred_at"][0].hour == 23  # midnight in Berlin


@pytest.mark.parametrize(
    ("given", "kept", "hidden"),
    [
        ("words", {"attributes": "words", "attributes_flag": "unread"}, 0),
        ([1], {"attributes": "[1]", "attributes_flag": "unread"}, 0),
        ('{"name": "Anna Berg", ', {"attributes_flag": "unread"}, 1),
    ],
)
def test_attributes_that_are_no_object_are_kept_as_text_or_in_the_vault(ws, tmp_path, given, kept, hidden):
    row = {"customer_id": "7", "occurred_at": "2026-01-01", "kind": "unsubscribed", "attributes": given}
    report = ingest.import_paths(ws, [ndjson(tmp_path, row)])
    (event,) = by_source(ws).to_dicts()
    assert json.loads(event["attributes"]) == kept
    assert report.document().unread == {"attributes": 1}
    assert len(ws.vault.masked(ws.resolve("7"))) == hidden


def test_parquet_columns_of_any_type_cost_no_row(ws, tmp_path):
    file = tmp_path / "typed.parquet"
    pl.DataFrame(
        {
            "customer_id": ["a", "b"],
            "occurred_at": ["2026-01-01", "2026-01-02"],
            "kind": ["order_completed", "unsubscribed"],
            "topics": [[1, 2], None],
            "query": [{"words": ["a"]}, None],
            "price": [float("nan"), 2.5],
            "quantity": [3, None],
            "machine": [1, 0],
            "country": [b"\xff", b"DE"],
            "gift": [["x"], None],
            "recorded_at": [timedelta(1), None],
            "quiet": [time(22), None],
            "wait": [timedelta(hours=3), None],
            "blob": [b"\xff", None],
            "email": [["a@example.org"], None],
        }
    ).write_parquet(file)
    assert counts(ingest.import_paths(ws, [file])) == (2, 2, 0, 0, 0)
    stored = by_source(ws)
    assert stored["topics"].to_list() == [["1", "2"], None]
    assert stored["price"].to_list() == [None, 2.5]
    assert stored["machine"].to_list() == [True, False]
    assert stored["gift"].to_list() == [None, None]
