"""What a strategy is: its numbers and names (`strategies.toml`), the shape of what it gives, and what strategies share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any

import polars as pl
from msgspec import Struct

from audit.events.schema import TIME
from audit.events.times import duration
from audit.population.stats import PopulationContext
from audit.storage.toml_input import convert, read_by, shipped

_Length = Annotated[timedelta, read_by(duration)]


class Strategy(Struct, frozen=True):
    """The numbers of one strategy and its names; fields that it does not use keep their defaults."""

    id: str
    title: str
    aliases: tuple[str, ...]
    source: str = ""
    window: _Length = timedelta(0)
    active: _Length = timedelta(0)
    half: _Length = timedelta(0)
    seeds: int = 0
    others: int = 0
    overdue: int = 0


@cache
def strategies() -> dict[str, Strategy]:
    """The strategies by id, in the order their placements are shown."""
    tables = ((name, table) for name, table in _file().items() if isinstance(table, dict))
    return {name: convert({"id": name, **table}, Strategy) for name, table in tables}


def title(strategy: str) -> str:
    """What the placement of a strategy is called."""
    return strategies()[strategy].title


@cache
def slots() -> int:
    """How many items a customer is shown in each placement."""
    return int(_file()["shown"])


@cache
def _file() -> Mapping[str, Any]:
    return shipped("audit.recommendations", "strategies.toml")


PLACEMENT: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "item_id": pl.String(),
    "strategy": pl.String(),
    "title": pl.String(),
    "score": pl.Float64(),
    "reason": pl.String(),
    "evidence": pl.List(pl.String()),
    "until": TIME,
    "own_items": pl.List(pl.Struct({"item_id": pl.String(), "share": pl.Float64()})),
}
"""The columns of every derived placement. `until` (µs, UTC): when its last reason is gone if nothing new happens (others
may push it out sooner); `own_items`: the customer's own items that speak for it, with their share of the score."""

ACTS = ("event_id", "customer_id", "occurred_at", "kind", "item_id", "item_name", "category", "order_id")
"""The columns that strategies read of events."""

Choose = Callable[[pl.DataFrame, PopulationContext], pl.DataFrame]
"""Makes of customers' acts (columns `ACTS`) and the context the items of one placement, the best first."""


@dataclass(frozen=True, slots=True)
class Recommender:
    """How one strategy chooses items.

    `begins`: kinds of acts of which it needs one, or it gives nothing. `recommend`: the items with what they rest on,
    columns of `PLACEMENT`, as far as it has them. `choose`: the same items (`customer_id, item_id`) without that, where
    this is less work.
    """

    begins: tuple[str, ...]
    recommend: Choose
    choose: Choose | None = None


INTEREST = ("order_completed", "product_added", "wishlist_added", "product_viewed", "content_consumed")
"""Acts that show an interest in an item."""

READ = (*INTEREST, "product_removed")
"""The kinds of acts that any strategy reads."""

_ITEM = ("customer_id", "item_id")

OWN = "\x1f"
"""Stands in a reason for the name of the strongest own item until `audit.recommendations.derive.titled` names the items: the
unit separator, which no imported text holds."""

DIGITS = 6
"""Scores are rounded, so that the order in which a machine adds them up changes no rank."""


def best(rows: pl.DataFrame) -> pl.DataFrame:
    """The best items of each customer, by score, then item_id."""
    return (
        rows.with_columns(pl.col("score").round(DIGITS))
        .sort("customer_id", "score", "item_id", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("customer_id") < slots())
    )


def newest(acts: pl.DataFrame, number: int, at: datetime) -> pl.DataFrame:
    """The `number` items of each customer that `acts` touched last.

    Columns `customer_id, item_id, last` (UTC), `category` (the one it had last) and `age` (of the last act, at `at`).
    """
    return (
        acts.drop_nulls("item_id")
        .group_by(_ITEM)
        .agg(
            pl.col("occurred_at").max().alias("last"),
            pl.col("category").drop_nulls().last(),
        )
        .sort("customer_id", "last", "item_id", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("customer_id") < number)
        .with_columns((at - pl.col("last")).alias("age"))
    )


def nearest(pairs: pl.DataFrame, items: pl.Series, number: int) -> pl.DataFrame:
    """The `number` best pairs of the group facts of each of `items`."""
    of_them = pairs.filter(pl.col("item_id").is_in(items.unique().implode()))
    return of_them.filter(pl.int_range(pl.len()).over("item_id") < number)


def fading(age: pl.Expr, half: timedelta) -> pl.Expr:
    """The weight of an act `age` ago, if it halves every `half`."""
    return pl.lit(0.5).pow(age / pl.lit(half))


def from_own_items(pairs: pl.DataFrame, acts: pl.DataFrame) -> pl.DataFrame:
    """The best items that the customers' own items speak for.

    `pairs`: `customer_id, own, last, item_id, weight`, a row for each own item that speaks for an item; `acts`:
    the events behind own items. Gives `customer_id, item_id, score, evidence, last` (of its newest own item),
    `strongest` (the id of the own item that says most), `spoke` (when that was touched last) and `own_items`.
    """
    top = best(pairs.group_by(_ITEM).agg(pl.col("weight").sum().alias("score")))
    speaking = pairs.join(top, on=_ITEM, how="semi")
    ranked = speaking.sort("customer_id", "item_id", "weight", "own", descending=[False, False, True, False])
    share = (pl.col("weight") / pl.col("weight").sum()).round(DIGITS)
    own_items = ranked.group_by(_ITEM, maintain_order=True).agg(
        pl.col("last").first().alias("spoke"),
        pl.col("last").max(),
        pl.col("own").first().alias("strongest"),
        pl.struct(pl.col("own").alias("item_id"), share.alias("share")).alias("own_items"),
    )
    evidence = (
        ranked.select("customer_id", "item_id", "own")
        .join(
            acts.select("customer_id", pl.col("item_id").alias("own"), "occurred_at", "event_id"),
            on=("customer_id", "own"),
        )
        .sort("customer_id", "occurred_at", "event_id")
        .group_by(_ITEM, maintain_order=True)
        .agg(pl.col("event_id").alias("evidence"))
    )
    return top.join(own_items, on=_ITEM, maintain_order="left").join(
        evidence, on=_ITEM, how="left", maintain_order="left"
    )


def finished(rows: pl.DataFrame, strategy: str) -> pl.DataFrame:
    """Rows in the columns of `PLACEMENT`; what a strategy does not say is null."""
    placed = rows.with_columns(pl.lit(strategy).alias("strategy"))
    return placed.select(
        pl.col(name).cast(dtype) if name in placed.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in PLACEMENT.items()
    )
