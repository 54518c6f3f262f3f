"""Cart reminders: after the purchase, and too close together."""

import json

import pytest

from audit.findings import CHECKS
from tests import build
from tests.audit.findings.histories import act, found, mail, order


def _cart(at, **columns):
    return mail(at, **{"trigger": "cart_abandoned", "campaign_id": "cart", "item_id": "lamp", **columns})


def _add(at="2026-01-01T10:00", item="lamp", **columns):
    return act("product_added", at, item_id=item, item_name=item.title(), **columns)


def test_a_reminder_before_the_order_is_fine():
    rows = [_add(), _cart("2026-01-01T13:00"), order("2026-01-01T14:00", item_id="lamp")]
    assert found("cart-after-purchase", *rows) == []


@pytest.mark.parametrize("item", ["lamp", None])
def test_a_reminder_after_the_order_of_what_was_in_the_cart_is_one(item):
    rows = [
        _add(),
        order("2026-01-01T14:00", item_id="lamp", event_id="o"),
        _cart("2026-01-01T15:00", item_id=item),
    ]
    (finding,) = found("cart-after-purchase", *rows)
    assert finding["text"] == "1 cart reminder about Lamp after the purchase on 2026-01-01."
    assert (finding["cause"], finding["evidence"]) == (["o"], ["e1", "o", "e3"])


def test_an_order_of_something_else_is_not_of_this_cart():
    rows = [_add(), order("2026-01-01T14:00", item_id="pan"), _cart("2026-01-01T15:00")]
    assert found("cart-after-purchase", *rows) == []


def test_a_new_cart_after_the_order_may_be_reminded_of():
    rows = [
        _add(),
        order("2026-01-01T14:00", item_id="lamp"),
        _add("2026-01-05T10:00"),
        _cart("2026-01-05T15:00"),
    ]
    assert found("cart-after-purchase", *rows) == []


@pytest.mark.parametrize("order_id", ["1", None])
@pytest.mark.parametrize("kind", ["order_cancelled", "order_refunded"])
def test_a_cart_whose_order_was_undone_is_open_again(kind, order_id):
    bought = order("2026-01-01T14:00", item_id="lamp", order_id=order_id)
    undone = act(kind, "2026-01-01T16:00", item_id="lamp", order_id=order_id)
    assert found("cart-after-purchase", _add(), bought, undone, _cart("2026-01-01T18:00")) == []
    assert len(found("cart-after-purchase", _add(), bought, undone, _cart("2026-01-01T15:00"))) == 1
    (finding,) = found("cart-after-purchase", bought, undone, _add(), _cart("2026-01-01T15:30"))
    assert finding["count"] == 1


def test_without_a_recorded_cart_an_order_within_thirty_days_counts():
    assert (
        len(found("cart-after-purchase", order("2026-01-01", item_id="lamp"), _cart("2026-01-30T23:59"))) == 1
    )
    assert found("cart-after-purchase", order("2026-01-01", item_id="lamp"), _cart("2026-01-31")) == []


@pytest.mark.parametrize(
    ("columns", "count"),
    [
        ({"trigger": None, "campaign_id": "abandoned-basket"}, 1),
        ({"trigger": None, "campaign_id": "x7", "campaign_name": "Warenkorb 2"}, 1),
        ({"trigger": None, "campaign_id": "cartoons"}, 0),
        ({"trigger": "lapsed", "campaign_id": "cart"}, 0),
    ],
)
def test_a_cart_reminder_is_known_by_its_trigger_else_by_its_campaign(columns, count):
    rows = [_add(), order("2026-01-01T14:00", item_id="lamp"), _cart("2026-01-01T15:00", **columns)]
    assert len(found("cart-after-purchase", *rows)) == count


def test_a_few_hours_then_a_day_later_is_fine():
    assert found("cart-burst", _add(), _cart("2026-01-01T14:00"), _cart("2026-01-02T10:00")) == []


