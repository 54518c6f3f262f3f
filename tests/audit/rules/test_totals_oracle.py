"""What `simulate` adds up, beside a count written straight from the contract, in plain Python."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import NormalDist

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from audit.events.schema import in_order
from audit.rules.model import from_dict
from audit.rules.replay import fleet, outcomes, simulation
from tests.audit.rules.build import cap
from tests.build import context, events

START = datetime(2026, 1, 1, tzinfo=UTC)
NO = ("unsubscribed", "objected", "consent_withdrawn")

moments = st.builds(
    lambda steps, ticks: START + timedelta(hours=12 * steps, microseconds=ticks),
    st.sampled_from((0, 1, 2, 3, 14, 15, 16)),
    st.sampled_from((0, 0, 0, 1, -1)),
)
"""Close together, and a week apart to the microsecond."""

message_ids = st.sampled_from(("m1", "m1", "m2", None))
somebody = st.sampled_from(("c_1", "c_1", "c_1", "c_2"))
things = {
    "item_id": st.sampled_from((None, "7", "8")),
    "category": st.sampled_from(("A", "A", "A > B", None)),
}
messages = st.fixed_dictionaries(
    {
        "kind": st.just("message_sent"), "at": moments, "customer_id": somebody, "message_id": message_ids, **things,
        "campaign_id": st.sampled_from(("news", "news", "cart", None)), "campaign_name": st.sampled_from((None, "Deals")),
        "message_class": st.sampled_from(("marketing", "marketing", "transactional")),
        "mailbox_provider": st.sampled_from((None, "gmx", "gmail")),
    }
)  # fmt: skip
responses = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("message_clicked", "message_clicked", "message_opened", "message_complained")),
        "at": moments, "customer_id": somebody, "message_id": message_ids, "machine": st.sampled_from((None, None, True)),
    }
)  # fmt: skip
acts = st.fixed_dictionaries(
    {"kind": st.sampled_from(("order_completed", "order_completed", *NO)), "at": moments, "customer_id": somebody, **things}
)  # fmt: skip
histories = st.lists(
    st.tuples(st.one_of(messages, messages, responses, acts), st.text("ab", min_size=1, max_size=6)),
    min_size=1,
    max_size=22,
    unique_by=lambda one: one[1],
).map(lambda mixed: [{**row, "event_id": name} for row, name in mixed])
sets = st.sampled_from(
    (
        [cap(2, "8d"), cap(1, "1d", id="news", campaigns=["news"])],
        [{"id": "gap", "kind": "min_gap", "window": "2d"}, cap(0, "1d", campaigns=["cart"])],
        [{"id": "mute", "kind": "mute", "campaigns": ["Deals"]}, cap(1, "2d", per=["campaign"])],
    )
)


def standing(rows):
    """The first row of each message of each customer, in order."""
    first = {}
    for row in rows:
        if row["kind"] == "message_sent":
            first.setdefault((row["customer_id"], row["message_id"] or f"event:{row['event_id']}"), row)
    return list(first.values())


def became(rows, message):
    """What happened to one message, a sentence of the contract a line."""
    own = [row for row in rows if row["customer_id"] == message["customer_id"]]
    place = message["occurred_at"], message["event_id"]
    on_it = [
        row
        for row in own
        if message["message_id"] is not None
        and row["message_id"] == message["message_id"]
        and not row["machine"]
    ]
    clicks = [row for row in on_it if row["kind"] == "message_clicked"]
    by = "item_id" if message["item_id"] is not None else "category"
    orders = [
        row
        for row in own
        if row["kind"] == "order_completed" and message[by] is not None and row[by] == message[by]
    ]
    later = [
        (one["occurred_at"], one["event_id"])
        for one in standing(own)
        if (one["occurred_at"], one["event_id"]) > place
    ]
    until = min(later, default=(datetime.max.replace(tzinfo=UTC), ""))
    return {
        "opened": any(row["kind"] == "message_opened" for row in on_it),
        "clicked": bool(clicks),
        "converted": any(
            (click["occurred_at"], click["event_id"]) < (order["occurred_at"], order["event_id"])
            and order["occurred_at"] - click["occurred_at"] <= timedelta(days=7)
            for click in clicks
            for order in orders
        ),
        "complained": any(row["kind"] == "message_complained" for row in on_it),
        "opted_out": any(
            row["kind"] in NO and place < (row["occurred_at"], row["event_id"]) < until for row in own
        ),
    }


def campaign(row):
    return row["campaign_id"] if row["campaign_id"] is not None else row["campaign_name"]


def counted(rows, decisions, documents):
    """The totals of the contract out of the decisions and the events."""
    sent = {(row["customer_id"], row["event_id"]): row for row in standing(rows)}
    what = {key: became(rows, row) for key, row in sent.items()}
    reporting = {sent[key]["mailbox_provider"] for key, one in what.items() if one["complained"]}
    groups = {
        group: [(row["customer_id"], row["event_id"]) for row in decisions if row["decision"] == decision]
        for group, decision in (("stopped", "stop"), ("let_through", "allow"))
    }
    kinds = {row["kind"] for row in rows}
    recorded = {
        "response": "message_clicked" in kinds,
        "order": {"message_clicked", "order_completed"} <= kinds,
        "complaint": "message_complained" in kinds,
        "opt_out": bool(kinds & set(NO)),
    }
    flags = {"response": "clicked", "order": "converted", "complaint": "complained", "opt_out": "opted_out"}
    rates = {}
    for group, keys in groups.items():
        for rate, flag in flags.items():
            among = [key for key in keys if rate != "complaint" or sent[key]["mailbox_provider"] in reporting]
            rates[group, rate] = (
                sum(what[key][flag] for key in among),
                len(among) if recorded[rate] else 0,
            )
    caps = {one["id"] for one in documents if one["kind"] == "frequency_cap"}
    displaced = Counter(
        (by, campaign(sent[row["customer_id"], row["event_id"]]))
        for row in decisions
        if row["deciding_rule"] in caps
        for by in {campaign(sent[row["customer_id"], one]) for one in row["counted"]}
    )
    return what, groups, rates, displaced, sum(row["mailbox_provider"] in reporting for row in sent.values())


@settings(max_examples=25, deadline=None)
@given(histories, sets, st.integers(1, 30))
def test_the_totals_are_those_of_the_contract_counted_naively(history, documents, at_hand):
    frame = events(
        *({"machine": None, "message_id": None, "mailbox_provider": None, **row} for row in history)
    )
    rules, known = [from_dict(one) for one in documents], context(frame)
    made = simulation.simulate(frame, rules, known)
    told = made.document().to_json()
    empty = dict.fromkeys(("message_id", "machine", "item_id", "category", "campaign_id", "campaign_name"))
    rows = [{**empty, **row} for row in in_order(frame).iter_rows(named=True)]
    decisions = list(made.decisions.iter_rows(named=True))
    what, groups, rates, displaced, known_for = counted(rows, decisions, documents)

    stopped = groups["stopped"]
    flags = {"opened": "opened", "responded": "clicked", "converted": "converted"}
    wanted = {name: sum(what[key][flag] for key in stopped) for name, flag in flags.items()}
    assert told["stopped_wanted"] == wanted
    assert told["stopped_unwanted"] == {
        "complained": sum(what[key]["complained"] for key in stopped),
        "unsubscribed_next": sum(what[key]["opted_out"] for key in stopped),
    }
    assert {(one["by"], one["stopped"]): one["n"] for one in told["displaced"]} == displaced
    for (group, rate), (number, among) in rates.items():
        one = told["rates"][group][rate]
        assert (one["n"], one["of"]) == (number, among), (group, rate)
        assert one["rate"] == (approx(number / among, abs=1e-6) if among else None)
    assert told["complaints_known_for"] == (approx(known_for / len(what), abs=1e-6) if what else None)
    assert told["rates"]["random_same_number"]["messages"] == told["stopped"] == len(stopped)
    assert told["customers_affected"] == len({customer for customer, _ in stopped})
    assert told["by_rule"] == {
        one.id: sum(row["deciding_rule"] == one.id for row in decisions) for one in made.rules
    }

    columns = [name for name in fleet.COLUMNS if name not in frame.columns]
    whole = frame.with_columns(empty().select(columns).clear(frame.height)) if columns else frame
    assert fleet.simulate(whole.lazy(), rules, known, rows=at_hand).document().to_json() == told


@settings(max_examples=45, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 3000))
def test_the_intervals_are_wilsons(some, more):
    """Held to the formula of the paper, written out."""
    number, among = min(some, more), max(some, more)
    z = NormalDist().inv_cdf(0.975)
    rate = number / among
    middle = (rate + z * z / (2 * among)) / (1 + z * z / among)
    half = z / (1 + z * z / among) * sqrt(rate * (1 - rate) / among + z * z / (4 * among**2))
    made = outcomes.share(number, among)
    assert (made.low, made.high) == approx((middle - half, middle + half), abs=1e-6)
