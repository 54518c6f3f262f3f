"""The acts that can matter for one item while only what speaks for it is left out."""

from collections.abc import Collection

import polars as pl

from audit.context import Context
from audit.recommend.bought_together import IN_VIEW
from audit.recommend.inspired_by_browsing import LOOKS
from audit.recommend.strategies import strategies
from audit.recommend.strip import INTEREST, newest

_SEEDS = (("order_completed",), LOOKS, (*LOOKS, "product_added"), IN_VIEW, INTEREST)
"""The kinds of acts by which strategies choose the own items that speak."""

_BY_CATEGORY = frozenset({"more_to_consider", "new_for_you"})
"""The strategies in which an own item speaks for others of its category."""


def vying(acts: pl.DataFrame, ctx: Context, item: str, only: Collection[str]) -> pl.DataFrame:
    """The rows of one customer's `acts` (made by `prepared`, like `ctx`) that decide whether a strip of `only` holds
    `item`, whatever of the acts behind it is left out.

    All rows of the own items that can speak for it. Of the own items that speak for others, and of those that are not
    recommended because the customer has them, the newest row of a kind. An own item far from the newest never speaks:
    as many places can come free as there are items that speak for this one. For buy it again every order counts.
    """
    for_it = _speaking(acts, ctx, item)
    number = max(one.seeds for one in strategies().values()) + for_it.len()
    of_kinds = [acts.filter(pl.col("kind").is_in(kinds)) for kinds in _SEEDS]
    speak = pl.concat([for_it, *(newest(rows, number, ctx.at)["item_id"] for rows in of_kinds)]).unique()
    known = pl.col("item_id").is_in(speak.implode())
    pairs = (ctx.facts.also_bought, ctx.facts.bought_together)
    places = acts.filter(known)["category"].drop_nulls().unique().implode()
    others = [one.filter(known)["other_id"] for one in pairs]
    if not _BY_CATEGORY.isdisjoint(only):
        others.append(ctx.facts.items.filter(pl.col("category").is_in(places))["item_id"])
    kept = pl.concat([speak, *others]).unique()
    whole = pl.col("item_id").is_null() | pl.col("item_id").is_in(for_it.implode())
    if "buy_again" in only:
        whole = whole | (pl.col("kind") == "order_completed")
    last = pl.int_range(pl.len(), 0, -1).over("item_id", "kind", pl.col("category").is_null()) == 1
    return acts.filter(whole | (pl.col("item_id").is_in(kept.implode()) & last))


def _speaking(acts: pl.DataFrame, ctx: Context, item: str) -> pl.Series:
    """The own items that can speak for `item`: itself, those of a pair with it, and those of its category."""
    paired = [
        one.filter(pl.col("other_id") == item)["item_id"]
        for one in (ctx.facts.also_bought, ctx.facts.bought_together)
    ]
    itself = pl.col("item_id") == item
    places = pl.concat([ctx.facts.items.filter(itself)["category"], acts.filter(itself)["category"]])
    beside = acts.filter(pl.col("category").is_in(places.drop_nulls().unique().implode()))["item_id"]
    found = pl.concat([pl.Series("item_id", [item]), *paired, beside]).drop_nulls().unique()
    return found.filter(found.is_in(acts["item_id"].drop_nulls().unique().implode()) | (found == item))