def test_half_a_day_apart_is_fine_and_less_is_not():
    assert found("cart-burst", _add(), _cart("2026-01-01T11:00"), _cart("2026-01-01T23:00")) == []
    (finding,) = found("cart-burst", _add(), _cart("2026-01-01T11:00"), _cart("2026-01-01T22:59:59"))
    assert (finding["case"], finding["messages"]) == ("close", ["e3"])


def test_a_fourth_reminder_of_one_cart_is_one_too_many():
    three = [_cart(f"2026-01-0{day}T14:00") for day in (1, 2, 3)]
    assert found("cart-burst", _add(), *three) == []
    (finding,) = found("cart-burst", _add(), *three, _cart("2026-01-04T14:00"))
    assert (finding["case"], finding["messages"]) == ("many", ["e5"])
    assert finding["text"] == (
        "4 cart reminders from 2026-01-01 to 2026-01-04: 1 too many, beyond the first 3 for one cart."
    )


def test_another_cart_has_a_series_of_its_own():
    first = [_add(), _cart("2026-01-01T14:00"), order("2026-01-01T15:00", item_id="lamp")]
    second = [_add("2026-01-01T16:00"), _cart("2026-01-01T19:00")]
    assert found("cart-burst", *first, *second) == []


def test_after_seventy_two_idle_hours_a_cart_is_a_new_cart():
    three = [_cart(f"2026-01-0{day}T14:00") for day in (1, 2, 3)]
    same, new = _add("2026-01-04T10:00"), _add("2026-01-04T10:00:01")
    (finding,) = found("cart-burst", _add(), *three, same, _cart("2026-01-04T14:00"))
    assert finding["case"] == "many"
    assert found("cart-burst", _add(), *three, new, _cart("2026-01-04T14:00")) == []


def test_of_one_instant_the_order_that_comes_after_the_cart_bought_it():
    add, sent = _add(event_id="m"), _cart("2026-01-01T15:00", event_id="x")
    assert (
        len(found("cart-after-purchase", add, order("2026-01-01T10:00", item_id="lamp", event_id="n"), sent))
        == 1
    )
    assert (
        found("cart-after-purchase", add, order("2026-01-01T10:00", item_id="lamp", event_id="a"), sent) == []
    )


def _rule_of(check, *rows):
    (finding,) = found(check, *rows)
    rule = json.loads(finding["suggested_rule"])
    return rule["kind"], rule["window"], rule.get("same") or rule.get("limit")


def test_the_suggested_rule_keeps_a_series_to_its_pace_or_to_its_length():
    reminders = [_cart(f"2026-01-0{day}T14:00") for day in (1, 2, 3, 4)]
    assert _rule_of("cart-burst", _add(), *reminders) == ("frequency_cap", "7d", 3)
    assert _rule_of("cart-burst", _add(), reminders[0], _cart("2026-01-01T15:00")) == ("min_gap", "12h", None)


@pytest.mark.parametrize(("item", "same"), [("lamp", "item"), (None, "nothing")])
def test_the_suggested_rule_asks_for_the_item_where_reminders_name_it(item, same):
    bought = order("2026-01-01T14:00", item_id="lamp")
    rule = _rule_of("cart-after-purchase", _add(), bought, _cart("2026-01-03T14:00", item_id=item))
    assert rule == ("cooldown", "7d", same)


def test_a_burst_is_looked_for_among_carts_orders_and_its_campaigns_in_the_days_before():
    events = build.events(
        _add("2025-12-29T12:59", event_id="old"),
        _add("2025-12-29T13:00", event_id="cart"),
        act("product_viewed", "2025-12-31", event_id="view"),
        order("2025-12-31", event_id="buy"),
        _cart("2026-01-01T13:00", event_id="a"),
        mail("2026-01-01T13:30", campaign_id="other", event_id="other"),
        _cart("2026-01-01T14:00", event_id="b"),
        _add("2026-01-01T14:01", event_id="later"),
    )
    evidence = events.filter(events["event_id"].is_in(["a", "b", "cart"]))
    (nearest,) = CHECKS["cart-burst"].nearest_events(events, evidence.filter(campaign_id="cart"))
    assert nearest["event_id"].to_list() == ["cart", "buy", "a", "b"]
