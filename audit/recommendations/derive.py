"""All placements that we would make of customers' events: our reconstruction, which no customer saw."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import polars as pl

from audit.events.purchases import without_undone
from audit.events.sensitive_topics import in_category
from audit.events.vocabulary import nameless, usual_names
from audit.population.audience import fewest_told
from audit.population.stats import Facts, PopulationContext
from audit.recommendations import by_pairs, own_items
from audit.recommendations.strategies import ACTS, OWN, PLACEMENT, Recommender, finished, strategies

RECOMMENDERS: dict[str, Recommender] = {
    **own_items.RECOMMENDERS,
    **by_pairs.RECOMMENDERS,
    **by_pairs.BY_CATEGORY,
}
"""How each strategy chooses, by the id of its numbers in `strategies.toml`."""

_ITEM = ("customer_id", "item_id")
_CHOICE = ("customer_id", "strategy", "item_id")
_GIVES = {name: PLACEMENT[name] for name in ("customer_id", "evidence")}

_RHYTHM = 3
"""House value: the interval of one buyer or two is no rhythm of everybody, in invented data neither."""


def derive(events: pl.DataFrame, ctx: PopulationContext, only: Collection[str] | None = None) -> pl.DataFrame:
    """The items each strategy would show the whole customers in `events` at `ctx.at`, in the columns of `PLACEMENT`.

    `only`: of these strategies alone; of all, if None.

    Orders count as they stand at that moment. Acts in a category of the sensitive map speak for nothing, and such items are not recommended. In order of customer,
    strategy (as in `strategies.toml`), then the best first.
    """
    acts = without_undone(events.filter(pl.col("occurred_at") <= ctx.at)).select(ACTS)
    return titled(recommended(*prepared(acts, ctx), only), acts, ctx.facts)


def recommended(
    acts: pl.DataFrame, ctx: PopulationContext, only: Collection[str] | None = None
) -> pl.DataFrame:
    """As `derive`, of what `prepared` made of the acts, and of copies of them; without titles."""
    parts = [
        finished(RECOMMENDERS[strategy].recommend(acts, ctx), strategy).with_columns(
            pl.lit(position, pl.Int8).alias("position"), pl.int_range(pl.len()).alias("rank")
        )
        for position, strategy in enumerate(_begun(acts))
        if only is None or strategy in only
    ]
    if not parts:
        return pl.DataFrame(schema=PLACEMENT)
    return pl.concat(parts).sort("customer_id", "position", "rank").select(*PLACEMENT)


def chosen_items(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """`customer_id, strategy, item_id` of `recommended`, in its order: what is chosen, without what it rests on."""
    parts = [
        _chosen(strategy, acts, ctx).select(
            "customer_id", pl.lit(strategy).alias("strategy"), "item_id", pl.lit(position).alias("position")
        )
        for position, strategy in enumerate(_begun(acts))
    ]
    none = pl.DataFrame(schema={name: PLACEMENT[name] for name in _CHOICE} | {"position": pl.Int32})
    return pl.concat([none, *parts]).sort("customer_id", "position", maintain_order=True).select(_CHOICE)


def _chosen(strategy: str, acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    recommender = RECOMMENDERS[strategy]
    return (recommender.choose or recommender.recommend)(acts, ctx)


def _begun(acts: pl.DataFrame) -> list[str]:
    """The strategies that can give anything with these acts, in order."""
    kinds = set(acts["kind"].unique())
    return [strategy for strategy in strategies() if not kinds.isdisjoint(RECOMMENDERS[strategy].begins)]


def titled(placements: pl.DataFrame, acts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Placements with what their items are called (`title`), as everybody's orders have it, else as `acts` do; the own item
    that a `reason` speaks of is named likewise. Where two items of one customer's placements share a name, its id follows.
    """
    strongest = pl.col("own_items").list.first().struct.field("item_id").alias("own")
    rows = placements.with_columns(
        strongest if "own_items" in placements.columns else pl.lit(None, pl.String).alias("own")
    )
    told = pl.concat([rows.select(*_ITEM), rows.select("customer_id", item_id="own")]).drop_nulls().unique()
    name = pl.coalesce("item_name", nameless(pl.col("item_id")))
    titles = told.join(_names(told, acts, facts), on="item_id", how="left").with_columns(name.alias("title"))
    shared = pl.len().over("customer_id", "title") > 1
    apart = pl.when(shared).then(pl.format("{} ({})", "title", "item_id")).otherwise("title")
    titles = titles.select(*_ITEM, apart.alias("title"))
    own = titles.select("customer_id", own="item_id", own_title="title")
    named = (
        rows.drop("title", strict=False)
        .join(titles, on=_ITEM, how="left", maintain_order="left")
        .join(own, on=("customer_id", "own"), how="left", maintain_order="left")
    )
    if "reason" in placements.columns:
        named = named.with_columns(
            pl.when(pl.col("own_title").is_not_null())
            .then(pl.col("reason").str.replace(OWN, pl.col("own_title"), literal=True))
            .otherwise("reason")
            .alias("reason")
        )
    order = [*dict.fromkeys([*placements.columns, "title"])]
    return named.select(order)


