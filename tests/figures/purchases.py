"""What is left of a purchase, read one row after the other."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from audit.events.purchases import TAKEN_BACK, is_service

Row = dict[str, Any]


def order(row: Row) -> tuple[datetime, str]:
    return row["occurred_at"], row["event_id"]


def is_negative(row: Row) -> bool:
    return row["quantity"] is not None and row["quantity"] < 0


def is_goods(row: Row) -> bool:
    named = row["item_name"] or row["item_id"]
    return row["kind"] == "order_completed" and not is_negative(row) and not is_service(named)


def is_return(row: Row) -> bool:
    return row["kind"] in TAKEN_BACK or (row["kind"] == "order_completed" and is_negative(row))


def left_of(rows: Iterable[Row]) -> dict[str, tuple[float, str | None]]:
    """Of each line of goods how much is left in the end, and which event undid it."""
    rows = sorted(rows, key=order)
    left = {row["event_id"]: row["quantity"] or 1.0 for row in rows if is_goods(row)}
    undone: dict[str, str] = {}
    for act in filter(is_return, rows):
        own = [
            row
            for row in rows
            if is_goods(row)
            and row["customer_id"] == act["customer_id"]
            and row["occurred_at"] <= act["occurred_at"]
        ]
        named = [row for row in own if act["order_id"] and row["order_id"] == act["order_id"]]
        fitting = _fitting_in_order(act, named) if named else _fitting_anywhere(act, own, undone)
        fitting = sorted(fitting, key=order, reverse=True)
        if not named and act["quantity"] is None:
            fitting = fitting[:1]
        units = abs(act["quantity"]) if act["quantity"] and act["item_id"] else 10**9
        for row in fitting:
            taken = min(units, left[row["event_id"]])
            left[row["event_id"]] -= taken
            if units > 0 and left[row["event_id"]] == 0:
                undone.setdefault(row["event_id"], act["event_id"])
            units -= taken
    return {event: (number, undone.get(event)) for event, number in left.items()}


def _fitting_in_order(act: Row, named: list[Row]) -> list[Row]:
    if act["item_id"]:
        return [row for row in named if row["item_id"] in (None, act["item_id"])]
    prices = [row["price"] for row in named]
    if act["price"] is None or None in prices:
        return named
    paid = sum(row["price"] * (row["quantity"] or 1) for row in named)
    return [] if abs(act["price"]) < paid - 0.005 else named


def _fitting_anywhere(act: Row, own: list[Row], undone: dict[str, str]) -> list[Row]:
    of_another_order = act["kind"] == "order_cancelled" and act["order_id"] and not is_negative(act)
    if not act["item_id"] or of_another_order:
        return []
    return [row for row in own if row["item_id"] == act["item_id"] and row["event_id"] not in undone]
