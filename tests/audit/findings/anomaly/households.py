"""Invented households that keep to their taste, and one basket that is not theirs."""

import random

import polars as pl

from tests.build import events

HOUSEHOLDS, BASKETS, SIZE = 30, 12, 5


def _path(item: int) -> str:
    return f"Area {item // 40} > Kind {item // 10} > Type {item // 5}"


def orders(household: int, *, of: int | None = None, baskets: int = BASKETS, seed: int = 0) -> list[dict]:
    """Orders of a household that buys from its own twelve of 240 things, one in eight from anywhere; `of`: whose taste."""
    taste = random.Random(household if of is None else of).sample(range(240), 12)
    pick = random.Random(f"{household} {seed}")
    rows = []
    for number in range(baskets):
        held = {pick.randrange(240) if pick.random() < 0.125 else pick.choice(taste) for _ in range(SIZE)}
        order = f"o{seed}-{household}-{number}"
        rows += [
            {
                "kind": "order_completed", "customer_id": f"h{household:02}", "event_id": f"{order}-{item}",
                "order_id": order, "item_id": f"i{item}", "item_name": f"Thing {item}", "category": _path(item),
                "at": f"2026-{1 + number % 12:02}-{1 + household % 28:02}T{8 + household % 12:02}:00",
            }
            for item in sorted(held)
        ]  # fmt: skip
    return rows


def world(strange: bool = True) -> pl.DataFrame:
    """All households; with `strange`, each has one order more, of the next household's taste and at its hour."""
    rows = [row for household in range(HOUSEHOLDS) for row in orders(household)]
    for household in range(HOUSEHOLDS if strange else 0):
        other = (household + 7) % HOUSEHOLDS
        one = orders(other, baskets=1, seed=1)
        rows += [row | {"customer_id": f"h{household:02}", "order_id": f"strange-{household}"} for row in one]
    return events(*rows)
