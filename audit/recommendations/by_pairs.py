"""Strategies in which the customer's own items speak for others: by the pairs of the group facts, or by their category.

By pairs: what others bought or ordered together with what this customer bought, looked at or has in the cart.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import polars as pl

from audit.events.purchases import ORDER_OF
from audit.population.audience import fewest_told
from audit.population.stats import Facts, PopulationContext
from audit.recommendations.strategies import (
    INTEREST,
    OWN,
    Recommender,
    Strategy,
    best,
    fading,
    from_own_items,
    nearest,
    newest,
    strategies,
)

LOOKS = ("product_viewed", "wishlist_added", "content_consumed")
"""What counts as looking at an item."""

IN_VIEW = ("product_viewed", "product_added", "wishlist_added")
"""What puts an item before the customer."""

EXCLUDED: dict[str, pl.DataType] = {"event_id": pl.String(), "why": pl.String()}
"""The columns of `excluded_items`."""

_ITEM = ("customer_id", "item_id")
_EXACT = 10
"""From here on a number of times is said without its tenths."""

_DAY = pl.col("spoke").dt.strftime("%Y-%m-%d")
"""The day of the newest act with the own item that says most."""

_IN_ONE_ORDER = ("bought_together", "order_cross_sell")


@dataclass(frozen=True, slots=True)
class OwnItems:
    """The own items that speak, and by which pairs.

    `seeds`: `customer_id, item_id, last, age`; `acts`: the events behind them; `never`: `customer_id, item_id` that
    are not recommended; `closed`: those of which acts do not speak. A pair counts with its score, halved with every `strategy.half` since the own item's newest act.
    """

    seeds: pl.DataFrame
    pairs: pl.DataFrame
    acts: pl.DataFrame
    strategy: Strategy
    never: pl.DataFrame
    closed: pl.DataFrame | None = None


def also_bought_items(acts: pl.DataFrame, ctx: PopulationContext) -> OwnItems:
    """Items that people who bought the customer's newest items also bought, and that the customer never did."""
    strategy = strategies()["also_bought"]
    bought = acts.filter(pl.col("kind") == "order_completed")
    recent = bought.filter(pl.col("occurred_at") > ctx.at - strategy.window)
    return OwnItems(newest(recent, strategy.seeds, ctx.at), ctx.facts.also_bought, recent, strategy, bought)


def recommended_for_you_items(acts: pl.DataFrame, ctx: PopulationContext) -> OwnItems:
    """Items that go with what the customer put into the cart, wished for or looked at and never bought, and that they did
    nothing with yet. What they bought speaks in `also_bought`.
    """
    strategy = strategies()["recommended_for_you"]
    touched = acts.filter(pl.col("kind").is_in(INTEREST))
    bought = acts.filter(pl.col("kind") == "order_completed")
    seen = touched.filter(
        pl.col("kind") != "order_completed", pl.col("occurred_at") > ctx.at - strategy.window
    )
    seeds = newest(seen.join(bought, on=_ITEM, how="anti", maintain_order="left"), strategy.seeds, ctx.at)
    return OwnItems(seeds, ctx.facts.also_bought, seen, strategy, touched, bought)


def bought_together_items(acts: pl.DataFrame, ctx: PopulationContext) -> OwnItems:
    """Items that others order together with what this customer looked at or put into the cart last."""
    strategy = strategies()["bought_together"]
    in_view = acts.filter(pl.col("kind").is_in(IN_VIEW), pl.col("occurred_at") > ctx.at - strategy.window)
    seeds = newest(in_view, strategy.seeds, ctx.at)
    return OwnItems(seeds, ctx.facts.bought_together, in_view, strategy, seeds)


def order_cross_sell_items(
    acts: pl.DataFrame, ctx: PopulationContext, newest_id: str | None = None
) -> OwnItems:
    """Items that go with the newest order, if it is new enough, and that the customer never bought.

    `newest_id`: the order newest for the newest one, of one customer's `acts`.
    """
    strategy = strategies()["order_cross_sell"]
    bought = acts.filter(pl.col("kind") == "order_completed")
    newest_order = bought.filter(
        (
            ORDER_OF.sort_by("occurred_at", "event_id").last().over("customer_id")
            if newest_id is None
            else pl.lit(newest_id)
        )
        == ORDER_OF,
        pl.col("occurred_at") > ctx.at - strategy.window,
    )
    seeds = newest(newest_order, strategy.seeds, ctx.at)
    return OwnItems(seeds, ctx.facts.bought_together, newest_order, strategy, bought)


