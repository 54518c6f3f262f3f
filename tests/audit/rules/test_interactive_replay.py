"""A replay that is made again and again: the totals are those of the replay, whatever is left out and remembered."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.events.purchases import TAKEN_BACK
from audit.events.vocabulary import OPT_INS, OPT_OUTS
from audit.rules.kernel import preload
from audit.rules.model import from_dict, kinds
from audit.rules.replay import interactive_replay, simulation
from audit.rules.scopes import RuleSet
from tests.audit.rules.build import act, cap, causes, message
from tests.bench import differential
from tests.build import context, events

START = datetime(2026, 1, 1, tzinfo=UTC)


def hard(seed: int):
    """A hard history with acts of every kind, rules of every kind, and why each message was sent."""
    frame, rules, because = differential.case(seed, 12)
    if because is None:
        because = differential.causes(Random(seed), frame)
    return frame, Random(seed).sample(rules, min(len(rules), 3)), because


def both(frame, rules, because):
    """The document of the replay, and that of one prepared for several."""
    known = replace(context(frame), facts=differential.count_facts(frame.lazy()))
    taking_part = RuleSet(rules, {"source-1": "c00001"})
    expected = simulation.simulate(frame, taking_part, known, causes=because).document().to_json()
    return expected, interactive_replay.PreparedReplay.of(frame, known).replay(
        taking_part, causes=because
    ).document().to_json()


@cache
def hard_replays(seed):
    """The rules of a hard case, and what `both` say."""
    frame, rules, because = hard(seed)
    return rules, *both(frame, rules, because)


@pytest.mark.parametrize("seed", range(60))
def test_it_adds_up_to_what_the_replay_adds_up_to(seed):
    _, expected, made = hard_replays(seed)
    assert made == expected


@pytest.mark.parametrize("seed", range(60, 90))
def test_so_it_does_with_the_compiled_evaluator(seed, monkeypatch):
    monkeypatch.setattr(preload, "is_ready", lambda: True)
    expected, made = both(*hard(seed))
    assert made == expected


moments = st.builds(
    lambda hours, ticks: START + timedelta(hours=hours, microseconds=ticks),
    st.sampled_from((0, 1, 2, 8, 24, 30, 48, 72, 168)),
    st.sampled_from((0, 0, 1, -1)),
)
about = {
    "at": moments,
    "customer_id": st.sampled_from(("c_1", "c_1", "c_2")),
    "channel": st.sampled_from(("email", "email", "push")),
    "campaign_id": st.sampled_from(("news", "cart")),
    "item_id": st.sampled_from(("7", "8", None)),
    "category": st.sampled_from(("A", "A > B", None)),
    "topics": st.sampled_from((None, ["baby"])),
    "message_id": st.sampled_from(("m1", "m2", "m3", None)),
    "time_zone": st.sampled_from((None, "Europe/Berlin")),
}
sent = st.fixed_dictionaries(
    {
        "kind": st.just("message_sent"),
        "message_class": st.sampled_from(("marketing", "marketing", "service", None)),
        **about,
    }
)
done = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            (
                "order_completed",
                "product_viewed",
                *OPT_OUTS,
                *OPT_INS,
                "message_clicked",
                "message_opened",
                *TAKEN_BACK,
            )
        ),
        "machine": st.sampled_from((None, None, True)),
        "order_id": st.sampled_from((None, "o1", "o2")),
        "quantity": st.sampled_from((None, 1.0, 2.0, -1.0)),
        "item_name": st.sampled_from((None, "Pan", "Postage")),
        **about,
    }
)
pasts = st.lists(
    st.tuples(st.one_of(sent, sent, sent, done), st.text("ab", min_size=1, max_size=6)),
    min_size=1,
    max_size=16,
    unique_by=lambda row: row[1],
).map(lambda rows: [{**row, "event_id": event_id} for row, event_id in rows])
windows = st.sampled_from(("1h", "8h", "1d", "2d"))
ways = st.sampled_from(("drop", "defer"))
pers = st.sampled_from((["customer"], ["campaign"], ["channel"]))
of_kind = {
    "consent": {"grace": st.sampled_from(("0d", "8h"))},
    "mute": {"campaigns": st.just(["news"])},
    "sensitive": {},
    "exclude_event": {"events": st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=3)},
    "cooldown": {
        "after": st.sampled_from(("order_completed", "product_viewed")),
        "window": st.sampled_from(("8h", "2d", "repurchase")),
        "same": st.sampled_from(("nothing", "item", "category", "campaign")),
        "depth": st.just(1),
    },
    "sunset": {"unengaged": st.integers(1, 3), "engagement": st.sampled_from(("click", "open")), "per": pers},
    "min_gap": {"window": windows, "per": pers, "on_fail": ways},
    "frequency_cap": {
        "limit": st.integers(0, 3),
        "window": st.sampled_from(("1h", "1d")),
        "window_kind": st.sampled_from(("rolling", "calendar")),
        "per": pers,
        "exempt_counts": st.booleans(),
        "on_fail": ways,
    },
    "quiet_hours": {"quiet": st.sampled_from(("21:00-08:00", "12:00-12:30")), "on_fail": ways},
}
some_rules = st.lists(
    st.sampled_from(sorted(of_kind)).flatmap(
        lambda kind: st.fixed_dictionaries({"kind": st.just(kind), **of_kind[kind]})
    ),
    min_size=1,
    max_size=2,
).map(lambda rules: [from_dict({"id": f"r{number}", **rule}) for number, rule in enumerate(rules)])
CLICK = act("message_clicked", START, customer_id="c_9", channel="email", event_id="click")
"""Somebody's, so that it can be told whether anybody responds."""


