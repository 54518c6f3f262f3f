"""Each definition with a customer just below, at and above what it asks, and at the edges of its window."""

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from audit import segments
from audit.events.times import parse_iso
from audit.events.vocabulary import carries
from audit.population import stats
from tests.build import context, days, events

AT = parse_iso("2026-06-30T12:00:00Z")


STANDING = (
    [
        ("recency", 0.2, 5.0),
        ("recency", 0.4, 20.0),
        ("recency", 0.6, 60.0),
        ("recency", 0.8, 200.0),
    ]
    + [
        (measure, share, value * scale)
        for measure, scale in (("orders", 1), ("orders lately", 1), ("spent", 10))
        for share, value in ((0.2, 1.0), (0.4, 2.0), (0.6, 4.0), (0.8, 8.0))
    ]
    + [("discounted", 0.8, 0.8)]
)
FACTS = replace(
    stats.none(),
    quantiles=pl.DataFrame(STANDING, schema=stats.QUANTILES, orient="row"),
    prices=pl.DataFrame([("Tea > Green > Loose", 4.0, 9.0)], schema=stats.PRICES, orient="row"),
)


ELSEWHERE = {"kind": "order_completed", "at": AT, "item_id": "other", "customer_id": "c_2"}
"""Another customer's order: the data holds orders up to the moment asked about."""


def derived(rows, at=AT):
    """What the definitions give, where the standing of customers is known if a row asks for it."""
    frame = events(*rows)
    ctx = context(frame, at, facts=FACTS if "t-known" in set(frame["persona"]) else None)
    return {row["segment_id"]: row for row in segments.derive(frame, ctx).iter_rows(named=True)}


def known(rows):
    return [{**rows[0], "persona": "t-known"}, *rows[1:]]


def tea(count, price=3.0, **fields):
    fields = {"category": "Tea > Green > Loose", "price": price, "time_zone": "Europe/Berlin", **fields}
    return known([view(ago(count - n) - days(0.2), f"i{n}", **fields) for n in range(count)])


def rfm(count, price, newest=1):
    return known([order(ago(newest + n * 3), n, price=price) for n in range(count)])


REFILLS = ("Soap refills", "Tea refill pack", "Reusable cup")


def written(count, topic="gardening"):
    return [{"kind": "product_reviewed", "at": ago(n + 1), "topics": [topic, "x"]} for n in range(count)]


def diapers(count):
    return [order(ago(n * 30 + 1), n, category="Baby > Diapers > Boxes") for n in range(count)]


def ago(count):
    return AT - days(count)


def order(at, number=0, **fields):
    return {"kind": "order_completed", "at": at, "order_id": f"o{number}", "price": 10.0, **fields}


def view(at, item="i", **fields):
    return {"kind": "product_viewed", "at": at, "item_id": item, **fields}


def profile(at, attributes):
    return {"kind": "profile_updated", "at": at, "attributes": attributes}


def orders(count, **fields):
    return [order(ago(count - number), number, **fields) for number in range(count)]


def views(count, category="Electronics > Cameras > Compact"):
    return [view(ago(count - n), f"i{n}", category=category) for n in range(count)]


def business(count, quantity):
    rows = [
        order(ago(9 - n), n, quantity=quantity, category="Business > Packaging > Boxes") for n in range(count)
    ]
    return [*rows, profile(ago(20), '{"place": "rural"}')]


def discounts(reduced, full):
    cut = [order(ago(20 - n), n, attributes='{"discount": 2.5}') for n in range(reduced)]
    return cut + [order(ago(5 - n / 10), f"f{n}", attributes='{"discount": 0}') for n in range(full)]


def rich(count, price):
    return [order(ago(300 - n * 25), n, price=price) for n in range(count)]


