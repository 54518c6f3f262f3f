"""What a customer was recommended: the placements that were shown and those we would make, held together."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl

from audit.events.purchases import without_undone
from audit.events.schema import BEHAVIOUR, TIME, first_label
from audit.events.vocabulary import nameless
from audit.population.coverage import Coverage, would_explain
from audit.population.stats import PopulationContext
from audit.recommendations.derive import derive, prepared
from audit.recommendations.strategies import ACTS, PLACEMENT, READ, strategies

PLACEMENTS: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "item_id": pl.String(),
    "strategy": pl.String(),
    "title": pl.String(),
    "score": pl.Float64(),
    "standing": pl.String(),
    "logged": pl.Boolean(),
    "derived": pl.Boolean(),
    "reason": pl.String(),
    "evidence": pl.List(pl.String()),
    "until": TIME,
    "own_items": PLACEMENT["own_items"],
    "shown": pl.List(pl.String()),
    "last_shown": TIME,
}
"""The columns of `placements`: those of a recommendation in `whysent show`, and what stands behind them."""

STANDINGS: tuple[Literal["stated", "derived", "inferred", "unexplained", "cannot_tell"], ...] = (
    "stated",
    "derived",
    "inferred",
    "unexplained",
    "cannot_tell",
)
"""Of several that one item has, the first counts."""

UNNAMED = "shown"
"""The strategy of a showing whose log names neither a known strategy nor a placement."""

_KEY = ("customer_id", "item_id", "strategy")


def placements(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Every item the whole customers in `events` were shown, or would be at `ctx.at`, in the columns of `PLACEMENTS`.

    A showing meets ours in item and strategy, or in the item alone where its log names no strategy we know.
    `standing`: stated (the log says why), derived, inferred (the customer did something with the item or in its
    category before), unexplained, or cannot_tell where the data does not cover what would explain it. `score` and `until` are ours. `evidence`: the events of our reconstruction,
    else those that showed it. Shown ones first, the newest first; then ours by strategy, the best first.
    """
    derived = derive(events, ctx).with_row_index("rank")
    log = _each_once(_named(logged(events, ctx), derived))
    return _described(
        log.join(derived, on=_KEY, how="full", coalesce=True, suffix="_ours", nulls_equal=True), ctx.coverage
    )


def told_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of `placements`, each item once, with `also_by`: the other strategies that give it, or that the log names.

    It stands by what the log says; of ours, by what the customer did with the item itself, else by the first strategy.
    `until` is when none of ours gives it any more.
    """
    itself = pl.col("own_items").list.first().struct.field("item_id").eq_missing(pl.col("item_id"))
    ours, its_own = pl.col("derived"), itself | pl.col("own_items").is_null()
    ranks = {name: rank for rank, name in enumerate(STANDINGS)}
    rank = pl.col("standing").replace_strict(ranks, return_dtype=pl.Int8)
    first, shown = pl.col("reason").first(), pl.col("shown").explode(empty_as_null=True).drop_nulls()
    our_reason = pl.col("reason").filter(ours).first()
    alone = pl.col("logged").first() & ~ours.first() & our_reason.is_not_null()
    stated = pl.col("standing").first() == "stated"
    told = (
        rows.with_row_index("row")
        .sort(~pl.col("logged"), ~ours, ~its_own, "row")
        .group_by("customer_id", "item_id", maintain_order=True)
        .agg(
            pl.col("strategy", "title").first(),
            pl.col("strategy").unique(maintain_order=True).slice(1).alias("also_by"),
            pl.col("score", "own_items").filter(ours).first(),
            pl.col("standing").sort_by(rank).first(),
            pl.col("logged", "derived").any(),
            pl.when(~alone).then(first).when(stated).then(pl.format("{} Our reconstruction: {}", first, our_reason)).otherwise(our_reason).alias("reason"),
            pl.coalesce(pl.col("evidence").filter(ours).first(), shown.implode()).alias("evidence"),
            pl.when(pl.col("until").filter(ours).is_not_null().all()).then(pl.col("until").max()),
            pl.when(shown.len() > 0).then(shown.implode()).alias("shown"),
            pl.col("last_shown").max(),
            pl.col("row").min(),
        )
    )  # fmt: skip
    return told.sort("row").select(*PLACEMENTS, "also_by")


def _named(log: pl.DataFrame, derived: pl.DataFrame) -> pl.DataFrame:
    """Give showings without a known strategy that of ours for the item, else the name of their placement."""
    best = derived.unique(("customer_id", "item_id"), keep="first", maintain_order=True)
    best = best.select("customer_id", "item_id", pl.col("strategy").alias("ours"))
    strategy = pl.coalesce("strategy", "ours", "placement", pl.lit(UNNAMED)).alias("strategy")
    return log.join(best, on=("customer_id", "item_id"), how="left", maintain_order="left").with_columns(
        strategy
    )


def _each_once(log: pl.DataFrame) -> pl.DataFrame:
    return log.group_by(_KEY, maintain_order=True).agg(
        pl.col("title").drop_nulls().first(),
        pl.col("stated").drop_nulls().first(),
        pl.col("last").max().alias("last_shown"),
        pl.col("shown").explode(empty_as_null=True),
        pl.col("could_be").any(),
    )


def _described(paired: pl.DataFrame, covered: Coverage) -> pl.DataFrame:
    positions = {name: position for position, name in enumerate(strategies())}
    return (
        paired.with_columns(
            pl.col("shown").is_not_null().alias("logged"),
            pl.col("rank").is_not_null().alias("derived"),
            pl.col("strategy")
            .replace_strict(positions, default=len(positions), return_dtype=pl.Int8)
            .alias("position"),
        )
        .with_columns(
            pl.coalesce("title", "title_ours", nameless(pl.col("item_id"))).alias("title"),
            _standing(covered).alias("standing"),
            pl.coalesce(_stated(), "reason", _unstated()).alias("reason"),
            pl.coalesce("evidence", "shown").alias("evidence"),
        )
        .sort(
            "customer_id", "logged", "last_shown", "position", "rank", "item_id", "strategy",
            descending=[False, True, True, False, False, False, False], nulls_last=True,
        )
        .select(*PLACEMENTS)
    )  # fmt: skip


def _standing(covered: Coverage) -> pl.Expr:
    standings = {
        "stated": pl.col("stated").is_not_null(),
        "derived": pl.col("derived"),
        "inferred": pl.col("could_be"),
        "unexplained": would_explain(covered, pl.col("last_shown")),
    }
    return first_label(standings, "cannot_tell")


def _stated() -> pl.Expr:
    says = pl.format('The log says: "{}".', "stated")
    return pl.when(pl.col("reason").is_not_null()).then(pl.format("{} {}", says, "reason")).otherwise(says)


def _unstated() -> pl.Expr:
    return pl.format(
        "Shown last on {}; the log does not say why.", pl.col("last_shown").dt.strftime("%Y-%m-%d")
    )


def logged(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What each customer was shown until `ctx.at`: one row an item and strategy.

    `strategy` is ours where the placement or reason names it, else null; `title` what the item was called; `placement`
    where it was shown; `stated` the newest reason given; `last` (µs, UTC) of its showings, `shown` their event_ids, oldest
    first; `could_be`: the customer did something with the item or in its category before the last one. In order of
    customer, newest first.
    """
    rows = events.filter(pl.col("kind") == "recommendation_shown", pl.col("occurred_at") <= ctx.at)
    displays = rows.drop_nulls("item_id").with_columns(_strategy().alias("strategy"))
    by_item = displays.group_by(_KEY, maintain_order=True).agg(
        pl.col("placement").drop_nulls().last(),
        pl.col("item_name").drop_nulls().last().alias("title"),
        pl.col("reason").drop_nulls().last().alias("stated"),
        pl.col("occurred_at").last().alias("last"),
        pl.col("event_id").alias("shown"),
        pl.col("category").drop_nulls().last(),
    )
    causes = _causes(events, by_item)
    return (
        by_item.join(causes, on=_KEY, how="left", nulls_equal=True)
        .with_columns(pl.col("could_be").fill_null(value=False))
        .sort("customer_id", "last", "item_id", "strategy", descending=[False, True, False, False])
    )


