"""Scopes, cooldowns, quiet hours, deferral: each as the contract has it."""

from datetime import timedelta

import polars as pl
import pytest

from audit.population.stats import INTERVALS, none
from tests.audit.rules.build import cap, decided, message, replayed, stopped

MUTE = {"id": "mute", "kind": "mute"}
QUIET = {"id": "quiet", "kind": "quiet_hours", "quiet": "21:00-08:00"}


def cooldown(window="7d", after="order_completed", **more):
    return {"id": "cool", "kind": "cooldown", "window": window, "after": after, **more}


def order(at, **more):
    return {"kind": "order_completed", "at": at, **more}


def at(row, name="deferred_to"):
    return None if row[name] is None else row[name].isoformat()


@pytest.mark.parametrize(
    ("fields", "scope", "judged"),
    [
        ({"channel": "email"}, {"channels": ["email", "push"]}, True),
        ({"channel": "sms"}, {"channels": ["email", "push"]}, False),
        ({"channel": None}, {"channels": ["email"]}, False),
        ({"channel": None}, {"except_channels": ["email"]}, True),
        ({"channel": "email"}, {"except_channels": ["email"]}, False),
        ({"campaign_id": "cart"}, {"campaigns": ["cart"]}, True),
        ({"campaign_name": "cart"}, {"campaigns": ["cart"]}, True),
        ({"campaign_id": "cart"}, {"except_campaigns": ["cart"]}, False),
        ({"category": "Beauty > Nails"}, {"categories": ["Beauty > Nails"]}, True),
        ({"category": "Beauty > Nails > Clippers"}, {"categories": ["Beauty > Nails"]}, True),
        ({"category": "Beauty > Nails and more"}, {"categories": ["Beauty > Nails"]}, False),
        ({"category": "Beauty"}, {"categories": ["Beauty > Nails"]}, False),
        ({"category": "Beauty > Nails"}, {"categories": ["Beauty"], "except_categories": ["Beauty > Nails"]}, False),
        ({"topics": ["a", "b"]}, {"topics": ["b", "c"]}, True),
        ({"topics": ["a"]}, {"topics": ["b"]}, False),
        ({"topics": None}, {"topics": ["b"]}, False),
        ({"topics": ["a", "b"]}, {"except_topics": ["b"]}, False),
        ({"item_id": "007"}, {"items": ["007"]}, True),
        ({"item_id": "007"}, {"items": ["7"]}, False),
        ({"sender": "Brand"}, {"senders": ["Brand"]}, True),
        ({"sender": "Brand", "channel": "push"}, {"senders": ["Brand"], "channels": ["email"]}, False),
        ({}, {"customers": ["c_1"]}, True),
        ({}, {"customers": ["source-1"]}, True),
        ({}, {"customers": ["c_2"]}, False),
        ({}, {"except_customers": ["source-1"]}, False),
        ({"message_class": "service"}, {"message_classes": ["marketing"]}, False),
        ({}, {"valid_from": "2026-01-01T10:00Z"}, True),
        ({}, {"valid_from": "2026-01-01T10:00:00.000001Z"}, False),
        ({}, {"valid_until": "2026-01-01T10:00Z"}, False),
        ({}, {"valid_until": "2026-01-01T10:00:00.000001Z"}, True),
    ],
)  # fmt: skip
def test_a_rule_judges_what_satisfies_all_its_scopes(fields, scope, judged):
    rows = [message("2026-01-01T10:00", **fields)]
    assert stopped(rows, {**MUTE, **scope}, ids={"source-1": "c_1"}) == (["e1"] if judged else [])


def test_a_mute_never_lets_pass_until_it_ends():
    assert at(decided([message("2026-01-01T10:00")], MUTE)["e1"], "next_allowed_at") is None


@pytest.mark.parametrize(
    ("sent", "stops"),
    [("2026-01-08T09:59:59.999999", True), ("2026-01-08T10:00", False), ("2026-01-01T10:00", True)],
)
def test_a_cooldown_holds_for_its_window(sent, stops):
    rows = [order("2026-01-01T10:00", event_id="a"), message(sent, event_id="b")]
    row = decided(rows, cooldown())["b"]
    assert (row["decision"] == "stop", row["counted"]) == (stops, ["a"] if stops else [])


def test_an_act_after_the_message_in_order_starts_no_cooldown():
    rows = [message("2026-01-01T10:00", event_id="a"), order("2026-01-01T10:00", event_id="b")]
    assert stopped(rows, cooldown()) == []


def test_a_cooldown_counts_all_agreeing_acts_and_passes_after_the_last():
    rows = [order("2026-01-01T10:00"), order("2026-01-03T10:00"), message("2026-01-05T10:00")]
    row = decided(rows, cooldown())["e3"]
    assert row["counted"] == ["e1", "e2"]
    assert at(row, "next_allowed_at") == "2026-01-10T10:00:00+00:00"


