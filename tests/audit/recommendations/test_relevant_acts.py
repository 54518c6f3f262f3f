"""What is left out of long histories while one item is decided changes no answer."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

from audit import recommendations
from audit.population import stats
from audit.recommendations.placement_schema import READ
from tests.build import context, events

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 800
KINDS = ("order_completed", "order_completed", "product_viewed", "product_added", "wishlist_added")


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


@pytest.mark.parametrize("seed", range(3))
def test_an_item_is_given_by_the_acts_that_vie_for_it_as_by_all_whatever_is_left_out_behind_it(
    seed: int,
) -> None:
    frame = events(*shop(seed))
    ctx = context(frame, facts=stats.count(frame.lazy()))
    own = frame.filter(pl.col("customer_id") == "c", pl.col("kind").is_in(READ))
    acts, known = recommendations.prepared(own, ctx)
    given = recommendations.derive(own, ctx)
    assert given["strategy"].n_unique() >= 6
    shorter, chance = 0, Random(seed)
    for strategy, item, evidence in given.select("strategy", "item_id", "evidence").rows():
        near = recommendations.vying(acts, known, item, {strategy})
        shorter += near.acts.height < acts.height
        for left_out in ([], evidence, chance.sample(evidence, chance.randint(1, len(evidence)))):
            rest = ~pl.col("event_id").is_in(list(left_out))
            among, of_all = (
                recommendations.given(rows.filter(rest), about, item).rows()
                for rows, about in ((near.acts, near.known), (acts, {strategy: known}))
            )
            assert among == of_all, (strategy, item, left_out)
    assert shorter > given.height / 2


@pytest.mark.parametrize("seed", range(3))
def test_the_acts_that_vie_while_only_some_are_left_out_decide_as_all_do(seed: int) -> None:
    frame = events(*shop(seed))
    ctx = context(frame, facts=stats.count(frame.lazy()))
    own = frame.filter(pl.col("customer_id") == "c", pl.col("kind").is_in(READ))
    acts, known = recommendations.prepared(own, ctx)
    chance, gone = Random(seed), 0
    for strategy, item, evidence in (
        recommendations.derive(own, ctx).select("strategy", "item_id", "evidence").rows()
    ):
        within = chance.sample(evidence, min(len(evidence), 4))
        items = acts.filter(pl.col("event_id").is_in(within))["item_id"].unique()
        near = recommendations.vying(acts, known, item, {strategy})
        holds = recommendations.by_pairs(near.acts, near.known, item)
        beside = recommendations.vying_beside(acts, known, item, {strategy}, items)
        for left_out in (within[:1], within[1:], within):
            rest = ~pl.col("event_id").is_in(left_out)
            if strategy in holds:
                among = not holds[strategy](set(left_out))
            else:
                among = not recommendations.given_to(beside.filter(rest), {strategy: known}, item)
            assert among is recommendations.given(acts.filter(rest), {strategy: known}, item).is_empty()
            assert among is (not recommendations.given_to(acts.filter(rest), {strategy: known}, item))
            gone += among
    assert gone