def _strategy() -> pl.Expr:
    text = pl.concat_str(
        "reason", "placement", "campaign_name", separator=" | ", ignore_nulls=True
    ).str.to_lowercase()
    return pl.coalesce(
        *(
            pl.when(text.str.contains_any(list(strategy.aliases))).then(pl.lit(strategy.id))
            for strategy in strategies().values()
        ),
        pl.lit(None, pl.String),
    )


def _causes(events: pl.DataFrame, displays: pl.DataFrame) -> pl.DataFrame:
    """The showings before whose last one the customer did something with the item, or in its category."""
    acts = events.filter(pl.col("kind").is_in(BEHAVIOUR)).select(
        "customer_id", "item_id", "category", pl.col("occurred_at").alias("acted")
    )
    causes = pl.concat(
        displays.join(acts.select("customer_id", key, "acted"), on=("customer_id", key))
        .filter(pl.col("acted") <= pl.col("last"))
        .select(_KEY)
        for key in ("item_id", "category")
    )
    return causes.unique().with_columns(pl.lit(value=True).alias("could_be"))


@dataclass(frozen=True)
class Reconstruction:
    """One customer's `events` at `context.at`, and what is recommended to them."""

    events: pl.DataFrame
    context: PopulationContext

    @cached_property
    def placements(self) -> pl.DataFrame:
        """What was shown and what we would show, as `placements` gives it."""
        return placements(self.events, self.context)

    @cached_property
    def told(self) -> pl.DataFrame:
        """The same with each item once, as `told_once` gives it."""
        return told_once(self.placements)

    @cached_property
    def all_acts(self) -> pl.DataFrame:
        """Every act until the moment asked about, orders as they stand then, in the columns that strategies read."""
        return without_undone(self.events.filter(pl.col("occurred_at") <= self.context.at)).select(ACTS)

    @property
    def acts(self) -> pl.DataFrame:
        """The acts that speak for something (see `prepared`)."""
        return self._prepared[0]

    @property
    def narrowed(self) -> PopulationContext:
        """The context with what strategies read of the group facts, had the customer ordered what is recommended too."""
        return self._prepared[1]

    @cached_property
    def _prepared(self) -> tuple[pl.DataFrame, PopulationContext]:
        acts = self.all_acts.filter(pl.col("kind").is_in(READ))
        return prepared(acts, self.context, self.placements["item_id"].unique())
