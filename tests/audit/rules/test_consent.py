"""Consent and sensitive rules: which no bears on a message, what a yes takes back, and cases others got wrong."""

import pytest

from tests.audit.rules.build import act, causes, decided, message, stopped
from tests.bench import said_no

CONSENT = {"id": "consent", "kind": "consent"}
SENSITIVE = {"id": "private", "kind": "sensitive"}


def no(at, kind="unsubscribed", **more):
    return act(kind, at, **more)


def yes(at, kind="subscribed", **more):
    return act(kind, at, **more)


@pytest.mark.parametrize("kind", ["unsubscribed", "objected", "consent_withdrawn"])
def test_every_no_stops_and_is_what_was_counted(kind):
    row = decided([no("2026-01-01T10:00", kind), message("2026-01-02T10:00")], CONSENT)["e2"]
    assert (row["decision"], row["deciding_rule"], row["counted"]) == ("stop", "consent", ["e1"])
    assert row["next_allowed_at"] is None


@pytest.mark.parametrize("kind", ["consent_prompted", "privacy_signal", "message_bounced", "subscribed"])
def test_nothing_else_is_a_no(kind):
    assert stopped([act(kind, "2026-01-01T10:00"), message("2026-01-02T10:00")], CONSENT) == []


@pytest.mark.parametrize("kind", ["subscribed", "consent_given"])
def test_resubscribed_yesterday(kind):
    rows = [no("2026-01-01T10:00"), message("2026-01-02T10:00"), yes("2026-01-03T10:00", kind)]
    assert stopped([*rows, message("2026-01-04T10:00")], CONSENT) == ["e2"]


def test_a_yes_before_the_no_takes_nothing_back():
    rows = [yes("2026-01-01T10:00"), no("2026-01-02T10:00"), message("2026-01-03T10:00")]
    assert stopped(rows, CONSENT) == ["e3"]


def test_unsubscribed_between_queueing_and_sending():
    rows = [
        act("message_attempted", "2026-01-01T10:00", message_id="m"),
        no("2026-01-01T10:05"),
        message("2026-01-01T10:10", message_id="m", event_id="sent"),
    ]
    assert decided(rows, CONSENT)["sent"]["counted"] == ["e2"]


def test_unsubscribed_while_it_was_put_off():
    quiet = {"id": "quiet", "kind": "quiet_hours", "quiet": "21:00-08:00", "time_zone": "UTC"}
    rows = [message("2026-01-01T22:00"), no("2026-01-02T07:00", event_id="no")]
    row = decided(rows, quiet, CONSENT)["e1"]
    assert (row["decision"], row["failing_rules"], row["counted"]) == ("stop", ["consent"], ["no"])


def test_a_password_reset_after_a_newsletter_opt_out_passes():
    rows = [
        no("2026-01-01T10:00", list_id="newsletter"),
        message("2026-01-02T10:00", message_class="service", campaign_id="password-reset"),
        message("2026-01-02T11:00", campaign_id="newsletter", list_id="newsletter"),
    ]
    made = decided(rows, CONSENT)
    assert [row["decision"] for row in made.values()] == ["exempt", "stop"]


def test_a_no_to_one_list_leaves_the_others_and_a_yes_to_one_reopens_it_alone():
    rows = [
        no("2026-02-03T09:00", list_id="A"),
        message("2026-02-04T09:00", list_id="A", event_id="a"),
        message("2026-02-05T09:00", list_id="B", event_id="b"),
        no("2026-02-06T09:00"),
        yes("2026-02-07T09:00", list_id="B"),
        message("2026-02-08T09:00", list_id="A", event_id="closed"),
        message("2026-02-08T09:00", list_id="B", event_id="open"),
    ]
    assert stopped(rows, CONSENT) == ["a", "closed"]


def test_of_a_message_that_names_no_list_it_cannot_tell_where_an_act_is_about_one():
    rows = [
        message("2026-02-01T09:00", event_id="before"),
        no("2026-02-03T09:00", list_id="A", channel="email"),
        message("2026-02-04T09:00", event_id="unnamed"),
        message("2026-02-04T10:00", channel="sms", event_id="other"),
        message("2026-02-05T09:00", list_id="B", event_id="named"),
    ]
    made = decided(rows, CONSENT)
    assert [row["decision"] for row in made.values()] == ["allow"] * 4
    assert {name for name, row in made.items() if row["cannot_tell"]} == {"unnamed"}


