"""What did not happen makes a segment only as far as the data reaches, not across a gap, and of nobody who died."""

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit import segments
from audit.events.times import parse_iso
from tests.build import context, days, events

AT = parse_iso("2026-09-18T12:00:00Z")
ORDER = 200
"""How many days ago the customer ordered last."""


def row(kind: str, ago: float, **columns: Any) -> dict[str, Any]:
    return {"kind": kind, "at": AT - days(ago), "source_name": "shop", **columns}


def others(until: int) -> list[dict[str, Any]]:
    """What somebody else ordered, every tenth day until so many days ago."""
    return [row("order_completed", ago, customer_id="c_2") for ago in range(400, until - 1, -10)]


def segments_of(*rows: dict[str, Any], gap: tuple[date, date] | None = None) -> set[str]:
    mail = row("message_sent", 0, source_name="mail log", customer_id="c_3")
    frame = events(row("order_completed", ORDER), *rows, mail)
    ctx = context(frame, AT)
    if gap is not None:
        silent = ((*gap, frozenset({"order_completed"})),)
        ctx = replace(ctx, coverage=replace(ctx.coverage, gaps=(gap,), silent=silent))
    return set(segments.memberships(frame, ctx).filter(customer_id="c_1")["id"])


def test_who_ordered_nothing_while_others_did_has_lapsed():
    assert "lapsed" in segments_of(*others(until=0))


def test_beyond_the_end_of_the_orders_nobody_can_be_said_to_have_lapsed():
    assert "lapsed" not in segments_of(*others(until=100))
    assert "lapsed" not in segments_of(), "orders end with the only one"


def test_across_a_gap_nobody_can_be_said_to_have_lapsed():
    before, after = (AT - days(ORDER + 20)).date(), (AT - days(30)).date()
    assert "lapsed" not in segments_of(*others(until=0), gap=(after, after))
    assert "lapsed" in segments_of(*others(until=0), gap=(before, before))


def lapsed(orders: list[int], gaps: list[tuple[int, int]]) -> dict[str, Any] | None:
    """The membership of who ordered so many days ago, of data without orders from so many days ago to so many."""
    frame = events(*(row("order_completed", ago) for ago in orders))
    ctx = context(frame, AT)
    days_of = tuple(((AT - days(first)).date(), (AT - days(last)).date()) for first, last in gaps)
    silent = tuple((*gap, frozenset({"order_completed"})) for gap in days_of)
    ctx = replace(ctx, coverage=replace(ctx.coverage, gaps=days_of, silent=silent, ends={}))
    (definition,) = (each for each in segments.definitions() if each.id == "lapsed")
    return next(segments.derive(frame, ctx, (definition,)).iter_rows(named=True), None)


def test_who_has_ordered_nothing_for_the_whole_window_has_lapsed_whatever_is_unknown_before_it():
    member = lapsed([400], [(250, 240)])
    assert member
    known = parse_iso("2026-01-22T00:00:00Z")
    assert (member["since"], member["until"]) == (known + days(180), None)
    assert member["absent"] == '{"kind":["order_completed"],"since":"2026-01-22T00:00:00Z"}'
    assert member["reason"].startswith("The last known order was on 2025-08-14, and none came in 180 days")
    assert lapsed([400], [(250, 179)]) is None, "within the window nothing is taken for absent"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 30)), max_size=3),
)
def test_lapsed_is_who_is_known_to_have_ordered_nothing_for_the_window(orders, begun):
    gaps = [(ago, max(ago - length, 1)) for ago, length in begun]
    ends = [(AT - days(last - 1)).replace(hour=0) for _, last in gaps]
    known = max([AT - days(min(orders)), *ends]) + days(180)
    member = lapsed(orders, gaps)
    assert (member and member["since"]) == (known if known <= AT else None)


def test_the_dead_have_not_lapsed():
    assert "lapsed" not in segments_of(*others(until=0), row("customer_deceased", 150))


def test_a_cart_is_open_only_as_far_as_orders_are_known():
    def cart(ago: float) -> dict[str, Any]:
        return row("product_added", ago, item_id="lamp", source_name="carts")

    assert "cart-abandoner" in segments_of(*others(until=0), cart(5))
    assert "cart-abandoner" not in segments_of(*others(until=100), cart(5))