CASES = {
    "new-customer": (
        [order(ago(30))],
        [order(ago(30) + days(1e-6))],
        [order(ago(40), 1), order(ago(2), 2)],
    ),
    "frequent-buyer": (orders(4), orders(5), [*orders(4), order(ago(1), 3)]),
    "lapsed": ([order(ago(179.99))], [order(ago(180))], [order(ago(400), 1), order(ago(10), 2)]),
    "cart-abandoner": (
        [{"kind": "product_added", "at": ago(0.04), "item_id": "i"}],
        [{"kind": "product_added", "at": ago(1 / 24), "item_id": "i"}, ELSEWHERE],
        [{"kind": "product_added", "at": ago(2), "item_id": "i"}, order(ago(1), item_id="i")],
    ),
    "category-interest:Electronics > Cameras": (
        views(2),
        views(3),
        [view(ago(1), f"i{n}", category="Electronics > Cameras") for n in range(3)],
    ),
    "high-value": (rich(12, 83.33), rich(12, 83.34), rich(11, 500.0)),
    "student": ([profile(ago(9), '{"student": "no"}')], [profile(ago(9), '{"student": true}')],
                [profile(ago(9), '{"student": true}'), profile(ago(8), '{"student": false}')]),
    "senior": ([profile(ago(9), '{"age": 64}')], [profile(ago(9), '{"age": "65+"}')],
               [profile(ago(9), '{"age": 65}'), profile(ago(8), '{"age": 56}')]),
    "member": (
        [profile(ago(9), '{"membership": "none"}')], [profile(ago(9), '{"membership": "plus"}')],
        [profile(ago(9), '{"membership": "plus"}'), profile(ago(8), '{"membership": "none"}')],
    ),
    "subscriber": (
        [{"kind": "subscribed", "at": ago(9), "list_id": "a"}, {"kind": "unsubscribed", "at": ago(8)}],
        [{"kind": "subscribed", "at": ago(9), "list_id": "a"}, {"kind": "unsubscribed", "at": ago(8), "list_id": "b"}],
        [{"kind": "subscribed", "at": ago(9), "list_id": "a"}, {"kind": "unsubscribed", "at": ago(8), "list_id": "a"}],
    ),
    "new-parent": (
        [{"kind": "registry_created", "at": ago(9), "category": "Wedding"}],
        [{"kind": "registry_created", "at": ago(9), "category": "Baby > Registry"}],
        [{"kind": "registry_created", "at": ago(9), "category": "Baby"}, {"kind": "registry_closed", "at": ago(8)}],
    ),
    "technology-enthusiast": (views(3), views(4), [view(ago(n), category="Electronics") for n in range(9)]),
    "sustainability-minded": (
        [order(ago(n), n, item_id=f"i{n}", topics=["sustainable"]) for n in range(2)],
        [order(ago(n), n, item_id=f"i{n}", item_name=name) for n, name in enumerate(REFILLS)],
        [order(ago(n), n, item_id=f"i{n}", item_name="Refillable") for n in range(3)],
    ),
    "gift-giver": (
        [order(ago(1), 1, gift=True)],
        [order(ago(1), 1, gift=True), order(ago(2), 2, recipient="friend")],
        [order(ago(1), 1, gift=True), order(ago(2), 2, recipient="self")],
    ),
    "rural-micro-entrepreneur": (business(1, 12.0), business(2, 10.0), business(5, 9.0)),
    "age-group:45-54": (
        [profile(ago(9), '{"age": 44}')],
        [profile(ago(9), '{"age": "45-54"}')],
        [profile(ago(9), '{"age": 45}'), profile(ago(8), '{"age": 55}')],
    ),
    "household-income:15-24k": (
        [profile(ago(9), '{"income": "Unknown"}')],
        [profile(ago(9), '{"income": "15-24K"}')],
        [profile(ago(9), '{"income": "15-24K"}'), profile(ago(8), '{"income": "25-34K"}')],
    ),
    "home-owner": (
        [profile(ago(9), '{"home_ownership": "Renter"}')],
        [profile(ago(9), '{"home_ownership": "Homeowner"}')],
        [profile(ago(9), '{"home_ownership": "Homeowner"}'), profile(ago(8), '{"home_ownership": "Renter"}')],
    ),
    "family": (
        [profile(ago(9), '{"kids_count": "0"}')],
        [profile(ago(9), '{"kids_count": "3+"}')],
        [profile(ago(9), '{"kids_count": "1"}'), profile(ago(8), '{"kids_count": "0"}')],
    ),
    "gender:female": (
        [profile(ago(9), '{"gender": "unknown"}')],
        [profile(ago(9), '{"gender": "female"}')],
        [profile(ago(9), '{"gender": "female"}'), profile(ago(8), '{"gender": "male"}')],
    ),
    "marital-status:married": (
        [profile(ago(9), '{"marital_status": "unknown"}')],
        [profile(ago(9), '{"marital_status": "married"}')],
        [profile(ago(9), '{"marital_status": "married"}'), profile(ago(8), '{"marital_status": "unmarried"}')],
    ),
    "household:2 adults kids": (
        [profile(ago(9), '{"household_comp": "unknown"}')],
        [profile(ago(9), '{"household_comp": "2 adults kids"}')],
        [profile(ago(9), '{"household_comp": "2 adults kids"}'), profile(ago(8), '{"household_comp": "1 adult no kids"}')],
    ),
    "household-size:4": (
        [profile(ago(9), '{"household_size": "unknown"}')],
        [profile(ago(9), '{"household_size": "4"}')],
        [profile(ago(9), '{"household_size": "4"}'), profile(ago(8), '{"household_size": "5+"}')],
    ),
    "occupation:nurse": (
        [profile(ago(9), '{"occupation": "unknown"}')],
        [profile(ago(9), '{"occupation": "nurse"}')],
        [profile(ago(9), '{"occupation": "nurse"}'), profile(ago(8), '{"occupation": "pilot"}')],
    ),
    "busy-family": (
        [*orders(8), profile(ago(90), '{"children": 2}')],
        [*orders(9), profile(ago(90), '{"children": 2}')],
        [*orders(9), profile(ago(90), '{"children": 0}')],
    ),
    "baby-household": (diapers(2), diapers(3), [order(ago(1), n, category="Baby > Diapers") for n in (1, 1, 1)]),
    "getting-married": (
        [{"kind": "registry_created", "at": ago(9), "category": "Baby"}],
        [{"kind": "registry_created", "at": ago(9), "category": "Wedding"}],
        [{"kind": "registry_created", "at": ago(400), "category": "Wedding"}],
    ),
    "country:FR": (
        [view(ago(1), country="FR")],
        [order(ago(2), country="FR")],
        [order(ago(2), country="FR"), order(ago(1), 1, country="DE")],
    ),
    "settlement:town": (
        [profile(ago(9), '{"town": "settlement"}')],
        [profile(ago(9), '{"settlement": "Town"}')],
        [profile(ago(9), '{"settlement": "town"}'), profile(ago(8), '{"settlement": "rural"}')],
    ),
    "remote-place": (
        [{**profile(ago(9), '{"postcode_area": "100"}'), "country": "DE"}],
        [{**profile(ago(9), '{"postcode_area": "172"}'), "country": "DE"}],
        [{**profile(ago(9), '{"postcode_area": "172"}'), "country": "GB"}],
    ),
    "interest:gardening": (written(2), written(3), written(3, "pregnancy")),
    "rfm-champion": (rfm(7, 20.0), rfm(8, 10.0), rfm(8, 10.0, newest=6)),
    "rfm-loyal": (rfm(3, 1.0), rfm(4, 1.0), rfm(9, 1.0, newest=21)),
    "rfm-at-risk": (rfm(3, 1.0, newest=61), rfm(4, 1.0, newest=61), rfm(9, 1.0, newest=60)),
    "micro-area:Tea > Green": (tea(3), tea(4), tea(6)),
    "micro-shelf:Tea > Green > Loose": (tea(5), tea(6), tea(8)),
    "micro-price:Tea > Green > Loose | low price": (tea(7), tea(8), tea(8, price=5.0)),
    "micro-hour:Tea > Green > Loose | low price | morning": (tea(9), tea(10), tea(10, time_zone="America/Denver")),
    "deal-seeker": (discounts(4, 0), discounts(3, 3), discounts(4, 5)),
}  # fmt: skip


