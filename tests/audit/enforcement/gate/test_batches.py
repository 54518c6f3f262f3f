"""Lines that come together are answered as the same lines one by one are, and a stream of them as a replay of it."""

import json
from datetime import timedelta
from heapq import heapify, heappop, heappush
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.events.schema import SCHEMA
from audit.events.times import iso, parse_iso
from audit.rules.model import from_dict
from audit.rules.reference import histories
from audit.rules.replay import simulation
from tests.audit.enforcement.gate.test_memory import (
    RULES,
    START,
    lines_of,
    opened,
    rows,
    sets,
)
from tests.audit.rules.build import causes, engaged
from tests.build import context, events

BAD = (
    b"",
    b"{",
    b"\xff{}",
    b"[1]",
    b'{"customer_id":"c_1"}',
    b'{"customer_id":"c_1","customer_id":"c_2","occurred_at":"2026-01-01"}',
    b'{"customer_id":"c_1","occurred_at":"2020-01-01T00:00:00Z"}',
    b'{"customer_id":"c_2","occurred_at":"2026-01-01","kind":"message_scent"}',
)
"""What no answer can be given to; the last but one is older than what the customer was mailed since."""


@settings(max_examples=35, deadline=None)
@given(
    st.lists(rows, min_size=2, max_size=30),
    sets,
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(BAD)), max_size=6),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_together_or_one_by_one_the_answers_and_the_record_are_the_same(drawn, chosen, bad, cuts):
    rules = [from_dict({"id": f"r{number}", **RULES[number]}) for number in chosen]
    lines = lines_of(drawn)
    for place, line in bad:
        lines.insert(place, line)
    single, by_one = opened(rules)
    expected = [single.answer(line) for line in lines]
    batched, together = opened(rules)
    edges = [0, *sorted(cuts), len(lines)]
    told = "".join(batched.answers(lines[start:end]) for start, end in pairwise(edges))
    assert [json.loads(answer) for answer in told.splitlines()] == expected
    assert together.kept == by_one.kept
    assert len(expected) == len(lines)


def test_a_bad_line_between_two_messages_of_one_customer_changes_neither():
    rules = [from_dict({"id": "r", "kind": "frequency_cap", "limit": 1, "window": "7d"})]
    stream, record = opened(rules)
    first, second = (
        json.dumps({"customer_id": "c_1", "occurred_at": "2026-01-01T10:00:00Z", "message_id": name}).encode()
        for name in ("m1", "m2")
    )
    told = [json.loads(line) for line in stream.answers([first, b"{", second, first]).splitlines()]
    assert [one.get("decision", "error") for one in told] == ["allow", "error", "stop", "allow"]
    assert len(record.kept) == 2


# -- what comes as a stream is decided as the replay of it ---------------------------------------------------------

counting = st.one_of(
    st.builds(
        lambda limit, window, per, fail: {"kind": "frequency_cap", "limit": limit, "per": per, "on_fail": fail, **window},
        st.integers(0, 2),
        st.sampled_from(
            ({"window": "2d"}, *({"window": unit, "window_kind": "calendar"} for unit in ("1d", "1d", "1w")))
        ),
        st.sampled_from((["customer"], ["customer"], ["channel"], ["campaign"])),
        st.sampled_from(("drop", "defer")),
    ),
    st.sampled_from((["customer"], ["channel"])).map(lambda per: {"kind": "min_gap", "window": "6h", "per": per}),
    st.sampled_from(("drop", "defer")).map(lambda fail: {"kind": "quiet_hours", "quiet": "21:00-08:00", "on_fail": fail}),
)  # fmt: skip
by_acts = st.one_of(
    st.builds(
        lambda after, same, window: {
            "kind": "cooldown", "after": after, "same": same, "window": window, "fallback": "3d",
        },
        st.sampled_from(("order_completed", "product_viewed", "message_clicked")),
        st.sampled_from(("item", "category", "nothing")),
        st.sampled_from(("2d", "repurchase")),
    ),
    st.builds(
        lambda unengaged, engagement, per: {
            "kind": "sunset", "unengaged": unengaged, "engagement": engagement, "per": per,
        },
        st.integers(1, 3), st.sampled_from(("click", "open")), st.sampled_from((["customer"], ["channel"])),
    ),
)  # fmt: skip
by_words = st.one_of(
    st.sampled_from(("0h", "6h", "1d")).map(lambda grace: {"kind": "consent", "grace": grace}),
    st.just({"kind": "sensitive"}),
    st.just({"kind": "exclude_event", "events": ["o1", "o2"]}),
    st.sampled_from(({"campaigns": ["cart"]}, {"channels": ["push"]})).map(
        lambda about: {"kind": "mute", **about}
    ),
)
"""Rules of all nine kinds, by what they look at."""

