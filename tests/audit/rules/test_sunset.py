"""Sunset: a streak of messages without a response; and exclude_event: what rests on nothing but left-out events."""

import pytest

from audit.errors import InputError
from audit.rules.model import from_dict
from audit.rules.reference import verdicts
from tests.audit.rules.build import act, cap, causes, decided, engaged, message, replayed, stopped
from tests.build import context, events

SUNSET = {"id": "sunset", "kind": "sunset", "unengaged": 3}
SERIES = [message(f"2026-01-0{day}T10:00", message_id=f"m{day}", event_id=f"s{day}") for day in range(1, 6)]
SOMEBODYS = engaged(
    act("message_clicked", "2025-01-01", channel="email", customer_id="c_2"),
    act("message_opened", "2025-01-01", channel="email", customer_id="c_2"),
)


def click(at, of, kind="message_clicked", **more):
    return act(kind, at, message_id=of, channel="email", **more)


def test_after_so_many_without_a_click_nothing_more_goes_out():
    made = decided(SERIES, SUNSET, facts=SOMEBODYS)
    assert [row["decision"] for row in made.values()] == ["allow"] * 3 + ["stop"] * 2
    assert made["s4"]["counted"] == made["s5"]["counted"] == ["s1", "s2", "s3"]
    assert made["s4"]["next_allowed_at"] is None


@pytest.mark.parametrize(
    ("at", "of", "more", "stops"),
    [
        ("2026-01-01T11:00", "m1", {}, ["s5"]),
        ("2026-01-03T11:00", "m3", {}, []),
        ("2026-01-03T11:00", "m3", {"machine": True}, ["s4", "s5"]),
        ("2026-01-03T11:00", "m3", {"machine": False}, []),
        (
            "2026-01-04T11:00",
            "m1",
            {},
            ["s4"],
        ),  # after the fourth came: for the fifth, the last three are 1, 2, 3
        ("2026-01-03T11:00", "other", {}, ["s4", "s5"]),
        ("2026-01-03T11:00", "m3", {"customer_id": "c_2"}, ["s4", "s5"]),
        ("2026-01-03T11:00", "m3", {"kind": "message_opened"}, ["s4", "s5"]),
    ],
)
def test_a_human_click_on_one_of_them_before_it_ends_the_streak(at, of, more, stops):
    rows = [*SERIES, {**click(at, of), "event_id": "z", **more}]
    assert stopped(rows, SUNSET, facts=SOMEBODYS) == stops


def test_opens_count_where_the_rule_asks_for_opens():
    opened = click("2026-01-03T11:00", "m3", "message_opened", event_id="z")
    assert stopped([*SERIES, opened], {**SUNSET, "engagement": "open"}, facts=SOMEBODYS) == []
    machine = {**opened, "machine": True}
    assert stopped([*SERIES, machine], {**SUNSET, "engagement": "open"}, facts=SOMEBODYS) == ["s4", "s5"]


@pytest.mark.parametrize(
    ("at", "stops"),
    [
        ("2025-12-31T10:00", ["s4", "s5"]),
        ("2026-01-02T11:00", []),  # the fourth passes, so the fifth looks at the second to the fourth
        ("2026-01-04T11:00", ["s4"]),
        ("2026-01-06T10:00", ["s4", "s5"]),
    ],
)
def test_an_order_between_the_first_of_them_and_it_ends_the_streak(at, stops):
    rows = [*SERIES, act("order_completed", at, event_id="o")]
    assert stopped(rows, SUNSET, facts=SOMEBODYS) == stops


def test_an_order_in_the_instant_of_the_first_is_placed_by_event_id():
    for name, stops in (("s0", ["s4", "s5"]), ("s1x", ["s5"])):
        rows = [*SERIES, act("order_completed", "2026-01-01T10:00", event_id=name)]
        assert stopped(rows, SUNSET, facts=SOMEBODYS) == stops


def test_messages_are_counted_together_per_what_the_rule_names():
    rows = [{**row, "campaign_id": "ab"[number % 2]} for number, row in enumerate(SERIES)]
    rule = {**SUNSET, "unengaged": 2, "per": ["campaign"]}
    assert stopped(rows, rule, facts=SOMEBODYS) == ["s5"]


def test_exempt_mails_do_not_count():
    rows = [{**row, "message_class": "transactional"} for row in SERIES[:2]] + SERIES[2:]
    assert stopped(rows, SUNSET, facts=SOMEBODYS) == []


def test_what_another_rule_stops_is_in_no_streak():
    made = decided(SERIES, {**SUNSET, "unengaged": 2}, cap(1, "2d"), facts=SOMEBODYS)
    assert made["s2"]["failing_rules"] == ["cap"]
    assert made["s4"]["counted"] == ["s1", "s3"]


def test_without_any_such_response_of_the_channel_in_the_workspace_it_passes_and_cannot_tell():
    opens = engaged(
        act("message_opened", "2025-01-01", channel="email"),
        act("message_clicked", "2025-01-01", channel="push"),
        act("message_clicked", "2025-01-01", channel="email", machine=True),
    )
    made = decided(SERIES, SUNSET, facts=opens)
    assert {row["decision"] for row in made.values()} == {"allow"}
    assert all(row["cannot_tell"] == ["sunset"] for row in made.values())
    assert stopped(SERIES, {**SUNSET, "engagement": "open"}, facts=opens) == ["s4", "s5"]