def _chosen(speaking: OwnItems) -> pl.DataFrame:
    """The best items that own items speak for: `customer_id, item_id, score`."""
    weights = _weights(speaking, nearest(speaking.pairs, speaking.seeds["item_id"], speaking.strategy.others))
    return best(weights.group_by("customer_id", "item_id").agg(pl.col("weight").sum().alias("score")))


def _recommended(speaking: OwnItems) -> pl.DataFrame:
    """As `_chosen`, with what `from_own_items` gives, and `together`: how many people or orders have the strongest own item
    and the other; `times`: how many times as many as by chance; `until` (UTC).
    """
    pairs = nearest(speaking.pairs, speaking.seeds["item_id"], speaking.strategy.others)
    times = pl.col("together") / pl.col("expected")
    rounded = (
        pl.when(times < _EXACT)
        .then(times.round(1).cast(pl.String))
        .otherwise(times.round(0).cast(pl.Int64).cast(pl.String))
    )
    return (
        from_own_items(_weights(speaking, pairs), speaking.acts)
        .join(
            pairs.select("item_id", "other_id", "together", rounded.alias("times")),
            left_on=("strongest", "item_id"),
            right_on=("item_id", "other_id"),
            how="left",
            maintain_order="left",
        )
        .with_columns((pl.col("last") + speaking.strategy.window).alias("until"))
    )


def _weights(speaking: OwnItems, pairs: pl.DataFrame) -> pl.DataFrame:
    """How much each own item says for others by `pairs`: a row with `own, item_id, weight` for each."""
    return (
        speaking.seeds.rename({"item_id": "own"})
        .join(pairs, left_on="own", right_on="item_id")
        .rename({"other_id": "item_id"})
        .join(speaking.never.select("customer_id", "item_id"), on=("customer_id", "item_id"), how="anti")
        .with_columns((pl.col("score") * fading(pl.col("age"), speaking.strategy.half)).alias("weight"))
    )