def evidence_for(acts: pl.DataFrame, contexts: Mapping[str, PopulationContext], item: str) -> pl.DataFrame:
    """`customer_id, evidence`: where one of the strategies in `contexts` gives `item`, and what it rests on there.

    `contexts`: the context of each strategy asked; it and `acts`: what `prepared` made of one customer's acts, and any
    copies of those acts. For deciding many copies.
    """
    parts = [
        RECOMMENDERS[strategy]
        .recommend(acts, contexts[strategy])
        .filter(pl.col("item_id") == item)
        .select("customer_id", "evidence")
        for strategy in _begun(acts)
        if strategy in contexts
    ]
    return pl.concat([pl.DataFrame(schema=_GIVES), *parts])


def customers_given(acts: pl.DataFrame, contexts: Mapping[str, PopulationContext], item: str) -> set[str]:
    """The customers in `evidence_for`, which is less to work out than what it rests on."""
    customers: set[str] = set()
    for strategy in _begun(acts):
        if strategy in contexts:
            rows = _chosen(strategy, acts, contexts[strategy])
            customers.update(rows.filter(pl.col("item_id") == item)["customer_id"])
    return customers


def acts_gone_by(acts: pl.DataFrame, ctx: PopulationContext, item: str, strategy: str) -> pl.DataFrame:
    """Of one customer's `acts` (made by `prepared`, like `ctx`) those that `strategy` goes by, on `item` or on what goes with it,
    the newest first: `event_id, same` (whether on the item itself).
    """
    numbers, kinds = strategies()[strategy], RECOMMENDERS[strategy].begins
    paired = by_pairs.paired(ctx.facts, strategy).filter(pl.col("other_id") == item)["item_id"]
    same = (pl.col("item_id") == item).alias("same")
    lately = pl.col("occurred_at") > ctx.at - max(numbers.window, numbers.active)
    return (
        acts.filter(
            pl.col("kind").is_in(kinds),
            same | pl.col("item_id").is_in(paired.implode()),
            pl.lit(numbers.overdue > 0) | lately,
        )
        .select("event_id", same)
        .reverse()
    )


def prepared(
    acts: pl.DataFrame, ctx: PopulationContext, more: pl.Series | None = None
) -> tuple[pl.DataFrame, PopulationContext]:
    """The `acts` that speak for something, and the context with what the group facts say of their items and
    categories (and of the items `more`), as far as that may be told: no strategy reads more of these customers.
    """
    facts, fewest = ctx.facts, fewest_told(synthetic=ctx.settings.synthetic)
    enough = pl.col("people") >= fewest
    sensitive = pl.col("category").is_in(_sensitive_categories(acts, facts).implode()).fill_null(value=False)
    item_ids = (acts["item_id"] if more is None else pl.concat([acts["item_id"], more])).drop_nulls()
    touched = item_ids.unique().implode()
    categories = acts["category"].drop_nulls().unique().implode()
    never = facts.items.filter(sensitive)["item_id"].implode()
    items = facts.items.filter(
        pl.col("item_id").is_in(touched) | pl.col("category").is_in(categories).fill_null(value=False),
        ~sensitive,
    )
    began = pl.col("first")  # of the whole shop: before it nothing was sold
    relevant = pl.concat([items["item_id"], item_ids]).unique().implode()
    repeats = facts.repeats.filter(pl.col("item_id").is_in(relevant) | (began == began.min()))
    interval = pl.when(pl.col("again") >= max(fewest, _RHYTHM)).then("interval").alias("interval")

    def plain(pairs: pl.DataFrame) -> pl.DataFrame:
        of_touched = pairs.filter(pl.col("item_id").is_in(touched), enough)
        return of_touched.filter(~pl.col("item_id").is_in(never), ~pl.col("other_id").is_in(never))

    narrowed = replace(
        facts,
        items=items,
        repeats=repeats.with_columns(interval),
        intervals=facts.intervals.filter(pl.col("people") >= max(fewest, _RHYTHM)),
        pairs=lambda: plain(facts.also_bought),
        baskets=lambda: plain(facts.bought_together),
    )
    return acts.filter(~sensitive), replace(ctx, facts=narrowed)


def _sensitive_categories(acts: pl.DataFrame, facts: Facts) -> pl.Series:
    """The categories, of these acts and of anything sold, that the sensitive map names."""
    categories = pl.concat([acts["category"].unique(), facts.items["category"].unique()])
    return categories.drop_nulls().unique().to_frame().filter(in_category(pl.col("category")))["category"]


def _names(placements: pl.DataFrame, acts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """What items are called, `item_id, item_name`: as everybody's orders have it, else as these events do."""
    items = placements.select("item_id").unique()
    common = facts.items.join(items, on="item_id", how="semi").filter(
        ~in_category(pl.col("category")).fill_null(value=False)
    )
    common = common.select("item_id", "item_name").drop_nulls()
    as_seen = usual_names(
        acts.join(items.join(common, on="item_id", how="anti"), on="item_id", how="semi"), "item_id"
    )
    return pl.concat([common, as_seen])
