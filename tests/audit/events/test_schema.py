"""The canonical event: one vocabulary, one order, one validator."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InputError
from audit.events.schema import (
    KINDS,
    NEEDED,
    ORDER,
    SCHEMA,
    conform,
    empty,
    first_levels,
    in_order,
    under,
)
from tests.build import events
from tests.canonical import validate

VIEW = {"kind": "product_viewed", "at": "2026-03-02T09:00"}
PATHS = st.lists(st.sampled_from(["Beauty", "Beauty & Care", "Nails", "Clippers"]), min_size=1, max_size=4)


# -- the validator ----------------------------------------------------------------------------------------------------


def test_canonical_events_come_back_as_they_are() -> None:
    frame = events(VIEW, {**VIEW, "customer_id": "c_0"}, {**VIEW, "event_id": "a"})
    assert validate(frame).equals(frame)
    assert validate(empty()).is_empty()


@pytest.mark.parametrize("name", ["event_id", *NEEDED])
def test_a_needed_value_that_is_absent_is_named(name: str) -> None:
    broken = events(VIEW).with_columns(pl.lit(None, SCHEMA[name]).alias(name))
    with pytest.raises(InputError, match=f"{name} is absent in 1 rows"):
        validate(broken)


@pytest.mark.parametrize(
    ("name", "value"), [("kind", "message_send"), ("message_class", "promo"), ("source", "second_party")]
)
def test_a_word_that_is_not_ours_is_named(name: str, value: str) -> None:
    broken = events(VIEW).with_columns(pl.lit(value).alias(name))
    with pytest.raises(InputError, match=f"unknown {name} '{value}'"):
        validate(broken)


def test_a_column_of_another_dtype_missing_or_of_nobody_is_named() -> None:
    frame = events(VIEW)
    with pytest.raises(InputError, match="item_id should be String, is Int64"):
        validate(frame.with_columns(pl.lit(7, pl.Int64).alias("item_id")))
    with pytest.raises(InputError, match="attributes should be String, is missing"):
        validate(frame.drop("attributes"))
    with pytest.raises(InputError, match="column email"):
        validate(frame.with_columns(pl.lit("x").alias("email")))


def test_an_event_id_stands_once_for_a_customer_and_may_stand_for_another() -> None:
    validate(events({**VIEW, "event_id": "a"}, {**VIEW, "event_id": "a", "customer_id": "c_2"}))
    with pytest.raises(InputError, match="stands twice"):
        validate(events({**VIEW, "event_id": "a"}, {**VIEW, "event_id": "a"}))


def test_events_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match="order"):
        validate(events(VIEW, {**VIEW, "at": "2026-03-03"}).reverse())


# -- columns and order ------------------------------------------------------------------------------------------------


def test_absent_columns_are_null_and_ids_stay_text() -> None:
    given_rows = pl.DataFrame(
        {
            "kind": ["product_viewed"],
            "customer_id": ["007"],
            "occurred_at": [datetime(2026, 3, 2, tzinfo=UTC)],
        }
    )
    made = conform(given_rows)
    assert dict(made.schema) == SCHEMA
    assert made["customer_id"].to_list() == ["007"]
    assert made["topics"].to_list() == [None]


def test_ties_in_time_are_broken_by_event_id_as_text() -> None:
    made = events(*({**VIEW, "event_id": name} for name in ("e9", "e10", "E1", "é")))
    assert made["event_id"].to_list() == ["E1", "e10", "e9", "é"]


@given(st.permutations(range(6)))
def test_whatever_way_rows_come_the_order_is_one(order: list[int]) -> None:
    rows = [
        {
            "kind": KINDS[at],
            "at": f"2026-03-0{1 + at // 4}",
            "event_id": f"e{at}",
            "customer_id": f"c_{at % 2}",
        }
        for at in range(6)
    ]
    frame = pl.concat([events(rows[at]) for at in order])
    made = in_order(frame)
    assert made.equals(events(*rows))
    keys = made.select(*ORDER).rows()
    assert keys == sorted(keys)


# -- categories -------------------------------------------------------------------------------------------------------


@given(PATHS, PATHS)
def test_a_category_covers_itself_and_what_lies_under_it(path: list[str], scope: list[str]) -> None:
    said = pl.select(under(pl.lit(" > ".join(path)), " > ".join(scope))).item()
    assert said == (path[: len(scope)] == scope)


@given(PATHS, st.integers(1, 5))
def test_the_first_levels_of_a_category_are_a_path_that_covers_it(path: list[str], depth: int) -> None:
    assert pl.select(first_levels(pl.lit(" > ".join(path)), depth)).item() == " > ".join(path[:depth])
