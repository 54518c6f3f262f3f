"""A rule in words says all that one has to enter."""

import pytest
from hypothesis import given

from audit.rules.describe import sentence
from audit.rules.model import from_dict
from tests.audit.rules.strategies import documents


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"kind": "frequency_cap", "limit": 3, "window": "7d", "channels": ["email"], "except_campaigns": ["cart"]},
            "At most 3 marketing e-mails in any 7 days, counted per customer; leave out: campaigns cart.",
        ),
        (
            {"kind": "frequency_cap", "limit": 1, "window": "1w", "window_kind": "calendar", "per": ["channel"], "week_start": "sunday"},
            "At most 1 marketing message in a calendar week from Sunday, in each customer's own time, counted per customer and channel.",
        ),
        (
            {"kind": "frequency_cap", "limit": 2, "window": "1d", "window_kind": "calendar", "time_zone": "Europe/Berlin", "exempt_counts": True, "on_fail": "defer"},
            "At most 2 marketing messages in a calendar day, in Europe/Berlin time, counted per customer; messages of other classes count too, though they always go out; what it holds back waits until it may go, seven days at most.",
        ),
        ({"kind": "frequency_cap", "limit": 0, "window": "7d"}, "No marketing messages."),
        (
            {"kind": "min_gap", "window": "16h", "channels": ["sms", "push"]},
            "At least 16 hours between marketing text messages or push notifications, counted per customer.",
        ),
        (
            {"kind": "quiet_hours", "quiet": "21:00-08:00", "on_fail": "drop", "message_classes": ["marketing", "service"]},
            "No marketing and service messages from 21:00 to 08:00, in each customer's own time.",
        ),
        (
            {"kind": "cooldown", "after": "order_completed", "same": "category", "depth": 2, "window": "repurchase", "fallback": "400d"},
            "No marketing messages about the same category (its first 2 levels) after order completed, until the customer is due to buy again; where that is not known, for 400 days.",
        ),
        (
            {"kind": "cooldown", "after": ["order_completed", "product_viewed"], "window": "1d"},
            "No marketing messages after order completed or product viewed, for 1 day.",
        ),
        (
            {"kind": "sunset", "unengaged": 5, "campaigns": ["news"]},
            "No further marketing messages after 5 in a row without a click and without an order, counted per customer; only: campaigns news.",
        ),
        (
            {"kind": "consent", "grace": "10d"},
            "No marketing messages to whom said no (unsubscribed, objected, consent withdrawn, complained), from 10 days after it on, until they say yes.",
        ),
        (
            {"kind": "mute", "customers": ["007"], "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z"},
            "No marketing messages; only: 1 named customer; from 2026-01-01T00:00:00Z; until 2027-01-01T00:00:00Z.",
        ),
        ({"kind": "exclude_event", "events": ["a", "b"]}, "No marketing messages brought about by nothing but 2 named events of a customer."),
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
        assert all(name in said for name in (*getattr(rule, scope), *getattr(rule, f"except_{scope}")))
    if rule.customers:
        assert f"{len(rule.customers)} named customer" in said
