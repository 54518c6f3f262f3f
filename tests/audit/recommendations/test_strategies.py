"""Each strip: what it shows, on which of the customer's own events, and when that ends."""

from datetime import timedelta

import polars as pl
import pytest

from audit import recommendations
from audit.events.times import parse_iso
from audit.population.co_purchase import PAIRS as PAIR_COLUMNS
from audit.population.stats import (
    INTERVALS,
    ITEMS,
    REPEATS,
    Facts,
)
from audit.recommendations.strategies import strategies
from audit.storage.manifest import Settings
from tests.build import context, days, events

AT = parse_iso("2026-06-30T12:00:00Z")


def facts(pairs=(), intervals=(), items=(), repeats=(), baskets=()):
    """`pairs`, `baskets`: item, other, together, expected, score, and people if others; `intervals`: category, days, and people; `items`: id, name, category,
    customers; `repeats`: id, first, customers, again, days."""
    again = [(*row[:4], row[4] and timedelta(days=row[4])) for row in repeats]
    rhythm = [
        (category, timedelta(days=length), 9, people)
        for category, length, people in ((*row, 9)[:3] for row in intervals)
    ]
    return Facts(
        pl.DataFrame(list(items), schema=ITEMS, orient="row"),
        pl.DataFrame(rhythm, schema=INTERVALS, orient="row"),
        lambda: pl.DataFrame([(*row, row[2])[:6] for row in pairs], schema=PAIR_COLUMNS, orient="row"),
        100,
        repeats=pl.DataFrame(again, schema=REPEATS, orient="row"),
        baskets=lambda: pl.DataFrame(
            [(*row, row[2])[:6] for row in baskets], schema=PAIR_COLUMNS, orient="row"
        ),
    )


