"""The gate decides one by one what a replay decides of the whole."""

import json
from datetime import timedelta
from heapq import heapify, heappop, heappush

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.enforcement.gate.decider import Gate
from audit.enforcement.gate.record import compact
from audit.errors import InputError
from audit.events.purchases import TAKEN_BACK
from audit.events.schema import in_order
from audit.rules.model import from_dict
from audit.rules.reference import histories
from audit.rules.reference.history import Act, Message
from audit.rules.replay import simulation
from tests.audit.rules import test_oracles as oracles
from tests.audit.rules.build import cap, engaged, message
from tests.audit.rules.test_properties import ZONES, calendars, caps, moments, rows
from tests.build import context, days, events

acts = st.lists(
    st.builds(
        lambda at, name, kind, item, zone, order, quantity: {
            "kind": kind, "at": at, "event_id": name, "item_id": item, "time_zone": zone, "category": f"A > {item}",
            "order_id": order, "quantity": quantity, "price": 5.0, "item_name": None if order else "Postage",
        },
        moments,
        st.text("cd", min_size=1, max_size=6),
        st.sampled_from(("order_completed", "order_completed", "product_viewed", "product_added", *TAKEN_BACK)),
        st.sampled_from(("7", "8", None)),
        st.sampled_from((*ZONES, None)),
        st.sampled_from(("o1", "o2", None)),
        st.sampled_from((1.0, 2.0, None, -1.0)),
    ),
    max_size=12,
    unique_by=lambda row: row["event_id"],
)  # fmt: skip
items = st.sampled_from(("7", "8", None))
cooldowns = st.builds(
    lambda same, window, after: {
        "kind": "cooldown", "same": same, "window": window, "after": after, "fallback": "2d",
    },
    st.sampled_from(("nothing", "item", "category")),
    st.sampled_from(("1d", "3d", "repurchase")),
    st.sampled_from(("order_completed", ["product_viewed", "product_added"])),
)  # fmt: skip
gaps = st.builds(lambda window: {"kind": "min_gap", "window": window}, st.sampled_from(("6h", "1d")))
mutes = st.just({"kind": "mute", "campaigns": ["cart"]})
quiet = st.builds(
    lambda hours, on_fail: {"kind": "quiet_hours", "quiet": hours, "on_fail": on_fail},
    st.sampled_from(("21:00-08:00", "11:00-13:00")),
    st.sampled_from(("drop", "defer")),
)
dropping = st.lists(st.one_of(caps, calendars, cooldowns, gaps, mutes), min_size=1, max_size=4)
any_rules = st.lists(
    st.one_of(
        st.builds(
            lambda rule, on_fail: {**rule, "on_fail": on_fail},
            st.one_of(caps, calendars, gaps),
            st.sampled_from(("drop", "defer")),
        ),
        cooldowns,
        quiet,
    ),
    min_size=1,
    max_size=4,
)


def made(documents):
    return [from_dict({**rule, "id": f"r{number}"}) for number, rule in enumerate(documents)]


def replayed(frame, rules):
    decisions = simulation.simulate(frame, rules, context(frame)).decisions
    return {
        (row["customer_id"], row["event_id"]): (
            row["decision"], row["deciding_rule"], row["failing_rules"], row["counted"], row["next_allowed_at"],
            row["cannot_tell"], row["assumed"],
        )
        for row in decisions.iter_rows(named=True)
    }  # fmt: skip


def of_row(row):
    """The message or the act that a row of a frame is."""
    shared = {"campaign": row["campaign_id"], "item": row["item_id"], "at": row["occurred_at"]}
    kind = Message if row["kind"] == "message_sent" else Act
    return kind(**{name: shared.get(name, row.get(name)) for name in kind._fields})


