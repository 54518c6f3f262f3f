"""More than three a day or five a week of a channel, all senders together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import findings
from audit.findings import CHECKS
from audit.findings.check_context import CheckContext
from audit.findings.checks.over_frequency import capped
from tests import build
from tests.audit.findings.histories import found, found_in, mail

_START = datetime(2026, 3, 1, 9, tzinfo=UTC)
_LIMITS = {"day": (timedelta(days=1), 3), "week": (timedelta(days=7), 5)}


def _every(hours: float, count: int, **columns):
    return [mail(_START + timedelta(hours=hours * number), **columns) for number in range(count)]


def test_three_a_day_are_no_finding():
    assert found("over-frequency", *_every(1, 3)) == []


def test_the_fourth_within_a_day_is_one_too_many():
    (finding,) = found("over-frequency", *_every(1, 4))
    assert finding["case"] == "day"
    assert finding["messages"] == ["e4"]
    assert (finding["count"], finding["total"], finding["excess"]) == (1, 4, 1)
    assert finding["evidence"] == ["e1", "e2", "e3", "e4"]
    assert finding["text"] == "4 mails on 2026-03-01: 1 too many for at most 3 in one day."


def test_all_of_a_burst_are_counted_and_so_are_those_too_many():
    (finding,) = found("over-frequency", *_every(1, 5))
    assert (finding["total"], finding["excess"], finding["from"]) == (5, 2, _START)
    assert finding["text"] == "5 mails on 2026-03-01: 2 too many for at most 3 in one day."


def test_a_mail_a_day_for_three_weeks_adds_up():
    (finding,) = found("over-frequency", *_every(24, 21))
    assert (finding["total"], finding["excess"]) == (21, 6)
    assert finding["messages"] == ["e6", "e7", "e13", "e14", "e20", "e21"]
    assert finding["text"] == (
        "21 mails from 2026-03-01 to 2026-03-21: 6 too many for at most 5 in one week; "
        "up to 7 came in one week (to 2026-03-07)."
    )


def test_only_the_senders_of_the_time_that_is_told_are_counted():
    before = mail(_START - timedelta(days=30), sender="another brand")
    rows = [row | {"sender": f"brand {number % 2}"} for number, row in enumerate(_every(1, 4))]
    assert "4 mails of 2 senders on" in found("over-frequency", before, *rows)[0]["text"]


def test_the_window_is_open_at_its_beginning():
    exactly_a_day = [mail(_START), mail(_START), mail(_START), mail(_START + timedelta(days=1))]
    assert found("over-frequency", *exactly_a_day) == []
    a_microsecond_less = [*exactly_a_day[:3], mail(_START + timedelta(days=1) - timedelta(microseconds=1))]
    assert len(found("over-frequency", *a_microsecond_less)) == 1


def test_the_sixth_within_a_week_is_one_too_many():
    (finding,) = found("over-frequency", *_every(24, 6))
    assert (finding["case"], finding["messages"]) == ("week", ["e6"])
    assert found("over-frequency", *_every(24, 5)) == []


def test_mails_of_one_instant_count_those_before_them_and_never_those_after():
    (finding,) = found("over-frequency", *_every(0, 5))
    assert finding["messages"] == ["e4", "e5"]


def test_all_senders_count_together_and_channels_apart():
    rows = [row | {"sender": f"brand {number % 3}"} for number, row in enumerate(_every(1, 4))]
    assert "of 3 senders" in found("over-frequency", *rows)[0]["text"]
    split = [row | {"channel": "sms" if number % 2 else "email"} for number, row in enumerate(_every(1, 6))]
    assert found("over-frequency", *split) == []


def test_several_rows_of_one_message_are_one_message():
    rows = [row | {"message_id": f"m{number // 2}"} for number, row in enumerate(_every(1, 6))]
    assert found("over-frequency", *rows) == []


@pytest.mark.parametrize("message_class", ["transactional", "service"])
def test_other_classes_do_not_count(message_class):
    assert found("over-frequency", *_every(1, 9, message_class=message_class)) == []


def test_a_message_without_a_class_counts_as_marketing():
    assert len(found("over-frequency", *_every(1, 4, message_class=None))) == 1


def test_suppressed_messages_do_not_count():
    assert found("over-frequency", *_every(1, 9, kind="message_suppressed")) == []


def test_twice_the_limit_is_high():
    severities = {count: found("over-frequency", *_every(1, count))[0]["severity"] for count in (5, 6)}
    assert severities == {5: "medium", 6: "high"}


_histories = st.lists(
    st.tuples(
        st.sampled_from(["c_1", "c_2"]),
        st.sampled_from(["email", "push"]),
        st.sampled_from([0, 1, 2, 86_399, 86_400, 86_401, 43_200, 172_800, 604_799, 604_800, 604_801]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(_histories)
def test_it_finds_what_counting_by_hand_finds(history):
    rows = [
        mail(_START + timedelta(seconds=seconds), customer_id=customer, channel=channel)
        for customer, channel, seconds in history
    ]
    events = build.events(*rows)
    everything = [
        (row["customer_id"], row["channel"], row["occurred_at"], row["event_id"]) for row in events.to_dicts()
    ]
    expected = {}
    for name, (window, limit) in _LIMITS.items():
        for key in {row[:2] for row in everything}:
            messages = sorted(row[2:] for row in everything if row[:2] == key)
            passed, stopped = [], []
            for at, event_id in messages:
                full = sum(at - window < other for other, _ in passed) >= limit
                (stopped if full else passed).append((at, event_id))
            if stopped:
                first, last = stopped[0], stopped[-1]
                told = [other for other in messages if first[0] - window < other[0] and other <= last]
                expected[*key, name] = ([event_id for _, event_id in stopped], len(told), told[0][0])
    made = {
        (finding["customer"], finding["subject"].split(":")[0], finding["case"]): (
            finding["messages"],
            finding["total"],
            finding["from"],
        )
        for finding in found_in("over-frequency", events)
    }
    assert made == expected


@pytest.mark.parametrize(("microseconds", "stopped"), [(0, []), (-1, ["c"])])
def test_a_cap_lets_a_message_through_when_its_window_is_over(microseconds, stopped):
    day = timedelta(days=1)
    messages = [("a", _START), ("b", _START), ("c", _START + day + timedelta(microseconds=microseconds))]
    assert capped(messages, 2, day) == ([one for one in "abc" if one not in stopped], stopped)


@pytest.mark.parametrize("channel", ["email", None])
def test_those_go_that_a_cap_on_the_channel_would_have_stopped(channel):
    others = _every(1, 5, channel="sms" if channel else "email", event_id=None)
    rows = [row | {"event_id": f"x{number}"} for number, row in enumerate(others)]
    rows += [row | {"event_id": f"m{number}"} for number, row in enumerate(_every(1, 5, channel=channel))]
    events = build.events(*rows)
    context = build.context(events)
    name = channel or "unknown"
    made = findings.find(events, context, checks=["over-frequency"])
    (finding,) = made.filter(made["subject"] == f"{name}: 3 a day").to_dicts()
    (plan,) = CHECKS["over-frequency"].removal_plans(CheckContext(events, context), finding)
    assert (plan.order[: plan.stay], plan.order[plan.stay :]) == (("m0", "m1", "m2"), ("m3", "m4"))


def test_messages_that_only_a_mailbox_shows_count_once_each():
    sent = [mail(f"2026-01-01T0{hour}:00", message_id=f"m{hour}") for hour in range(3)]
    seen = [
        {**mail(f"2026-01-01T0{hour}:30", message_id=name), "kind": "message_received"}
        for hour, name in ((0, "m0"), (4, "x"), (5, "x"))
    ]
    (finding,) = found("over-frequency", *sent, *seen)
    assert (finding["total"], finding["excess"], finding["messages"]) == (4, 1, ["e5"])
    assert found("over-frequency", *sent, *seen[:1]) == []
    service = {**seen[1], "message_class": "service"}
    assert found("over-frequency", *sent, service) == []
