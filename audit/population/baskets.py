"""Baskets: what a customer bought in one order, or looked at in one session."""

from datetime import timedelta

import polars as pl

from audit.events.purchases import ORDER_OF
from audit.events.schema import first_levels
from audit.events.vocabulary import usual_names

INACTIVE = timedelta(minutes=30)
"""Acts without a session_id belong to one session until nothing happened for this long: what web analytics takes by
default (Google Analytics 4, "About Analytics sessions")."""

FAMILIES = {
    "order_completed": "order",
    "product_viewed": "session",
    "product_added": "session",
    "wishlist_added": "session",
    "content_consumed": "session",
    "products_searched": "session",
}
"""Kind of event → what it belongs to. Orders are held against orders and sessions against sessions: people look at
much that they never buy."""

DEPTH = 3
"""Levels of a category path that are told apart; what lies deeper is one."""

LEVELS = ("area", "category", "type", "name", "thing")
"""From coarse to fine: the first one, two and three levels of the category path, what a thing is called, itself."""

ACTS = (
    "customer_id", "occurred_at", "event_id", "kind", "order_id", "session_id", "item_id", "item_name", "category",
    "time_zone",
)  # fmt: skip
"""The columns read of events."""


def acts(events: pl.DataFrame) -> pl.DataFrame:
    """The acts of whole customers (in order) that make up baskets, each with the basket it belongs to.

    Columns `customer_id, family, basket, occurred_at, event_id, thing, item_name, category, hour` and the keys
    `account` (customer and family) and `unit` (account and basket). `basket`: order_id or session_id, else a name made from the
    first event. `thing`: item_id, else what it is called, else its category; null for a search. `hour`: of the local
    clock where the row names its zone, else UTC.
    """
    basket_events = events.filter(pl.col("kind").is_in(list(FAMILIES))).select(ACTS)
    family = pl.col("kind").replace_strict(FAMILIES, return_dtype=pl.String)
    placed = basket_events.with_columns(family.alias("family")).with_columns(_basket().alias("basket"))
    return placed.select(
        "customer_id", "family", "basket", "occurred_at", "event_id",
        pl.coalesce("item_id", "item_name", "category").alias("thing"),
        "item_name", "category", _hour(basket_events).alias("hour"),
        pl.struct("customer_id", "family").hash().alias("account"),
        pl.struct("customer_id", "family", "basket").hash().alias("unit"),
    )  # fmt: skip


def _basket() -> pl.Expr:
    """order_id or session_id; without one, an order by itself, and a session until a pause."""
    idle = (pl.col("occurred_at").diff() > INACTIVE).fill_null(value=True)
    run = idle.cum_sum().over("customer_id", "family", pl.col("session_id").is_null())
    begins = pl.col("event_id").first().over("customer_id", "family", pl.col("session_id").is_null(), run)
    return (
        pl.when(pl.col("family") == "order")
        .then(ORDER_OF)
        .otherwise(pl.coalesce("session_id", pl.format("from:{}", begins)))
    )


def _hour(basket_events: pl.DataFrame) -> pl.Expr:
    """The hour of the day, local where a known zone is given."""
    at = pl.col("occurred_at")
    zones = [name for name in basket_events["time_zone"].drop_nulls().unique().sort() if _is_zone(name)]
    local = [
        pl.when(pl.col("time_zone") == name).then(at.dt.convert_time_zone(name).dt.hour()) for name in zones
    ]
    return pl.coalesce(*local, at.dt.hour())


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def tree(bought: pl.DataFrame) -> pl.DataFrame:
    """Where each thing stands: `family, thing, item_name, category` and a number for its place at each of `LEVELS`.

    Of several names the usual one stands, of several categories the newest.
    """
    newest = (
        bought.group_by("family", "thing", "category")
        .agg(pl.col("occurred_at").max())
        .sort("occurred_at", "category")
        .group_by("family", "thing")
        .agg(pl.col("category").drop_nulls().last())
        .join(usual_names(bought, "family", "thing"), on=("family", "thing"), how="left")
        .select("family", "thing", "item_name", "category")
        .sort("family", "thing")
    )
    path = pl.col("category").fill_null("")
    steps: list[pl.Expr] = [first_levels(path, depth) for depth in range(1, DEPTH + 1)]
    steps += [pl.col("item_name").fill_null(pl.col("thing")), pl.col("thing")]
    placed = newest
    above: list[str] = ["family"]
    for level, step in zip(LEVELS, steps, strict=True):
        node = pl.struct(*above, step.alias("step")).rank("dense").cast(pl.UInt32)
        placed = placed.with_columns(node.alias(f"{level}_node"))
        above = [f"{level}_node"]
    return placed


def contents(rows: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """What each basket of `rows` (see `acts`) held, each thing once: `account, unit` and all columns of `places` (see `tree`).

    Things that have no place are left out. In the order of account, unit and tree.
    """
    of_things = rows.drop_nulls("thing").select("account", "unit", "family", "thing")
    placed = of_things.join(places, on=("family", "thing"), how="inner")
    order = ("account", "unit", "thing_node")
    return placed.sort(order).filter(_begins(*order))


def counted(baskets: pl.DataFrame) -> pl.DataFrame:
    """Contents with what the rest of the account says at each level.

    Adds `rest` (things in the account's other baskets) and `before` (things of this basket counted already); and
    for each level `LEVEL_rest`, `LEVEL_before`: those of them in the same place of the tree. Nodes are numbered so that what
    lies under one stands together: one order serves all levels.
    """
    nodes = [f"{level}_node" for level in LEVELS]
    names = ["", *(f"{level}_" for level in LEVELS)]
    one_basket = [["unit"], *(["unit", node] for node in nodes)]
    one_account = [["account"], *(["account", node] for node in nodes)]
    within = baskets.with_columns(
        expression
        for name, by in zip(names, one_basket, strict=True)
        for expression in (_place(by).alias(f"{name}before"), _length(by).alias(f"{name}own"))
    )
    counted_rows = within.sort("account", "thing_node", "unit").with_columns(
        (_length(by) - pl.col(f"{name}own")).alias(f"{name}rest")
        for name, by in zip(names, one_account, strict=True)
    )
    return counted_rows.drop(f"{name}own" for name in names)


def _begins(*by: str) -> pl.Expr:
    """Whether a row is the first of a run of equal values."""
    return pl.any_horizontal(pl.col(name) != pl.col(name).shift(1) for name in by).fill_null(value=True)


def _first(by: list[str]) -> pl.Expr:
    return pl.when(_begins(*by)).then(pl.int_range(pl.len()))


def _place(by: list[str]) -> pl.Expr:
    """How many rows of the same run stand before each."""
    return (pl.int_range(pl.len()) - _first(by).forward_fill()).cast(pl.Float64)


def _length(by: list[str]) -> pl.Expr:
    """How long the run of each row is."""
    following = _first(by).shift(-1).backward_fill().fill_null(pl.len())
    return (following - _first(by).forward_fill()).cast(pl.Float64)
