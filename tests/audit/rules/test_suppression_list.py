"""Whom a rule suppresses now is whom a message offered now would not reach."""

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.enforcement.gate.decider import Gate
from audit.enforcement.handover import suppressed
from audit.events.times import iso, parse_iso
from audit.rules.model import from_dict
from audit.rules.reference import histories
from tests.audit.rules.build import cap, engaged, message
from tests.audit.rules.test_properties import calendars, caps, rows
from tests.build import context, events

WEEK = [message(f"2026-01-0{day}T10:00") for day in (5, 6)]
BOUGHT = {"kind": "order_completed", "at": "2026-01-05T10:00", "item_id": "7", "category": "A > B"}


def told(rows, rule, at="2026-01-07T00:00Z", ids=None, *, but=False):
    frame = events(*rows)
    found = suppressed(frame, [from_dict(rule)], context(frame).facts, parse_iso(at), ids=ids)
    return [
        (one.customer, one.about, iso(one.until), *([[scope.list_id for scope in one.but]] if but else []))
        for one in found
    ]


def test_a_cap_suppresses_who_had_enough_until_there_is_room():
    others = [message("2026-01-05T10:00", customer_id="c_2")]
    assert told([*WEEK, *others], cap(2, "7d")) == [("c_1", "", "2026-01-12T10:00:00Z")]
    assert told(WEEK, cap(2, "7d"), at="2026-01-12T10:00Z") == []


def test_what_counts_together_is_told_apart():
    assert told([*WEEK, message("2026-01-05T11:00", channel="sms")], cap(2, "7d", per=["channel"])) == [
        ("c_1", "email", "2026-01-12T10:00:00Z")
    ]


def test_a_cooldown_names_what_it_is_about():
    rule = {"id": "r", "kind": "cooldown", "after": "order_completed", "same": "category", "window": "30d"}
    assert told([BOUGHT], rule) == [("c_1", "A > B", "2026-02-04T10:00:00Z")]
    assert told([BOUGHT], {**rule, "categories": ["C"], "channels": ["email"]}) == []
    assert told([BOUGHT], {**rule, "categories": ["A"], "channels": ["email"]}) != []
    assert told([BOUGHT], {**rule, "same": "nothing"}) == [("c_1", "", "2026-02-04T10:00:00Z")]
    assert told([{**BOUGHT, "category": None}], rule) == []


def test_what_comes_later_is_not_foreseen_and_a_rule_that_ends_lets_go():
    assert told(WEEK, cap(2, "7d"), at="2026-01-05T12:00Z") == []
    ends = cap(2, "7d", valid_until="2026-01-09T00:00:00Z")
    assert told(WEEK, ends) == [("c_1", "", "2026-01-09T00:00:00Z")]
    assert told(WEEK, ends, at="2026-01-09T00:00Z") == []


def test_a_mute_has_no_end_and_quiet_hours_suppress_nobody():
    assert told(WEEK, {"id": "r", "kind": "mute"}) == [("c_1", "email", None)]
    assert told(WEEK, {"id": "r", "kind": "mute", "customers": ["007"]}) == []
    assert told(WEEK, {"id": "r", "kind": "mute", "customers": ["007"]}, ids={"007": "c_1"}) != []
    assert told(WEEK, {"id": "r", "kind": "quiet_hours", "quiet": "00:01-00:00", "time_zone": "UTC"}) == []


@settings(max_examples=35, deadline=None)
@given(rows.filter(bool), st.one_of(caps, calendars))
def test_it_is_whom_the_gate_would_stop(history, document):
    frame, rule = events(*history), from_dict({**document, "per": ["customer"]})
    at, facts = frame["occurred_at"].max(), context(frame).facts
    (known,) = histories.histories(histories.sent(frame), frame, [rule], facts)
    judged = [
        one for one in known.messages
        if one.message_class != "transactional" and one.campaign not in rule.except_campaigns
        and (not rule.campaigns or one.campaign in rule.campaigns)
    ]  # fmt: skip
    if not judged:
        return
    gate = Gate([rule])
    gate.know(known, [one.event_id for one in known.messages], at)
    answer = gate.ask("c_1", judged[-1]._replace(event_id="zz", at=at))[0]
    found = suppressed(frame, [rule], facts, at)
    assert bool(found) == (answer.decision == "stop")
    if found:
        assert found[0].until == answer.next_allowed_at


def test_an_opt_out_suppresses_the_channels_that_it_bears_on():
    both = [*WEEK, message("2026-01-05T11:00", channel="sms")]
    no = {"kind": "unsubscribed", "at": "2026-01-06T11:00", "channel": "email"}
    assert told([*both, no], {"id": "r", "kind": "consent"}) == [("c_1", "email", None)]
    assert told([*both, no], {"id": "r", "kind": "consent", "grace": "3d"}) == []


def test_who_left_one_list_is_named_with_it_and_gets_the_others():
    lists = [message(f"2026-01-0{day}T10:00", list_id=name) for day, name in ((3, "A"), (4, "B"))]
    consent = {"id": "r", "kind": "consent"}
    no = {"kind": "unsubscribed", "at": "2026-01-06T11:00", "channel": "email"}
    left = told([*lists, {**no, "list_id": "A"}], consent)
    assert left == [("c_1", "email · A", None)]
    yes = {"kind": "subscribed", "at": "2026-01-06T12:00", "channel": "email", "list_id": "B"}
    assert told([*lists, no, yes], consent, but=True) == [("c_1", "email", None, ["B"])]
    assert told([{**yes, "at": "2026-01-01T10:00"}, *lists, no], consent) == [("c_1", "email", None)]


def test_who_said_no_and_got_nothing_yet_is_named_too():
    no = {"kind": "unsubscribed", "at": "2026-01-06T11:00", "channel": "sms"}
    assert told([no], {"id": "r", "kind": "consent"}) == [("c_1", "sms", None)]
    assert told([no], {"id": "r", "kind": "consent", "channels": ["email"]}) == []


def test_a_streak_without_a_response_suppresses():
    clicked = {"kind": "message_clicked", "at": "2026-01-05T12:00", "channel": "email", "customer_id": "c_2"}
    frame = events(*WEEK, clicked)
    rule = from_dict({"id": "r", "kind": "sunset", "unengaged": 2})
    found = suppressed(frame, [rule], engaged(clicked), parse_iso("2026-01-07T00:00Z"))
    assert [one.customer for one in found] == ["c_1"]
    assert suppressed(frame, [rule], context(frame).facts, parse_iso("2026-01-07T00:00Z")) == []


def test_rules_that_ask_for_causes_suppress_nobody_in_particular():
    assert told(WEEK, {"id": "r", "kind": "sensitive"}) == []
    assert told(WEEK, {"id": "r", "kind": "exclude_event", "events": ["e1"]}) == []
