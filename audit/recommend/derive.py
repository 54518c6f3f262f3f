"""All strips that we would make of customers' events: our reconstruction, which no customer saw."""

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from audit.context import Context
from audit.facts import Facts
from audit.recommend.also_bought import also_bought
from audit.recommend.bought_together import bought_together
from audit.recommend.buy_again import buy_again
from audit.recommend.inspired_by_browsing import inspired_by_browsing
from audit.recommend.left_in_cart import left_in_cart
from audit.recommend.more_to_consider import more_to_consider
from audit.recommend.new_for_you import new_for_you
from audit.recommend.order_cross_sell import order_cross_sell
from audit.recommend.recommended_for_you import recommended_for_you
from audit.recommend.strategies import strategies
from audit.recommend.strip import ACTS, STRIP, finished
from audit.sensitive import in_category

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


def derive(events: pl.DataFrame, ctx: Context, only: Collection[str] | None = None) -> pl.DataFrame:
    """The items each strategy would show the whole customers in `events` at `ctx.at`, in the columns of `STRIP`.

    `only`: of these strategies alone; of all, if None.

    Acts in a category of the sensitive map speak for nothing, and such items are not recommended. In order of customer, strategy (as in `strategies.toml`), then the best first.
    """
    acts = events.filter(pl.col("occurred_at") <= ctx.at).select(ACTS)
    plain, facts = _without_sensitive(acts, ctx.facts)
    known = replace(ctx, facts=facts)
    strips = [
        finished(_MAKERS[strategy](plain, known), strategy).with_columns(
            pl.lit(place, pl.Int8).alias("place"), pl.int_range(pl.len()).alias("rank")
        )
        for place, strategy in enumerate(strategies())
        if only is None or strategy in only
    ]
    made = pl.concat(strips).sort("customer_id", "place", "rank")
    title = pl.coalesce("item_name", "item_id").alias("title")
    return made.join(_names(made, acts, facts), on="item_id", how="left", maintain_order="left").select(
        title if name == "title" else name for name in STRIP
    )


def _without_sensitive(acts: pl.DataFrame, facts: Facts) -> tuple[pl.DataFrame, Facts]:
    places = pl.concat([acts.select("category").unique(), facts.items.select("category").unique()])
    bad = places.drop_nulls().filter(in_category(pl.col("category")))["category"].unique()
    if bad.is_empty():
        return acts, facts
    of_them = pl.col("category").is_in(bad.implode()).fill_null(value=False)
    items = facts.items.filter(of_them)["item_id"].implode()

    def plain(pairs: pl.DataFrame) -> pl.DataFrame:
        return pairs.filter(~pl.col("item_id").is_in(items), ~pl.col("other_id").is_in(items))

    return acts.filter(~of_them), replace(
        facts,
        items=facts.items.filter(~of_them),
        pairs=lambda: plain(facts.also_bought),
        baskets=lambda: plain(facts.bought_together),
    )


def _names(made: pl.DataFrame, acts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """What items are called, `item_id, item_name`: as everybody's orders have it, else as these events do."""
    items = made.select("item_id").unique()
    common = facts.items.select("item_id", "item_name").drop_nulls().join(items, on="item_id", how="semi")
    own = (
        acts.join(items.join(common, on="item_id", how="anti"), on="item_id", how="semi")
        .drop_nulls("item_name")
        .sort("item_id", "occurred_at", "event_id", "item_name")
        .unique("item_id", keep="last", maintain_order=True)
        .select("item_id", "item_name")
    )
    return pl.concat([common, own])
