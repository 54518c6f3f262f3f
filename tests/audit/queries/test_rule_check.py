"""What is odd about a rule: what it names that is not there, what has no effect, what another rule stops anyway."""

import random
from datetime import UTC, datetime

import pytest

from audit.queries.rule_check import SentCounts, check
from audit.rules.model import from_dict
from audit.rules.reference import histories
from audit.rules.replay import simulation
from audit.rules.scopes import RuleSet, covered
from tests.audit.rules.build import act, cap, message
from tests.bench import differential
from tests.build import events

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def november(day, hour=0):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


PAST = events(
    message(november(1), campaign_id="news", category="Beauty > Nails", message_id="m1"),
    message(november(1, 10), campaign_id="news", category="Beauty > Nails", message_id="m1"),
    message(november(2), campaign_id="cart", category="Beauty", topics=["sport", "food"]),
    message(november(3), campaign_id="cart", message_class="service"),
    act("order_completed", november(4)),
)


def checked(document, *book, at=NOW, ids=None):
    rules = [from_dict({"id": f"other-{number}", **other}) for number, other in enumerate(book)]
    rule = from_dict({"id": "r", **document})
    return check(rule, SentCounts.of(PAST), rules, at=at, ids=ids or {})


def odd(document, *book, **more):
    return [(one.kind, one.key, one.in_words) for one in checked(document, *book, **more).warnings]


@pytest.mark.parametrize(
    ("document", "judged"),
    [
        ({"kind": "mute"}, 2),
        ({"kind": "mute", "message_classes": ["service", "marketing"]}, 3),
        ({"kind": "mute", "campaigns": ["news"]}, 1),
        ({"kind": "mute", "categories": ["Beauty"]}, 2),
        ({"kind": "mute", "except_categories": ["Beauty > Nails"]}, 1),
        ({"kind": "mute", "topics": ["food"]}, 1),
        ({"kind": "mute", "valid_from": "2026-11-02T00:00:00Z"}, 1),
        ({"kind": "mute", "valid_until": "2026-11-02T00:00:00Z"}, 1),
        ({"kind": "mute", "customers": ["007"]}, 2),
        ({"kind": "mute", "except_customers": ["007"]}, 0),
        (cap(1, "7d", per=["item"]), 0),
    ],
)
def test_it_counts_the_messages_that_a_rule_judges(document, judged):
    answer = checked(document, ids={"007": "c_1"})
    assert (answer.messages, answer.of) == (judged, 3)


def test_what_may_be_named_is_counted_and_a_category_takes_in_what_lies_under_it():
    counts = SentCounts.of(PAST)
    assert counts.names("campaigns") == {"cart": 2, "news": 1}
    assert counts.names("categories") == {"Beauty": 2, "Beauty > Nails": 1}
    assert counts.names("topics") == {"food": 1, "sport": 1}
    assert counts.names("items") == {}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"kind": "mute", "campaigns": ["news"]}, []),
        (
            {"kind": "mute", "campaigns": ["newss", "cart"]},
            [("unknown", "campaigns", "no message in this data has 'newss'; the nearest is news")],
        ),
        (
            {"kind": "mute", "except_categories": ["Cars"]},
            [("unknown", "except_categories", "no message in this data has 'Cars'")],
        ),
        ({"kind": "mute", "customers": ["nobody"]}, [("unknown", "customers", "no message in this data has 'nobody'")]),
        (
            {"kind": "mute", "campaigns": ["cart"], "categories": ["Beauty > Nails"]},
            [("nothing", "", "no message in this data falls under it")],
        ),
        (
            {"kind": "mute", "valid_until": "2026-11-02T00:00:00Z"},
            [("over", "valid_until", "it has ended, and stops nothing any more")],
        ),
        (
            {"kind": "cooldown", "after": "order_completed", "window": "1d", "depth": 2, "fallback": "9d"},
            [
                ("no_effect", "depth", "has no effect: counts only where same is category"),
                ("no_effect", "fallback", "has no effect: counts only where window is repurchase"),
            ],
        ),
        (
            cap(0, "7d", week_start="friday"),
            [("no_effect", "week_start", "has no effect: a limit of 0 stops all, whenever it goes out")],
        ),
    ],
)  # fmt: skip
def test_what_is_odd_is_said_of_its_key(document, found):
    assert odd(document) == found