@settings(max_examples=25)
@given(pasts, some_rules, st.data())
def test_rules_of_any_kind_add_up_to_what_the_replay_adds_up_to(rows, rules, data):
    assert set(of_kind) == set(kinds())
    frame = events(CLICK, *rows)
    keys = frame.filter(pl.col("kind") == "message_sent").select("customer_id", "event_id")
    lists = st.lists(st.sampled_from(("a", "b", "ab")), max_size=2)
    because = keys.with_columns(
        causes=pl.Series([data.draw(lists) for _ in range(keys.height)], dtype=pl.List(pl.String)),
        sensitive=pl.Series(
            [data.draw(st.sampled_from(([], ["baby"]))) for _ in range(keys.height)], dtype=pl.List(pl.String)
        ),
    )
    expected, live = both(frame, rules, because)
    assert live == expected


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_streak_stops_the_very_next_message(length):
    rows = [message(START + timedelta(days=day), event_id=f"m{day}") for day in range(length + 1)]
    sunset = from_dict({"id": "sunset", "kind": "sunset", "unengaged": length})
    expected, live = both(events(CLICK, *rows), [sunset], None)
    assert (expected["stopped"], live["stopped"]) == (1, 1)
    assert both(events(CLICK, *rows[1:]), [sunset], None)[1]["stopped"] == 0


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_a_full_window_stops_the_very_next_message(limit):
    step = timedelta(days=1) / limit
    rows = [message(START + step * number) for number in range(limit + 1)]
    rows[-1]["at"] -= timedelta(microseconds=1)
    expected, live = both(events(*rows), [from_dict(cap(limit, "1d"))], None)
    assert (expected["stopped"], live["stopped"]) == (1, 1)


def test_the_hard_cases_stop_defer_displace_and_hold_every_kind():
    made = [(rules, live) for rules, _, live in map(hard_replays, range(60))]
    assert {rule.kind for rules, _ in made for rule in rules} == set(kinds())
    for name in ("stopped", "deferred", "exempt", "let_through", "displaced"):
        assert sum(bool(one[name]) for _, one in made) > 5


def test_events_chosen_for_one_rule_serve_the_next_that_needs_the_same():
    frame = events(
        *(message(f"2026-01-0{day}T10:00") for day in range(1, 8)), act("order_completed", "2026-01-03")
    )
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    stopped = [
        prepared.replay(RuleSet([from_dict(cap(limit, "7d"))])).document().to_json()["stopped"]
        for limit in (1, 3, 9)
    ]
    assert stopped == [6, 4, 0]
    after = from_dict({"id": "after", "kind": "cooldown", "after": "order_completed", "window": "2d"})
    assert prepared.replay(RuleSet([after])).document().to_json()["stopped"] == 2


def test_a_sample_is_whole_customers_spread_over_all():
    rows = [message(f"2026-01-0{day}T10:00", customer_id=f"c_{who}") for who in range(9) for day in (1, 2)]
    frame = events(*rows)
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    sample = prepared.sample(messages=6)
    assert (prepared.customers, prepared.messages) == (9, 18)
    assert (sample.customers, sample.messages) == (3, 6)
    made = sample.replay(RuleSet([from_dict(cap(1, "7d"))])).document().to_json()
    assert (made["stopped"], made["customers"], made["messages"]) == (3, 3, 6)


def test_what_no_rule_can_stop_takes_no_time_and_is_not_judged():
    frame = events(*(message(f"2026-01-{day:02}T10:00") for day in range(1, 29)))
    told = []
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    made = prepared.replay(RuleSet([from_dict(cap(3, "1d"))]), progress=lambda done, of: told.append(done))
    assert (made.document().to_json()["let_through"], told) == (28, [])


def test_it_may_be_stopped_between_two_customers():
    frame = events(*(message("2026-01-01T10:00", customer_id=f"c_{who}") for who in range(4)))

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interactive_replay.PreparedReplay.of(frame, context(frame)).replay(
            RuleSet([from_dict({"id": "m", "kind": "mute"})]), progress=stop
        )


def test_rules_that_read_causes_are_refused_without_them():
    frame = events(message("2026-01-01T10:00", event_id="m"))
    rule = RuleSet([from_dict({"id": "s", "kind": "sensitive"})])
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    with pytest.raises(InputError, match="causes"):
        prepared.replay(rule)
    assert prepared.replay(rule, causes=causes(m=([], ["baby"]))).document().to_json()["stopped"] == 1


def test_no_events_are_no_messages():
    frame = events(message("2026-01-01T10:00"))[:0]
    made = (
        interactive_replay.PreparedReplay.of(frame, context(frame))
        .replay(RuleSet([from_dict(cap(1, "7d"))]))
        .document()
        .to_json()
    )
    assert (made["messages"], made["customers"], made["stopped"]) == (0, 0, 0)


def test_the_compiled_evaluator_is_given_up_once_it_is_not_wanted(monkeypatch):
    monkeypatch.setattr(preload, "is_ready", lambda: False)
    monkeypatch.setattr(sys, "executable", "/bin/sleep")
    preload.make_ready(lambda: False)
    assert not preload._READY.is_set()