def test_any_of_several_kinds_starts_a_cooldown():
    rows = [{"kind": "product_reviewed", "at": "2026-01-01T10:00"}, message("2026-01-02T10:00")]
    assert stopped(rows, cooldown(after=["order_completed", "product_reviewed"])) == ["e2"]


@pytest.mark.parametrize(
    ("same", "bought", "mailed", "stops"),
    [
        ({"same": "item"}, {"item_id": "1"}, {"item_id": "1"}, True),
        ({"same": "item"}, {"item_id": "1"}, {"item_id": "2"}, False),
        ({"same": "item"}, {}, {}, False),
        ({"same": "category"}, {"category": "A > B"}, {"category": "A > B"}, True),
        ({"same": "category"}, {"category": "A > B"}, {"category": "A"}, False),
        ({"same": "category", "depth": 1}, {"category": "A > B"}, {"category": "A > C"}, True),
        ({"same": "category", "depth": 2}, {"category": "A > B > X"}, {"category": "A > B > Y"}, True),
        ({"same": "category", "depth": 2}, {"category": "A > B"}, {"category": "A"}, False),
        ({"same": "category", "depth": 2}, {"category": "A > B"}, {}, False),
        ({"same": "campaign"}, {"campaign_id": "x"}, {"campaign_id": "x"}, True),
        ({"same": "nothing"}, {"item_id": "1"}, {"item_id": "2"}, True),
        ({}, {}, {}, True),
    ],
)  # fmt: skip
def test_acts_agree_in_what_the_rule_names_and_absent_agrees_with_nothing(same, bought, mailed, stops):
    rows = [order("2026-01-01T10:00", **bought), message("2026-01-02T10:00", **mailed)]
    assert stopped(rows, cooldown(**same)) == (["e2"] if stops else [])


REPURCHASE = cooldown("repurchase", same="category", fallback="10d")


def intervals(days, category="Baby > Diapers"):
    from dataclasses import replace

    rows = {"category": [category], "median": [timedelta(days=days)], "pairs": [5], "people": [5]}
    return replace(none(), intervals=pl.DataFrame(rows, schema=INTERVALS))


def diapers(*days, **more):
    return [order(f"2026-01-{day:02d}T10:00", category="Baby > Diapers", **more) for day in days]


@pytest.mark.parametrize(
    ("bought", "item", "facts", "window"),
    [
        (diapers(1), None, None, 10),  # nobody bought twice: the fallback
        (diapers(1), None, intervals(4), 4),  # what everybody does
        (diapers(1), None, intervals(4, "Baby"), 10),  # of that exact category
        (diapers(1, 4), None, intervals(4), 3),  # the customer's own
        (diapers(1, 2, 9), None, None, 4),  # 1 and 7 days: their middle
        (diapers(1, 2, 9, item_id="x"), "x", None, 4),  # of the item
        (
            [*diapers(1, 2, item_id="x"), *diapers(9, item_id="y")],
            "x",
            None,
            1,
        ),  # the item before the category
        ([*diapers(1, 4), order("2026-01-01T11:00", category="Baby > Diapers")], None, None, 3),  # once a day
        ([*diapers(1, 1, order_id="o")], None, None, 10),  # two rows of one order are one purchase
        ([*diapers(1), *diapers(25)], None, None, 10),  # what was not bought yet tells nothing
    ],
)
def test_a_repurchase_window_is_the_customers_own_else_everybodys_else_the_fallback(
    bought, item, facts, window
):
    last = max(row["at"] for row in bought if row["at"] < "2026-01-20")
    edge = f"2026-01-{int(last[8:10]) + window:02d}T10:00"
    before = f"2026-01-{int(last[8:10]) + window - 1:02d}T23:00"
    rows = [*bought, message(edge, category="Baby > Diapers", item_id=item, event_id="due")]
    rows.append(message(before, category="Baby > Diapers", item_id=item, event_id="early"))
    assert stopped(rows, REPURCHASE, facts=facts) == ["early"]


@pytest.mark.parametrize(
    ("sent", "to"),
    [
        ("2026-01-01T20:59:59.999999", None),
        ("2026-01-01T21:00", "2026-01-02T08:00:00+00:00"),
        ("2026-01-01T07:59:59.999999", "2026-01-01T08:00:00+00:00"),
        ("2026-01-01T08:00", None),
    ],
)
def test_quiet_hours_put_off_to_their_end(sent, to):
    row = decided([message(sent, time_zone="UTC")], QUIET)["e1"]
    assert (row["decision"], at(row), row["deciding_rule"], row["counted"]) == ("allow", to, None, [])


def test_quiet_hours_may_drop():
    row = decided([message("2026-01-01T23:00", time_zone="Europe/Berlin")], {**QUIET, "on_fail": "drop"})[
        "e1"
    ]
    assert (row["decision"], at(row, "next_allowed_at")) == ("stop", "2026-01-02T07:00:00+00:00")


