"""What was undone was not bought: held to a slow reading of one row after the other."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from audit.events import purchases
from audit.events.schema import TIME
from tests.figures.purchases import left_of

SCHEMA = {
    "customer_id": pl.String(), "event_id": pl.String(), "kind": pl.String(), "occurred_at": TIME, "order_id": pl.String(),
    "item_id": pl.String(), "item_name": pl.String(), "quantity": pl.Float64(), "price": pl.Float64(),
}  # fmt: skip
MOMENTS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in range(4)]
ROWS = st.lists(
    st.tuples(
        st.sampled_from("cd"),
        st.sampled_from(["order_completed", "order_completed", *purchases.TAKEN_BACK]),
        st.sampled_from(MOMENTS),
        st.sampled_from([None, "1", "2"]),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, None, "POSTAGE", "Lamp"]),
        st.sampled_from([None, 1.0, 2.0, 3.0, -1.0, -2.0]),
        st.sampled_from([None, 4.0, 5.0]),
    ),
    max_size=10,
)


def frame(rows: Iterable[tuple]) -> pl.DataFrame:
    named = [(customer, f"e{number}", *rest) for number, (customer, *rest) in enumerate(rows)]
    events = pl.DataFrame(named, schema=SCHEMA, orient="row")
    return events.sort("customer_id", "occurred_at", "event_id")


@given(ROWS)
def test_what_stands_is_what_one_reads_row_by_row(rows: list[tuple]) -> None:
    events = frame(rows)
    expected = left_of(events.to_dicts())
    found = purchases.with_return(events.filter(kind=purchases.ORDER), events)
    assert dict(found.select("event_id", "returned_id").rows()) == {
        event: undone for event, (_, undone) in expected.items()
    }
    standing = purchases.without_undone(events)
    bought = standing.filter(kind=purchases.ORDER)
    assert {event: quantity or 1.0 for event, quantity in bought.select("event_id", "quantity").rows()} == {
        event: number for event, (number, undone) in expected.items() if undone is None
    }
    others = pl.col("kind") != purchases.ORDER
    assert standing.filter(others).equals(events.filter(others))
    assert standing["event_id"].to_list() == [
        event for event in events["event_id"] if event in set(standing["event_id"])
    ]


@given(ROWS, st.sampled_from(MOMENTS))
def test_whether_it_was_still_bought_at_a_moment_means_the_same_of_a_row_and_of_a_frame(
    rows: list[tuple], now: datetime
) -> None:
    events = frame(rows)
    found = purchases.with_return(events, events)
    standing = found.select(purchases.still_bought_expr(pl.lit(now).cast(TIME), pl.lit("f"))).to_series()
    assert standing.to_list() == [
        purchases.still_bought(at, act, now, "f")
        for at, act in found.select("returned_at", "returned_id").rows()
    ]
    before = events.filter(
        pl.col("occurred_at") <= now  # of one moment what takes back is asked of the whole moment
    )
    kept = purchases.without_undone(before).filter(kind=purchases.ORDER)["event_id"].to_list()
    was_there = pl.col("event_id").is_in(before["event_id"].to_list())
    assert set(kept) == set(found.filter(standing, was_there, kind=purchases.ORDER)["event_id"])


ORDER = ("c", "order_completed", MOMENTS[0], "1", "a", "Lamp", 3.0, 5.0)


def left(*rows: tuple) -> list[float | None]:
    return purchases.without_undone(frame([ORDER, *rows])).filter(kind=purchases.ORDER)["quantity"].to_list()


def test_a_part_sent_back_leaves_the_rest() -> None:
    assert left(("c", "order_refunded", MOMENTS[1], "1", "a", None, 1.0, None)) == [2.0]
    assert left(("c", "order_completed", MOMENTS[1], None, "a", None, -2.0, None)) == [1.0]


def test_a_credit_note_with_a_number_of_its_own_takes_back_its_item() -> None:
    assert left(("c", "order_cancelled", MOMENTS[1], "C1", "a", None, -3.0, None)) == []


def test_an_order_that_was_cancelled_and_is_not_in_the_data_undoes_no_other() -> None:
    assert left(("c", "order_cancelled", MOMENTS[1], "9", "a", None, 1.0, None)) == [3.0]


def test_a_sum_given_back_for_an_order_that_is_less_than_was_paid_undoes_no_goods() -> None:
    assert left(("c", "order_refunded", MOMENTS[1], "1", None, None, None, 4.0)) == [3.0]
    assert left(("c", "order_refunded", MOMENTS[1], "1", None, None, None, 15.0)) == []


def test_services_are_no_goods() -> None:
    names = ("POSTAGE", "Manual", " carriage ", "Versandkosten", "Frais de port")
    assert all(map(purchases.is_service, names))
    assert not any(map(purchases.is_service, ("Postage stamps, set of 10", "Manual coffee grinder", None)))
    rows = [("c", "order_completed", MOMENTS[0], "1", "POST", "POSTAGE", 1.0, 18.0)]
    assert purchases.without_undone(frame(rows)).is_empty()


def test_of_one_moment_the_order_comes_before_what_takes_it_back() -> None:
    back = ("c", "order_refunded", MOMENTS[0], "1", "a", None, 1.0, None)
    for rows in ([ORDER, back], [back, ORDER]):
        kept = purchases.without_undone(frame(rows)).filter(kind=purchases.ORDER)
        assert kept["quantity"].to_list() == [2.0]
