"""What sums say of a placement by pairs, whatever is left out, is what the placement holds without it."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

from audit import recommendations
from audit.population import stats
from audit.recommendations.derive import prepared, recommended
from audit.recommendations.strategies import READ
from audit.why.what_if_trials import by_copies
from audit.workspace.context import Context
from tests.build import context, events

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 800
KINDS = ("order_completed", "order_completed", "product_viewed", "product_added", "wishlist_added")
BY_PAIRS = ("also_bought", "recommended_for_you", "order_cross_sell")


def _act(number: int, customer: str, item: int, day: float, kind: str) -> dict[str, Any]:
    return {
        "event_id": f"{customer}-{number:05}",
        "customer_id": customer,
        "kind": kind,
        "at": f"{BEGAN + timedelta(days=day):%Y-%m-%dT%H:%M:%S}",
        "item_id": f"i{item:03}",
        "category": f"C > {item % 20}",
        "order_id": f"{customer}-{int(day)}",
    }


def shop(seed: int) -> list[dict[str, Any]]:
    """Sixty people who each keep to twenty of 240 items, and one customer with 500 acts, more in the end."""
    chance = Random(seed)
    rows = []
    for person in range(60):
        for number in range(16):
            item = person % 6 * 40 + chance.randrange(20)
            rows.append(
                _act(number, f"p{person:02}", item, chance.randrange(DAYS) + chance.random(), KINDS[0])
            )
    for number in range(500):
        day = DAYS * chance.random() ** 0.5
        rows.append(_act(number, "c", chance.randrange(240), day, chance.choice(KINDS)))
    return sorted(rows, key=lambda row: (row["at"], row["event_id"]))


def _customer(seed: int) -> tuple[pl.DataFrame, Context]:
    frame = events(*shop(seed)).with_columns(_order())
    own = frame.filter(pl.col("customer_id") == "c", pl.col("kind").is_in(READ))
    return prepared(own.tail(120), context(frame, facts=stats.count(frame.lazy())))


def _order() -> pl.Expr:
    """Large orders: what the others bought within two hundred days, and the customer within one."""
    long = pl.when(pl.col("customer_id") == "c").then(1).otherwise(200)
    day = (pl.col("occurred_at") - pl.col("occurred_at").min()).dt.total_days()
    return pl.format("{}-{}", "customer_id", day // long).alias("order_id")


def _left_out(acts: pl.DataFrame, evidence: list[str], chance: Random) -> list[set[str]]:
    """Parts of what speaks for it, of everything, of the newest acts (and so of the newest orders), and of all of it."""
    ids = acts["event_id"].to_list()
    parts = [
        set(chance.sample(some, chance.randint(1, len(some))))
        for some in (evidence, ids, ids[-40:], ids[-9:])
    ]
    return [set(), set(evidence), set(ids), parts[0] | parts[2], *parts]


@pytest.mark.parametrize("seed", (3, 5))
def test_sums_hold_an_item_where_the_placement_does(seed: int) -> None:
    acts, known = _customer(seed)
    chance, held = Random(seed), {name: set[bool]() for name in BY_PAIRS}
    rows = recommended(acts, known, BY_PAIRS).select("strategy", "item_id", "evidence").rows()
    for given, item, evidence in rows:
        sets = _left_out(acts, evidence, chance)
        for name in BY_PAIRS:
            asked = {name: known}
            gone = by_copies(
                acts,
                lambda copies, asked=asked, item=item: recommendations.customers_given(copies, asked, item),
            )
            sums = recommendations.by_sums(acts, asked, item)[name]
            assert [not sums(one) for one in sets] == list(gone(sets)), (given, name, item)
            held[name].update(map(sums, sets))
    assert all(said == {True, False} for said in held.values())


def test_the_next_order_is_the_newest_once_that_is_left_out() -> None:
    rows = [
        {"event_id": f"{who}-{what}", "customer_id": who, "kind": "order_completed", "item_id": what, "order_id": who,
         "at": "2026-01-02" if what in "ab" else "2026-01-03"}
        for who, what in [(f"p{n}", what) for n in range(40) for what in ("ab" if n % 2 else "cd")]
    ]  # fmt: skip
    mine = [
        {"event_id": f"c-{what}", "customer_id": "c", "kind": "order_completed", "item_id": what, "order_id": what,
         "at": at} for what, at in (("a", "2026-01-04"), ("c", "2026-01-05"))
    ]  # fmt: skip
    frame = events(*rows, *mine)
    known = context(frame, at=frame["occurred_at"].max() + timedelta(days=1), facts=stats.count(frame.lazy()))
    acts, known = prepared(frame.filter(pl.col("customer_id") == "c"), known)
    goes_with_a = recommendations.by_sums(acts, {"order_cross_sell": known}, "b")["order_cross_sell"]
    goes_with_c = recommendations.by_sums(acts, {"order_cross_sell": known}, "d")["order_cross_sell"]
    assert [goes_with_a(set()), goes_with_c(set())] == [False, True]
    assert [goes_with_a({"c-c"}), goes_with_c({"c-c"})] == [True, False]
