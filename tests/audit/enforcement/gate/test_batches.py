"""Lines that come together are answered as the same lines one by one are."""

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.rules.model import from_dict
from tests.audit.enforcement.gate.test_memory import (
    RULES,
    lines_of,
    opened,
    rows,
    sets,
)

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


@settings(max_examples=60, deadline=None)
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
