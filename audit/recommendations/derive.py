"""All strips that we would make of customers' events: our reconstruction, which no customer saw."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import polars as pl

from audit.events.sensitive_topics import in_category
from audit.population.context import PopulationContext
from audit.population.stats import Facts
from audit.recommendations.also_bought import also_bought, also_bought_by
from audit.recommendations.bought_together import IN_VIEW, bought_together, bought_together_by
from audit.recommendations.buy_again import buy_again, offered_again
from audit.recommendations.inspired_by_browsing import LOOKS, inspired_by_browsing
from audit.recommendations.left_in_cart import left_in_cart
from audit.recommendations.more_to_consider import more_to_consider
from audit.recommendations.new_for_you import new_for_you
from audit.recommendations.order_cross_sell import order_cross_sell, order_cross_sell_by
from audit.recommendations.pairs import chosen
from audit.recommendations.placement_schema import (
    ACTS,
    INTEREST,
    STRIP,
    finished,
)
from audit.recommendations.recommended_for_you import recommended_for_you, recommended_for_you_by
from audit.recommendations.strategies import strategies

_MAKERS = {
    "left_in_cart": left_in_cart,
    "buy_again": buy_again,
    "bought_together": bought_together,
    "order_cross_sell": order_cross_sell,
    "also_bought": also_bought,
    "inspired_by_browsing": inspired_by_browsing,
    "more_to_consider": more_to_consider,
    "recommended_for_you": recommended_for_you,
    "new_for_you": new_for_you,
}


_CHOSEN: dict[str, Callable[[pl.DataFrame, PopulationContext], pl.DataFrame]] = {
    **_MAKERS,
    "buy_again": offered_again,
    "bought_together": lambda acts, ctx: chosen(bought_together_by(acts, ctx)),
    "order_cross_sell": lambda acts, ctx: chosen(order_cross_sell_by(acts, ctx)),
    "also_bought": lambda acts, ctx: chosen(also_bought_by(acts, ctx)),
    "recommended_for_you": lambda acts, ctx: chosen(recommended_for_you_by(acts, ctx)),
}
"""What each strategy chooses, where that can be told without what it rests on."""

_BEGIN = {
    "left_in_cart": ("product_added",),
    "buy_again": ("order_completed",),
    "bought_together": IN_VIEW,
    "order_cross_sell": ("order_completed",),
    "also_bought": ("order_completed",),
    "inspired_by_browsing": LOOKS,
    "more_to_consider": (*LOOKS, "product_added"),
    "recommended_for_you": INTEREST,
    "new_for_you": INTEREST,
}
"""The kinds of acts of which a strategy needs one, or it gives nothing."""

_CHOICE = ("customer_id", "strategy", "item_id")
_GIVEN = {name: STRIP[name] for name in ("customer_id", "evidence")}


def derive(events: pl.DataFrame, ctx: PopulationContext, only: Collection[str] | None = None) -> pl.DataFrame:
    """The items each strategy would show the whole customers in `events` at `ctx.at`, in the columns of `STRIP`.

    `only`: of these strategies alone; of all, if None.

    Acts in a category of the sensitive map speak for nothing, and such items are not recommended. In order of customer, strategy (as in `strategies.toml`), then the best first.
    """
    acts = events.filter(pl.col("occurred_at") <= ctx.at).select(ACTS)
    return titled(made(*prepared(acts, ctx), only), acts, ctx.facts)


def made(acts: pl.DataFrame, ctx: PopulationContext, only: Collection[str] | None = None) -> pl.DataFrame:
    """As `derive`, of what `prepared` made of the acts, and of copies of them; without titles."""
    chosen = [one for one in _begun(acts) if only is None or one in only]
    strips = [
        finished(_MAKERS[strategy](acts, ctx), strategy).with_columns(
            pl.lit(place, pl.Int8).alias("place"), pl.int_range(pl.len()).alias("rank")
        )
        for place, strategy in enumerate(chosen)
    ]
    if not strips:
        return pl.DataFrame(schema=STRIP)
    return pl.concat(strips).sort("customer_id", "place", "rank").select(*STRIP)


def chosen_of(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """`customer_id, strategy, item_id` of `made`, in its order: what is chosen, without what it rests on."""
    strips = [
        _CHOSEN[strategy](acts, ctx).select(
            "customer_id", pl.lit(strategy).alias("strategy"), "item_id", pl.lit(place).alias("place")
        )
        for place, strategy in enumerate(_begun(acts))
    ]
    nothing = pl.DataFrame(schema={name: STRIP[name] for name in _CHOICE} | {"place": pl.Int32})
    return pl.concat([nothing, *strips]).sort("customer_id", "place", maintain_order=True).select(_CHOICE)


def _begun(acts: pl.DataFrame) -> list[str]:
    """The strategies that can give anything with these acts, in order."""
    kinds = set(acts["kind"].unique())
    return [strategy for strategy in strategies() if not kinds.isdisjoint(_BEGIN[strategy])]


def titled(strips: pl.DataFrame, acts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Strips with what their items are called (`title`), as everybody's orders have it, else as `acts` do."""
    title = pl.coalesce("item_name", "item_id").alias("title")
    named = strips.join(_names(strips, acts, facts), on="item_id", how="left", maintain_order="left")
    return named.with_columns(title).drop("item_name")


