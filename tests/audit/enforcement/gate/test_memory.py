"""The gate forgets what no rule can need any more, and nothing else: decisions are the same with it and without."""

import json
from datetime import UTC, datetime, timedelta
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.enforcement.gate import gate_state
from audit.enforcement.gate.decider import Gate
from audit.enforcement.gate.reader import Reader
from audit.enforcement.gate.stream import Stream
from audit.rules.model import from_dict

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAUSES = (0, 0, 1, 12, 30, 24 * 20, 24 * 50, 24 * 90, 24 * 100)
"""Hours between two lines: within a window, at the edge of what is remembered, and past it."""

rows = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(("c_1", "c_2")),
        "pause": st.sampled_from(PAUSES),
        "kind": st.sampled_from(
            (*["message_sent"] * 6, "order_completed", "message_clicked", "unsubscribed", "subscribed", "product_viewed")
        ),
        "message_id": st.sampled_from((None, None, "m1", "m2", "m3")),
        "item_id": st.sampled_from(("7", "8")),
        "campaign_id": st.sampled_from(("news", "cart")),
        "time_zone": st.sampled_from((None, None, "Europe/Berlin", "Asia/Kathmandu")),
        "message_class": st.sampled_from(("marketing", "marketing", None, "service")),
        "again": st.sampled_from((None, None, None, 1, 2, 5)),
    }
)  # fmt: skip
RULES = (
    {"kind": "frequency_cap", "limit": 2, "window": "4w", "exempt_counts": True},
    {"kind": "frequency_cap", "limit": 1, "window": "110d", "per": ["campaign"]},
    {"kind": "frequency_cap", "limit": 2, "window": "2d", "on_fail": "defer"},
    {"kind": "frequency_cap", "limit": 1, "window": "1mo", "window_kind": "calendar"},
    {"kind": "min_gap", "window": "6h"},
    {"kind": "cooldown", "after": "order_completed", "window": "repurchase", "same": "item", "fallback": "20d"},
    {"kind": "cooldown", "after": "product_viewed", "window": "50d"},
    {"kind": "sunset", "unengaged": 2},
    {"kind": "sunset", "unengaged": 3, "per": ["item"]},
    {"kind": "consent", "grace": "1d"},
    {"kind": "quiet_hours", "quiet": "21:00-08:00", "on_fail": "drop"},
)  # fmt: skip
sets = st.lists(st.sampled_from(range(len(RULES))), min_size=1, max_size=4, unique=True)


class Everybody:
    """Customers come by their pseudonyms."""

    def of(self, name):
        return name, None

    def unsealed(self, sealed):
        return dict(sealed)


class Kept:
    """A record in memory."""

    def __init__(self, lines=()):
        self.kept = list(lines)

    def append(self, text):
        self.kept += text.splitlines()

    def lines(self):
        return iter(self.kept)


def opened(rules, lines=()):
    record = Kept(lines)
    stream = Stream(Gate(rules), Everybody(), record, Reader(b"k"), rules)
    stream.restore()
    return stream, record


def lines_of(drawn):
    """The rows one after the other; some are said again later, as they were. What is clicked was offered before, and is
    no more: a message that was forgotten, and is offered as a new one, has lost its clicks.
    """
    made, at, offered, clicked = [], START, set(), set()
    for number, row in enumerate(drawn):
        at += timedelta(hours=row["pause"])
        line = {key: value for key, value in row.items() if key not in ("pause", "again")}
        which = row["customer_id"], row["message_id"]
        if which in clicked if row["kind"] == "message_sent" else which not in offered:
            line["message_id"] = None
        (offered if row["kind"] == "message_sent" else clicked).add(which)
        made.append(json.dumps({**line, "occurred_at": at.isoformat(), "event_id": f"e{number}"}).encode())
        if row["again"] and row["again"] <= number:
            made.append(made[-row["again"] - 1])
    return made


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, min_size=2, max_size=30), sets, st.integers(0, 40))
def test_started_again_from_the_record_or_from_what_is_left_of_it_it_decides_the_same(drawn, chosen, cut):
    rules = [from_dict({"id": f"r{number}", **RULES[number]}) for number in chosen]
    lines = lines_of(drawn)
    before, after = lines[:cut], lines[cut:]
    running, record = opened(rules)
    running.answers(before)
    whole, _ = opened(rules, record.kept)
    sieve, _ = opened(rules, record.kept)
    sieve.gate.forget()
    left, _ = opened(rules, [line for line in record.kept if sieve.needs(line)])
    with mock.patch.object(gate_state, "_FEW", -1000):
        forgetful, _ = opened(rules)
        forgetful.answers(before)
        expected = running.answers(after)
        assert forgetful.answers(after) == expected
    assert whole.answers(after) == expected
    assert left.answers(after) == expected


def test_a_record_holds_no_more_of_a_customer_than_can_be_asked_for():
    rules = [from_dict({"id": "r", "kind": "frequency_cap", "limit": 3, "window": "1w"})]
    stream, record = opened(rules)
    for day in range(1000):
        at = (START + timedelta(days=day)).isoformat()
        stream.answer({"customer_id": "c_1", "occurred_at": at, "message_id": f"m{day}"})
    assert len(record.kept) == 1000
    assert 90 <= sum(stream.needs(line) for line in record.kept) <= 300
    stream.gate.forget()
    assert sum(stream.needs(line) for line in record.kept) == 91


def test_opt_outs_and_orders_stay_whatever_their_age():
    rules = [from_dict({"id": "no", "kind": "consent"})]
    stream, record = opened(rules)
    for number, kind in enumerate(("unsubscribed", "product_viewed", "message_sent", "message_sent")):
        at = (START + timedelta(days=300 * number)).isoformat()
        answer = stream.answer(
            {"customer_id": "c_1", "occurred_at": at, "kind": kind, "event_id": f"e{number}"}
        )
    stream.gate.forget()
    left = [line for line in record.kept if stream.needs(line)]
    assert [json.loads(line)["event_id"] for line in left] == ["e0", "e3"]
    assert answer["counted"] == ["e0"]


def test_a_message_that_was_decided_longer_ago_than_is_remembered_is_a_new_one():
    rules = [from_dict({"id": "r", "kind": "mute", "campaigns": ["old"]})]
    stream, _ = opened(rules)
    asked = {"customer_id": "c_1", "message_id": "m1", "message_class": "marketing"}
    told = [
        stream.answer(
            {**asked, "campaign_id": name, "occurred_at": (START + timedelta(days=day)).isoformat()}
        )
        for day, name in ((0, "old"), (90, "new"), (91, "new"))
    ]
    assert [one["decision"] for one in told] == ["stop", "stop", "allow"]
