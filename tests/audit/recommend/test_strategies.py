"""Each strip: what it shows, on which of the customer's own events, and when that ends."""

from datetime import timedelta

import polars as pl
import pytest

from audit import recommend
from audit.facts import ALSO_BOUGHT, INTERVALS, ITEMS, Facts
from audit.times import parse_iso
from tests.build import context, days, events

AT = parse_iso("2026-06-30T12:00:00Z")


def facts(pairs=(), intervals=(), items=()):
    """`pairs`: item, other, together, expected, score; `intervals`: category, days; `items`: id, name, category, n."""
    rhythm = [(category, timedelta(days=length), 9) for category, length in intervals]
    return Facts(
        pl.DataFrame(list(items), schema=ITEMS, orient="row"),
        pl.DataFrame(rhythm, schema=INTERVALS, orient="row"),
        lambda: pl.DataFrame(list(pairs), schema=ALSO_BOUGHT, orient="row"),
        100,
    )


PAIRS = facts(
    pairs=[
        ("grinder", "beans", 30, 10.0, 6.3),
        ("grinder", "filter", 20, 10.0, 3.2),
        ("grinder", "mill", 12, 10.0, 0.6),
        ("kettle", "beans", 20, 10.0, 3.2),
        ("kettle", "tests", 20, 10.0, 3.2),
    ],
    items=[
        ("grinder", "Grinder", "Kitchen > Coffee", 40),
        ("beans", "Beans", "Kitchen > Coffee", 50),
        ("tests", "Tests", "Health > Pregnancy tests", 50),
        ("kettle", "Kettle", "Kitchen > Tea", 40),
    ],
)


def bought(item, at, **fields):
    return {"kind": "order_completed", "at": AT - days(at), "item_id": item, **fields}


def viewed(item, at, **fields):
    return {"kind": "product_viewed", "at": AT - days(at), "item_id": item, **fields}


def carted(item, at, kind="product_added"):
    return {"kind": kind, "at": AT - days(at), "item_id": item}


def strip(strategy, *rows, group_facts=PAIRS, at=AT):
    frame = events(*rows)
    made = recommend.derive(frame, context(frame, at, facts=group_facts))
    return {row["item_id"]: row for row in made.filter(pl.col("strategy") == strategy).iter_rows(named=True)}


def test_also_bought_adds_up_what_the_customers_own_items_say():
    found = strip("also_bought", bought("grinder", 9, item_name="Grinder"), bought("kettle", 5))
    assert list(found) == ["beans", "filter"]
    assert found["beans"]["score"] == pytest.approx(9.5)
    assert found["beans"]["title"] == "Beans"
    assert found["beans"]["evidence"] == ["e1", "e2"]
    shares = [(own["item_id"], round(own["share"], 2)) for own in found["beans"]["own_items"]]
    assert shares == [("grinder", 0.66), ("kettle", 0.34)]
    assert found["beans"]["reason"] == (
        "The customer bought Grinder; people who buy that also buy this, 3.0 times as often as chance would give."
    )


def test_also_bought_leaves_out_what_the_customer_has():
    assert "beans" not in strip("also_bought", bought("grinder", 9), bought("beans", 900))


def test_also_bought_needs_more_than_chance_gives():
    assert "mill" not in strip("also_bought", bought("grinder", 9))


def test_also_bought_without_the_purchase_is_gone_though_group_facts_stay():
    assert strip("also_bought", viewed("grinder", 9)) == {}


def test_goods_of_a_sensitive_category_are_not_recommended():
    assert "tests" not in strip("also_bought", bought("kettle", 5))
    rows = [bought("test", 5, category="Health > Pregnancy tests"), carted("test2", 3)]
    assert strip("buy_again", *rows) == {}


def test_a_purchase_speaks_for_a_year():
    almost = strip("also_bought", bought("grinder", 364.99))
    assert almost["beans"]["until"] == AT + days(0.01)
    assert strip("also_bought", bought("grinder", 365)) == {}