def test_a_response_that_names_no_channel_has_its_messages():
    elsewhere = engaged(
        message("2025-01-01", message_id="x", customer_id="c_2"),
        act("message_clicked", "2025-01-02", message_id="x", customer_id="c_2"),
    )
    assert stopped(SERIES, SUNSET, facts=elsewhere) == ["s4", "s5"]


def test_one_customers_answer_is_the_workspaces():
    frame = events(*SERIES)
    rule = from_dict(SUNSET)
    (unknown,) = verdicts.of(frame, context(frame), [rule], "m4")
    (known,) = verdicts.of(frame, context(frame, facts=SOMEBODYS), [rule], "m4")
    assert (unknown["verdict"], known["verdict"]) == ("cannot_tell", "stops")
    assert "no clicks by people of the message's channel at all" in unknown["text"]
    assert known["counted"] == ["s1", "s2", "s3"]


EXCLUDE = {"id": "not-mine", "kind": "exclude_event", "events": ["gift", "look"]}


@pytest.mark.parametrize(
    ("why", "stops"),
    [(["gift"], True), (["gift", "look"], True), (["gift", "other"], False), (["other"], False), ([], False)],
)
def test_a_message_stops_if_every_one_of_its_causes_is_left_out(why, stops):
    rows = [message("2026-01-02T10:00", event_id="m")]
    row = decided(rows, EXCLUDE, causes=causes(m=(why, [])))["m"]
    assert (row["decision"], row["counted"], row["next_allowed_at"] is None) == (
        "stop" if stops else "allow",
        [],
        stops,
    )


@pytest.mark.parametrize("rule", [EXCLUDE, {"id": "private", "kind": "sensitive"}])
def test_rules_that_ask_for_causes_are_not_replayed_without(rule):
    with pytest.raises(InputError, match=rf"rule '{rule['id']}': {rule['kind']} rules judge by the causes"):
        replayed([message("2026-01-02T10:00")], rule)
    assert stopped([message("2026-01-02T10:00")], {**rule, "enabled": False}) == []


def test_causes_are_a_customers_own():
    rows = [message("2026-01-02T10:00", event_id="m", customer_id=name) for name in ("c_1", "c_2")]
    decisions = replayed(rows, EXCLUDE, causes=causes("c_2", m=(["gift"], []))).decisions
    assert decisions["decision"].to_list() == ["allow", "stop"]


def test_bought_between_trigger_and_cart_mail():
    rows = [
        act("product_added", "2026-01-01T10:00", item_id="1"),
        act("order_completed", "2026-01-01T11:00", item_id="1", event_id="order"),
        message("2026-01-01T12:00", campaign_id="cart", item_id="1", event_id="late"),
        message("2026-01-01T12:30", campaign_id="cart", item_id="2", event_id="other"),
    ]
    rule = {"id": "bought", "kind": "cooldown", "after": "order_completed", "window": "7d", "same": "item"}
    assert decided(rows, rule)["late"]["counted"] == ["order"]
    assert stopped(rows, rule) == ["late"]


def test_all_nine_kinds_fail_in_the_order_they_are_checked():
    from audit.rules.model import kinds

    rows = [
        message("2026-01-01T22:00", message_id="a", event_id="s1"),
        act("order_completed", "2026-01-01T21:00", event_id="o"),
        act("unsubscribed", "2026-01-01T22:30", event_id="no"),
        message("2026-01-01T23:00", message_id="b", event_id="s2"),
    ]
    rules = {
        "consent": {},
        "mute": {"valid_from": "2026-01-01T22:30Z"},
        "sensitive": {},
        "exclude_event": {"events": ["o"]},
        "cooldown": {"after": "order_completed", "window": "1d", "valid_from": "2026-01-01T22:30Z"},
        "sunset": {"unengaged": 1},
        "min_gap": {"window": "2h"},
        "frequency_cap": {"limit": 1, "window": "1d"},
        "quiet_hours": {"quiet": "22:30-08:00", "time_zone": "UTC"},
    }
    documents = [{"id": kind, "kind": kind, **rest} for kind, rest in reversed(rules.items())]
    made = decided(rows, *documents, facts=SOMEBODYS, causes=causes(s2=(["o"], ["health"])))
    assert made["s1"]["decision"] == "allow"
    assert made["s2"]["failing_rules"] == list(kinds())


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"kind": "consent"}, "the customer had said no to it."),
        ({"kind": "consent", "grace": "1d"}, "the customer had said no to it, more than 1d before."),
        ({"kind": "sensitive"}, "it touches a sensitive topic, and no consent to it is in force."),
        ({"kind": "exclude_event", "events": ["e"]}, "it rests on nothing but events that are left out."),
        ({"kind": "sunset", "unengaged": 2}, "no clicks by people are recorded on the last 2 messages"),
        ({"kind": "sunset", "unengaged": 1}, "no click by a person is recorded on the last message"),
    ],
)
def test_every_kind_says_why_in_plain_words(rule, says):
    frame = events(act("unsubscribed", "2025-12-30T10:00", event_id="n", topics=["x"]), *(
        {**row, "topics": ["x"] if row["event_id"] == "s5" else None} for row in SERIES
    ))  # fmt: skip
    known = causes(s5=(["e"], ["health"]))
    made = from_dict({"id": "r", **rule})
    passes, stops = (
        verdicts.of(frame, context(frame, facts=SOMEBODYS), [made], name, causes=known)[0]
        for name in ("s1", "s5")
    )
    assert stops["text"].startswith(f"Stops it: {says}")
    assert passes["text"].startswith("Lets it pass: ")
    assert "health" not in stops["text"]
