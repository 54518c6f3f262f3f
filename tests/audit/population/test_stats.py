"""Group facts against a plain-Python count of the same orders."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from math import sqrt
from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.events.schema import empty
from audit.events.vocabulary import usual_names
from audit.population import co_purchase, purchase_lines, responses, stats
from tests.build import events

START = datetime(2026, 1, 1, tzinfo=UTC)

purchases = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.integers(0, 9).map(lambda n: f"c_{n}"),
            "day": st.integers(0, 40),
            "item": st.integers(0, 5),
            "order": st.one_of(st.none(), st.integers(0, 3)),
        }
    ),
    max_size=80,
)


@pytest.fixture(autouse=True, scope="module")
def in_small_parts():
    """All is counted in parts of a few rows, so that each test sees some put together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purchase_lines, "_ROWS", 7)
        yield


def orders(rows):
    if not rows:
        return empty()
    return events(
        *(
            {
                "customer_id": row["customer_id"],
                "kind": "order_completed",
                "at": START + timedelta(days=row["day"]),
                "item_id": f"i{row['item']}",
                "category": f"Shop > {row['item'] % 2}",
                "order_id": None if row["order"] is None else f"o{row['order']}",
            }
            for row in rows
        )
    )


def bought_by_loops(frame):
    baskets = defaultdict(set)
    for row in frame.rows(named=True):
        baskets[row["customer_id"]].add(row["item_id"])
    people = Counter(item for basket in baskets.values() for item in basket)
    together = Counter((a, b) for basket in baskets.values() for a in basket for b in basket if a != b)
    answer = []
    for (item, other), n in together.items():
        expected = people[item] * people[other] / len(baskets)
        if (
            min(people[item], people[other]) >= co_purchase.limits().customers
            and n >= co_purchase.limits().together
            and (n - expected) / sqrt(expected) >= co_purchase.limits().errors
            and n >= co_purchase.limits().times * expected
        ):
            answer.append((item, other, n, expected, n / sqrt(people[item] * people[other])))
    return sorted(answer, key=lambda row: (row[0], -row[4], -row[2], row[1]))


def first_of_each_day(moments):
    return [next(of_a_day) for _, of_a_day in groupby(sorted(moments), lambda moment: moment.date())]


def intervals_by_loops(frame):
    order_time = {}
    for row in frame.rows(named=True):
        key = (row["customer_id"], row["order_id"] or row["event_id"])
        order_time[key] = min(order_time.get(key, row["occurred_at"]), row["occurred_at"])
    times = defaultdict(set)
    for row in frame.rows(named=True):
        moment = order_time[row["customer_id"], row["order_id"] or row["event_id"]]
        times[row["customer_id"], row["category"]].add(moment)
    times = {key: first_of_each_day(moments) for key, moments in times.items()}
    gaps, people = defaultdict(list), defaultdict(set)
    for (customer, category), moments in times.items():
        gaps[category] += [b - a for a, b in pairwise(sorted(moments))]
        people[category] |= {customer} if len(moments) > 1 else set()
    return sorted(
        (category, median(found), len(found), len(people[category]))
        for category, found in gaps.items()
        if found
    )


@settings(max_examples=25, deadline=None)
@given(purchases)
def test_also_bought_is_what_counting_by_hand_gives(rows):
    frame = orders(rows)
    found = stats.count(frame.lazy()).also_bought
    expected = bought_by_loops(frame)
    assert found.select("item_id", "other_id", "together").rows() == [row[:3] for row in expected]
    assert found["expected"].to_list() == pytest.approx([row[3] for row in expected])
    assert found["score"].to_list() == pytest.approx([row[4] for row in expected])


@settings(max_examples=25, deadline=None)
@given(purchases)
def test_intervals_are_what_counting_by_hand_gives(rows):
    frame = orders(rows)
    assert stats.count(frame.lazy()).intervals.rows() == intervals_by_loops(frame)


def test_also_bought_is_the_same_when_pairs_are_counted_in_many_blocks(monkeypatch):
    rows = [{"customer_id": f"c_{n % 9}", "day": n, "item": n % 5, "order": None} for n in range(200)]
    whole = stats.count(orders(rows).lazy()).also_bought
    monkeypatch.setattr(co_purchase, "_PAIRS_AT_ONCE", 3)
    assert stats.count(orders(rows).lazy()).also_bought.equals(whole)


def others(number):
    """People who bought something else, so that what the rest have in common is more than chance."""
    return [{"customer_id": f"c_x{n}", "day": 1, "item": 5, "order": None} for n in range(number)]


def test_a_customer_with_very_many_items_brings_those_bought_on_most_days(monkeypatch):
    monkeypatch.setattr(co_purchase, "MOST_ITEMS", 2)
    rows = [
        {"customer_id": f"c_{n}", "day": day, "item": item, "order": None}
        for n in range(5)
        for item, days in ((0, 1), (1, 3), (2, 2))
        for day in range(days)
    ]
    found = stats.count(orders(rows + others(9)).lazy()).also_bought
    assert found.select("item_id", "other_id").rows() == [("i1", "i2"), ("i2", "i1")]


