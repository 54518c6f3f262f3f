"""Group facts: what all customers together say about items and categories, stored beside the events.

They are counted once over everybody and stay as stored when events are left out of one customer's history.
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Facts:
    """Frames counted over all customers.

    - `items`: `item_id, item_name, category, customers` (people who bought it);
    - `intervals`: `category, median` (Duration µs, between two orders of one customer in that exact
      category path), `pairs` (how many intervals that median stands on);
    - `also_bought`: `item_id, other_id, together` (customers who bought both), `expected` (as many by chance),
      `score`, best first within an item;
    - `customers`: how many customers have an order.
    """

    items: pl.DataFrame
    intervals: pl.DataFrame
    also_bought: pl.DataFrame
    customers: int


ITEMS: dict[str, pl.DataType] = {
    "item_id": pl.String(), "item_name": pl.String(), "category": pl.String(), "customers": pl.UInt32(),
}  # fmt: skip
INTERVALS: dict[str, pl.DataType] = {
    "category": pl.String(), "median": pl.Duration("us"), "pairs": pl.UInt32(),
}  # fmt: skip
ALSO_BOUGHT: dict[str, pl.DataType] = {
    "item_id": pl.String(), "other_id": pl.String(), "together": pl.UInt32(),
    "expected": pl.Float64(), "score": pl.Float64(),
}  # fmt: skip


def none() -> Facts:
    """The facts of an empty workspace."""
    return Facts(pl.DataFrame(schema=ITEMS), pl.DataFrame(schema=INTERVALS), pl.DataFrame(schema=ALSO_BOUGHT), 0)
