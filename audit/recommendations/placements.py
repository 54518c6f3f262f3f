"""What a customer was recommended: the placements that were shown and those we would make, held together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import polars as pl

from audit.events.purchases import without_undone
from audit.events.schema import BEHAVIOUR, TIME, first_label
from audit.events.vocabulary import nameless
from audit.population.coverage import Coverage, would_explain
from audit.population.stats import PopulationContext
from audit.recommendations.derive import acts_gone_by, derive, prepared
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
    "ours": pl.String(),
    "rests_on": pl.List(pl.String()),
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
    category before), unexplained, or cannot_tell where the data does not cover what would explain it. `score`, `until`, `ours` (the
    reason) and `rests_on` (the events) are what we give at `ctx.at`; that is no reason of what was shown before: its
    `reason` is the log's, its `evidence` those that showed it. Shown ones first, the newest first; then ours by strategy, the best first.
    """
    derived = derive(events, ctx).with_row_index("rank")
    log = _each_once(_named(logged(events, ctx), derived))
    return _described(
        log.join(derived, on=_KEY, how="full", coalesce=True, suffix="_ours", nulls_equal=True), ctx.coverage
    )


def told_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of `placements`, each item once, with `also_by`: the other strategies that give it, or that the log names.

    It stands by what the log says, and by nothing of ours that came after; of ours alone, by what the customer did with the item itself, else by the first strategy.
    `until` is when none of ours gives it any more.
    """
    itself = pl.col("own_items").list.first().struct.field("item_id").eq_missing(pl.col("item_id"))
    ours, its_own = pl.col("derived"), itself | pl.col("own_items").is_null()
    ranks = {name: rank for rank, name in enumerate(STANDINGS)}
    rank = pl.col("standing").replace_strict(ranks, return_dtype=pl.Int8)
    shown = pl.col("shown").explode(empty_as_null=True).drop_nulls()
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
            pl.col("reason", "evidence", "ours", "rests_on").first(),
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
            pl.when("logged").then(pl.coalesce(_stated(), _unstated())).otherwise("reason").alias("reason"),
            pl.coalesce("shown", "evidence").alias("evidence"),
            ours="reason",
            rests_on="evidence",
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
        "derived": pl.col("derived") & ~pl.col("logged"),
        "inferred": pl.col("could_be"),
        "unexplained": would_explain(covered, pl.col("last_shown")),
    }
    return first_label(standings, "cannot_tell")


def _stated() -> pl.Expr:
    return pl.format('The log says: "{}".', "stated")


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
        """What was shown and what we would show, as `placements` gives it; where our strategy gave what was shown when it was
        shown last, that is said of it too, and is its `evidence`.
        """
        gave, day = pl.col("gave"), pl.col("last_shown").dt.strftime("%Y-%m-%d")
        then = self.as_shown.select(*_KEY, pl.col("reason").alias("gave"), pl.col("evidence").alias("behind"))
        return (
            self._rows.join(then, on=_KEY, how="left", maintain_order="left")
            .with_columns(
                pl.coalesce(
                    pl.format("{} Our definition gave it on {}: {}", "reason", day, gave), "reason"
                ).alias("reason"),
                pl.coalesce("behind", "evidence").alias("evidence"),
                pl.when(gave.is_not_null() & (pl.col("standing") != "stated"))
                .then(pl.lit("derived"))
                .otherwise("standing")
                .alias("standing"),
            )
            .select(*PLACEMENTS)
        )

    @cached_property
    def _rows(self) -> pl.DataFrame:
        return placements(self.events, self.context)

    @cached_property
    def as_shown(self) -> pl.DataFrame:
        """What was shown and the strategy that the log names gave at that moment, as far as ours does: by the acts before
        the last showing alone, in the columns of `PLACEMENT`.
        """
        known = self._rows.filter("logged", pl.col("strategy").is_in(list(strategies())))
        parts = [
            derive(*self._before(at), set(rows["strategy"])).join(rows.select(_KEY), on=_KEY, how="semi")
            for (at,), rows in known.group_by("last_shown", maintain_order=True)
        ]
        return pl.concat([pl.DataFrame(schema=PLACEMENT), *parts])

    def _before(self, at: datetime) -> tuple[pl.DataFrame, PopulationContext]:
        """The events before a moment, and the context of that moment."""
        return self.events.filter(pl.col("occurred_at") < at), replace(self.context, at=at)

    def could_be(self, row: Mapping[str, Any]) -> pl.DataFrame:
        """The acts that the strategy of a row of `placements` goes by, before it was shown last: on the item or on what goes with it, the
        newest first: `event_id, same` (whether on the item).
        """
        acts, moment = self.acts_before(row)
        return acts_gone_by(acts, moment, row["item_id"], row["strategy"])

    def acts_before(self, row: Mapping[str, Any]) -> tuple[pl.DataFrame, PopulationContext]:
        """What `prepared` makes of the acts before the last showing of a row of `placements`, and of the context."""
        events, moment = self._before(row["last_shown"])
        return prepared(without_undone(events).select(ACTS), moment, pl.Series([row["item_id"]]))

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
        return prepared(acts, self.context, self._rows["item_id"].unique())