@pytest.mark.parametrize("segment", CASES)
def test_below_at_and_where_it_does_not_hold(segment):
    below, at, not_any_more = CASES[segment]
    assert segment not in derived(below)
    assert segment in derived(at)
    assert segment not in derived(not_any_more)


def test_every_definition_has_a_case():
    assert {case.split(":")[0] for case in CASES} | {"expecting-parent"} == {
        one.id for one in segments.definitions()
    }


EXPECTING = [
    {"kind": "products_searched", "at": ago(20), "query": "prenatal vitamins"},
    {"kind": "products_searched", "at": ago(10), "query": "baby names for girls"},
]
ENTERED = {"kind": "segment_entered", "at": ago(5), "segment_id": "Lifestyle:Expecting-Parents"}


def test_the_more_one_does_the_finer_and_only_the_finest_stands():
    micro = [{name for name in derived(tea(count)) if name.startswith("micro")} for count in (4, 6, 8, 10)]
    assert [len(names) for names in micro] == [1, 1, 1, 1]
    assert max(micro[-1], key=len) == "micro-hour:Tea > Green > Loose | low price | morning"


def test_fifths_that_are_not_known_give_no_segment():
    rows = rfm(9, 500.0)
    assert "rfm-champion" in derived(rows)
    assert "rfm-champion" not in derived([{**row, "persona": None} for row in rows])