BOUGHT = ("order_completed", "order_refunded", "product_viewed", "message_clicked", "message_opened")
SAID = ("message_complained", "unsubscribed", "subscribed", "consent_given", "consent_withdrawn")


def hostile(*kinds):
    """Rows as no sender should send them: `odd` ones come again, come late, or name a message that is known."""
    return st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from(("c_1", "c_1", "c_1", "c_2")),
            "pause": st.sampled_from((0, 1, 6, 6, 12, 12, 30)),
            "kind": st.sampled_from((*["message_sent"] * 6, *kinds)),
            "message_id": st.sampled_from((None, "m1", "m2", "m3", "m4")),
            "channel": st.sampled_from(("email", "email", "push", None)),
            "sender": st.sampled_from((None, None, "Books")),
            "list_id": st.sampled_from((None, None, "weekly")),
            "topics": st.sampled_from((None, None, ["health"])),
            "item_id": st.sampled_from(("7", "8", None)),
            "category": st.sampled_from(("A > 7", "A > 8", None)),
            "campaign_id": st.sampled_from(("news", "cart", None)),
            "order_id": st.sampled_from(("o1", None)),
            "quantity": st.sampled_from((None, 1.0, 2.0)),
            "time_zone": st.sampled_from((None, None, "UTC", "Asia/Kolkata", "Pacific/Kiritimati")),
            "message_class": st.sampled_from(("marketing", "marketing", "marketing", None, "transactional")),
            "machine": st.sampled_from((None, None, True, False)),
            "causes": st.sampled_from(([], ["o1"], ["o1", "v1"])),
            "sensitive": st.sampled_from(([], [], ["health"])),
            "odd": st.sampled_from((*[None] * 6, "again", "late")),
        }
    )


hostile_streams = st.sampled_from(
    (
        (counting, hostile("message_delivered")),
        (by_acts, hostile(*BOUGHT)),
        (by_words, hostile(*SAID)),
        (st.one_of(counting, by_acts, by_words), hostile("message_delivered", *BOUGHT, *SAID)),
    )
).flatmap(
    lambda of: st.tuples(st.lists(of[1], min_size=1, max_size=25), st.lists(of[0], min_size=1, max_size=3))
)

told_first = st.lists(
    st.tuples(
        st.sampled_from(("message_clicked", "message_opened")), st.sampled_from((None, "email", "push"))
    ),
    max_size=3,
)
"""What others told before: a kind of response, and the channel of the message, which the response does not name."""


def others(told):
    """Lines of one who was mailed over each channel and responded; what is recorded since then."""
    rows = []
    for number, (kind, channel) in enumerate(told):
        about = {"customer_id": "c_0", "message_id": f"m{number}"}
        rows.append({**about, "kind": "message_sent", "event_id": f"a{number}", "channel": channel})
        rows.append({**about, "kind": kind, "event_id": f"b{number}"})
    return [{**row, "occurred_at": START.isoformat()} for row in rows], set(told)


