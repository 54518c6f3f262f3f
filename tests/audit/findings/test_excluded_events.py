"""Beside a finding stands what has to do with it and did not count: of its own subject, and nothing else."""

import pytest

from audit.findings import find, registry
from audit.findings.check_context import CheckContext
from tests import build
from tests.audit.findings.histories import act, mail, order

CAMERAS = "Electronics > Cameras"
MAKEUP = "Beauty > Make-up"


def deal(at, **columns):
    return mail(at, **{"trigger": "product_viewed", "category": CAMERAS, **columns})


def cart(at, **columns):
    return mail(at, **{"trigger": "cart_abandoned", "campaign_id": "cart", "item_id": "lamp", **columns})


def weekly(number, **columns):
    return mail(
        f"2026-{number:02}-01",
        **{"campaign_id": "weekly", "message_id": f"m{number}", "event_id": f"m{number}", **columns},
    )


def lamp(kind, at, **columns):
    return act(kind, at, **{"item_id": "lamp", **columns})


OTHER = {"event_id": "other", "campaign_id": "other"}

HISTORIES = {
    "after-opt-out": (
        [
            mail("2026-01-01", event_id="early"),
            act("unsubscribed", "2026-02-01", channel="email"),
            mail("2026-02-01", event_id="f", message_class="transactional"),
            mail("2026-08-01", event_id="m"),
            mail("2026-08-02", channel="sms", **OTHER),
        ],
        {"before the no": ["early"], "of another case, or after a yes": ["f"]},
    ),
    "browse-pursuit": (
        [
            deal("2025-12-31T23:59:59.999999", event_id="early"),
            act("product_viewed", "2026-01-01", category=CAMERAS, event_id="v"),
            deal("2026-01-01", event_id="z"),
            *(deal(f"2026-01-0{day}", event_id=f"m{day}") for day in (2, 3, 4)),
            deal("2026-01-05", category="Sport > Balls", **OTHER),
            deal("2026-01-06", trigger="newsletter", event_id="letter"),
            order("2026-01-07", category=CAMERAS, event_id="bought"),
            deal("2026-01-08", event_id="p"),
        ],
        {
            "before that look": ["early"],
            "among the first 3 after a look and within 21 days of it": ["z", "m2", "m3"],
            "after a purchase": ["p"],
        },
    ),
    "cart-after-purchase": (
        [
            lamp("product_added", "2026-01-01T10:00"),
            cart("2026-01-01T13:00", event_id="early"),
            order("2026-01-01T14:00", item_id="lamp"),
            cart("2026-01-01T15:00", event_id="m"),
            cart("2026-01-01T16:00", item_id="pan", **OTHER),
        ],
        {"before it was bought": ["early"]},
    ),
    "cart-burst": (
        [
            lamp("product_added", "2026-01-01T10:00"),
            cart("2026-01-01T13:00"),
            cart("2026-01-01T14:00"),
            cart("2026-01-03", event_id="later"),
            cart("2026-01-04", **OTHER),
        ],
        {"12 hours or more after the one before, and among the first 3 for its cart": ["later"]},
    ),
    "duplicate-message": (
        [
            *(mail(f"2026-01-01T{hour}:00", campaign_id="a") for hour in (10, 11)),
            mail("2026-01-05", campaign_id="a", event_id="later"),
            mail("2026-01-06", **OTHER),
        ],
        {"nothing like it in the 18 hours before it": ["later"]},
    ),
    "ignored-streak": (
        [
            weekly(1),
            act("message_clicked", "2026-01-01T10:00", message_id="m1"),
            *(weekly(number) for number in range(2, 7)),
            weekly(7, channel="push", **OTHER),
        ],
        {"answered, or parted from the run by an answer, a visit, an order or a choice": ["m1"]},
    ),
    "life-changed": (
        [
            mail("2026-01-01", event_id="early"),
            act("registry_closed", "2026-02-01", category="Baby"),
            mail("2026-03-01", category="Baby > Cots"),
            mail("2026-03-02", category="Sport", **OTHER),
        ],
        {"before it was recorded": ["early"], "from another trigger, about something else": ["other"]},
    ),
    "over-frequency": (
        [
            mail("2025-12-01", event_id="early"),
            *(mail(f"2026-01-01T{hour}:00") for hour in (10, 11, 12, 13, 14)),
            *(mail(f"2026-01-02T{hour}:00") for hour in (11, 12, 13, 14)),
            mail("2026-01-01T14:00", channel="sms", **OTHER),
        ],
        {"would have passed a limit of 5": ["early"]},
    ),
    "repeat-after-purchase": (
        [
            mail("2025-12-01", item_id="lamp", event_id="early"),
            order("2026-01-01", item_id="lamp"),
            *(mail(f"2026-01-0{day}", item_id="lamp") for day in (2, 3, 4)),
            mail("2026-01-05", item_id="pan", **OTHER),
        ],
        {"before it was bought": ["early"]},
    ),
    "sensitive-inference": (
        [
            mail("2026-01-01", topics=["pregnancy"]),
            act("products_searched", "2026-01-02", query="prenatal vitamins", event_id="later"),
            act("products_searched", "2026-01-02", topics=["health"], event_id="other-act"),
            act("consent_given", "2026-01-03", topics=["pregnancy", "health"]),
            act("recommendation_shown", "2026-01-04", topics=["pregnancy"]),
            mail("2026-01-05", topics=["pregnancy"], event_id="agreed"),
            mail("2026-01-05", topics=["health"], **OTHER),
        ],
        {
            "after the first that was decided of it": ["later"],
            "a consent that names it was in force": ["agreed"],
        },
    ),
    "shared-account": (
        [
            *(order(f"2026-01-0{day}", category="Tools > Drills", persona="p1") for day in (1, 2)),
            mail("2026-01-03", category=MAKEUP, event_id="early"),
            order("2026-02-01", category=MAKEUP, persona="p2"),
            mail("2026-03-01", category=MAKEUP),
            mail("2026-03-02", category=MAKEUP, list_id="list", event_id="list"),
            mail("2026-03-03", category="Sport > Balls", **OTHER),
        ],
        {"before that act": ["early"], "rests on another act, or went to a list": ["list"]},
    ),
    "unexplained": (
        [
            act("product_viewed", "2025-01-01", category="Books", event_id="act"),
            order("2025-01-01", category="Books", event_id="buy"),
            act("product_viewed", "2026-01-01", category="Books", event_id="at"),
            mail("2026-01-01", category="Cars > Tyres", event_id="m"),
            act("product_viewed", "2026-01-01T00:00:01", category="Books", event_id="later"),
        ],
        {"about something else, or not the customer's own": ["act", "buy", "at"]},
    ),
    "unrequested-shipment": (
        [
            order("2026-01-01", item_id="echo", event_id="own"),
            order("2026-02-01", item_id="echo", source="inferred"),
            order("2026-02-02", item_id="rope", event_id="other"),
        ],
        {"not placed by the sender": ["own"]},
    ),
}


@pytest.mark.parametrize("check_id", HISTORIES)
def test_of_its_own_subject_and_nothing_else(check_id):
    rows, expected = HISTORIES[check_id]
    events = build.events(*rows)
    context = build.context(events)
    finding = find(events, context, checks=[check_id]).row(0, named=True)
    counted = {*finding["messages"], *finding["cause"], *finding["evidence"]}
    excluded = registry.check(check_id).excluded_events(CheckContext(events, context), finding)
    by_reason = {
        one.reason.format(*one.figures): [event for event in one.events["event_id"] if event not in counted]
        for one in excluded
    }
    assert {reason: ids for reason, ids in by_reason.items() if ids} == expected