def test_where_most_reach_the_number_only_the_most_frequent_fifth_does():
    assert "frequent-buyer" in derived(orders(7))
    assert "frequent-buyer" not in derived(known(orders(7)))
    assert "frequent-buyer" in derived(known(orders(8)))


def test_who_buys_at_a_discount_is_told_against_everybody():
    rows = discounts(6, 4)
    assert (
        derived(rows)["deal-seeker"]["reason"]
        == "6 of 10 things bought in the last year were at a discount; 50 % or more here."
    )
    assert "deal-seeker" not in derived(known(rows)), (
        "a fifth of the shop's customers buy more so: 0.8 and above"
    )
    assert "deal-seeker" in derived(known(discounts(8, 2)))


def test_of_nested_categories_and_their_prices_the_most_specific_is_told():
    """As found in real data: "A", "A > B" and "A > B | low price" beside one another."""
    top = [view(ago(20 + n), f"t{n}", category="Tea") for n in range(7)]
    rows = [*top, *tea(8, price=3.0)]
    found = {name: row["title"] for name, row in derived(rows).items() if name.startswith("micro")}
    assert found == {
        "micro-price:Tea > Green > Loose | low price": "Keeps coming back to Tea > Green > Loose, low price"
    }
    assert {name for name in derived(top) if name.startswith("micro")} == {"micro-shelf:Tea"}
    areas = [view(ago(20 + n), f"t{n}", category="Tea") for n in range(4)] + tea(4)
    assert {name for name in derived(areas) if name.startswith("micro")} == {"micro-area:Tea > Green"}


@pytest.mark.parametrize(
    ("kinds", "acts"),
    [
        (("order_completed",), "Bought"),
        (("product_viewed", "order_completed"), "Looked at or bought"),
        (("product_viewed", "wishlist_added", "order_completed"), "Looked at, chose or bought"),
    ],
)
def test_only_what_the_customer_did_is_told(kinds, acts):
    rows = [
        {
            "kind": kinds[n % len(kinds)],
            "at": ago(n + 1),
            "item_id": f"i{n}",
            "category": "Tea > Green > Loose",
        }
        for n in range(5)
    ]
    reason = derived(rows)["micro-area:Tea > Green"]["reason"]
    assert reason == f"{acts} Tea > Green on 5 days in the last 180, the last time on 2026-06-29."


