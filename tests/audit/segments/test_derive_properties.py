"""Properties of derived segments: against a plain-Python reading, alone and in a fleet, with events left out."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import segments
from audit.events.schema import in_order
from audit.events.times import parse_iso
from audit.segments.contributions import contributions, live
from audit.segments.event_selection import SelectedEvents
from audit.segments.transitions import counted_at
from tests.build import context, events

START = parse_iso("2026-01-01T00:00:00Z")
AT = parse_iso("2026-03-31T00:00:00Z")
N, WINDOW = 3, timedelta(days=30)

COUNT = segments.parse(
    """
[[segment]]
id = "three"
title = "Three orders"
basis = "behavioral"
purpose = "personalize.content.profiled"
source = "test"
reason = "{count}"
[[segment.when]]
test = "count"
kinds = ["order_completed"]
things = "order"
at_least = 3
window = "30d"
""",
    "test.toml",
)

acts = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                [
                    "order_completed",
                    "order_completed",
                    "product_viewed",
                    "product_added",
                    "subscribed",
                    "unsubscribed",
                ]
            ),
            "at": st.integers(0, 100 * 24).map(lambda hours: START + timedelta(hours=hours)),
            "item_id": st.sampled_from(["a", "b", "c", "d", None]),
            "order_id": st.sampled_from(["o1", "o2", "o3", "o4", None]),
            "category": st.sampled_from(["Electronics > Cameras > X", "Home > Lamps", None]),
            "price": st.sampled_from([400.0, 10.0, None]),
            "gift": st.sampled_from([True, None]),
        }
    ),
    min_size=1,
    max_size=25,
)


def history(rows, customer="c_1"):
    return events(*({**row, "customer_id": customer} for row in rows)).filter(pl.col("occurred_at") <= AT)


def units(frame):
    orders = frame.filter(pl.col("kind") == "order_completed").rows(named=True)
    return [(row["occurred_at"], row["order_id"] or f"event:{row['event_id']}") for row in orders]


def member(rows, t):
    return len({order for at, order in rows if t - WINDOW < at <= t}) >= N


@settings(max_examples=12, deadline=None)
@given(acts)
def test_a_count_holds_since_and_until_as_counting_by_hand_says(rows):
    frame = history(rows)
    found = segments.derive(frame, context(frame, AT), COUNT)
    orders = units(frame)
    assert found.height == int(member(orders, AT))
    if found.height:
        changes = sorted({at for at, _ in orders} | {at + WINDOW for at, _ in orders})
        until = next(t for t in changes if t > AT and not member(orders, t))
        broken = [t for t in changes if t <= AT and not member(orders, t)]
        since = next(t for t in changes if member(orders, t) and (not broken or t > broken[-1]))
        assert found.row(0)[4:6] == (since, until)


@settings(max_examples=12, deadline=None)
@given(acts)
def test_an_event_that_is_no_evidence_can_be_left_out(rows):
    frame = history(rows)
    found = segments.derive(frame, context(frame, AT))
    counted = {"frequent-buyer", "gift-giver", "technology-enthusiast"}
    for segment, evidence in (
        found.filter(found["definition"].is_in(counted)).select("segment_id", "evidence").rows()
    ):
        for event in set(frame["event_id"]) - set(evidence):
            without = frame.filter(pl.col("event_id") != event)
            assert segment in set(segments.derive(without, context(frame, AT))["segment_id"])


@settings(max_examples=12, deadline=None)
@given(acts)
def test_a_count_without_its_evidence_is_gone(rows):
    frame = history(rows)
    for evidence in segments.derive(frame, context(frame, AT), COUNT)["evidence"].to_list():
        without = frame.filter(~pl.col("event_id").is_in(evidence))
        assert segments.derive(without, context(frame, AT), COUNT).is_empty()


@settings(max_examples=12, deadline=None)
@given(st.lists(acts, min_size=1, max_size=5))
def test_a_fleet_gets_what_each_customer_gets_alone(histories):
    alone = [history(rows, f"c_{number}") for number, rows in enumerate(histories)]
    fleet = in_order(pl.concat(alone))
    ctx = context(fleet, AT)
    each = pl.concat([segments.derive(frame, ctx) for frame in alone])
    assert segments.derive(fleet, ctx).equals(each)


@settings(max_examples=12, deadline=None)
@given(acts)
def test_until_is_the_first_moment_at_which_it_is_gone(rows):
    frame = history(rows)
    for segment, until in segments.derive(frame, context(frame, AT)).select("segment_id", "until").rows():
        if until is None:
            continue
        just_before = until - timedelta(microseconds=1)
        assert segment in set(segments.derive(frame, context(frame, just_before))["segment_id"])
        assert segment not in set(segments.derive(frame, context(frame, until))["segment_id"])


@settings(max_examples=20, deadline=None)
@given(acts)
def test_what_is_counted_now_is_what_the_contributions_of_its_spells_add_up_to(rows):
    selected = SelectedEvents(history(rows), AT)
    for definition in segments.definitions():
        for condition in (one for one in definition.when if one.fifth is None and one.window_fifth is None):
            made = contributions(selected, condition).filter(live(AT))
            told = made.group_by("person", "group").agg(
                pl.col("weight").sum().alias("value"), pl.col("part").sum()
            )
            counted = counted_at(selected, condition, AT)
            assert sorted(counted.collect().rows()) == sorted(told.rows())
