"""Whose basket is it? Ranking, and the numbers behind it."""

from math import log

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.population import basket_baseline, baskets
from audit.population import basket_scores as score
from audit.population.basket_scores import settings as limits
from tests.audit.findings.anomaly.households import HOUSEHOLDS, world
from tests.build import events


@pytest.fixture(scope="module")
def strange() -> pl.DataFrame:
    return world()


@pytest.fixture(scope="module")
def known(strange):
    return basket_baseline.count(strange.lazy())


def scores(frame, known):
    rows = baskets.acts(frame)
    found = score.scored(rows, score.judged(rows, known), known)
    return found.join(rows.select("unit", "customer_id", "basket").unique(), on="unit")


def test_the_strange_basket_is_first_in_nine_of_ten_households(strange, known):
    first = (
        scores(strange, known)
        .sort("customer_id", "score", descending=[False, True])
        .unique("customer_id", keep="first", maintain_order=True)
    )
    right = first["basket"].str.starts_with("strange").sum()
    assert first.height == HOUSEHOLDS
    assert right >= 0.9 * HOUSEHOLDS
    assert (first.filter(pl.col("basket").str.starts_with("strange"))["percentile"] == 100).all()


def test_what_is_usual_scores_below_nothing(known):
    calm = scores(world(strange=False), known)
    assert (calm["score"] < 0).mean() > 0.9


def test_one_customer_alone_scores_as_among_everybody(strange, known):
    columns = ["customer_id", "basket", "score", "percentile", "variety", "baskets"]
    everybody = scores(strange, known).select(columns).filter(pl.col("customer_id") == "h03").sort("basket")
    alone = scores(strange.filter(pl.col("customer_id") == "h03"), known).select(columns).sort("basket")
    assert alone.equals(everybody)


def test_the_same_answer_whatever_the_order_of_customers(strange, known):
    columns = ["customer_id", "basket", "score"]
    turned = strange.sort(pl.col("customer_id").str.reverse(), "occurred_at", "event_id")
    same = scores(turned, known).select(columns).sort("customer_id", "basket")
    assert same.equals(scores(strange, known).select(columns).sort("customer_id", "basket"))
    again = basket_baseline.count(strange.lazy())
    assert again.places.equals(known.places)
    assert again.bursts.equals(known.bursts)


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 11)),
    min_size=4,
    max_size=40,
    unique=True,
)


@settings(max_examples=12, deadline=None)
@given(ROWS)
def test_every_part_of_the_score_is_what_counting_by_hand_gives(rows):
    frame = events(*(
        {"kind": "order_completed", "at": "2026-01-05T10:00", "customer_id": person, "order_id": f"{person}{number}",
         "event_id": f"{person}{number}-{item:02}", "item_id": f"{item:02}", "category": f"A{item // 6} > B{item // 3} > C{item // 2}"}
        for person, number, item in rows
    ))  # fmt: skip
    known = basket_baseline.count(frame.lazy())
    judged = score.judged(baskets.acts(frame), known)
    weights = {row["thing"]: row for row in known.places.iter_rows(named=True)}
    bursts = dict(known.bursts.iter_rows())
    place = {item: _path(item) for _, _, item in rows}
    for person, number, item in rows:
        mine = judged.filter(
            pl.col("unit") == _unit(frame, person, number), pl.col("thing") == f"{item:02}"
        ).row(0, named=True)
        basket = sorted(other for who, which, other in rows if (who, which) == (person, number))
        rest = [other for who, which, other in rows if who == person and which != number]
        above = len(rest)
        for depth, level in enumerate(baskets.LEVELS):
            here = place[item][depth]
            own = sum(place[other][depth] == here for other in rest)
            before = sum(place[other][depth] == here for other in basket[: basket.index(item)])
            share = weights[f"{item:02}"][f"{level}_share"]
            weight = weights[f"{item:02}"][f"{level}_weight"] * mine["variety"]
            burst = bursts[level]
            ours = burst * (own + weight * share) / (above + weight) + before
            assert mine[f"{level}_fits"] == pytest.approx(log(ours / (burst * share + before)))
            above = own


def _path(item):
    path = (f"A{item // 6}", f"B{item // 3}", f"C{item // 2}")
    return (path[0], path[:2], path, (path, item), (path, item))


def _unit(frame, person, number):
    rows = baskets.acts(frame)
    return rows.filter(pl.col("customer_id") == person, pl.col("basket") == f"{person}{number}")["unit"][0]


def test_the_shares_of_what_lies_under_one_place_are_one(known):
    above = ["family", *(f"{level}_node" for level in baskets.LEVELS[:-1])]
    for parent, level in zip(above, baskets.LEVELS, strict=True):
        places = known.places.unique([parent, f"{level}_node"])
        sums = places.group_by(parent).agg(pl.col(f"{level}_share").sum())[f"{level}_share"]
        assert sums.to_list() == pytest.approx([1.0] * len(sums))


def test_an_hour_that_is_not_the_accounts_counts_against_a_basket():
    rows = [
        {"kind": "order_completed", "customer_id": f"c{person}", "order_id": f"{person}-{number}", "item_id": "milk",
         "category": "Food", "at": f"2026-01-{1 + number:02}T{(9 if person else 21) if number else (21 if person else 9):02}:00"}
        for person in range(2) for number in range(10)
    ]  # fmt: skip
    frame = events(*rows)
    found = scores(frame, basket_baseline.count(frame.lazy()))
    first = found.sort("score", descending=True).group_by("customer_id", maintain_order=True).first()
    assert sorted(first["basket"]) == ["0-0", "1-0"]
    assert (first["hour_fits"] < 0).all()


def test_a_workspace_of_nothing_has_a_background_and_no_scores():
    empty = events()
    known = basket_baseline.count(empty.lazy())
    assert known.places.is_empty()
    assert scores(events({"kind": "order_completed", "at": "2026-01-05", "item_id": "x"}), known).is_empty()


def test_the_numbers_are_in_the_file_with_their_reason():
    assert limits().sources
    assert 1.0 in limits().varieties