def test_who_has_not_come_back_for_sixty_days_does_not_keep_coming_back():
    def looks(newest):
        return [view(ago(newest + 9 * n), f"t{n}", category="Tea > Green > Loose") for n in range(4)]

    found = derived(looks(59))["micro-area:Tea > Green"]
    assert found["until"] == ago(-1)
    assert "micro-area:Tea > Green" not in derived(looks(60))


def test_the_number_that_was_asked_for_is_told():
    assert derived(rich(12, 83.34))["high-value"]["reason"].endswith("worth 1,000 or more together.")
    raised = FACTS.quantiles.with_columns(
        pl.col("value") * pl.when(pl.col("measure") == "spent").then(37.318).otherwise(1)
    )
    frame = events(*rich(12, 900.0))
    given = segments.derive(frame, context(frame, AT, facts=replace(FACTS, quantiles=raised)))
    reason = given.filter(pl.col("segment_id") == "high-value")["reason"].item()
    assert reason.endswith("worth 2,985 or more together.")


def test_as_many_are_counted_as_are_given_a_segment():
    rows = [{**row, "customer_id": f"c_{n}"} for n in range(3) for row in (*orders(3 + n), *tea(4 + n))]
    frame = events(*rows)
    ctx = context(frame, AT)
    given = segments.derive(frame, ctx).group_by("definition").agg(pl.col("customer_id").n_unique())
    members = segments.members(frame, ctx, segments.definitions())
    assert {name: number for name, number in members.items() if number} == dict(given.rows())
    assert {"frequent-buyer", "micro-area", "micro-shelf"} <= dict(given.rows()).keys()


def test_a_group_rests_on_all_rows_that_say_so_since_another_was_said():
    rows = [order(ago(9 - n), n, country=country) for n, country in enumerate(("FR", "DE", "FR", "FR"))]
    found = derived(rows)["country:FR"]
    assert found["evidence"] == ["e3", "e4"]
    assert found["since"] == ago(7)


def test_a_sensitive_definition_is_evaluated_only_where_somebody_else_logged_it():
    assert "expecting-parent" not in derived(EXPECTING)
    assert "expecting-parent" in derived([*EXPECTING, ENTERED])
    assert "expecting-parent" not in derived([*EXPECTING[:1], ENTERED])


def test_somebody_elses_log_does_not_open_it_for_others():
    others = [{**row, "customer_id": "c_2"} for row in EXPECTING]
    frame = events(*EXPECTING, ENTERED, *others)
    found = segments.derive(frame, context(frame, AT))
    assert found.filter(found["segment_id"] == "expecting-parent")["customer_id"].to_list() == ["c_1"]


def test_interest_in_a_sensitive_category_makes_no_segment():
    assert derived(views(5, "Health > Pregnancy tests > Home")) == {}


def test_a_count_ends_when_its_nth_newest_event_leaves_the_window():
    times = [ago(80), ago(50), ago(40), ago(30), ago(20), ago(10)]
    found = derived([order(at, number) for number, at in enumerate(times)])["frequent-buyer"]
    assert found["until"] == times[1] + days(90)
    assert found["since"] == times[4]


def test_it_holds_until_the_microsecond_and_not_at_it():
    rows = orders(5)
    until = derived(rows)["frequent-buyer"]["until"]
    assert "frequent-buyer" in derived(rows, until - days(1) / 86_400_000_000)
    assert "frequent-buyer" not in derived(rows, until)


def test_a_membership_that_never_broke_is_as_old_as_its_beginning():
    times = [ago(18 * number) for number in range(20, -1, -1)]  # the sixth enters as the first leaves
    frequent = derived([order(at, number) for number, at in enumerate(times)])["frequent-buyer"]
    assert frequent["since"] == times[4]


def test_a_membership_that_broke_began_again():
    old = [order(ago(600 + n), n) for n in range(5)]
    new = [order(ago(10 - n), 50 + n) for n in range(5)]
    assert derived([*old, *new])["frequent-buyer"]["since"] == ago(6)