def gated(frame, rules, gate=None):
    """Feed a frame in order, each deferred message again when it is due; event → the last answer to it."""
    gate = gate or Gate(rules)
    answers = {}
    for customer, own in frame.group_by("customer_id", maintain_order=True):
        line = [(row["occurred_at"], row["event_id"], row) for row in own.iter_rows(named=True)]
        heapify(line)
        while line:
            at, event_id, row = heappop(line)
            event = of_row(row)._replace(at=at)
            if row["kind"] != "message_sent":
                gate.note(customer[0], event, time_zone=row["time_zone"])
                continue
            answer = gate.ask(customer[0], event)[0]
            if answer.decision == "defer":
                heappush(line, (answer.next_allowed_at, event_id, row))
            answers[customer[0], event_id] = (
                answer.decision, answer.deciding_rule, list(answer.failing_rules), list(answer.counted),
                answer.next_allowed_at, list(answer.cannot_tell), list(answer.assumed),
            )  # fmt: skip
    return answers


@settings(max_examples=25, deadline=None)
@given(rows.filter(bool), acts, dropping, st.data())
def test_fed_in_order_it_decides_as_the_replay_does(history, acted, documents, data):
    history = [{**row, "item_id": data.draw(items), "category": "A > 7"} for row in history]
    both = [{**row, "customer_id": name} for name in ("c_1", "c_2") for row in (*history, *acted)]
    frame, rules = events(*both), made(documents)
    assert gated(frame, rules) == replayed(frame, rules)


@settings(max_examples=25, deadline=None)
@given(rows.filter(bool), acts, any_rules)
def test_offered_again_when_due_it_decides_as_the_replay_does_of_what_is_deferred(history, acted, documents):
    frame, rules = events(*history, *acted), made(documents)
    assert gated(frame, rules) == replayed(frame, rules)


@settings(max_examples=35, deadline=None)
@given(rows.filter(bool), acts, dropping, st.integers(0, 40))
def test_a_past_that_went_out_counts_as_if_it_had_been_offered(history, acted, documents, cut):
    """Where nothing of the past was stopped, beginning with it and having been asked about it are the same."""
    frame, rules = events(*history, *acted), made(documents)
    asked = histories.sent(frame)
    place = sorted(zip(frame["occurred_at"], frame["event_id"], strict=True))[min(cut, frame.height - 1)]
    past = frame.filter(
        (pl.col("occurred_at") < place[0])
        | ((pl.col("occurred_at") == place[0]) & (pl.col("event_id") < place[1]))
    )
    expected = replayed(frame, rules)
    stopped = [name for (_, name), row in expected.items() if row[0] == "stop"]
    if past.is_empty() or past.filter(pl.col("event_id").is_in(stopped)).height:
        return
    gate = Gate(rules)
    for known in histories.histories(histories.sent(past), past, rules, context(past).facts, everybody=True):
        gate.know(known, [one.event_id for one in known.messages], past["occurred_at"].max())
    later = frame.join(past, on="event_id", how="anti", maintain_order="left")
    assert later.height + past.height == frame.height
    assert asked.height == len(expected)
    answers = gated(later, rules, gate)
    assert answers == {key: row for key, row in expected.items() if key in answers}


MONDAY = message("2026-01-05T10:00")
ONE_A_WEEK = [from_dict(cap(1, "7d"))]


def candidate(name, at, **more):
    (row,) = events(message(at, event_id=name, **more)).iter_rows(named=True)
    return of_row(row)


def test_what_it_lets_through_counts_for_what_follows_and_what_it_stops_does_not():
    gate = Gate([from_dict(cap(2, "1d"))])
    told = [gate.ask("c_1", candidate(f"e{hour}", f"2026-01-05T{hour}:00"))[0] for hour in (10, 11, 12, 13)]
    assert [answer.decision for answer in told] == ["allow", "allow", "stop", "stop"]
    assert told[3].counted == ("e10", "e11")
    assert gate.ask("c_2", candidate("e10", "2026-01-05T10:00"))[0].goes_out


def test_a_repeated_message_has_its_answer_and_counts_once():
    gate = Gate([from_dict(cap(2, "7d"))])
    first = gate.ask("c_1", candidate("e1", "2026-01-05T10:00"), key="m1")[0]
    assert gate.ask("c_1", candidate("e2", "2026-01-05T11:00"), key="m2")[0].goes_out
    assert gate.ask("c_1", candidate("e1", "2026-01-05T10:00"), key="m1")[0] == first
    assert gate.ask("c_1", candidate("e3", "2026-01-05T12:00"), key="m1")[0] == first
    stopped = gate.ask("c_1", candidate("e4", "2026-01-05T13:00"), key="m3")[0]
    assert stopped.decision == "stop"
    assert gate.ask("c_1", candidate("e5", "2026-02-05T13:00"), key="m3")[0] == stopped


