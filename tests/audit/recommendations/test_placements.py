"""Shown and reconstructed strips held together, alone and in a fleet."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import recommendations
from audit.events.schema import in_order
from audit.events.times import parse_iso
from audit.population import stats
from tests.build import context, days, events

AT = parse_iso("2026-06-30T12:00:00Z")


def shown(item="a", at=3, **fields):
    return {"kind": "recommendation_shown", "at": AT - days(at), "item_id": item, **fields}


def carted(item="a", at=9):
    return {"kind": "product_added", "at": AT - days(at), "item_id": item, "category": "Home"}


def strips(*rows):
    frame = events(*rows)
    return recommendations.Reconstruction(frame, context(frame, AT)).placements


def only(*rows):
    found = strips(*rows)
    assert found.height == 1
    return found.row(0, named=True)


def test_a_showing_meets_ours_in_item_and_strategy():
    row = only(carted(), shown(reason="Still in your cart"))
    assert (row["strategy"], row["logged"], row["derived"], row["standing"]) == (
        "left_in_cart",
        True,
        True,
        "stated",
    )
    assert row["evidence"] == ["e1"]
    assert row["shown"] == ["e2"]
    assert row["until"] == AT - days(9) + days(30)
    assert row["reason"].startswith(
        'The log says: "Still in your cart". Our definition gave it on 2026-06-27: Put into the cart on 2026-06-21'
    )


def test_what_was_shown_has_no_reason_that_came_after_it():
    """As found: a clipper shown in July was explained by a look in October."""
    log = 'The log says: "Inspired by your browsing".'
    looked = {"kind": "product_viewed", "item_id": "a"}
    showing = shown(at=10, reason="Inspired by your browsing")
    gave = f"{log} Our definition gave it on 2026-06-20: The customer had looked at it and not bought it since, the last look on"
    for looks, reason, evidence in (
        ([1], log, ["e1"]),
        ([10], log, ["e1"]),  # of the same moment nobody knows which came first
        ([11, 1], f"{gave} 2026-06-19.", ["e2"]),
        ([41], log, ["e1"]),
    ):
        row = only(showing, *({**looked, "at": AT - days(ago)} for ago in looks))
        assert (row["reason"], row["evidence"]) == (reason, evidence)
        assert row["derived"] is (min(looks) < 30)
    unsaid = only(shown(at=10, placement="home"), {**looked, "at": AT - days(1)}, *COVER)
    assert (unsaid["standing"], unsaid["reason"]) == (
        "unexplained",
        "Shown last on 2026-06-20; the log does not say why.",
    )


def test_a_showing_under_another_strategy_does_not_meet():
    found = strips(carted(), shown(placement="Buy Again"))
    assert found.select("strategy", "logged", "derived", "standing").rows() == [
        ("buy_again", True, False, "inferred"),
        ("left_in_cart", False, True, "derived"),
    ]


def test_a_showing_without_a_strategy_meets_ours_in_the_item():
    row = only(carted(), shown(placement="home"))
    assert (row["strategy"], row["standing"], row["logged"]) == ("left_in_cart", "derived", True)


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("Buy It Again", "buy_again"),
        ("Customers who bought this also bought", "also_bought"),
        ("Inspired by your purchases", "also_bought"),
        ("Inspired by your browsing history", "inspired_by_browsing"),
        ("home", "home"),
        (None, "shown"),
    ],
)
def test_placements_name_strategies(text, strategy):
    assert only(shown(placement=text))["strategy"] == strategy


def test_an_item_is_told_once_with_its_strongest_reason():
    """As found in real data: "recommended for you" repeats "also bought", and what was shown stands as not seen."""
    both = [carted(), shown(reason="Buy it again")]
    frame = events(*both)
    rows = recommendations.placements(frame, context(frame, AT))
    assert rows["strategy"].to_list() == ["buy_again", "left_in_cart"]
    (row,) = recommendations.told_once(rows).to_dicts()
    assert (row["strategy"], row["also_by"], row["logged"], row["derived"]) == (
        "buy_again",
        ["left_in_cart"],
        True,
        True,
    )
    assert (row["standing"], row["evidence"], row["shown"]) == ("stated", ["e2"], ["e2"])
    assert row["until"] == AT - days(9) + days(30)
    assert row["reason"] == 'The log says: "Buy it again".'


def test_ours_stands_by_the_act_with_the_item_itself_and_lasts_as_long_as_any():
    rows = pl.DataFrame(
        [
            _ours("also_bought", "looked", 1, ["other"], "bought other"),
            _ours("also_bought", "else", 2, ["other"], "bought other"),
            _ours("inspired_by_browsing", "looked", 3, ["looked"], "looked at it"),
            _ours("recommended_for_you", "else", 4, ["other"], "had other in view"),
        ],
        schema=recommendations.PLACEMENTS,
    )
    told = recommendations.told_once(rows)
    assert told.select("item_id", "strategy", "also_by", "reason").rows() == [
        ("looked", "inspired_by_browsing", ["also_bought"], "looked at it"),
        ("else", "also_bought", ["recommended_for_you"], "bought other"),
    ]
    assert told["until"].to_list() == [AT + days(3), AT + days(4)]
    assert told["evidence"].to_list() == [["e3"], ["e2"]]


def _ours(strategy, item, number, own, reason):
    own_items = [{"item_id": each, "share": 1.0} for each in own]
    return {
        "customer_id": "c_1", "item_id": item, "strategy": strategy, "title": item, "score": 1.0, "standing": "derived",
        "logged": False, "derived": True, "reason": reason, "evidence": [f"e{number}"], "until": AT + days(number),
        "own_items": own_items,
    }  # fmt: skip


COVER = [
    {"kind": kind, "at": AT - days(ago), "customer_id": "c_0", "event_id": f"{kind}{ago}"}
    for kind in ("order_completed", "product_viewed")
    for ago in (400, 3)
]
"""What somebody else did: the data holds orders and views."""


def test_where_the_data_holds_nothing_else_it_cannot_tell():
    assert only(shown(category="Home"))["standing"] == "cannot_tell"


def test_what_nothing_accounts_for_is_unexplained():
    row = only(shown(category="Home", event_id="e1"), *COVER)
    assert (row["standing"], row["evidence"]) == ("unexplained", ["e1"])
    assert row["reason"] == "Shown last on 2026-06-27; the log does not say why."


def test_an_earlier_act_in_the_category_could_be_behind_it():
    search = {"kind": "products_searched", "category": "Home"}
    assert only({**search, "at": AT - days(9)}, shown(category="Home"))["standing"] == "inferred"
    late = {**search, "at": AT - days(1)}
    assert only(late, shown(category="Home"), *COVER)["standing"] == "unexplained"


def test_repeated_showings_are_one_and_the_newest_item_stands_first():
    found = strips(shown("a", at=9), shown("b", at=5), shown("a", at=1))
    assert found.select("item_id", "shown").rows() == [("a", ["e1", "e3"]), ("b", ["e2"])]


def test_a_showing_after_the_moment_asked_about_is_not_there_yet():
    assert strips(shown(at=-1), carted("b"))["item_id"].to_list() == ["b"]


def test_nothing_gives_nothing():
    frame = events(shown()).clear()
    found = recommendations.placements(frame, context(frame, AT))
    assert found.is_empty()
    assert found.schema == recommendations.PLACEMENTS


acts = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                [
                    "order_completed",
                    "order_completed",
                    "product_viewed",
                    "product_added",
                    "recommendation_shown",
                ]
            ),
            "at": st.integers(0, 60 * 4).map(lambda quarter: AT - days(60 - quarter / 4)),
            "item_id": st.sampled_from(["a", "b", "c", "d", "e", "f"]),
            "category": st.sampled_from(["Home > Lamps", "Kitchen", None]),
            "placement": st.sampled_from(["Buy Again", "home", None]),
        }
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=12, deadline=None)
@given(st.lists(acts, min_size=3, max_size=9))
def test_a_fleet_gets_what_each_customer_gets_alone(histories):
    alone = [
        events(*({**row, "customer_id": f"c_{number}"} for row in rows))
        for number, rows in enumerate(histories)
    ]
    fleet = in_order(pl.concat(alone))
    ctx = context(fleet, AT, facts=stats.count(fleet.lazy()))
    assert recommendations.placements(fleet, ctx).equals(
        pl.concat([recommendations.placements(frame, ctx) for frame in alone])
    )


@settings(max_examples=12, deadline=None)
@given(acts)
def test_a_recommendation_without_its_evidence_is_gone(rows):
    frame = events(*rows)
    ctx = context(frame, AT, facts=stats.count(frame.lazy()))
    for item, strategy, evidence in (
        recommendations.derive(frame, ctx).select("item_id", "strategy", "evidence").rows()
    ):
        left = recommendations.derive(frame.filter(~pl.col("event_id").is_in(evidence)), ctx)
        assert left.filter(pl.col("item_id") == item, pl.col("strategy") == strategy).is_empty()
