"""A replay that is made again and again: the totals are those of the replay, whatever is left out and kept."""

import sys
from dataclasses import replace
from random import Random

import pytest

from audit.errors import InputError
from audit.population import stats
from audit.rules.kernel import preload
from audit.rules.model import from_dict, kinds
from audit.rules.replay import interactive_replay, simulation
from audit.rules.scopes import RuleSet
from tests.audit.rules.build import act, cap, causes, message
from tests.bench import differential
from tests.build import context, events


def hard(seed: int):
    """A hard history with acts of every kind, rules of every kind, and why each message was sent."""
    frame, rules, because = differential.case(seed, 12)
    if because is None:
        because = differential.causes(Random(seed), frame)
    return frame, Random(seed).sample(rules, min(len(rules), 3)), because


def both(frame, rules, because):
    """The document of the replay, and that of one prepared for several."""
    known = replace(context(frame), facts=stats.count(frame.lazy()))
    taking_part = RuleSet(rules, {"source-1": "c00001"})
    expected = simulation.simulate(frame, taking_part, known, causes=because).to_json()
    return expected, interactive_replay.PreparedReplay.of(frame, known).replay(
        taking_part, causes=because
    ).to_json()


@pytest.mark.parametrize("seed", range(60))
def test_it_adds_up_to_what_the_replay_adds_up_to(seed):
    expected, made = both(*hard(seed))
    assert made == expected


@pytest.mark.xdist_group("kernel")
@pytest.mark.parametrize("seed", range(60, 90))
def test_so_it_does_with_the_compiled_evaluator(seed, monkeypatch):
    monkeypatch.setattr(preload, "is_ready", lambda: True)
    expected, made = both(*hard(seed))
    assert made == expected


def test_the_hard_cases_stop_defer_displace_and_hold_every_kind():
    made = [(rules, both(frame, rules, because)[1]) for frame, rules, because in map(hard, range(60))]
    assert {rule.kind for rules, _ in made for rule in rules} == set(kinds())
    for name in ("stopped", "deferred", "exempt", "let_through", "displaced"):
        assert sum(bool(one[name]) for _, one in made) > 5


def test_events_chosen_for_one_rule_serve_the_next_that_needs_the_same():
    frame = events(
        *(message(f"2026-01-0{day}T10:00") for day in range(1, 8)), act("order_completed", "2026-01-03")
    )
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    stopped = [
        prepared.replay(RuleSet([from_dict(cap(limit, "7d"))])).to_json()["stopped"] for limit in (1, 3, 9)
    ]
    assert stopped == [6, 4, 0]
    after = from_dict({"id": "after", "kind": "cooldown", "after": "order_completed", "window": "2d"})
    assert prepared.replay(RuleSet([after])).to_json()["stopped"] == 2


def test_a_sample_is_whole_customers_spread_over_all():
    rows = [message(f"2026-01-0{day}T10:00", customer_id=f"c_{who}") for who in range(9) for day in (1, 2)]
    frame = events(*rows)
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    sample = prepared.sample(messages=6)
    assert (prepared.customers, prepared.messages) == (9, 18)
    assert (sample.customers, sample.messages) == (3, 6)
    made = sample.replay(RuleSet([from_dict(cap(1, "7d"))])).to_json()
    assert (made["stopped"], made["customers"], made["messages"]) == (3, 3, 6)


def test_what_no_rule_can_stop_takes_no_time_and_is_not_judged():
    frame = events(*(message(f"2026-01-{day:02}T10:00") for day in range(1, 29)))
    told = []
    prepared = interactive_replay.PreparedReplay.of(frame, context(frame))
    made = prepared.replay(RuleSet([from_dict(cap(3, "1d"))]), progress=lambda done, of: told.append(done))
    assert (made.to_json()["let_through"], told) == (28, [])


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
    assert prepared.replay(rule, causes=causes(m=([], ["baby"]))).to_json()["stopped"] == 1


def test_no_events_are_no_messages():
    frame = events(message("2026-01-01T10:00"))[:0]
    made = (
        interactive_replay.PreparedReplay.of(frame, context(frame))
        .replay(RuleSet([from_dict(cap(1, "7d"))]))
        .to_json()
    )
    assert (made["messages"], made["customers"], made["stopped"]) == (0, 0, 0)


def test_the_compiled_evaluator_is_given_up_once_it_is_not_wanted(monkeypatch):
    monkeypatch.setattr(preload, "is_ready", lambda: False)
    monkeypatch.setattr(sys, "executable", "/bin/sleep")
    preload.make_ready(lambda: False)
    assert not preload._READY.is_set()