def test_what_is_deferred_says_by_which_rule_and_when_to_offer_it_again():
    gate = Gate([from_dict(cap(1, "1d", on_fail="defer"))])
    gate.ask("c_1", candidate("e1", "2026-01-05T10:00"))[0]
    answer = gate.ask("c_1", candidate("e2", "2026-01-05T12:00"))[0]
    assert (answer.decision, answer.deciding_rule, answer.failing_rules) == ("defer", "cap", ("cap",))
    assert answer.counted == ("e1",)
    due = candidate("e1", "2026-01-06T10:00").at
    assert answer.next_allowed_at == due
    early = candidate("e2", "2026-01-06T09:00")
    assert gate.ask("c_1", early)[0] == answer
    assert gate.ask("c_1", early._replace(at=due))[0].decision == "allow"


def test_what_could_pass_only_a_week_after_it_was_first_due_is_stopped_then():
    gate = Gate([from_dict(cap(1, "4d", on_fail="defer"))])
    gate.ask("c_1", candidate("e1", "2026-01-05T10:00"))[0]
    waiting = candidate("e2", "2026-01-05T11:00")
    again = gate.ask("c_1", waiting)[0]
    assert gate.ask("c_1", candidate("e3", "2026-01-09T10:00"))[0].goes_out
    assert gate.ask("c_1", waiting._replace(at=again.next_allowed_at + days(0.1)))[0].decision == "stop"


def test_older_than_the_customers_last_is_refused_and_changes_nothing():
    gate = Gate(ONE_A_WEEK)
    gate.note("c_1", Act("x1", candidate("x1", "2026-01-05T10:00").at, "product_viewed", *(None,) * 4))
    with pytest.raises(InputError, match="older than this customer's last, of 2026-01-05T10:00:00Z"):
        gate.ask("c_1", candidate("e1", "2026-01-05T09:59"))[0]
    assert gate.ask("c_1", candidate("e2", "2026-01-05T10:00"))[0].goes_out
    assert gate.ask("c_2", candidate("e1", "2020-01-05T10:00"))[0].goes_out


def test_within_one_instant_the_first_offered_is_the_first():
    gate = Gate(ONE_A_WEEK)
    assert gate.ask("c_1", candidate("z", "2026-01-05T10:00"))[0].goes_out
    assert gate.ask("c_1", candidate("a", "2026-01-05T10:00"))[0].counted == ("z",)


def test_an_answer_is_the_line_of_the_contract():
    gate = Gate(ONE_A_WEEK)
    gate.ask("c_1", candidate("e1", "2026-01-05T10:00"))[0]
    answer = gate.ask("c_1", candidate("e2", "2026-01-06T10:00", message_class=None))[0]
    assert json.loads(compact(answer)) == {
        "decision": "stop", "deciding_rule": "cap", "failing_rules": ["cap"], "counted": ["e1"],
        "next_allowed_at": "2026-01-12T10:00:00Z", "cannot_tell": [], "assumed": ["message_class"],
    }  # fmt: skip


def test_a_rule_learns_the_pseudonym_of_a_customer_it_names():
    gate = Gate([from_dict({"id": "r", "kind": "mute", "customers": ["007"]})])
    assert gate.ask("c_1", candidate("e1", "2026-01-05T10:00"))[0].goes_out
    gate.learn("007", "c_2")
    assert gate.ask("c_2", candidate("e1", "2026-01-05T10:00"))[0].decision == "stop"


def test_a_restored_decision_counts_once_where_the_past_holds_its_message_too():
    frame = events(message("2026-01-05T10:00", event_id="e1"))
    gate = Gate([from_dict(cap(2, "7d"))])
    (known,) = histories.histories(histories.sent(frame), frame, gate.rules, context(frame).facts)
    gate.know(known, ["m1"], frame["occurred_at"].max())
    went = candidate("e1", "2026-01-05T10:00")
    gate.restore("c_1", went, key="m1", answer=gate.ask("c_1", went, key="m1")[0])
    told = [gate.ask("c_1", candidate(f"e{n}", went.at + timedelta(hours=n)))[0] for n in (2, 3)]
    assert [answer.decision for answer in told] == ["allow", "stop"]