def inspired_by_browsing(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items the customer looked at and has not bought since, and others, never bought, that buyers of those bought.

    Each item looked at speaks for itself with 1 and for others with the share of its buyers who bought them too.
    """
    strategy = strategies()["inspired_by_browsing"]
    looks = acts.filter(pl.col("kind").is_in(LOOKS), pl.col("occurred_at") > ctx.at - strategy.window)
    seeds = newest(looks, strategy.seeds, ctx.at)
    itself = seeds.with_columns(pl.col("item_id").alias("own"), pl.lit(1.0).alias("weight"))
    of_buyers = _of_their_buyers(seeds, ctx, strategy)
    bought = acts.filter(pl.col("kind") == "order_completed").select(
        "customer_id", "item_id", pl.col("occurred_at").alias("bought")
    )
    pairs = pl.concat([itself.select(of_buyers.columns), of_buyers])
    since = pairs.join(bought, on=("customer_id", "item_id")).filter(
        (pl.col("bought") >= pl.col("last")) | (pl.col("own") != pl.col("item_id"))
    )
    open_pairs = pairs.join(since, on=("customer_id", "item_id", "own"), how="anti")
    return from_own_items(open_pairs, looks).with_columns(
        pl.when(pl.col("strongest") == pl.col("item_id"))
        .then(pl.format("The customer had looked at it and not bought it since, the last look on {}.", _DAY))
        .otherwise(
            pl.format(
                "The customer looked at {} on {}; people who buy that also buy this.", pl.lit(OWN), _DAY
            )
        )
        .alias("reason"),
        (pl.col("last") + strategy.window).alias("until"),
    )


def _of_their_buyers(seeds: pl.DataFrame, ctx: PopulationContext, strategy: Strategy) -> pl.DataFrame:
    buyers = ctx.facts.items.filter(pl.col("item_id").is_in(seeds["item_id"].implode()))
    pairs = nearest(ctx.facts.also_bought, seeds["item_id"], strategy.others)
    return (
        seeds.rename({"item_id": "own"})
        .join(pairs, left_on="own", right_on="item_id")
        .join(buyers.select("item_id", "customers"), left_on="own", right_on="item_id")
        .select(
            "customer_id", "own", "last", pl.col("other_id").alias("item_id"),
            (pl.col("together") / pl.col("customers")).alias("weight"),
        )
    )  # fmt: skip


def more_to_consider(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What others bought in the exact category of an item that the customer looked at and has not bought since."""
    strategy = strategies()["more_to_consider"]
    looks = acts.filter(pl.col("kind").is_in([*LOOKS, "product_added"]))
    bought = acts.filter(pl.col("kind") == "order_completed")
    recent = looks.filter(pl.col("occurred_at") > ctx.at - strategy.window)
    seeds = newest(recent, strategy.seeds, ctx.at)
    decided = seeds.join(bought.select(*_ITEM, "occurred_at"), on=_ITEM).filter(
        pl.col("occurred_at") >= pl.col("last")
    )
    undecided = seeds.join(decided, on=_ITEM, how="anti", maintain_order="left")
    enough = pl.col("customers") >= fewest_told(synthetic=ctx.settings.synthetic)
    popular = ctx.facts.popular.filter(pl.int_range(pl.len()).over("category") < strategy.others, enough)
    reason = pl.format(
        "The customer looked at {} on {}; in {}, {} people chose this one.",
        pl.lit(OWN),
        _DAY,
        "category",
        "customers",
    )
    return _of_category(undecided, popular, recent, strategy, pl.concat([looks, bought])).with_columns(
        reason.alias("reason"), (pl.col("last") + strategy.window).alias("until")
    )


def new_for_you(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items first sold within the window, in an exact category in which the customer was active within `active`.

    The first sale is that of the group facts. In the first `window` of the data everything is new, so nothing is.
    """
    strategy = strategies()["new_for_you"]
    touched = acts.filter(pl.col("kind").is_in(INTEREST))
    recent = touched.filter(pl.col("occurred_at") > ctx.at - strategy.active)
    began = pl.col("first")
    fresh = ctx.facts.repeats.select("item_id", "first").filter(
        began > ctx.at - strategy.window, began <= ctx.at, began > began.min() + strategy.window
    )
    popular = ctx.facts.popular.join(fresh, on="item_id", maintain_order="left")
    seeds = newest(recent, strategy.seeds, ctx.at)
    only_bought = not any(kind in ctx.coverage.kinds for kind in INTEREST if kind != "order_completed")
    acts_told = "bought" if only_bought else "bought or looked at"
    reason = pl.format(
        f"First sold on {{}}; the customer {acts_told} something in {{}} within {{}} days, last on {{}}.",
        began.dt.strftime("%Y-%m-%d"),
        "category",
        pl.lit(strategy.active.days),
        pl.col("last").dt.strftime("%Y-%m-%d"),
    )
    ends = pl.min_horizontal(began + strategy.window, pl.col("last") + strategy.active)
    return _of_category(seeds, popular, recent, strategy, touched).with_columns(
        reason.alias("reason"), ends.alias("until")
    )


def _of_category(
    seeds: pl.DataFrame, popular: pl.DataFrame, acts: pl.DataFrame, strategy: Strategy, never: pl.DataFrame
) -> pl.DataFrame:
    """The best of `popular` (columns of `Facts.popular`) in the categories of `seeds`.

    An item counts with its share of the category, halved with every `strategy.half` since the own item's newest act.
    `acts`: the events behind `seeds`; `never`: those on items that are not recommended. Gives what `from_own_items` gives,
    and the columns of `popular`.
    """
    weights = (
        seeds.drop_nulls("category")
        .rename({"item_id": "own"})
        .join(popular.select("category", "item_id", "share"), on="category")
        .join(never.select(_ITEM), on=_ITEM, how="anti")
        .with_columns((pl.col("share") * fading(pl.col("age"), strategy.half)).alias("weight"))
    )
    return from_own_items(weights, acts).join(popular, on="item_id", how="left", maintain_order="left")


def paired(facts: Facts, id_: str) -> pl.DataFrame:
    """The pairs that a strategy goes by, the best of each item first; none where it goes by no pairs."""
    pairs = facts.bought_together if id_ in _IN_ONE_ORDER else facts.also_bought
    return pairs if id_ in RECOMMENDERS else pairs.clear()


def excluded_items(
    acts: pl.DataFrame, ctx: PopulationContext, item: str, only: Collection[str], evidence: Collection[str]
) -> pl.DataFrame:
    """Of one customer's `acts` (made by `prepared`, like `ctx`), the newest of each own item that goes with `item` and
    does not speak for it in the placements `only`, each with what keeps it from that: `EXCLUDED`, in order. `evidence`: the
    event_ids that they rest on.
    """
    parts = [_excluded(acts, ctx, item, id_, evidence) for id_ in RECOMMENDERS if id_ in only]
    return pl.concat([pl.DataFrame(schema=EXCLUDED), *parts]).unique(
        "event_id", keep="first", maintain_order=True
    )


def _excluded(
    acts: pl.DataFrame, ctx: PopulationContext, item: str, id_: str, evidence: Collection[str]
) -> pl.DataFrame:
    strategy = strategies()[id_]
    rank = pl.int_range(pl.len()).over("item_id").alias("rank")
    pairs = (
        paired(ctx.facts, id_).with_columns(rank).filter(pl.col("other_id") == item).select("item_id", "rank")
    )
    speaking = acts.filter(pl.col("event_id").is_in(list(evidence)))["item_id"].drop_nulls().unique()
    others = acts.filter(
        pl.col("kind").is_in(INTEREST),
        pl.col("item_id") != item,
        ~pl.col("item_id").is_in(speaking.implode()),
    )
    gone_by = pl.col("kind").is_in(RECOMMENDERS[id_].begins)
    silent = others.sort(gone_by, maintain_order=True).unique("item_id", keep="last", maintain_order=True)
    read = acts.filter(pl.col("kind").is_in(RECOMMENDERS[id_].begins))
    if id_ == "recommended_for_you":  # what they bought speaks in `also_bought`
        read = read.join(acts.filter(pl.col("kind") == "order_completed"), on=_ITEM, how="anti")
    bought = acts.filter(pl.col("kind") == "order_completed", pl.col("item_id") == item).height > 0
    exclusion = (
        pl.when(~pl.col("item_id").is_in(read["item_id"].drop_nulls().unique().implode()))
        .then(pl.lit(f"goes with it, and “{strategy.title}” goes by other acts"))
        .when(pl.col("occurred_at") <= ctx.at - strategy.window)
        .then(pl.lit(f"goes with it, and was more than {strategy.window.days} days ago: too long"))
        .when(pl.col("rank") >= strategy.others)
        .then(pl.lit(f"goes with it, and {strategy.others} others go with that better"))
        .when(pl.lit(bought and id_ == "inspired_by_browsing"))
        .then(pl.lit("goes with it, and speaks for nothing that was bought already"))
        .otherwise(pl.lit("goes with it, and newer ones stand before it"))
    )
    return silent.join(pairs, on="item_id", maintain_order="left").select("event_id", exclusion.alias("why"))


def _recommender(
    begins: tuple[str, ...], own_items: Callable[[pl.DataFrame, PopulationContext], OwnItems], reason: pl.Expr
) -> Recommender:
    return Recommender(
        begins,
        lambda acts, ctx: _recommended(own_items(acts, ctx)).with_columns(reason.alias("reason")),
        lambda acts, ctx: _chosen(own_items(acts, ctx)),
    )


RECOMMENDERS = {
    "also_bought": _recommender(
        ("order_completed",),
        also_bought_items,
        pl.format(
            "The customer bought {}; {} people bought both, {} times as many as by chance.",
            pl.lit(OWN), "together", "times",
        ),
    ),
    "recommended_for_you": _recommender(
        INTEREST,
        recommended_for_you_items,
        pl.format(
            "The customer had {} in view on {}; {} people bought both, {} times as many as by chance.",
            pl.lit(OWN), _DAY, "together", "times",
        ),
    ),
    "inspired_by_browsing": Recommender(LOOKS, inspired_by_browsing),
    "bought_together": _recommender(
        IN_VIEW,
        bought_together_items,
        pl.format(
            "Ordered together with {}, which the customer had in view on {}: {} orders hold both, {} times as many as by chance.",
            pl.lit(OWN), _DAY, "together", "times",
        ),
    ),
    "order_cross_sell": _recommender(
        ("order_completed",),
        order_cross_sell_items,
        pl.format(
            "Others order it together with {}, ordered on {}: {} orders hold both, {} times as many as by chance.",
            pl.lit(OWN), _DAY, "together", "times",
        ),
    ),
}  # fmt: skip
"""The strategies by pairs."""

BY_CATEGORY = {
    "more_to_consider": Recommender((*LOOKS, "product_added"), more_to_consider),
    "new_for_you": Recommender(INTEREST, new_for_you),
}
"""The strategies by category."""
