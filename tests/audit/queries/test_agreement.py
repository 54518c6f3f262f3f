"""Log and definitions held together: the numbers add up, and each disagreement has its likely reason."""

import polars as pl
import pytest

from audit.events.times import parse_iso
from audit.queries import agreement
from audit.segments import definitions
from tests.build import context, days, events

AT = parse_iso("2026-06-30T12:00:00Z")
OTHER = {"kind": "segment_entered", "at": AT - days(1), "segment_id": "frequent-buyer", "customer_id": "c_9"}


def orders(count, customer="c_1", last=1):
    return [
        {"kind": "order_completed", "at": AT - days(last + n), "order_id": f"o{n}", "customer_id": customer}
        for n in range(count)
    ]


def logged(kind="segment_entered", ago=5, name="frequent buyer", customer="c_1", **fields):
    return {"kind": kind, "at": AT - days(ago), "segment_id": name, "customer_id": customer, **fields}


def apart(*rows):
    frame = events(*rows)
    ctx = context(frame, AT)
    rows = agreement.both_sides(frame, ctx)
    return agreement.segment_disagreements(frame, ctx, rows)


def reason(*rows, segment="frequent-buyer"):
    found = apart(*rows).filter(pl.col("segment") == segment, pl.col("customer") == "c_1")
    return found.select("side", "reason", "detail").row(0) if found.height else None


EARLY = {"kind": "product_viewed", "at": AT - days(400), "customer_id": "c_9"}
BROKEN = [*orders(5, last=100), logged()]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([*orders(5), logged()], None),
        ([*orders(5, last=100), logged(ago=80)], ("logged_only", "held_before", AT - days(14))),
        ([*orders(2), logged(ago=0.5)], ("logged_only", "too_little", None)),
        ([EARLY, logged(), *orders(1, "c_9", last=300)], ("logged_only", "no_act", None)),
        ([EARLY, logged(), *orders(1, "c_9", last=20)], ("logged_only", "data_gap", AT - days(20))),
        ([EARLY, logged()], ("logged_only", "data_gap", None)),
        ([logged(source="third_party")], ("logged_only", "third_party", None)),
        (orders(5), ("derived_only", "never_logged", None)),
        ([*orders(5, last=2), logged(ago=50), logged("segment_left", ago=1.5), OTHER],
         ("derived_only", "logged_left", AT - days(1.5))),
        ([*orders(5, last=2), {**OTHER, "at": AT - days(60)}], ("derived_only", "log_ends", AT - days(60))),
        ([*orders(5, last=2), OTHER], ("derived_only", "not_logged", None)),
    ],
)  # fmt: skip
def test_each_disagreement_has_its_likely_reason(rows, expected):
    assert reason(*rows) == expected


def test_a_name_that_nobody_defines():
    assert reason(logged(name="zebra fans"), segment="zebra fans") == ("logged_only", "no_definition", None)


def test_the_numbers_add_up_and_agreement_is_what_both_share():
    rows = [
        *orders(5),
        logged(),
        *orders(5, "c_2"),
        logged(customer="c_3"),
        logged(customer="c_4", name="zebra"),
    ]
    frame = events(*rows)
    found = agreement.segment_agreement(agreement.both_sides(frame, context(frame, AT)), definitions())
    frequent, zebra = (
        found.row(by_predicate=pl.col("segment") == id_, named=True) for id_ in ("frequent-buyer", "zebra")
    )
    assert [frequent[side] for side in ("both", "logged_only", "derived_only")] == [1, 1, 1]
    assert frequent["agreement"] == pytest.approx(1 / 3)
    assert (zebra["agreement"], zebra["defined"], zebra["logs_it"]) == (None, False, True)


def test_strips_are_held_together_the_same_way():
    def row(strip, item, *, logged=False, derived=False, ago=1, standing="inferred"):
        return {
            "customer_id": "c_1", "strategy": strip, "item_id": item, "title": item, "logged": logged,
            "derived": derived, "standing": standing, "last_shown": AT - days(ago) if logged else None,
        }  # fmt: skip

    rows = pl.DataFrame(
        [
            row("also_bought", "a", logged=True, derived=True), row("also_bought", "b", logged=True, ago=30),
            row("also_bought", "c", logged=True), row("also_bought", "d", logged=True, standing="unexplained"),
            row("also_bought", "e", derived=True), row("buy_again", "f", derived=True), row("shown", "g", logged=True),
        ]
    )  # fmt: skip
    totals = {one["strip"]: one for one in agreement.strip_agreement(rows).to_dicts()}
    assert totals["also_bought"]["agreement"] == pytest.approx(1 / 5)
    assert totals["buy_again"]["agreement"] is None
    found = agreement.strip_disagreements(rows, context(events(*orders(1)), AT))
    assert dict(found.select("item_id", "reason").iter_rows()) == {
        "b": "shown_before", "c": "other_choice", "d": "no_act", "e": "not_shown", "f": "never_shown", "g": "no_strategy",
    }  # fmt: skip