def of_workspace(row):
    """The message or the act that a row of a workspace's events is: it knows which message it is about."""
    key = row["message_id"] or f"event:{row['event_id']}"
    known = {"machine": row["machine"]} if row["kind"] != "message_sent" else {"causes": (), "sensitive": ()}
    return of_row(row)._replace(message_key=key, **known)


@settings(max_examples=45, deadline=None)
@given(
    oracles.histories(oracles.messages, oracles.messages, oracles.said, oracles.responses, oracles.orders),
    st.lists(
        st.one_of(oracles.consents, oracles.sunsets), min_size=1, max_size=2, unique_by=lambda one: one["id"]
    ),
)
def test_opt_outs_and_responses_that_are_noted_count_as_in_a_replay(history, documents):
    frame = in_order(events(*history))
    rules = [from_dict({key: value for key, value in one.items() if key != "steps"}) for one in documents]
    known = engaged(*history)
    gate = Gate(rules, recorded=histories.responses(known))
    mails = frame.filter(pl.col("message_id").is_not_null(), kind="message_sent")
    channels = dict(zip(mails["message_id"], mails["channel"], strict=True))
    made = {}
    for row in frame.iter_rows(named=True):
        event = of_workspace(row)
        if row["kind"] != "message_sent":
            gate.note("c_1", event._replace(channel=event.channel or channels.get(row["message_id"])))
        elif event.message_key not in made:
            made[event.message_key] = (row["event_id"], gate.ask("c_1", event, key=event.message_key)[0])
    decisions = simulation.simulate(frame, rules, context(frame, facts=known)).decisions
    assert [
        (name, one.decision, list(one.failing_rules), list(one.counted)) for name, one in made.values()
    ] == [
        (row["event_id"], row["decision"], row["failing_rules"], row["counted"])
        for row in decisions.iter_rows(named=True)
    ]


def test_a_response_that_is_noted_shows_that_responses_are_recorded():
    gate = Gate([from_dict({"id": "sunset", "kind": "sunset", "unengaged": 1})])

    def mail(name, at):
        return of_row(events(message(at, event_id=name)).row(0, named=True))._replace(message_key=name)

    click = of_row(
        events({"kind": "message_clicked", "at": "2026-01-03T10:00", "channel": "email"}).row(0, named=True)
    )
    assert gate.ask("c_1", mail("a", "2026-01-01T10:00"))[0].cannot_tell == ("sunset",)
    gate.note("c_2", click._replace(machine=True))
    assert gate.ask("c_1", mail("b", "2026-01-02T10:00"))[0].decision == "allow"
    gate.note("c_2", click._replace(event_id="x"))
    assert gate.ask("c_1", mail("c", "2026-01-04T10:00"))[0].counted == ("b",)


@pytest.mark.parametrize(
    ("rule", "about", "decision"),
    [
        ({"kind": "sensitive"}, {"sensitive": ["health"]}, "stop"),
        ({"kind": "sensitive"}, {"sensitive": []}, "allow"),
        ({"kind": "exclude_event", "events": ["o1"]}, {"causes": ["o1"]}, "stop"),
        ({"kind": "exclude_event", "events": ["o1"]}, {"causes": ["o1", "o2"]}, "allow"),
    ],
)
def test_causes_that_come_with_a_candidate_are_judged_and_without_them_it_cannot_tell(rule, about, decision):
    gate = Gate([from_dict({"id": "r", **rule})])
    assert gate.without_causes == ["r"]
    row = events(message("2026-01-01T10:00")).row(0, named=True)
    told = gate.ask("c_1", of_row(row)._replace(**about))[0]
    assert (told.decision, list(told.cannot_tell)) == (decision, [])
    silent = gate.ask("c_1", of_row(row)._replace(event_id="e2"))[0]
    assert (silent.decision, silent.cannot_tell) == ("allow", ("r",))