def stream_of(drawn, recorded):
    """When each line is fed, and the line. What responds or complains names no message but one that came before it, and is
    of a sort that is `recorded` already: that there are such responses, the gate learns from the first.
    """
    at, made, channels, newest = START, [], {}, {}
    for number, row in enumerate(drawn):
        at += timedelta(hours=row["pause"])
        name, earlier = f"e{number:02}", at - timedelta(hours=40)
        late = row["odd"] == "late" and earlier < newest.get(row["customer_id"], START)
        newest[row["customer_id"]] = at
        line = {key: value for key, value in row.items() if key not in ("pause", "odd") and value is not None}
        line |= {"event_id": name, "occurred_at": (earlier if late else at).isoformat()}
        which = row["customer_id"], row["message_id"]
        if row["kind"] == "message_sent" and row["message_id"] and not late:
            channels.setdefault(which, row["channel"])
        elif row["kind"] != "message_sent" and which not in channels:
            line.pop("message_id", None)
        if (row["kind"], row["channel"] or channels.get(which)) not in recorded:
            line["machine"] = True
        if late:
            line.pop("time_zone", None)
        made.append((at, name, line))
        if row["odd"] == "again":
            made.append((at, f"{name}~", made[number // 2][2]))
    return made


def streamed(stream, made):
    """Feed lines, each deferred message again when it is due: message → the last answer to it; the rows taken in."""
    waiting, answers, taken, newest = list(made), {}, {}, {}
    heapify(waiting)
    while waiting:
        _, name, line = heappop(waiting)
        customer, moment = line["customer_id"], parse_iso(line["occurred_at"])
        answer, late = stream.answer(line), moment < newest.get(customer, moment)
        if "error" in answer:
            assert late, answer
            continue
        if not late:
            taken.setdefault(line["event_id"], line)
        key = customer, line.get("message_id", line["event_id"])
        event_id = answers[key][0] if key in answers else line["event_id"]
        if event_id == name or "noted" in answer:  # and not another row of a message that is known
            newest[customer] = max(moment, newest.get(customer, moment))
        if "noted" in answer:
            continue
        answers[key] = event_id, answer
        if answer["decision"] == "defer" and name == event_id:
            due = answer["next_allowed_at"]
            heappush(waiting, (parse_iso(due), name, {**line, "occurred_at": due}))
    return dict(answers.values()), list(taken.values())


TOLD = ("decision", "deciding_rule", "failing_rules", "counted", "cannot_tell", "assumed", "next_allowed_at")


@settings(max_examples=35, deadline=None)
@given(told_first, hostile_streams)
def test_a_stream_of_any_rows_is_decided_as_the_replay_of_what_it_took_in(told, of):
    compare(told, *of)


QUIET = {"kind": "quiet_hours", "quiet": "21:00-08:00", "on_fail": "defer"}


@pytest.mark.parametrize("again", ["m1", "m2"])
def test_where_the_customer_is_tells_another_row_of_a_deferred_message_and_not_its_being_offered_again(again):
    """Put off at midnight in London; at six in the morning another row says Kolkata, where the last message comes at night."""
    rows = (
        {"pause": 12, "message_id": "m1", "time_zone": "UTC"},
        {"pause": 6, "message_id": again, "time_zone": "Asia/Kolkata"},
        {"pause": 12, "message_id": "m3", "time_zone": None},
    )
    plain = dict.fromkeys(("machine", "odd")) | {
        "kind": "message_sent",
        "channel": "email",
        "customer_id": "c_1",
    }
    compare([], [{**plain, "causes": [], "sensitive": [], **row} for row in rows], [QUIET])


def compare(told, drawn, documents):
    rules = [from_dict({"id": f"r{number}", **rule}) for number, rule in enumerate(documents)]
    stream, _ = opened(rules)
    before, recorded = others(told)
    for line in before:
        stream.answer(line)
    answers, taken = streamed(stream, stream_of(drawn, recorded))
    known = engaged(*map(row_of, (*before, *taken)))
    assert histories.responses(known) == recorded
    frame, sent = events(*map(row_of, taken)), [row for row in taken if row["kind"] == "message_sent"]
    why = pl.concat(
        causes(
            name,
            **{
                row["event_id"]: (row["causes"], row["sensitive"])
                for row in sent
                if row["customer_id"] == name
            },
        )
        for name in ("c_1", "c_2")
    )
    decisions = simulation.simulate(frame, rules, context(frame, facts=known), causes=why).decisions
    expected = {row["event_id"]: row for row in decisions.iter_rows(named=True)}
    assert answers.keys() == expected.keys()
    for event_id, answer in answers.items():
        replayed = expected[event_id] | {"next_allowed_at": iso(expected[event_id]["next_allowed_at"])}
        assert {name: answer[name] for name in TOLD} == {name: replayed[name] for name in TOLD}


def row_of(line):
    """The row of the events that a line is."""
    return {
        "at": line["occurred_at"],
        **{name: line[name] for name in line if name in SCHEMA and name != "occurred_at"},
    }
