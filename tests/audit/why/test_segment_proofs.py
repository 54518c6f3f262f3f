"""Every segment that our definitions give has a counterfactual that holds: gone without it, there with any put back."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import segments, why
from audit.times import parse_iso
from tests.build import context, events

AT = parse_iso("2026-03-31T00:00:00Z")

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
            "kind": st.just("profile_updated"),
            "attributes": st.sampled_from(
                [
                    '{"age": 30, "settlement": "town", "home_ownership": "owner"}',
                    '{"age": "65+", "settlement": "rural", "postcode": "17207", "kids_count": "2"}',
                    '{"income": "15-24K"}',
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
    for segment in segments.derive(frame, ctx)["segment_id"]:
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