def test_how_many_bought_both_is_counted_over_everything(monkeypatch):
    """Also over items beyond those of one customer that decide which pairs there are: a head count is told as one."""
    small = [
        {"customer_id": f"c_{n}", "day": 1, "item": item, "order": None} for n in range(9) for item in (0, 1)
    ]
    large = [
        {"customer_id": "c_large", "day": day, "item": item, "order": None}
        for item, days in ((0, 1), (1, 2), (2, 3), (3, 3))
        for day in range(days)
    ]
    popular = [
        {"customer_id": f"c_p{n}", "day": 1, "item": item, "order": None} for n in range(5) for item in (2, 3)
    ]
    frame = orders(small + large + others(30) + popular)
    monkeypatch.setattr(co_purchase, "MOST_ITEMS", 2)
    monkeypatch.setattr(co_purchase, "_RECOUNTED_AT_ONCE", 1)
    found = stats.count(frame.lazy()).also_bought
    assert found.select("item_id", "other_id", "together").rows()[:2] == [("i0", "i1", 10), ("i1", "i0", 10)]


def test_only_the_best_others_of_an_item_are_kept(monkeypatch):
    monkeypatch.setattr(co_purchase, "KEEP", 1)
    rows = [
        {"customer_id": f"c_{n}", "day": 1, "item": item, "order": None}
        for n in range(9)
        for item in range(3)
        if item < 2 or n < 5
    ]
    found = stats.count(orders(rows + others(30)).lazy()).also_bought
    assert found.select("item_id", "other_id").rows() == [("i0", "i1"), ("i1", "i0"), ("i2", "i0")]


def test_bought_together_counts_orders_and_needs_an_order_id():
    rows = [
        {"customer_id": f"c_{n % 6}", "day": n, "item": item, "order": n}
        for n in range(12)
        for item in (0, 1)
    ]
    apart = [
        {"customer_id": f"c_{n % 6}", "day": n, "item": item, "order": None}
        for n in range(40, 80)
        for item in (2, 3)
    ]
    many = [{"customer_id": "c_z", "day": n, "item": 4, "order": 1000 + n} for n in range(60)]
    found = stats.count(orders(rows + apart + many).lazy()).bought_together
    assert found.select("item_id", "other_id", "together").rows() == [("i0", "i1", 12), ("i1", "i0", 12)]
    assert found["expected"].to_list() == pytest.approx([12 * 12 / 72] * 2)
    assert found["people"].to_list() == [6, 6], "two orders of each"


@settings(max_examples=25, deadline=None)
@given(purchases)
def test_who_buys_again_and_when_is_what_counting_by_hand_gives(rows):
    frame = orders(rows)
    times = defaultdict(set)
    first_row = {}
    for row in frame.rows(named=True):
        key = (row["customer_id"], row["order_id"] or row["event_id"])
        first_row[key] = min(first_row.get(key, row["occurred_at"]), row["occurred_at"])
    for row in frame.rows(named=True):
        times[row["item_id"], row["customer_id"]].add(
            first_row[row["customer_id"], row["order_id"] or row["event_id"]]
        )
    expected = []
    for item in sorted({item for item, _ in times}):
        people = [first_of_each_day(moments) for (one, _), moments in times.items() if one == item]
        gaps = [b - a for moments in people for a, b in pairwise(moments)]
        expected.append(
            (
                item,
                min(moments[0] for moments in people),
                len(people),
                sum(len(moments) > 1 for moments in people),
                median(gaps) if gaps else None,
            )
        )
    assert stats.count(frame.lazy()).repeats.rows() == expected


def test_items_carry_their_usual_name_without_needless_blanks():
    called = {"a": ["White  heart ", "White heart", "Cream heart"], "tie": ["Old", "New"]}
    rows = [
        {"kind": "order_completed", "at": f"2026-01-0{day}", "item_id": item, "item_name": name}
        for item, names in called.items()
        for day, name in enumerate(names, start=1)
    ]
    names = stats.count(events(*rows).lazy()).items.select("item_id", "item_name").rows()
    assert names == [("a", "White heart"), ("tie", "New")]


def test_items_carry_their_newest_name_of_equally_usual_ones_and_how_many_people_bought_them():
    frame = events(
        {"kind": "order_completed", "at": "2026-01-01", "item_id": "i", "item_name": "Old", "category": "A"},
        {"kind": "order_completed", "at": "2026-01-02", "item_id": "i", "item_name": "New"},
        {"kind": "order_completed", "at": "2026-01-02", "item_id": "i", "customer_id": "c_2"},
        {"kind": "product_viewed", "at": "2026-01-02", "item_id": "seen", "customer_id": "c_3"},
    )
    counted = stats.count(frame.lazy())
    assert counted.items.rows() == [("i", "New", "A", 2)]
    assert counted.customers == 2


def test_no_orders_give_the_facts_of_an_empty_workspace():
    counted = stats.count(events({"kind": "product_viewed", "at": "2026-01-02"}).lazy())
    nothing = stats.none()
    for name in ("items", "intervals", "repeats", "also_bought", "bought_together", "engaged"):
        assert getattr(counted, name).equals(getattr(nothing, name))
        assert getattr(counted, name).schema == getattr(nothing, name).schema
    assert counted.customers == 0


