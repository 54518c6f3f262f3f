"""The acts and pairs that can matter for one item while only what speaks for it is left out."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.bought_together import IN_VIEW
from audit.recommendations.buy_again import deciding
from audit.recommendations.inspired_by_browsing import LOOKS
from audit.recommendations.pairs import weighed
from audit.recommendations.placement_schema import INTEREST, near, newest
from audit.recommendations.strategies import shown, strategies

_SEEDS = (("order_completed",), LOOKS, (*LOOKS, "product_added"), IN_VIEW, INTEREST)
"""The kinds of acts by which strategies choose the own items that speak."""

_BY_CATEGORY = frozenset({"more_to_consider", "new_for_you"})
"""The strategies in which an own item speaks for others of its category."""

_TAKEN = {
    "also_bought": ("order_completed",),
    "recommended_for_you": INTEREST,
    "order_cross_sell": ("order_completed",),
}
"""Strategies by pairs, and the kinds of acts on an item after which they never recommend it."""

_ROUNDING = 1e-5
"""More than the rounding of two scores."""


@dataclass(frozen=True, slots=True)
class Vying:
    """The acts that are enough to decide, and what each strategy then needs to know beside them."""

    acts: pl.DataFrame
    known: dict[str, PopulationContext]


def vying(acts: pl.DataFrame, ctx: PopulationContext, item: str, only: Collection[str]) -> Vying:
    """The rows of one customer's `acts` (made by `prepared`, like `ctx`) that decide whether a strip of `only` holds
    `item`, whatever of the acts behind it is left out.

    All rows of the own items that can speak for it. Of the own items that speak for others, and of those that are not
    recommended because the customer has them, the newest row of a kind. An own item far from the newest never speaks:
    as many places can come free as there are items that speak for this one. For buy it again, beside others, every order
    counts.
    """
    for_it = _speaking(acts, ctx, item, only)
    known = {name: _open(acts, ctx, for_it, name, item) if name in _TAKEN else ctx for name in only}
    return Vying(_rows(acts, ctx, for_it, only), known)


def vying_beside(
    acts: pl.DataFrame, ctx: PopulationContext, item: str, only: Collection[str], own: pl.Series
) -> pl.DataFrame:
    """As the acts of `vying` while nothing is left out but acts on the own items `own`, for strategies that `by_pairs` does
    not ask: those have to be asked with the pairs of `vying`.
    """
    return _rows(acts, ctx, pl.concat([pl.Series("item_id", [item]), own]).unique(), only)


def _rows(
    acts: pl.DataFrame, ctx: PopulationContext, for_it: pl.Series, only: Collection[str]
) -> pl.DataFrame:
    if set(only) == {"buy_again"}:
        return deciding(acts, ctx, for_it)
    whole = pl.col("item_id").is_null()
    if "buy_again" in only:
        whole = whole | (pl.col("kind") == "order_completed")
    return acts.filter(whole | _beside_it(acts, ctx, for_it, only))


def _beside_it(
    acts: pl.DataFrame, ctx: PopulationContext, for_it: pl.Series, only: Collection[str]
) -> pl.Expr:
    """The rows of the own items that speak, or that are not recommended because the customer has them."""
    of_kinds = [acts.filter(pl.col("kind").is_in(kinds)) for kinds in _SEEDS]
    room = max(one.seeds for one in strategies().values()) + for_it.len()
    speak = pl.concat([for_it, *(newest(rows, room, ctx.at)["item_id"] for rows in of_kinds)]).unique()
    kept = pl.concat([speak, *_others(acts, ctx, speak, only)]).unique()
    last = pl.int_range(pl.len(), 0, -1).over("item_id", "kind", pl.col("category").is_null()) == 1
    return pl.col("item_id").is_in(for_it.implode()) | (pl.col("item_id").is_in(kept.implode()) & last)


def _others(
    acts: pl.DataFrame, ctx: PopulationContext, speak: pl.Series, only: Collection[str]
) -> list[pl.Series]:
    """What the own items `speak` for, where a strategy must still see which of it the customer has."""
    if set(only) <= {*_TAKEN, "buy_again", "left_in_cart"}:
        return []
    known = pl.col("item_id").is_in(speak.implode())
    others = [one.filter(known)["other_id"] for one in (ctx.facts.also_bought, ctx.facts.bought_together)]
    if not _BY_CATEGORY.isdisjoint(only):
        places = acts.filter(known)["category"].drop_nulls().unique().implode()
        others.append(ctx.facts.items.filter(pl.col("category").is_in(places))["item_id"])
    return others


def _open(
    acts: pl.DataFrame, ctx: PopulationContext, for_it: pl.Series, strategy: str, item: str
) -> PopulationContext:
    """The context with those pairs alone that can count in `strategy`: not for what the customer has anyhow, nor for
    what as many others as are shown always outdo.
    """
    of_kind = acts.filter(pl.col("kind").is_in(_TAKEN[strategy]))
    taken = of_kind.filter(~pl.col("item_id").is_in(for_it.implode()))["item_id"].unique()
    free = ~pl.col("other_id").is_in(taken.implode())
    plan = strategies()[strategy]
    recent = of_kind.filter(pl.col("occurred_at") > ctx.at - plan.window)
    own = newest(recent, plan.seeds + for_it.len(), ctx.at).with_row_index("rank")
    if strategy == "order_cross_sell":
        pairs = near(ctx.facts.bought_together, own["item_id"], plan.others).filter(free)
        return replace(ctx, facts=replace(ctx.facts, baskets=lambda: pairs))
    pairs = near(ctx.facts.also_bought, own["item_id"], plan.others).filter(free)
    rivals = _rivals(weighed(own, pairs, plan, acts.clear()), plan.seeds, for_it)
    left = pairs.filter(pl.col("other_id").is_in(rivals.implode()) | (pl.col("other_id") == item))
    return replace(ctx, facts=replace(ctx.facts, pairs=lambda: left))


def _rivals(speaking: pl.DataFrame, seeds: int, for_it: pl.Series) -> pl.Series:
    """The items that are not always outdone, by what speaks for them (`own, rank, item_id, weight`) at most and at least.

    Who ranks before an item that is outdone is not asked by it: those that outdo it do so as well.
    """
    stays = (pl.col("rank") < seeds) & ~pl.col("own").is_in(for_it.implode())
    sums = speaking.select("item_id", most="weight", least=pl.when(stays).then("weight").otherwise(0.0))
    scores = sums.group_by("item_id").sum()
    free = scores.filter(~pl.col("item_id").is_in(for_it.implode()))["least"]
    outdoing = free.sort(descending=True).slice(shown() - 1, 1)  # empty where there are fewer
    return scores.filter(pl.col("most") >= float(outdoing.sum()) - _ROUNDING)["item_id"]


def _speaking(acts: pl.DataFrame, ctx: PopulationContext, item: str, only: Collection[str]) -> pl.Series:
    """The own items that can speak for `item`: itself, those of a pair with it, and those of its category."""
    itself = pl.col("item_id") == item
    to_it, others = pl.col("other_id") == item, max(one.others for one in strategies().values())
    pairs = [
        near(one, one.filter(to_it)["item_id"], others).filter(to_it)["item_id"]
        for one in (ctx.facts.also_bought, ctx.facts.bought_together)
    ]
    found = [pl.Series("item_id", [item], pl.String)]
    if set(only) != {"buy_again"}:
        found += pairs
    if not set(only) <= _TAKEN.keys():
        places = pl.concat([ctx.facts.items.filter(itself)["category"], acts.filter(itself)["category"]])
        beside = acts.filter(pl.col("category").is_in(places.drop_nulls().unique().implode()))["item_id"]
        found.append(beside)
    every = pl.concat(found).drop_nulls().unique()
    return every.filter(every.is_in(acts["item_id"].drop_nulls().unique().implode()) | (every == item))
