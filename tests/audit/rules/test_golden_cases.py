"""Cases that others' systems got wrong, each by its name: decided by the reference, the kernel and the gate alike."""

from datetime import timedelta

import pytest

from audit.enforcement.gate.decider import Gate
from audit.events.schema import in_order
from audit.events.times import parse_iso
from audit.rules.model import from_dict
from audit.rules.reference import histories
from audit.rules.replay import simulation
from audit.rules.scopes import RuleSet
from tests.audit.rules.build import act, cap, message
from tests.audit.rules.test_gate import of_workspace
from tests.bench import differential
from tests.build import context, events

CONSENT = {"id": "consent", "kind": "consent"}
DAY = {"window_kind": "calendar"}


def decided(rows, *documents):
    """event_id → (decision, deciding rule, counted, rules that cannot tell): what all three evaluators say."""
    frame, rules = in_order(events(*rows)), [from_dict(one) for one in documents]
    facts = differential.count_facts(frame.lazy())
    plain = told(simulation.simulate(frame, rules, context(frame, facts=facts)).decisions)
    assert (
        told(simulation.decide(histories.sent(frame), frame, RuleSet(rules), facts, compiled=True)) == plain
    )
    assert gated(frame, rules, facts) == plain
    return plain


def told(decisions):
    return {
        row["event_id"]: (row["decision"], row["deciding_rule"], row["counted"], row["cannot_tell"])
        for row in decisions.iter_rows(named=True)
    }


def gated(frame, rules, facts):
    gate, made, seen = Gate(rules, recorded=histories.responses(facts)), {}, set()
    for row in frame.iter_rows(named=True):
        event = of_workspace(row)
        if row["kind"] != "message_sent":
            gate.note("c_1", event, time_zone=row["time_zone"])
            continue
        one = gate.ask("c_1", event, key=event.message_key)[0]
        if event.message_key not in seen:
            seen.add(event.message_key)
            made[row["event_id"]] = (
                one.decision, one.deciding_rule, list(one.counted), list(one.cannot_tell),
            )  # fmt: skip
    return made


def stopped(rows, *documents):
    return [name for name, row in decided(rows, *documents).items() if row[0] == "stop"]