def given(acts: pl.DataFrame, known: Mapping[str, PopulationContext], item: str) -> pl.DataFrame:
    """`customer_id, evidence`: where one of the strategies in `known` gives `item`, and what it rests on there.

    `known`: the context of each strategy asked; it and `acts`: what `prepared` made of one customer's acts (or `vying` of
    that), and any copies of those acts. For deciding many copies.
    """
    strips = [
        _MAKERS[strategy](acts, known[strategy])
        .filter(pl.col("item_id") == item)
        .select("customer_id", "evidence")
        for strategy in _begun(acts)
        if strategy in known
    ]
    return pl.concat([pl.DataFrame(schema=_GIVEN), *strips])


def given_to(acts: pl.DataFrame, known: Mapping[str, PopulationContext], item: str) -> set[str]:
    """The customers in `given`, which is less to work out than what it rests on."""
    found: set[str] = set()
    for strategy in _begun(acts):
        if strategy in known:
            rows = _CHOSEN[strategy](acts, known[strategy])
            found.update(rows.filter(pl.col("item_id") == item)["customer_id"])
    return found


def prepared(
    acts: pl.DataFrame, ctx: PopulationContext, more: pl.Series | None = None
) -> tuple[pl.DataFrame, PopulationContext]:
    """The `acts` that speak for something, and the context with what the group facts say of their items and
    categories (and of the items `more`): no strategy reads more of these customers.
    """
    bad, facts = _sensitive(acts, ctx.facts), ctx.facts
    of_them = pl.col("category").is_in(bad.implode()).fill_null(value=False)
    items_of = acts["item_id"] if more is None else pl.concat([acts["item_id"], more])
    own = items_of.drop_nulls().unique().implode()
    places = acts["category"].drop_nulls().unique().implode()
    never = facts.items.filter(of_them)["item_id"].implode()
    items = facts.items.filter(
        pl.col("item_id").is_in(own) | pl.col("category").is_in(places).fill_null(value=False), ~of_them
    )
    first = pl.col("first")  # of the whole shop: before it nothing was sold
    read = pl.concat([items["item_id"], items_of.drop_nulls()]).unique().implode()
    repeats = facts.repeats.filter(pl.col("item_id").is_in(read) | (first == first.min()))

    def plain(pairs: pl.DataFrame) -> pl.DataFrame:
        theirs = pairs.filter(pl.col("item_id").is_in(own))
        return theirs.filter(~pl.col("item_id").is_in(never), ~pl.col("other_id").is_in(never))

    narrowed = replace(
        facts,
        items=items,
        repeats=repeats,
        pairs=lambda: plain(facts.also_bought),
        baskets=lambda: plain(facts.bought_together),
    )
    return acts.filter(~of_them), replace(ctx, facts=narrowed)


def _sensitive(acts: pl.DataFrame, facts: Facts) -> pl.Series:
    """The categories, of these acts and of anything sold, that the sensitive map names."""
    places = pl.concat([acts["category"].unique(), facts.items["category"].unique()]).drop_nulls().unique()
    return places.to_frame().filter(in_category(pl.col("category")))["category"]


def _names(made: pl.DataFrame, acts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """What items are called, `item_id, item_name`: as everybody's orders have it, else as these events do."""
    items = made.select("item_id").unique()
    common = facts.items.join(items, on="item_id", how="semi").filter(
        ~in_category(pl.col("category")).fill_null(value=False)
    )
    common = common.select("item_id", "item_name").drop_nulls()
    own = (
        acts.join(items.join(common, on="item_id", how="anti"), on="item_id", how="semi")
        .drop_nulls("item_name")
        .sort("item_id", "occurred_at", "event_id", "item_name")
        .unique("item_id", keep="last", maintain_order=True)
        .select("item_id", "item_name")
    )
    return pl.concat([common, own])