def test_buy_again_in_the_customers_own_rhythm():
    rows = [bought("tea", 90, order_id="a"), bought("tea", 60, order_id="b"), bought("tea", 31, order_id="c")]
    found = strip("buy_again", *rows)["tea"]
    assert found["evidence"] == ["e1", "e2", "e3"]
    assert found["until"] == AT - days(31) + days(29.5) * 3
    assert found["reason"] == (
        "Due since 2026-06-29: ordered last on 2026-05-30, and the customer's own rhythm for it is 30 days."
    )


@pytest.mark.parametrize(("last", "due"), [(29.99, False), (30, True), (89.99, True), (90, False)])
def test_buy_again_is_due_from_one_interval_until_three(last, due):
    rows = [bought("tea", last + 30, order_id="a"), bought("tea", last, order_id="b")]
    assert ("tea" in strip("buy_again", *rows)) is due


def test_two_rows_of_one_order_are_no_rhythm():
    rows = [bought("tea", 60, order_id="a"), bought("tea", 59.9, order_id="a")]
    assert strip("buy_again", *rows) == {}


def test_an_item_ordered_once_follows_the_customers_rhythm_in_its_category():
    rows = [bought("green", 60, category="Tea"), bought("black", 30, category="Tea")]
    found = strip("buy_again", *rows)
    assert list(found) == ["black"]
    assert found["black"]["evidence"] == ["e1", "e2"]


def test_an_item_ordered_once_follows_everybodys_rhythm_last():
    known = facts(intervals=[("Tea", 20), ("Novels", 200)])
    found = strip(
        "buy_again",
        bought("green", 25, category="Tea"),
        bought("n", 300, category="Novels"),
        group_facts=known,
    )
    assert list(found) == ["green"]
    assert found["green"]["evidence"] == ["e1"]


def test_without_any_rhythm_nothing_is_due():
    assert strip("buy_again", bought("clipper", 300, category="Beauty > Nails")) == {}


def test_browsing_speaks_for_the_item_and_for_others():
    found = strip("inspired_by_browsing", viewed("grinder", 9), viewed("grinder", 2))
    assert list(found) == ["grinder", "beans", "filter"]
    assert found["grinder"]["evidence"] == ["e1", "e2"]
    assert found["beans"]["score"] == pytest.approx(30 / 40)
    assert found["beans"]["until"] == AT - days(2) + days(30)


def test_browsing_is_over_when_the_item_was_bought():
    found = strip("inspired_by_browsing", viewed("grinder", 9), bought("grinder", 5))
    assert "grinder" not in found
    assert "grinder" in strip("inspired_by_browsing", viewed("grinder", 9), bought("grinder", 12))


@pytest.mark.parametrize(("age", "there"), [(29.99, True), (30, False)])
def test_a_look_speaks_for_thirty_days(age, there):
    assert ("kettle" in strip("inspired_by_browsing", viewed("kettle", age))) is there


def test_left_in_the_cart_the_newest_first():
    found = strip("left_in_cart", carted("a", 9), carted("b", 3))
    assert list(found) == ["b", "a"]
    assert found["b"]["until"] == AT - days(3) + days(30)
    assert found["b"]["evidence"] == ["e2"]


@pytest.mark.parametrize(
    "closing",
    [bought("a", 2), carted("a", 2, "product_removed"), bought(None, 2)],
    ids=["bought", "taken out", "an order that names no item"],
)
def test_a_cart_that_was_settled_is_no_cart(closing):
    assert strip("left_in_cart", carted("a", 9), closing) == {}
    assert "a" in strip("left_in_cart", carted("a", 9), closing, carted("a", 1))


def test_another_items_order_leaves_the_cart():
    assert "a" in strip("left_in_cart", carted("a", 9), bought("b", 2))


def test_in_one_instant_the_order_of_event_ids_decides():
    assert strip("left_in_cart", carted("a", 9), bought("a", 9)) == {}
    assert "a" in strip("left_in_cart", bought("a", 9), carted("a", 9))


def test_no_more_than_a_strip_holds_and_ties_by_item():
    found = strip("left_in_cart", *(carted(item, 3) for item in "gfedcba"))
    assert list(found) == ["a", "b", "c", "d", "e"]


def test_nothing_gives_nothing():
    frame = events(viewed("a", 1)).clear()
    made = recommend.derive(frame, context(frame, AT))
    assert made.is_empty()
    assert made.schema == recommend.STRIP
