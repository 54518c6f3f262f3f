"""A rule in words says all that it decides by, and all that one has to enter elsewhere."""

import random

import pytest
from hypothesis import given

from audit.errors import InputError
from audit.rules.describe import read_back, sentence
from audit.rules.model import KINDS, from_dict, keys, kinds, to_dict
from audit.rules.reference import histories
from audit.rules.replay import simulation
from audit.rules.scopes import RuleSet
from tests.audit.rules.strategies import documents
from tests.bench import differential


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"kind": "frequency_cap", "limit": 3, "window": "7d", "channels": ["email"], "except_campaigns": ["cart"]},
            "At most 3 marketing e-mails in any 7 days; those of the campaign cart pass and do not count.",
        ),
        (
            {"kind": "frequency_cap", "limit": 1, "window": "1w", "window_kind": "calendar", "per": ["channel"], "week_start": "sunday"},
            "At most 1 marketing message in a calendar week from Sunday, in each customer's own time, each channel counted by itself.",
        ),
        (
            {"kind": "frequency_cap", "limit": 2, "window": "1d", "window_kind": "calendar", "time_zone": "Europe/Berlin", "exempt_counts": True, "on_fail": "defer"},
            "At most 2 marketing messages in a calendar day, in Europe/Berlin time; messages of other classes count too, though it lets them pass; what it holds back waits until it may go, seven days at most.",
        ),
        ({"kind": "frequency_cap", "limit": 0, "window": "7d"}, "No marketing messages."),
        (
            {"kind": "min_gap", "window": "16h", "channels": ["sms", "push"]},
            "At least 16 hours between marketing text messages or push notifications.",
        ),
        (
            {"kind": "quiet_hours", "quiet": "21:00-08:00", "on_fail": "drop", "message_classes": ["marketing", "service"]},
            "No marketing or service messages from 21:00 to 08:00, in each customer's own time.",
        ),
        (
            {"kind": "cooldown", "after": "order_completed", "same": "category", "depth": 2, "window": "repurchase", "fallback": "400d"},
            "No marketing messages after an order of the same category (its first 2 levels), until the customer is due to buy again; where that is not known, for 400 days.",
        ),
        (
            {"kind": "cooldown", "after": ["order_completed", "product_viewed"], "window": "1d"},
            "No marketing messages after an order or product viewed, for 1 day.",
        ),
        (
            {"kind": "sunset", "unengaged": 5, "campaigns": ["news"]},
            "No further marketing messages of the campaign news after 5 in a row without a click and without an order.",
        ),
        (
            {"kind": "consent", "grace": "10d"},
            "No marketing messages to people who said no (unsubscribed, objected, consent withdrawn, complained), from 10 days after it on, until they say yes.",
        ),
        (
            {"kind": "mute", "customers": ["007"], "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T06:30:00Z"},
            "No marketing messages to 1 named customer; in force from 2026-01-01 until 2027-01-01T06:30:00Z.",
        ),
        ({"kind": "exclude_event", "events": ["a", "b"]}, "No marketing messages brought about by nothing but 2 named events."),
        ({"kind": "sensitive"}, "No marketing messages brought about by a sensitive topic, or about one, without a consent that names it."),
    ],
)  # fmt: skip
def test_a_rule_in_words(document, said):
    assert sentence(from_dict({"id": "r", **document})) == said


@given(documents)
def test_every_rule_is_one_sentence_that_names_its_scopes_and_no_customer(document):
    rule = from_dict(document)
    said = sentence(rule)
    assert said.endswith(".")
    for scope in ("campaigns", "categories", "topics", "items", "senders"):
        named = (*getattr(rule, scope), *getattr(rule, f"except_{scope}"))
        assert all(name in said or name.replace('"', '""') in said for name in named)
    if rule.customers:
        assert f"{len(rule.customers)} named customer" in said


SILENT = {"id", "title", "note", "customers", "except_customers", "events"}
"""Keys whose value the sentence does not say: names, which decide nothing, and whom or which events it names: how many."""

OTHER = {
    "channels": ["sms"], "campaigns": ["a", "b"], "categories": ["Cars"], "topics": ["x"], "items": ["1"], "senders": ["S"],
    "message_classes": ["service"], "valid_from": "2026-01-02T00:00:00Z", "valid_until": "2027-01-02T00:00:01Z",
    "enabled": False, "declared": True, "on_fail": ("drop", "defer"), "grace": "3d", "window": "9d", "after": ["subscribed"],
    "same": ("item", "category"), "depth": 4, "fallback": "9d", "unengaged": 7, "engagement": "open", "limit": 8,
    "window_kind": ("rolling", "calendar"), "time_zone": "Asia/Kathmandu", "week_start": "friday", "per": ["campaign"],
    "exempt_counts": True, "quiet": "01:00-02:00",
}  # fmt: skip
"""A value that no example has; of some keys two, one of which the example has."""

BASES = {
    "cooldown": ({}, {"window": "1d"}, {"same": "category"}),
    "frequency_cap": ({}, {"window": "1w", "window_kind": "calendar"}),
}
"""Examples in which a key counts that does not in others."""


@pytest.mark.parametrize("kind", kinds())
def test_each_key_that_decides_is_read_back(kind):
    """Changed, the sentence changes; else the kind says that the key has no effect there. Each has one somewhere."""
    heard = set()
    for base in BASES.get(kind, ({},)):
        rule = from_dict({"id": "r", "kind": kind, **KINDS[kind].example, **base})
        for key in set(keys(kind)) - SILENT - {"kind"}:
            value = OTHER[key.removeprefix("except_")]
            for other in value if isinstance(value, tuple) else (value,):
                try:
                    changed = from_dict({**to_dict(rule), key: other})
                except InputError:
                    continue
                if changed != rule:
                    silent = key in rule.without_effect()
                    assert (read_back(changed) == read_back(rule)) == silent, key
                    heard |= set() if silent else {key}
    expected = set(keys(kind)) - SILENT - {"kind"}
    assert heard == (expected if KINDS[kind].may_defer else expected - {"on_fail"})


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_says_what_it_is_for_with_an_example(kind):
    made = from_dict({"id": "r", "kind": kind, **KINDS[kind].example})
    assert KINDS[kind].purpose.endswith(".")
    assert KINDS[kind].purpose.count(".") == 1
    assert sentence(made) != KINDS[kind].purpose


def decisions(events, rule, why):
    replayed = simulation.decide(
        histories.sent(events),
        events,
        RuleSet([rule], {"source-1": "c00001"}),
        differential.count_facts(events.lazy()),
        causes=why,
    )
    return replayed.select("event_id", "decision", "deferred_to").rows()


@pytest.mark.parametrize("seed", range(4))
def test_rules_that_are_read_back_alike_decide_alike(seed):
    """Random rules, each with one key of another of its kind; not held where that key names customers or events."""
    dice = random.Random(seed)
    events, _, why = differential.case(seed, 3)
    why = differential.causes(dice, events) if why is None else why
    made = [from_dict(differential.rule(dice, number, events["event_id"].to_list())) for number in range(60)]
    alike = 0
    for rule in made:
        for other in made:
            for key in sorted(set(to_dict(other)) - SILENT - {"kind"}):
                if other.kind != rule.kind or getattr(rule, key) == getattr(other, key) or alike == 12:
                    continue
                try:
                    changed = from_dict({**to_dict(rule), key: to_dict(other)[key]})
                except InputError:
                    continue
                if read_back(changed) == read_back(rule):
                    alike += 1
                    assert decisions(events, changed, why) == decisions(events, rule, why)
    assert alike >= 3, "else nothing was shown"
