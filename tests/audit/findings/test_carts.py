"""Cart reminders: after the purchase, and too close together."""

import pytest

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
    assert finding["text"] == "1 cart reminder beyond the first 3 for one cart."


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
