"""The causes of whole customers at once are those that explaining each message by itself names."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from audit import flows, why
from audit.events.messages import sent_messages
from audit.events.sensitive_topics import topic_of_row, touched
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.flows.campaign_map import fill
from audit.population import coverage, stats
from audit.rules.model import from_dict
from audit.why.related_acts import candidates
from audit.workspace.context import Context
from fixtures import demo_campaigns, demo_flows, scenes
from fixtures.fleet import fleet
from tests.audit.rules.build import stopped_by
from tests.build import context, events


def told(frame, known, row):
    """The event_ids that the explanation of the message `row` names as its causes, in order."""
    made = why.message(frame, known, row["event_id"])
    if made.standing in {"stated", "derived"}:
        (checked,) = [one for one in made.because if one.facts and one.facts.trigger is not UNSET]
        leaves = [
            one for one in checked.because if one.facts and not (one.facts.ended_it or one.facts.condition)
        ]
        named = {name for one in leaves if not one.text.startswith("could be: ") for name in one.events}
    elif made.standing == "inferred":
        named = {name for one in made.because if "could be" in one.text for name in one.leaves()}
    else:
        named = set()
    return [name for name in frame["event_id"] if name in named]


def hold_together(frame, known, most=None):
    """Compare customer by customer; `most`: so many messages of each, chosen at random."""
    made = {(row[0], row[1]): row[2:] for row in why.causes(frame, known).iter_rows()}
    sent = sent_messages(frame)
    assert set(made) == set(sent.select("customer_id", "event_id").iter_rows())
    for own in frame.partition_by("customer_id", maintain_order=True):
        mails = sent.filter(customer_id=own["customer_id"][0]).to_dicts()
        chosen = mails if most is None else random.Random(7).sample(mails, min(most, len(mails)))
        for row in chosen:
            causes, topics = made[row["customer_id"], row["event_id"]]
            assert causes == told(own, known, row), row["event_id"]
            behind = [row, *own.filter(pl.col("event_id").is_in(causes)).to_dicts()]
            assert set(topics) >= {topic_of_row(one) for one in behind} - {None}
            touching = touched(own.filter(pl.col("event_id").is_in([row["event_id"], *causes])))
            assert set(topics) >= set(touching["topic"])
    return made


def around(frame, *, defined=True):
    return Context(
        at=frame["occurred_at"].max(),
        coverage=coverage.summarize(coverage.daily(frame)),
        facts=stats.none(),
        campaigns=demo_campaigns(),
        flows=flows.from_json(demo_flows()) if defined else (),
    )


@pytest.mark.parametrize(("mapped", "defined"), [(True, True), (True, False), (False, True)])
def test_on_the_scenes(mapped, defined):
    frame = scenes.events()
    known = around(frame, defined=defined)
    if mapped:
        frame = fill(frame.lazy(), known.campaigns).collect()
    made = hold_together(frame, known, most=3)
    assert sum(bool(causes) for causes, _ in made.values()) > 50
    assert sum(bool(topics) for _, topics in made.values()) > 5


def test_on_customers_of_the_fleet():
    frame = fleet(20).events
    known = around(frame)
    assert any(causes for causes, _ in hold_together(frame, known, most=4).values())


START = datetime(2026, 3, 1, tzinfo=UTC)
PATHS = (
    None, "", "Beauty", "Beauty > Nails", "Beauty > Nails > Clippers", "Beauty > Hair", "Baby > Prenatal > Vitamins",
    "A >  > B", "A > > B", "A > B > C > D", "A > B > X > Y",
)  # fmt: skip
TRIGGERS = (
    None, "", "cart", "Abandoned Cart", "cart:B00X", "segment:pregnant", "segment:", "newsletter", "viewed", "winback",
    "no such thing", "purchase", "order_shipped",
)  # fmt: skip
MAP = pl.DataFrame(
    [
        {"campaign_id": "a", "trigger": "browse"},
        {"campaign_id": "b", "trigger": "newsletter"},
        {"campaign_id": "c", "trigger": "segment:pregnant"},
        {"match": "Your *", "trigger": "replenishment"},
        {"match": "*cart*", "trigger": "cart"},
    ],
    schema=CAMPAIGNS,
)
about = {
    "at": st.integers(0, 30).map(lambda days: START + timedelta(days=days)),
    "item_id": st.sampled_from((None, None, "1", "2")),
    "item_name": st.sampled_from((None, "Steel clippers", "Hair brush", "Vase")),
    "category": st.sampled_from(PATHS),
    "topics": st.sampled_from((None, (), ("pregnancy",), ("sport", "health"))),
    "segment_id": st.sampled_from((None, None, "", "pregnant", "vase-lovers")),
}
acts = st.fixed_dictionaries(
    {
        **about,
        "kind": st.sampled_from(
            (
                "product_viewed", "order_completed", "product_added", "products_searched", "segment_entered",
                "segment_left", "order_refunded", "wishlist_added", "content_consumed", "subscribed",
            )
        ),
        "query": st.sampled_from((None, "nail clipper", "baby names", "vases")),
    }
)  # fmt: skip
mails = st.fixed_dictionaries(
    {
        **about,
        "kind": st.just("message_sent"),
        "message_id": st.sampled_from((None, "m1", "m2")),
        "trigger": st.sampled_from(TRIGGERS),
        "campaign_id": st.sampled_from((None, "a", "b", "c", "d")),
        "campaign_name": st.sampled_from((None, "Your clippers", "left in the CART")),
        "subject": st.sampled_from((None, "A brush for you", "Vitamins and vases")),
        "list_id": st.sampled_from((None, None, None, "", "weekly")),
    }
)
names = st.text("abcd", min_size=1, max_size=6)


def histories(*rows):
    """Rows beside their event_ids."""
    return st.lists(st.tuples(st.one_of(*rows), names), min_size=1, max_size=14, unique_by=lambda row: row[1])


@settings(max_examples=25, deadline=None)
@given(histories(acts, acts, mails), st.booleans())
def test_on_whatever_a_history_holds(some, mapped):
    if not any(row["kind"] == "message_sent" for row, _ in some):
        return
    frame = events(*({**row, "event_id": name} for row, name in some))
    hold_together(frame, context(frame, campaigns=MAP if mapped else None))


FLOWS = flows.from_json(
    flows.to_json(
        [
            {
                "id": "series",
                "like": "cart-series",
                "step": [
                    {"step": "1", "after": "1d", "leeway": "2d"},
                    {"step": "2", "after": "3d", "leeway": "3d"},
                ],
            },
            {"id": "cart", "trigger": "cart", "list": "weekly"},
            {"id": "weekly", "list": "weekly", "every": "7d"},
            {"id": "vases", "trigger": "browse", "segment": "vase-lovers"},
        ]
    )
)
hours = st.integers(0, 9 * 24).map(lambda hour: START + timedelta(hours=hour))
shopping = st.fixed_dictionaries(
    {
        "at": hours,
        "kind": st.sampled_from(("product_added", "product_viewed", "order_completed", "product_removed")),
        "item_id": st.sampled_from(("1", "2")),
    }
)
joining = st.fixed_dictionaries(
    {
        "at": hours,
        "kind": st.sampled_from(("subscribed", "unsubscribed", "segment_entered", "segment_left")),
        "list_id": st.sampled_from((None, "weekly")),
        "segment_id": st.just("vase-lovers"),
    }
)
flow_mails = st.fixed_dictionaries(
    {
        "at": hours,
        "kind": st.just("message_sent"),
        "campaign_id": st.sampled_from(("series", "cart", "weekly", "vases")),
        "trigger": st.sampled_from((None, None, None, "cart", "no such thing")),
        "series_step": st.sampled_from((None, None, "1", "2", "3")),
        "item_id": st.sampled_from((None, "1")),
    }
)


@settings(max_examples=25, deadline=None)
@given(histories(shopping, joining, flow_mails, flow_mails))
def test_where_flows_are_defined_for_the_campaigns(some):
    if not any(row["kind"] == "message_sent" for row, _ in some):
        return
    frame = events(*({**row, "event_id": name} for row, name in some))
    hold_together(frame, replace(context(frame), flows=FLOWS))


def test_a_trigger_that_something_ended_is_a_cause_for_the_sender_who_states_it():
    cart = {"kind": "product_added", "at": "2026-01-01T10:00", "item_id": "1"}
    order = {"kind": "order_completed", "at": "2026-01-01T11:00", "item_id": "1"}
    mail = {"kind": "message_sent", "at": "2026-01-01T12:00", "item_id": "1", "trigger": "cart"}
    frame = events(cart, order, mail)
    assert why.causes(frame, context(frame))["causes"].to_list() == [["e1"]]


def test_a_list_is_nobodys_act():
    search = {"kind": "products_searched", "at": "2026-01-01T10:00", "query": "nail clipper"}
    mail = {"kind": "message_sent", "at": "2026-01-02T10:00", "subject": "Clippers", "list_id": "weekly"}
    frame = events(search, mail)
    assert why.causes(frame, context(frame))["causes"].to_list() == [[]]


def test_each_customer_alone_gives_what_all_together_give():
    frame = fill(scenes.events().lazy(), demo_campaigns()).collect()
    known = around(frame)
    alone = [why.causes(own, known) for own in frame.partition_by("customer_id", maintain_order=True)]
    assert pl.concat(alone).equals(why.causes(frame, known))


def test_nothing_has_no_causes():
    frame = events({"kind": "product_viewed", "at": "2026-01-01T10:00"})
    assert why.causes(frame, context(frame)).is_empty()
    assert candidates(frame, {**frame.row(0, named=True), "subject": None}).is_empty()


def test_the_mothers_mails_rest_on_the_audience_and_touch_the_topic():
    frame = fill(scenes.events().lazy(), demo_campaigns()).collect()
    made = why.causes(frame, around(frame)).join(frame, on=["customer_id", "event_id"])
    mails = made.filter(customer_id="scene-03-expecting-mother", campaign_id="little-one")
    assert mails.height
    assert mails["sensitive"].list.contains("pregnancy").all()
    assert mails["causes"].list.len().min() > 0


def test_mails_stop_once_everything_they_rest_on_is_left_out():
    frame = fill(scenes.events().lazy(), demo_campaigns()).collect()
    known = around(frame)
    own = frame.filter(customer_id="scene-01-nail-clipper")

    def stopped(*left_out):
        rule = from_dict({"id": "out", "kind": "exclude_event", "events": list(left_out)})
        return stopped_by(own, known, rule, causes=why.causes(own, known))

    about = pl.col("campaign_id").is_in(["browse-retarget-beauty", "new-for-you"])
    mails = own.filter(about, kind="message_sent")["event_id"]
    assert stopped("o-1841") == []
    assert stopped("o-1841", "v-0003", "v-0004") == [name for name in mails if name != "m-0020"]
    assert stopped("o-1841", "v-0003", "v-0004", "v-0019") == list(mails)