def test_a_complaint_is_a_no_to_the_channel_and_sender_of_its_message():
    rows = [
        message("2026-02-01T09:00", message_id="m", sender="Sport", list_id="A"),
        act("message_complained", "2026-02-01T10:00", message_id="m", list_id="A", event_id="no"),
        message("2026-02-02T09:00", sender="Sport", list_id="B", event_id="other list"),
        message("2026-02-02T09:00", sender="Books", event_id="other sender"),
        message("2026-02-02T09:00", sender="Sport", channel="sms", event_id="other channel"),
    ]
    made = decided(rows, CONSENT)
    assert {name for name, row in made.items() if row["decision"] == "stop"} == {"other list"}
    assert made["other list"]["counted"] == ["no"]
    assert not any(row["cannot_tell"] for row in made.values())
    by_machine = {**rows[1], "machine": True}
    assert stopped([rows[0], by_machine, *rows[2:]], CONSENT) == []


def test_a_complaint_whose_message_is_not_known_goes_by_its_own_row():
    rows = [act("message_complained", "2026-02-01T10:00", message_id="m", channel="email")]
    rows += [message("2026-02-02T09:00", event_id="mail"), message("2026-02-02T09:00", channel="sms")]
    assert stopped(rows, CONSENT) == ["mail"]


def test_an_opt_out_that_a_machine_made_is_honoured():
    assert stopped([no("2026-01-01T10:00", machine=True), message("2026-01-02T10:00")], CONSENT) == ["e2"]


@pytest.mark.parametrize(
    ("said", "sent", "stops"),
    [
        ({}, {}, True),
        ({"channel": "email"}, {}, True),
        ({"channel": "sms"}, {}, False),
        ({"channel": "email"}, {"channel": None}, False),
        ({"sender": "Sport"}, {"sender": "Sport"}, True),
        ({"sender": "Sport"}, {"sender": "Books"}, False),
        ({"sender": "Sport"}, {}, False),
        ({"channel": "email", "sender": "Sport"}, {"sender": "Books"}, False),
        ({"topics": ["a", "b"]}, {"topics": ["b", "c"]}, True),
        ({"topics": ["a"]}, {"topics": ["b"]}, False),
        ({"topics": ["a"]}, {}, False),
        ({"topics": []}, {"topics": ["b"]}, True),
    ],
)
def test_an_act_bears_on_what_it_leaves_open_or_shares(said, sent, stops):
    rows = [no("2026-01-01T10:00", **said), message("2026-01-02T10:00", **sent)]
    assert stopped(rows, CONSENT) == (["e2"] if stops else [])
    rows = [no("2026-01-01T10:00"), yes("2026-01-01T11:00", **said), message("2026-01-02T10:00", **sent)]
    assert stopped(rows, CONSENT) == ([] if stops else ["e3"])


def test_an_opt_out_of_one_channel_leaves_the_other():
    rows = [
        no("2026-01-01T10:00", channel="email"),
        message("2026-01-02T10:00", event_id="mail"),
        message("2026-01-02T10:00", event_id="push", channel="push"),
    ]
    assert stopped(rows, CONSENT) == ["mail"]


def test_a_rule_on_one_channel_does_not_switch_off_the_other():
    rows = [
        no("2026-01-01T10:00"),
        message("2026-01-02T10:00", event_id="mail"),
        message("2026-01-02T10:00", event_id="push", channel="push"),
    ]
    assert stopped(rows, {**CONSENT, "channels": ["push"]}) == ["push"]


def test_a_tag_removed_later_was_there_when_it_was_sent():
    """Topics are the message's own at send time; the map's later rows for the campaign change nothing."""
    rows = [
        no("2026-01-01T10:00", topics=["sport"]),
        message("2026-01-02T10:00", campaign_id="x", topics=["sport"], event_id="tagged"),
        message("2026-01-03T10:00", campaign_id="x", event_id="untagged"),
    ]
    assert stopped(rows, CONSENT) == ["tagged"]


@pytest.mark.parametrize(
    ("sent", "stops"),
    [("2026-01-10T09:59:59.999999", False), ("2026-01-10T10:00", True), ("2026-01-02T10:00", False)],
)
def test_a_no_stops_once_its_grace_is_over(sent, stops):
    rows = [no("2026-01-01T10:00", event_id="a"), message(sent, event_id="b")]
    assert stopped(rows, {**CONSENT, "grace": "9d"}) == (["b"] if stops else [])