PAIRS = facts(
    pairs=[
        ("grinder", "beans", 30, 10.0, 0.6),
        ("grinder", "filter", 20, 10.0, 0.3),
        ("kettle", "beans", 20, 10.0, 0.3),
        ("kettle", "tests", 20, 10.0, 0.3),
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


def strip(strategy, *rows, group_facts=PAIRS, at=AT, settings=None):
    frame = events(*rows)
    made = recommendations.derive(frame, context(frame, at, facts=group_facts, settings=settings))
    return {row["item_id"]: row for row in made.filter(pl.col("strategy") == strategy).iter_rows(named=True)}


def test_also_bought_adds_up_what_the_customers_own_items_say():
    found = strip("also_bought", bought("grinder", 0, item_name="Grinder"), bought("kettle", 90))
    assert list(found) == ["beans", "filter"]
    assert found["beans"]["score"] == pytest.approx(0.6 + 0.3 / 2), (
        "what was bought a quarter ago weighs half"
    )
    assert found["beans"]["title"] == "Beans"
    assert found["beans"]["evidence"] == ["e2", "e1"]
    shares = [(own["item_id"], round(own["share"], 2)) for own in found["beans"]["own_items"]]
    assert shares == [("grinder", 0.8), ("kettle", 0.2)]
    assert found["beans"]["reason"] == (
        "The customer bought Grinder; 30 people bought both, 3.0 times as many as by chance."
    )


def test_two_items_of_one_name_are_told_apart_by_their_ids():
    same = facts(
        pairs=[("m1", "m2", 3, 0.001, 0.6), ("m1", "tea", 30, 10.0, 0.3)],
        items=[("m1", "Milk", "Food", 40), ("m2", "Milk", "Food", 40), ("tea", "Tea", "Food", 40)],
    )
    found = strip("also_bought", bought("m1", 1), group_facts=same)
    assert {item: row["title"] for item, row in found.items()} == {"m2": "Milk (m2)", "tea": "Tea"}
    assert found["m2"]["reason"] == (
        "The customer bought Milk (m1); 3 people bought both, 3000 times as many as by chance."
    )


def test_an_item_without_a_name_is_said_to_have_none():
    found = strip("also_bought", bought("grinder", 1))
    assert found["filter"]["title"] == "item filter, without a name in the data"


def test_also_bought_leaves_out_what_the_customer_has():
    assert "beans" not in strip("also_bought", bought("grinder", 9), bought("beans", 900))


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
    assert found["until"] == AT - days(31) + days(29.5) * 8
    assert found["reason"] == (
        "Ordered 3 times, last on 2026-05-30; due since 2026-06-29, by the customer's own rhythm for it (30 days)."
    )


def test_everybodys_rhythm_weighs_as_one_interval_of_the_customers():
    known = facts(repeats=[("tea", AT - days(900), 12, 6, 14)])
    rows = [bought("tea", 80, order_id="a"), bought("tea", 50, order_id="b"), bought("tea", 20, order_id="c")]
    found = strip("buy_again", *rows, group_facts=known)["tea"]
    assert found["reason"] == (
        "Ordered 3 times, last on 2026-06-10; due on 2026-07-05, by the customer's own rhythm for it (30 days) "
        "and everybody's (14 days)."
    )
    assert found["until"] == AT - days(20) + (days(30) * 2 + days(14)) / 3 * 8


def test_buy_again_puts_first_what_was_ordered_often_lately_and_what_its_buyers_buy_again():
    known = facts(repeats=[("often", AT - days(900), 92, 49, 30), ("once a life", AT - days(900), 92, 0, 30)])
    rows = [
        bought(item, age, order_id=f"{item}{age}")
        for item, ages in (("often", (90, 0)), ("once a life", (90, 60, 30, 0)), ("nobody", (90, 0)))
        for age in ages
    ]
    found = strip("buy_again", *rows, group_facts=known)
    assert list(found) == ["often", "nobody", "once a life"]
    assert found["often"]["score"] == pytest.approx((1 + 1 / 2) * (49 + 1) / (92 + 8))
    assert found["nobody"]["score"] == pytest.approx((1 + 1 / 2) * 1 / 8)


@pytest.mark.parametrize(("last", "there"), [(0, True), (239.99, True), (240, False)])
def test_a_habit_is_over_when_eight_intervals_pass_without_an_order(last, there):
    rows = [bought("tea", last + 30, order_id="a"), bought("tea", last, order_id="b")]
    assert ("tea" in strip("buy_again", *rows)) is there


@pytest.mark.parametrize("second", ["a", "b"])
def test_two_rows_of_one_order_and_two_orders_of_one_day_are_no_rhythm(second):
    rows = [bought("tea", 60, order_id="a"), bought("tea", 59.9, order_id=second)]
    assert strip("buy_again", *rows) == {}


def test_an_item_ordered_once_follows_the_customers_rhythm_in_its_category():
    rows = [bought("green", 60, category="Tea"), bought("black", 30, category="Tea")]
    found = strip("buy_again", *rows)
    assert list(found) == ["black"]
    assert found["black"]["evidence"] == ["e1", "e2"]
    assert found["black"]["reason"] == (
        "Ordered once, on 2026-05-31; due since 2026-06-30, by how the customer buys in its category (30 days apart)."
    )


@pytest.mark.parametrize(("everybodys", "rhythm"), [(None, ""), (28, " and everybody's rhythm (28 days)")])
@pytest.mark.parametrize(("between", "told"), [(30, "30 days"), (1, "1 day"), (0.5, "less than a day")])
def test_one_interval_is_told_as_one(everybodys, rhythm, between, told):
    known = facts(repeats=[("tea", AT - days(900), 12, 6, everybodys)])
    last = min(between, 30)  # no habit that is over
    rows = [bought("tea", between + last, order_id="a"), bought("tea", last, order_id="b")]
    assert strip("buy_again", *rows, group_facts=known)["tea"]["reason"].endswith(
        f"by the time between the two orders ({told}){rhythm}."
    )


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


def test_an_item_ordered_once_is_offered_where_others_buy_it_again():
    known = facts(repeats=[("tea", AT - days(900), 12, 6, 40), ("clipper", AT - days(900), 12, 0, None)])
    found = strip("buy_again", bought("tea", 30), bought("clipper", 20), group_facts=known)
    assert list(found) == ["tea"]
    assert found["tea"]["reason"] == (
        "Ordered once, on 2026-05-31; due on 2026-07-10, by the rhythm of everybody who buys it again (40 days)."
    )


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


BASKETS = facts(
    baskets=[("grinder", "beans", 30, 10.0, 0.6), ("kettle", "tea", 20, 4.0, 0.3)],
    pairs=[("grinder", "filter", 30, 10.0, 0.6)],
)


def test_bought_together_is_about_what_is_in_view_this_week():
    found = strip("bought_together", carted("grinder", 3), viewed("kettle", 7), group_facts=BASKETS)
    assert list(found) == ["beans"]
    assert found["beans"]["reason"] == (
        "Ordered together with item grinder, without a name in the data, which the customer had in view on "
        "2026-06-27: 30 orders hold both, 3.0 times as many as by chance."
    )
    assert found["beans"]["until"] == AT + days(4)


def test_what_goes_with_the_newest_order_and_was_never_bought():
    rows = [bought("kettle", 5, order_id="b"), bought("grinder", 3, order_id="c")]
    found = strip("order_cross_sell", *rows, group_facts=BASKETS)
    assert list(found) == ["beans"], "the kettle's order is not the newest"
    assert found["beans"]["evidence"] == ["e2"]
    assert strip("order_cross_sell", *rows, bought("beans", 400), group_facts=BASKETS) == {}
    assert strip("order_cross_sell", bought("grinder", 7), group_facts=BASKETS) == {}


def test_recommended_for_you_hears_what_was_in_view_and_never_bought():
    rows = [bought("grinder", 0, item_name="Grinder"), viewed("kettle", 4)]
    found = strip("recommended_for_you", *rows)
    assert list(found) == ["beans"]
    assert found["beans"]["reason"] == (
        "The customer had Kettle in view on 2026-06-26; 20 people bought both, 2.0 times as many as by chance."
    )
    assert strip("recommended_for_you", *rows, viewed("beans", 3)) == {}
    assert strip("recommended_for_you", bought("kettle", 30), viewed("kettle", 4)) == {}


def test_a_reason_names_the_day_of_the_own_item_that_it_names():
    group_facts = facts(
        pairs=[("kettle", "beans", 20, 10.0, 0.9), ("cup", "beans", 9, 3.0, 0.1)],
        baskets=[("kettle", "beans", 20, 10.0, 0.9), ("cup", "beans", 9, 3.0, 0.1)],
        items=[("kettle", "Kettle", "Kitchen", 40), ("cup", "Cup", "Kitchen", 40), ("beans", "Beans", "Kitchen", 50)],
    )  # fmt: skip
    rows = [viewed("kettle", 5), viewed("cup", 1)]
    for strategy in ("recommended_for_you", "bought_together", "inspired_by_browsing"):
        row = strip(strategy, *rows, group_facts=group_facts)["beans"]
        assert "Kettle" in row["reason"], strategy
        assert "2026-06-25" in row["reason"], strategy
        assert row["until"] == AT - days(1) + strategies()[strategy].window


def test_what_was_bought_is_not_inspired_by_looks_at_other_things():
    assert "beans" in strip("inspired_by_browsing", viewed("kettle", 3))
    assert "beans" not in strip("inspired_by_browsing", bought("beans", 90), viewed("kettle", 3))
    assert "beans" in strip("inspired_by_browsing", bought("beans", 90), viewed("beans", 3))


SHELF = facts(
    items=[
        ("grinder", "Grinder", "Kitchen > Coffee", 40),
        ("press", "Press", "Kitchen > Coffee", 50),
        ("rare", "Rare", "Kitchen > Coffee", 4),
        ("fresh", "Fresh", "Kitchen > Coffee", 10),
        ("kettle", "Kettle", "Kitchen > Tea", 40),
    ],
    repeats=[
        ("grinder", AT - days(800), 40, 0, None),
        ("press", AT - days(300), 50, 0, None),
        ("rare", AT - days(3), 4, 0, None),
        ("fresh", AT - days(20), 10, 0, None),
        ("kettle", AT - days(29), 40, 0, None),
    ],
)


def test_more_to_consider_is_what_others_chose_in_the_category():
    looked = viewed("grinder", 3, category="Kitchen > Coffee", item_name="Grinder")
    found = strip("more_to_consider", looked, group_facts=SHELF)
    assert list(found) == ["press", "fresh"], "too few bought the rare one"
    assert found["press"]["reason"] == (
        "The customer looked at Grinder on 2026-06-27; in Kitchen > Coffee, 50 people chose this one."
    )
    assert strip("more_to_consider", looked, bought("grinder", 2), group_facts=SHELF) == {}
    assert "press" not in strip("more_to_consider", looked, bought("press", 900), group_facts=SHELF)


def test_new_for_you_is_new_to_the_shop_and_where_the_customer_is_active():
    active = bought("grinder", 100, category="Kitchen > Coffee")
    found = strip("new_for_you", active, group_facts=SHELF)
    assert list(found) == ["fresh"]
    assert found["fresh"]["until"] == AT + days(10)
    assert found["fresh"]["reason"] == (
        "First sold on 2026-06-10; the customer bought something in Kitchen > Coffee within 365 days, "
        "last on 2026-03-22."
    )
    assert strip("new_for_you", bought("grinder", 366, category="Kitchen > Coffee"), group_facts=SHELF) == {}


def test_at_the_beginning_of_the_data_nothing_is_new():
    beginning = facts(
        items=[("fresh", "Fresh", "Kitchen > Coffee", 10), ("old", "Old", "Kitchen > Coffee", 10)],
        repeats=[("fresh", AT - days(1), 10, 0, None), ("old", AT - days(29), 10, 0, None)],
    )
    assert strip("new_for_you", bought("x", 3, category="Kitchen > Coffee"), group_facts=beginning) == {}


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
    made = recommendations.derive(frame, context(frame, AT))
    assert made.is_empty()
    assert made.schema == recommendations.PLACEMENT


@pytest.mark.parametrize(("people", "told"), [(10, False), (11, True)])
def test_nothing_is_recommended_by_what_fewer_than_eleven_people_did(people, told):
    pairs = [("grinder", "beans", 40, 10.0, 0.6, people)]
    known = facts(
        pairs=pairs,
        baskets=pairs,
        intervals=[("Kitchen > Coffee", 20, people)],
        items=[
            ("beans", "Beans", "Kitchen > Coffee", people),
            ("grinder", "Grinder", "Kitchen > Coffee", 40),
        ],
        repeats=[("kettle", AT - days(300), 40, people, 30)],
    )
    rows = [
        bought("grinder", 1, order_id="o"),
        bought("kettle", 5),
        bought("pot", 9, category="Kitchen > Coffee"),
    ]
    looked = [viewed("grinder", 1, category="Kitchen > Coffee")]

    def given(strategy, *acts, synthetic=False):
        return set(strip(strategy, *acts, group_facts=known, settings=Settings(synthetic=synthetic)))

    expected = {
        "also_bought": {"beans"}, "order_cross_sell": {"beans"}, "buy_again": {"kettle", "pot"},
        "bought_together": {"beans"}, "more_to_consider": {"beans"},
    }  # fmt: skip
    for strategy, items in expected.items():
        acts = looked if strategy in ("bought_together", "more_to_consider") else rows
        assert given(strategy, *acts) == (items if told else set()), strategy
        assert given(strategy, *acts, synthetic=True) == items, "of invented data everything may be told"


@pytest.mark.parametrize(("people", "told"), [(1, False), (2, False), (3, True)])
def test_of_invented_data_too_the_interval_of_one_or_two_is_nobodys_rhythm(people, told):
    known = facts(
        intervals=[("Kitchen > Coffee", 20, people)], repeats=[("kettle", AT - days(300), 40, people, 30)]
    )
    acts = [bought("kettle", 5), bought("pot", 9, category="Kitchen > Coffee")]
    given = strip("buy_again", *acts, group_facts=known, settings=Settings(synthetic=True))
    assert set(given) == ({"kettle", "pot"} if told else set())
