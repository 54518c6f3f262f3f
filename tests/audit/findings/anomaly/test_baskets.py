"""What belongs to one order, and to one session."""

from audit.population import baskets
from tests.build import events


def named(*rows):
    return baskets.acts(events(*rows)).select("family", "basket", "thing").rows()


def test_an_order_is_its_rows_and_one_without_a_number_is_alone():
    assert named(
        {"kind": "order_completed", "at": "2026-01-01T10:00", "order_id": "o", "item_id": "a"},
        {"kind": "order_completed", "at": "2026-01-01T10:00", "order_id": "o", "item_name": "B"},
        {"kind": "order_completed", "at": "2026-01-01T10:01", "category": "C"},
    ) == [("order", "o", "a"), ("order", "o", "B"), ("order", "event:e3", "C")]


def test_a_session_without_a_number_ends_after_half_an_hour_without_an_act():
    rows = [
        {"kind": "product_viewed", "at": f"2026-01-01T{at}", "item_id": "a"}
        for at in ("10:00", "10:30", "11:01")
    ]
    assert [basket for _, basket, _ in named(*rows)] == ["from:e1", "from:e1", "from:e3"]


def test_a_search_belongs_to_its_session_and_is_no_thing():
    rows = [
        {"kind": "products_searched", "at": "2026-01-01T10:00", "query": "shoes", "session_id": "s"},
        {"kind": "product_viewed", "at": "2026-01-01T19:00", "item_id": "a", "session_id": "s"},
        {"kind": "message_sent", "at": "2026-01-01T20:00", "item_id": "a"},
    ]
    assert named(*rows) == [("session", "s", None), ("session", "s", "a")]


def test_hours_are_local_where_the_zone_is_known_and_there_is_such_a_zone():
    rows = [
        {"kind": "order_completed", "at": "2026-07-01T22:30", "time_zone": zone, "item_id": "a"}
        for zone in ("Europe/Berlin", "Nowhere/At_All", None)
    ]
    assert baskets.acts(events(*rows))["hour"].to_list() == [0, 22, 22]