def test_a_rule_that_another_makes_needless_names_it():
    wide, narrow = cap(2, "7d"), cap(3, "5d", campaigns=["news"])
    (by,) = odd(narrow | {"id": "mine"}, wide | {"id": "theirs"})
    assert by == ("covered", "", "theirs stops all that this one would; it changes nothing beside it")
    (over,) = odd(wide | {"id": "mine"}, narrow | {"id": "theirs"})
    assert over == ("covers", "", "this one stops all that theirs does, which changes nothing beside it")
    assert odd(narrow | {"id": "mine"}, wide | {"id": "theirs", "enabled": False}) == []
    assert odd(narrow | {"id": "mine", "declared": True}, wide | {"id": "theirs"}) == []
    assert odd(narrow | {"id": "same"}, wide | {"id": "same"}) == [], "a rule is not held against itself"


@pytest.mark.parametrize(
    ("narrow", "wide", "is_covered"),
    [
        ({"kind": "min_gap", "window": "1d"}, cap(1, "2d"), True),
        (cap(1, "1d", window_kind="calendar"), {"kind": "min_gap", "window": "4d"}, True),
        (cap(1, "1d", window_kind="calendar"), {"kind": "min_gap", "window": "1d"}, False),
        (cap(3, "7d"), cap(3, "7d", per=["campaign"]), False),
        (cap(3, "7d", exempt_counts=True), cap(3, "7d"), False),
        (cap(3, "7d"), cap(3, "7d", on_fail="defer"), False),
        (cap(3, "7d", except_categories=["Beauty"]), cap(3, "7d", except_categories=["Beauty > Nails"]), True),
        ({"kind": "sunset", "unengaged": 5, "channels": ["sms"]}, {"kind": "sunset", "unengaged": 3}, False),
        ({"kind": "quiet_hours", "quiet": "23:00-01:00"}, {"kind": "quiet_hours", "quiet": "22:00-02:00"}, True),
        ({"kind": "quiet_hours", "quiet": "21:00-01:00"}, {"kind": "quiet_hours", "quiet": "22:00-02:00"}, False),
        ({"kind": "consent", "grace": "2d"}, {"kind": "consent"}, True),
        ({"kind": "sensitive", "channels": ["sms"]}, {"kind": "mute"}, True),
    ],
)  # fmt: skip
def test_which_rule_covers_which(narrow, wide, is_covered):
    assert covered(*(from_dict({**document, "id": "r"}) for document in (narrow, wide))) == is_covered


@pytest.mark.parametrize("seed", range(6))
def test_beside_a_rule_that_covers_it_a_rule_changes_no_decision(seed):
    dice = random.Random(seed)
    past, _, why = differential.case(seed + 20, 4)
    why = differential.causes(dice, past) if why is None else why
    names = past["event_id"].to_list()
    made = [from_dict(differential.rule(dice, number, names)) for number in range(120)]
    pairs = [(rule, by) for rule in made for by in made if rule is not by and covered(rule, by)]
    assert {rule.kind for rule, _ in pairs} >= {"frequency_cap", "consent"}
    facts = differential.count_facts(past.lazy())
    messages = histories.sent(past)
    for rule, by in dice.sample(pairs, k=min(len(pairs), 25)):
        alone, both = (
            simulation.decide(messages, past, RuleSet(rules, {"source-1": "c00001"}), facts, causes=why)
            .select("event_id", "decision", "deferred_to")
            .rows()
            for rules in ([by], [by, rule])
        )
        assert [row for row in both if row not in alone] == [], (rule, by)