def test_quiet_hours_pass_and_cannot_tell_without_a_zone():
    row = decided([message("2026-01-01T23:00")], QUIET)["e1"]
    assert (row["decision"], row["cannot_tell"]) == ("allow", ["quiet"])


@pytest.mark.parametrize(
    ("sent", "quiet", "to"),
    [
        ("2026-03-29T00:30", "01:00-02:30", "2026-03-29T01:00:00+00:00"),  # the clock jumps over the end
        ("2026-10-25T00:10", "21:00-02:30", "2026-10-25T00:30:00+00:00"),  # the first 02:30
        ("2026-10-25T01:10", "21:00-02:30", "2026-10-25T01:30:00+00:00"),  # quiet again in the repeated hour
    ],
)
def test_quiet_hours_on_the_days_the_clocks_change(sent, quiet, to):
    row = decided([message(sent)], {**QUIET, "quiet": quiet, "time_zone": "Europe/Berlin"})["e1"]
    assert at(row) == to


def test_deferred_messages_go_back_in_order_and_are_judged_anew():
    rows = [
        message("2026-01-01T22:00"),
        message("2026-01-01T23:00"),
        message("2026-01-02T08:00", event_id="e0"),
    ]
    made = decided(rows, {**QUIET, "time_zone": "UTC"}, cap(2, "7d"))
    assert [(name, row["decision"], at(row)) for name, row in made.items()] == [
        ("e1", "allow", "2026-01-02T08:00:00+00:00"),
        ("e2", "stop", None),  # three come due at eight; e0 and e1 go first
        ("e0", "allow", None),
    ]
    assert made["e2"]["counted"] == ["e0", "e1"]


def test_a_message_is_put_off_only_if_every_failing_rule_defers():
    rows = [message("2026-01-01T10:00"), message("2026-01-01T22:00")]
    quiet = {**QUIET, "time_zone": "UTC"}
    assert stopped(rows, quiet, cap(1, "7d")) == ["e2"]
    assert at(decided(rows, quiet, cap(1, "7d", on_fail="defer"))["e2"]) == "2026-01-08T10:00:00+00:00"


def test_the_earliest_time_is_one_at_which_all_could_pass():
    rows = [message("2026-01-01T22:30", event_id="a"), message("2026-01-02T22:00", event_id="b")]
    quiet = {**QUIET, "time_zone": "UTC", "quiet": "21:30-22:15"}
    gap = {"id": "gap", "kind": "min_gap", "window": "1d", "on_fail": "defer"}
    assert at(decided(rows, quiet, gap)["b"]) == "2026-01-02T22:30:00+00:00"


@pytest.mark.parametrize(("window", "decision"), [("7d", "allow"), ("8d", "stop")])
def test_what_could_pass_only_after_seven_days_is_stopped(window, decision):
    rows = [message("2026-01-01T10:00", event_id="a"), message("2026-01-01T10:00", event_id="b")]
    row = decided(rows, cap(1, window, on_fail="defer"))["b"]
    assert row["decision"] == decision


def test_seven_days_are_counted_from_when_it_was_first_due():
    rows = [message("2026-01-01T10:00", event_id=name) for name in "abc"]
    made = decided(rows, cap(1, "6d", on_fail="defer"))
    assert [row["decision"] for row in made.values()] == ["allow", "allow", "stop"]
    assert at(made["b"]) == "2026-01-07T10:00:00+00:00"
    assert made["c"]["counted"] == ["b"]
    assert at(made["c"], "next_allowed_at") == "2026-01-13T10:00:00+00:00"


def test_quiet_hours_that_never_end_stop():
    rows = [message("2026-01-01T10:00", time_zone="UTC")]
    day, night = {**QUIET, "id": "day", "quiet": "08:00-21:00"}, QUIET
    row = decided(rows, day, night)["e1"]
    assert (row["decision"], at(row, "next_allowed_at")) == ("stop", None)


def test_quiet_hours_that_leave_no_gap_end_when_one_of_the_rules_does():
    rows = [message("2026-01-01T10:00", time_zone="UTC")]
    day = {**QUIET, "id": "day", "quiet": "08:00-21:00", "valid_until": "2031-05-05T12:00Z"}
    assert at(decided(rows, day, QUIET)["e1"], "next_allowed_at") == "2031-05-05T12:00:00+00:00"


def test_a_message_that_passes_could_pass_when_it_went_out():
    made = decided([message("2026-01-01T23:00", time_zone="UTC")], QUIET)["e1"]
    assert made["next_allowed_at"] == made["deferred_to"]


def test_without_rules_everything_is_exempt():
    assert replayed([message("2026-01-01T23:00")]).decisions["decision"].to_list() == ["exempt"]