def test_facts_have_the_schemas_they_promise():
    rows = [{"customer_id": f"c_{n}", "day": n, "item": i, "order": None} for n in range(9) for i in range(2)]
    rows += others(9)
    counted = stats.count(orders(rows).lazy())
    assert counted.items.schema == pl.Schema(stats.ITEMS)
    assert counted.intervals.schema == pl.Schema(stats.INTERVALS)
    assert counted.also_bought.schema == pl.Schema(co_purchase.PAIRS)
    assert counted.also_bought.height == 2


def test_the_channels_of_responses_are_those_of_people_and_else_of_their_messages():
    sent = {"kind": "message_sent", "at": "2026-01-01"}
    clicked = {"kind": "message_clicked", "at": "2026-01-02"}
    frame = events(
        {**sent, "message_id": "1", "channel": "sms", "event_id": "first"},
        {**sent, "message_id": "1", "channel": "fax", "event_id": "repeated"},
        {**clicked, "message_id": "1"},
        {**clicked, "message_id": "1", "channel": "email"},
        {**clicked, "channel": "push", "machine": True},
        {"kind": "message_opened", "at": "2026-01-02", "message_id": "1", "customer_id": "c_2"},
        {"kind": "message_opened", "at": "2026-01-02", "channel": "web", "machine": False},
    )
    assert stats.count(frame.lazy()).engaged.rows() == [
        ("message_clicked", "email"),
        ("message_clicked", "sms"),
        ("message_opened", None),
        ("message_opened", "web"),
    ]


@pytest.mark.parametrize(
    ("names", "said"), [(("White", "White", "Cream"), "White"), (("White", "Cream"), "Cream")]
)
def test_an_item_is_called_what_it_is_usually_called_of_equals_the_latest(names, said) -> None:
    rows = events(
        *(
            {"kind": "order_completed", "at": f"2026-01-{day:02}", "item_id": "i", "item_name": name}
            for day, name in enumerate(names, start=1)
        )
    )
    assert usual_names(rows, "item_id")["item_name"].to_list() == [said]


def priced(category, prices):
    return [
        {"kind": "order_completed", "at": START, "item_id": f"i{n}", "category": category, "price": price}
        for n, price in enumerate(prices)
    ]


def test_of_what_mostly_costs_the_same_there_are_no_thirds():
    frame = events(*priced("Milk", [2.0] * 39 + [3.0]), *priced("Tea", [1.0 + n for n in range(40)]))
    assert stats.prices(frame)["category"].to_list() == ["Tea"]


def test_discounts_are_ranked_among_those_who_bought_five_things():
    rows = [
        {
            "customer_id": f"c_{person}", "kind": "order_completed", "at": START, "item_id": f"i{n}", "price": 1.0,
            "attributes": '{"coupon": 1}' if n < person % 5 else None,
        }
        for person in range(60)
        for n in range(5 if person else 4)
    ]  # fmt: skip
    found = stats.count(events(*rows).lazy()).quantiles.filter(measure="discounted")
    assert dict(found.select("share", "value").rows()) == {0.2: 0.4, 0.4: 0.6, 0.6: 0.8, 0.8: 1.8}


@given(st.lists(st.integers(1, 6), min_size=50, max_size=70))
@settings(max_examples=12)
def test_no_more_than_its_share_reach_a_fifth(numbers):
    """As found in real data: "more than three fifths of the customers" of somebody with as many orders as most."""
    rows = [
        {
            "customer_id": f"c_{person}",
            "kind": "order_completed",
            "at": START,
            "order_id": f"o{n}",
            "price": 1.0,
        }
        for person, number in enumerate(numbers)
        for n in range(number)
    ]
    found = stats.count(events(*rows).lazy()).quantiles.filter(measure="orders")
    for share, value in found.select("share", "value").iter_rows():
        assert sum(number < value for number in numbers) >= share * len(numbers) - 1e-9
        fewer = max((number for number in numbers if number < value), default=0)
        assert sum(number < fewer for number in numbers) < share * len(numbers)


def test_answers_are_the_same_whether_customers_are_counted_together_or_apart(monkeypatch):
    rows = []
    for person in range(9):
        for week in range(person + 1):
            message = {"customer_id": f"c_{person}", "message_id": f"m{week}", "channel": "email"}
            at = START + timedelta(days=7 * week)
            rows.append(message | {"kind": "message_sent", "at": at, "campaign_id": f"k{week % 2}"})
            if (person + week) % 3 == 0:
                rows.append(message | {"kind": "message_clicked", "at": at + timedelta(hours=1)})
            if (person + week) % 4 == 0:
                seen_at = at + timedelta(days=2)
                rows.append({"customer_id": f"c_{person}", "kind": "product_viewed", "at": seen_at})
    apart = responses.count(events(*rows).lazy())
    monkeypatch.setattr(purchase_lines, "_ROWS", 1_000)
    together = responses.count(events(*rows).lazy())
    assert [frame.rows() for frame in apart] == [frame.rows() for frame in together]
    assert together[0]["messages"].sum() == 45