def test_grace_runs_from_the_oldest_no_in_force():
    rows = [
        no("2026-01-01T10:00", event_id="taken-back"),
        yes("2026-01-02T10:00"),
        no("2026-01-03T10:00", event_id="first"),
        no("2026-01-09T10:00", "objected", event_id="again"),
        message("2026-01-10T10:00", event_id="m"),
    ]
    assert decided(rows, {**CONSENT, "grace": "7d"})["m"]["counted"] == ["first"]
    assert stopped(rows, {**CONSENT, "grace": "8d"}) == []


def test_of_one_instant_the_event_id_decides():
    at = "2026-01-01T10:00"
    assert stopped([no(at, event_id="b"), message(at, event_id="a")], CONSENT) == []
    assert stopped([no(at, event_id="a"), message(at, event_id="b")], CONSENT) == ["b"]
    rows = [no(at, event_id="a"), yes(at, event_id="b"), message(at, event_id="c")]
    assert stopped(rows, CONSENT) == []


def test_what_a_consent_rule_stops_no_cap_counts():
    rows = [no("2026-01-01T10:00", channel="sms"), message("2026-01-02T10:00", channel="sms")]
    rows.append(message("2026-01-02T11:00"))
    limit = {"id": "cap", "kind": "frequency_cap", "limit": 1, "window": "7d"}
    assert stopped(rows, limit, CONSENT) == ["e2"]


PREGNANT = causes(m=([], ["pregnancy"]))


@pytest.mark.parametrize(
    ("given", "stops"),
    [
        ([], True),
        ([yes("2026-01-01T10:00", "consent_given", topics=["pregnancy"])], False),
        ([yes("2026-01-01T10:00", "consent_given", topics=["sport", "pregnancy"])], False),
        ([yes("2026-01-01T10:00", "consent_given", topics=["sport"])], True),
        ([yes("2026-01-01T10:00", "consent_given")], True),  # names no topic
        ([yes("2026-01-01T10:00", "subscribed", topics=["pregnancy"])], True),  # no consent
        ([yes("2026-01-01T10:00", "consent_given", topics=["pregnancy"], channel="sms")], True),
        ([yes("2026-01-01T10:00", "consent_given", topics=["pregnancy"], sender="Other")], True),
        ([yes("2026-01-03T10:00", "consent_given", topics=["pregnancy"])], True),  # too late
    ],
)
def test_a_sensitive_topic_needs_a_consent_that_names_it(given, stops):
    rows = [*given, message("2026-01-02T10:00", event_id="m")]
    row = decided(rows, SENSITIVE, causes=PREGNANT)["m"]
    assert (row["decision"], row["counted"]) == ("stop" if stops else "allow", [])


@pytest.mark.parametrize(
    ("withdrawn", "stops"),
    [
        ({"topics": ["pregnancy"]}, True),
        ({}, True),
        ({"topics": ["sport"]}, False),
        ({"topics": ["pregnancy"], "channel": "sms"}, False),
        ({"topics": ["pregnancy"], "at": "2026-01-05T10:00"}, False),
    ],
)
def test_a_withdrawal_of_it_or_of_everything_ends_a_consent(withdrawn, stops):
    rows = [
        yes("2026-01-01T10:00", "consent_given", topics=["pregnancy"]),
        {"kind": "consent_withdrawn", "at": "2026-01-02T10:00", **withdrawn},
        message("2026-01-03T10:00", event_id="m"),
    ]
    assert stopped(rows, SENSITIVE, causes=PREGNANT) == (["m"] if stops else [])


def test_every_one_of_several_topics_needs_its_consent():
    rows = [
        yes("2026-01-01T10:00", "consent_given", topics=["health"]),
        message("2026-01-02T10:00", event_id="m"),
        message("2026-01-03T10:00", event_id="n"),
    ]
    known = causes(m=([], ["health", "pregnancy"]), n=([], ["health"]))
    assert stopped(rows, SENSITIVE, causes=known) == ["m"]


def test_what_touches_no_sensitive_topic_passes():
    assert stopped([message("2026-01-02T10:00", event_id="m")], SENSITIVE, causes=causes(m=(["e"], []))) == []


@pytest.mark.parametrize("seed", range(100, 104))
def test_replay_kernel_gate_check_and_list_decide_as_the_text_of_the_contract(seed):
    compared, found_differences = said_no.differences(seed, 25)
    assert found_differences == []
    assert compared > 50
