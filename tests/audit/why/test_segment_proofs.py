"""Every segment that our definitions give has a counterfactual that holds: gone without it, there with any put back."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import segments, why
from audit.events.times import parse_iso
from audit.why.what_if_trials import Trials
from audit.why.wording import added_in_words
from tests.build import context, events

AT = parse_iso("2026-03-31T00:00:00Z")

BY_ID = {definition.id: definition for definition in segments.definitions()}
MEMBER_OR_SUBSCRIBER = replace(
    BY_ID["member"], any_of=True, when=(*BY_ID["subscriber"].when, *BY_ID["member"].when)
)


def test_what_makes_a_share_is_named_and_the_others_are_counted() -> None:
    bought = {"kind": "order_completed", "at": "2026-03-01"}
    cut = [
        bought | {"order_id": f"c{n}", "item_name": f"Mug  {n} ", "attributes": '{"discount": 2}'}
        for n in range(4)
    ]
    full = [
        bought | {"order_id": f"f{n}", "item_name": "Cup", "attributes": '{"discount": 0}'} for n in range(2)
    ]
    frame = events(*cut, *full)
    made = why.segment(frame, context(frame, at=AT), "deal-seeker")
    leaves = [leaf.text for leaf in made.because[0].because]
    assert sorted(leaves[:4]) == [f"of these: bought Mug {n} on 2026-03-01 00:00" for n in range(4)]
    assert leaves[4:] == ["of the others: 2 orders on 2026-03-01"]


def test_any_order_that_would_end_it_is_told_as_an_order_of_anything() -> None:
    bought = {
        "kind": "order_completed",
        "at": "2025-01-01",
        "order_id": "o",
        "item_id": "i",
        "item_name": "Mug",
    }
    frame = events(bought)
    proof = why.segment(frame, context(frame, at=AT), "lapsed").counterfactual
    assert proof is not None
    assert [added_in_words(event) for event in proof.add] == ["an order of anything on 2026-03-31 00:00"]
    assert (proof.everything, proof.worth_saying) == (True, False)


def test_where_only_an_order_of_the_same_would_end_it_that_is_named() -> None:
    at = {"at": "2026-03-30"}
    cart = {"kind": "product_added", "item_id": "pan", "item_name": "Frying pan", **at}
    frame = events(
        cart, {"kind": "order_completed", "item_id": "mug", "item_name": "Mug", "at": "2026-03-30T12:00"}
    )
    proof = why.segment(frame, context(frame, at=AT), "cart-abandoner").counterfactual
    assert proof is not None
    (added,) = proof.add
    assert added_in_words(added).startswith("an order of “Frying pan” on 2026-03-31")


ACT = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["product_viewed", "product_added", "order_completed", "wishlist_added"]),
            "category": st.sampled_from(["Tea > Green > Loose", "Tea > Black", None]),
            "topics": st.sampled_from([["tea"], ["gardening", "tea"], None]),
            "price": st.sampled_from([2.0, 700.0]),
            "time_zone": st.sampled_from(["Europe/Berlin", None, "no/zone"]),
            "country": st.sampled_from(["DE", "FR", None]),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["subscribed", "unsubscribed"]),
            "list_id": st.sampled_from(["news", "deals", None]),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("profile_updated"),
            "attributes": st.sampled_from(
                [
                    '{"age": 30, "settlement": "town", "home_ownership": "owner"}',
                    '{"age": "65+", "settlement": "rural", "postcode": "17207", "kids_count": "2"}',
                    '{"income": "15-24K", "membership": "gold"}',
                    '{"membership": "none"}',
                ]
            ),
            "country": st.sampled_from(["DE", "FR", None]),
        }
    ),
)
HISTORY = st.lists(st.tuples(ACT, st.integers(0, 100), st.integers(1, 6)), min_size=1, max_size=4)


def history(acts):
    """Each act as it is, again on as many days after it as its last number says."""
    rows = [
        {"event_id": f"a{number}.{again}", "at": AT - timedelta(days=day, hours=6 * again), **act}
        for number, (act, day, times) in enumerate(acts)
        for again in range(times)
    ]
    return events(*rows)


@given(HISTORY)
@settings(max_examples=5, deadline=None)
def test_every_derived_segment_has_a_counterfactual_that_holds(acts):
    frame = history(acts)
    ctx = context(frame, AT)
    listed = segments.memberships(frame, ctx).filter("derived")[
        "id"
    ]  # where two say the same, the exacter one
    for segment in listed:
        proof = why.segment(frame, ctx, segment).counterfactual
        assert proof is not None, segment
        assert proof.remove, segment
        for put_back in (None, *proof.remove[:2]):
            rest = frame.filter(~pl.col("event_id").is_in([one for one in proof.remove if one != put_back]))
            there = segment in set(segments.derive(rest, ctx)["segment_id"])
            assert there is (put_back is not None), (segment, put_back)


def test_where_somebody_lives_is_said_by_every_row_since_they_moved_and_all_have_to_go():
    rows = [
        {"kind": "order_completed", "event_id": f"o{n}", "at": AT - timedelta(days=n), "country": "FR"}
        for n in range(30)
    ]
    moved = {"kind": "order_completed", "event_id": "before", "at": AT - timedelta(days=90), "country": "DE"}
    frame = events(moved, *rows)
    proof = why.segment(frame, context(frame, AT), "country:FR").counterfactual
    assert proof is not None
    assert sorted(proof.remove) == sorted(row["event_id"] for row in rows)
    assert proof.smallest


@given(
    st.lists(st.tuples(st.sampled_from(["gold", "none", None]), st.integers(0, 5)), max_size=6),
    st.lists(st.tuples(st.booleans(), st.sampled_from(["news", None]), st.integers(0, 5)), max_size=4),
)
@settings(max_examples=12, deadline=None)
def test_where_one_of_several_conditions_is_enough_no_smaller_set_ends_them_all(said, lists):
    profiles = [
        {"kind": "profile_updated", "attributes": f'{{"membership": "{what}"}}' if what else None, "day": day}
        for what, day in said
    ]
    letters = [
        {"kind": "subscribed" if joins else "unsubscribed", "list_id": which, "day": day}
        for joins, which, day in lists
    ]
    rows = [
        {"event_id": f"e{n}", "at": AT - timedelta(days=row.pop("day") + 1), **row}
        for n, row in enumerate([*profiles, *letters])
    ]
    frame = events({"kind": "product_viewed", "event_id": "v", "at": AT - timedelta(days=9)}, *rows)
    ctx = context(frame, AT, definitions=(MEMBER_OR_SUBSCRIBER,))
    if "member" not in set(segments.derive(frame, ctx, ctx.definitions)["segment_id"]):
        return
    proof = why.segment(frame, ctx, "member").counterfactual
    assert proof is not None
    assert proof.smallest
    assert nothing_smaller_ends(frame, "member", set(proof.remove), (MEMBER_OR_SUBSCRIBER,))


def nothing_smaller_ends(frame, segment, removed, definitions=()):
    """Whether `removed` ends the segment and no set of fewer events does: all of them are tried."""
    ctx = context(frame, AT, definitions=definitions)

    def decide(copies):
        given_ = segments.derive(copies, ctx, definitions or None).filter(pl.col("segment_id") == segment)
        return dict(given_.select("customer_id", "evidence").rows())

    trials = Trials(frame, decide)
    smaller = [set(some) for size in range(len(removed)) for some in combinations(frame["event_id"], size)]
    return trials.gone([removed]) == [True] and not any(trials.gone(smaller))


def bought(number, *, discount, day):
    attributes = '{"discount": 2}' if discount else '{"discount": 0}'
    return {
        "kind": "order_completed",
        "event_id": f"o{number:04}",
        "at": AT - timedelta(days=day + 1),
        "attributes": attributes,
    }


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), min_size=4, max_size=9))
@settings(max_examples=12, deadline=None)
def test_of_a_share_as_few_go_as_can(orders):
    frame = events(*(bought(n, discount=discount, day=day) for n, (discount, day) in enumerate(orders)))
    if "deal-seeker" not in set(segments.derive(frame, context(frame, AT))["segment_id"]):
        return
    proof = why.segment(frame, context(frame, AT), "deal-seeker").counterfactual
    assert proof is not None
    assert proof.smallest
    assert nothing_smaller_ends(frame, "deal-seeker", set(proof.remove))


def test_of_a_share_of_very_many_orders_it_is_known_how_few_have_to_go():
    frame = events(*(bought(n, discount=n % 3 > 0, day=n % 300) for n in range(1_500)))
    proof = why.segment(frame, context(frame, AT), "deal-seeker").counterfactual
    assert proof is not None
    assert len(proof.remove) == 501  # 499 of what is left, of 999
    assert proof.smallest
