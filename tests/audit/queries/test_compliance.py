"""Whether the past kept to what a sender declares."""

from audit.queries.compliance import document
from audit.rules import vendor_semantics
from audit.rules.model import from_dict
from tests.audit.rules.build import cap, message
from tests.build import context, events

SENT = [
    message("2026-01-05T08:00"),
    message("2026-01-05T20:00"),
    message("2026-01-06T11:00"),
    message("2026-01-06T11:30", message_class="transactional"),
    message("2026-01-05T08:00", customer_id="c_2"),
    message("2026-01-06T00:00", customer_id="c_2"),
    message("2026-01-05T09:00", customer_id="c_3", channel="sms"),
]


def kept(*rules, worst=5):
    frame = events(*SENT)
    return document(frame, rules, context(frame), worst=worst).to_json()["rules"]


def test_klaviyos_sixteen_hours_are_held_against_every_mail_that_went_out():
    """08:00, 20:00 and 11:00 the next day: 12 and 15 hours apart; of the other, 16 hours, which is enough."""
    email, sms, push = kept(*(one.rule for one in vendor_semantics.preset("klaviyo").ready))
    assert (email["messages"], email["customers"], email["against"], email["customers_against"]) == (
        5,
        2,
        2,
        1,
    )
    assert (email["first"], email["last"]) == ("2026-01-05T20:00:00Z", "2026-01-06T11:00:00Z")
    assert email["worst"] == [
        {"customer": "c_1", "messages": ["e2", "e3"], "most": 2, "together": ["e1", "e2"]}
    ]
    assert (sms["messages"], sms["against"], sms["worst"]) == (1, 0, [])
    assert (push["messages"], push["first"]) == (0, None)


def test_calendar_days_are_held_too_and_what_cannot_be_told_is_apart():
    """Without a zone a day is UTC's: 5 Jan has two. The one message of the third customer keeps to it in any zone."""
    (daily,) = kept(from_dict(cap(1, "1d", window_kind="calendar", declared=True)))
    assert (daily["against"], daily["cannot_tell"]) == (1, 4)
    (fixed,) = kept(from_dict(cap(1, "1d", window_kind="calendar", time_zone="UTC")))
    assert (fixed["against"], fixed["cannot_tell"]) == (1, 0)


def test_of_the_worst_only_so_many_are_named():
    (mute,) = kept(from_dict({"id": "mute", "kind": "mute"}), worst=1)
    assert (mute["against"], mute["customers_against"]) == (6, 3)
    assert [one["customer"] for one in mute["worst"]] == ["c_1"]