def every(hours, count, start="2026-01-05T10:00", **more):
    """Messages `e1`, `e2`, ..., so many hours apart."""
    first = parse_iso(start)
    return [message(first + timedelta(hours=hours) * number, **more) for number in range(count)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_a_cap_of_k_stops_the_next_one_after_k_and_not_the_one_after_that(limit):
    sends = every(1, limit + 2)
    assert stopped(sends[: limit + 1], cap(limit, "7d")) == [f"e{limit + 1}"]
    assert stopped(sends[:limit], cap(limit, "7d")) == []


def test_limit_zero_stops_everything_and_is_no_missing_limit():
    assert stopped(every(24 * 30, 3), cap(0, "1d")) == ["e1", "e2", "e3"]


@pytest.mark.parametrize(("kind", "stops"), [("calendar", []), ("rolling", ["e2"])])
def test_eleven_at_night_and_midnight_under_calendar_and_rolling(kind, stops):
    sends = every(1, 2, start="2026-01-05T22:00", time_zone="Europe/Berlin")  # 23:00 and 00:00 there
    assert stopped(sends, cap(1, "1d", window_kind=kind)) == stops


@pytest.mark.parametrize(("start", "stops"), [("monday", ["e2"]), ("sunday", [])])
def test_week_start_sunday_and_monday(start, stops):
    sends = [message("2026-01-10T12:00"), message("2026-01-11T12:00")]  # a Saturday and a Sunday
    weekly = cap(1, "1w", window_kind="calendar", time_zone="UTC", week_start=start)
    assert stopped(sends, weekly) == stops
    monday = message("2026-01-12T12:00", event_id="e3")
    assert stopped([sends[1], monday], weekly) == (["e3"] if start == "sunday" else [])


@pytest.mark.parametrize(
    ("first", "last", "next_day"),
    [
        ("2026-03-28T23:30", "2026-03-29T21:30", "2026-03-29T22:30"),  # 23 hours: 00:30, 23:30, 00:30
        ("2026-10-24T22:30", "2026-10-25T22:30", "2026-10-25T23:30"),  # 25 hours: 00:30, 23:30, 00:30
    ],
)
def test_the_day_of_23_and_the_day_of_25_hours_are_one_day_each(first, last, next_day):
    sends = [message(at, time_zone="Europe/Berlin") for at in (first, last, next_day)]
    assert stopped(sends, cap(1, "1d", **DAY)) == ["e2"]


def test_a_customer_without_a_zone_is_counted_in_utc_passes_quiet_hours_and_both_rules_cannot_tell():
    quiet = {"id": "quiet", "kind": "quiet_hours", "quiet": "21:00-08:00"}
    rows = decided(every(1, 2, start="2026-01-05T23:00"), cap(1, "1d", **DAY), quiet)
    assert [row[0] for row in rows.values()] == ["allow", "allow"]
    assert all(row[3] == ["cap", "quiet"] for row in rows.values())
    assert stopped(every(1, 2, start="2026-01-05T22:00"), cap(1, "1d", **DAY), quiet) == ["e2"]


def test_a_rule_on_channel_a_does_not_switch_off_the_rule_on_channel_b():
    on_email = cap(1, "7d", channels=["email"])
    on_push = {**cap(1, "7d", channels=["push"]), "id": "push"}
    sends = [row for pair in zip(every(1, 2), every(1, 2, channel="push"), strict=True) for row in pair]
    assert stopped(sends, on_email, on_push) == ["e3", "e4"]
    assert stopped(sends, {**on_email, "enabled": False}, on_push) == ["e4"]


def test_a_tag_removed_later_was_there_when_it_was_sent():
    tagged = message("2026-01-05T10:00", message_id="m1", topics=["sale"])
    device = message("2026-01-05T10:05", message_id="m1", topics=[])  # a later row of the same message
    others = [message("2026-01-06T10:00", topics=["sale"]), message("2026-01-07T10:00", topics=[])]
    rows = decided([tagged, device, *others], cap(1, "7d", topics=["sale"]))
    assert {name: row[0] for name, row in rows.items()} == {"e1": "allow", "e3": "stop", "e4": "allow"}
    assert rows["e3"][2] == ["e1"]


def test_more_than_a_hundred_sends_in_a_window_are_all_counted():
    rows = decided(every(0.1, 152), cap(150, "7d"))
    assert [name for name, row in rows.items() if row[0] == "stop"] == ["e151", "e152"]
    assert rows["e151"][2] == [f"e{number}" for number in range(1, 151)]


def test_exempt_mails_do_not_count():
    sends = [
        message("2026-01-05T10:00", message_class="transactional"),
        message("2026-01-05T11:00"),
        message("2026-01-05T12:00", message_class="transactional"),
        message("2026-01-05T13:00"),
    ]
    rows = decided(sends, cap(1, "7d"))
    assert [row[0] for row in rows.values()] == ["exempt", "allow", "exempt", "stop"]
    assert rows["e4"][2] == ["e2"]


def test_of_two_sends_in_the_same_instant_one_goes_out():
    rows = decided(every(0, 2), cap(1, "7d"), {"id": "gap", "kind": "min_gap", "window": "30m"})
    assert [row[:3] for row in rows.values()] == [("allow", None, []), ("stop", "gap", ["e1"])]


def test_unsubscribed_between_queueing_and_sending():
    rows = [
        act("message_attempted", "2026-01-05T10:00", message_id="m1"),
        act("unsubscribed", "2026-01-05T10:05"),
        message("2026-01-05T10:10", message_id="m1"),
    ]
    assert decided(rows, CONSENT) == {"e3": ("stop", "consent", ["e2"], [])}


def test_resubscribed_yesterday():
    rows = [
        act("unsubscribed", "2026-01-01T10:00"),
        message("2026-01-03T10:00"),
        act("subscribed", "2026-01-04T10:00"),
        message("2026-01-05T10:00"),
    ]
    assert stopped(rows, CONSENT) == ["e2"]


def test_bought_between_the_trigger_and_the_cart_mail():
    bought = {
        "id": "bought", "kind": "cooldown", "campaigns": ["cart"], "after": "order_completed", "same": "item", "window": "30d",
    }  # fmt: skip
    rows = [
        act("product_added", "2026-01-05T10:00", item_id="7"),
        act("order_completed", "2026-01-05T12:00", item_id="7"),
        message("2026-01-05T14:00", campaign_id="cart", item_id="7"),
        message("2026-01-05T15:00", campaign_id="cart", item_id="8"),
    ]
    assert decided(rows, bought)["e3"] == ("stop", "bought", ["e2"], [])
    assert stopped(rows, bought) == ["e3"]


def test_five_cart_triggers_in_half_an_hour_bring_one_mail():
    once = {**cap(1, "1d", campaigns=["cart"]), "id": "once"}
    rows = [
        row
        for number in range(5)
        for row in (
            act("product_added", f"2026-01-05T10:{6 * number:02d}", event_id=f"t{number}"),
            message(f"2026-01-05T10:{6 * number + 1:02d}", event_id=f"m{number}", campaign_id="cart"),
        )
    ]
    reminder = message("2026-01-06T10:01", event_id="next", campaign_id="cart")  # 24 hours later: fine
    assert stopped([*rows, reminder], once) == ["m1", "m2", "m3", "m4"]


def test_a_password_reset_after_a_newsletter_opt_out_passes():
    rows = [
        act("unsubscribed", "2026-01-05T10:00", list_id="newsletter"),
        message("2026-01-05T11:00", message_class="transactional"),
        message("2026-01-05T12:00"),
    ]
    assert [row[0] for row in decided(rows, CONSENT, cap(0, "7d")).values()] == ["exempt", "stop"]
