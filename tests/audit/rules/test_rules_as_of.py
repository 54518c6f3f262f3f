"""A replay with the rules as they stood: each message is judged by the book of its own time."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.events.times import parse_iso
from audit.rules.book import Book, versions
from audit.rules.model import from_dict
from audit.rules.replay import simulation
from tests.audit.rules.build import cap, message
from tests.audit.rules.test_properties import caps, rows
from tests.build import context, events


class Kept:
    """A book whose changes are made at the moments a test says."""

    def __init__(self, path):
        self.moment = None
        self.book = Book(path, now=lambda: parse_iso(self.moment))

    def on(self, moment, act, *arguments):
        self.moment = moment
        self.book.apply(getattr(self.book, f"plan_{act}")(*arguments), author="test")

    def decided(self, *history):
        frame = events(*history)
        rules = versions.rule_set(self.book.history()[::-1])
        decisions = simulation.simulate(frame, rules, context(frame)).decisions
        return dict(decisions.select("event_id", "decision").rows())

    def stopped(self, *history):
        return [name for name, decision in self.decided(*history).items() if decision == "stop"]


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "book.db")


DAILY = [message(f"2026-01-{day:02d}T10:00", event_id=f"d{day:02d}") for day in range(1, 13)]
CAP = from_dict(cap(2, "7d"))


def test_before_a_rule_was_made_nothing_is_judged(kept):
    kept.on("2026-01-06T00:00", "add", [CAP])
    decided = kept.decided(*DAILY)
    assert {decided[f"d{day:02d}"] for day in range(1, 6)} == {"exempt"}
    assert [decided[f"d{day:02d}"] for day in range(6, 10)] == ["allow", "allow", "stop", "stop"]


def test_a_rule_judges_from_the_very_moment_it_was_recorded_and_no_longer_when_it_is_off(kept):
    kept.on("2026-01-02T10:00", "add", [from_dict({"id": "m", "kind": "mute"})])
    kept.on("2026-01-04T10:00", "disable", "m")
    kept.on("2026-01-06T10:00", "enable", "m")
    kept.on("2026-01-07T10:00", "remove", "m")
    assert kept.stopped(*DAILY) == ["d02", "d03", "d06"]


def test_a_cap_that_was_changed_goes_on_counting(kept):
    kept.on("2026-01-01T00:00", "add", [from_dict(cap(3, "7d"))])
    kept.on("2026-01-03T00:00", "set", "cap", {"limit": 2})
    assert kept.stopped(*DAILY[:8]) == ["d03", "d04", "d05", "d06", "d07"]


def test_what_was_out_of_scope_at_its_own_time_does_not_count_later(kept):
    kept.on("2026-01-01T00:00", "add", [from_dict(cap(2, "7d", campaigns=["cart"]))])
    kept.on("2026-01-04T00:00", "set", "cap", {"campaigns": None})
    assert kept.stopped(*DAILY[:7]) == ["d06", "d07"]


def test_a_class_is_exempt_until_a_rule_names_it(kept):
    kept.on("2026-01-01T00:00", "add", [CAP])
    kept.on("2026-01-03T00:00", "set", "cap", {"message_classes": ["service"], "limit": 0})
    service = [{**row, "message_class": "service"} for row in DAILY[:4]]
    assert list(kept.decided(*service).values()) == ["exempt", "exempt", "stop", "stop"]


def test_a_rules_own_validity_holds_within_the_time_it_stood(kept):
    rule = {
        "id": "m",
        "kind": "mute",
        "valid_from": "2026-01-03T00:00:00Z",
        "valid_until": "2026-01-05T00:00:00Z",
    }
    kept.on("2026-01-04T00:00", "add", [from_dict(rule)])
    assert kept.stopped(*DAILY) == ["d04"]


def test_declared_rules_stop_nothing(kept):
    kept.on("2026-01-01T00:00", "add", [from_dict(cap(0, "7d", declared=True))])
    assert kept.stopped(*DAILY) == []


def test_the_document_names_every_version_that_took_part(kept):
    kept.on("2026-01-01T00:00", "add", [CAP])
    kept.on("2026-01-03T00:00", "set", "cap", {"limit": 1})
    frame = events(*DAILY)
    told = (
        simulation.simulate(frame, versions.rule_set(kept.book.history()[::-1]), context(frame))
        .document()
        .to_json()
    )
    assert told["rules"] == [{"id": "cap", "version": 1}, {"id": "cap", "version": 2}]
    assert told["by_rule"] == {"cap": told["stopped"]}


numbers = itertools.count()


@settings(max_examples=12, deadline=None)
@given(history=rows.filter(bool), rule=caps, touched=st.booleans())
def test_a_book_that_always_stood_is_a_plain_replay(tmp_path_factory, history, rule, touched):
    kept = Kept(tmp_path_factory.mktemp("book") / f"{next(numbers)}.db")
    kept.on("2000-01-01T00:00", "add", [from_dict(rule)])
    if touched:  # a change that changes nothing about the rule's judging
        kept.on("2026-10-27T00:00", "set", "cap", {"note": "looked at"})
    frame = events(*history)
    plain = simulation.simulate(frame, [from_dict(rule)], context(frame)).decisions
    made = simulation.simulate(frame, versions.rule_set(kept.book.history()[::-1]), context(frame)).decisions
    columns = ["event_id", "decision", "deciding_rule", "counted"]
    assert made.select(columns).equals(plain.select(columns))