def test_lapsed_names_what_did_not_happen_and_nothing_ends_it():
    found = derived([order(ago(300), 1), order(ago(200), 2)])["lapsed"]
    assert found["evidence"] == ["e2"]
    assert found["until"] is None
    assert found["since"] == ago(20)
    assert found["absent"] == '{"kind":["order_completed"],"since":"2025-12-12T12:00:00Z"}'


def test_an_abandoned_cart_names_the_item_that_was_not_bought():
    cart = {"kind": "product_added", "at": ago(2), "item_id": "i", "item_name": 'A "B"'}
    assert "cart-abandoner" not in derived([cart]), "without any order in the data nobody can tell"
    found = derived([cart, ELSEWHERE])
    absent = found["cart-abandoner"]["absent"]
    assert (
        absent
        == '{"kind":["order_completed","product_removed"],"since":"2026-06-28T12:00:00Z","item_id":"i"}'
    )
    assert found["cart-abandoner"]["until"] == ago(2) + days(30)
    assert found["cart-abandoner"]["reason"].startswith('A "B" was put into the cart on 2026-06-28')


def test_evidence_is_every_row_that_bears_it_oldest_first():
    rows = [*orders(5), order(ago(1), 4, item_id="second row of the last order"), order(ago(200), "old")]
    found = derived(rows)["frequent-buyer"]
    assert found["evidence"] == ["e1", "e2", "e3", "e4", "e5", "e6"]
    assert found["reason"] == (
        "5 orders in the last 90 days, the newest on 2026-06-29; 5 or more make a frequent buyer here."
    )


def test_leaving_an_event_out_takes_the_segment_away():
    rows = orders(5)
    assert "frequent-buyer" not in derived(rows[1:])


def test_no_events_give_no_segments():
    frame = events(view(ago(1)))
    assert segments.derive(frame.clear(), context(frame, AT)).is_empty()
    assert segments.derive(frame.clear(), context(frame, AT)).schema == segments.DERIVED
    assert isinstance(AT, datetime)


@pytest.mark.parametrize("value", ["2", "-0.05", "10.0", "true", '"SPRING"', '"5 %"', '"0.5"', "[1]"])
def test_an_attribute_with_something_in_it_is_carried(value):
    assert carried(value)


@pytest.mark.parametrize("value", ["0", "0.0", "-0.00", '""', '"0"', "false", '"False"', "null", "[]", "{}"])
def test_an_attribute_with_nothing_in_it_is_not(value):
    assert not carried(value)


def carried(value):
    texts = [f'{{"coupon": {value}, "store": 7}}', f'{{"store":7,"discount":0.0,"coupon":{value}}}']
    frame = pl.DataFrame({"attributes": texts}).select(carries(("discount", "coupon")))
    first, second = frame.to_series()
    assert first == second
    return first


def test_other_attributes_are_not_asked():
    frame = pl.DataFrame({"attributes": ['{"coupons": 5, "my_coupon": 5}', None, '{"note": "coupon"}']})
    assert not frame.select(carries(("coupon",))).to_series().any()


@pytest.mark.parametrize(
    ("names", "in_orders", "holds"),
    [
        (["Recycled mat blue", "Recycled mat PINK", "RECYCLED MAT, GREEN"], (1, 2, 3), False),
        (["Bio-Tasche rot", "Bio-Tasche blaue", "Bio-Tasche grünes"], (1, 2, 3), False),
        (["Recycled mat blue", "Recycled rug", "Recycled bag green"], (1, 1, 1), False),
        (["Recycled mat blue", "Recycled rug", "Recycled bag green"], (1, 1, 2), True),
        (["Recycled", "Recycled red", "Recycled blue"], (1, 1, 2), True),
    ],
)
def test_one_thing_in_three_colours_is_one_and_one_basket_is_no_habit(names, in_orders, holds):
    rows = [
        order(ago(9 - number), number, item_id=name, item_name=name, topics=["organic"])
        for name, number in zip(names, in_orders, strict=True)
    ]
    assert ("sustainability-minded" in derived(rows)) is holds
