"""Logged and derived segments held together: how far they agree, and where they do not, the likely reason."""

from datetime import timedelta

import polars as pl

from audit.events.schema import TIME
from audit.population.coverage import Coverage
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.definition_files import resolved
from audit.segments.history import history
from audit.segments.logged import KINDS, logged_history
from audit.segments.memberships import memberships
from audit.segments.model import Definition, SegmentContext
from audit.segments.names import names_of, normal
from audit.segments.versions import Period

AGREEMENT: dict[str, pl.DataType] = {
    "segment": pl.String(),
    "title": pl.String(),
    "basis": pl.String(),
    "sensitive": pl.Boolean(),
    "both": pl.UInt32(),
    "logged_only": pl.UInt32(),
    "derived_only": pl.UInt32(),
    "agreement": pl.Float64(),
    "defined": pl.Boolean(),
    "logs_it": pl.Boolean(),
}
"""The columns of `agreement`."""

DISAGREEMENTS: dict[str, pl.DataType] = {
    "segment": pl.String(),
    "title": pl.String(),
    "sensitive": pl.Boolean(),
    "customer": pl.String(),
    "side": pl.String(),
    "since": TIME,
    "logged_as": pl.String(),
    "reason": pl.String(),
    "detail": TIME,
}
"""The columns of `disagreements`."""


def both_sides(events: pl.DataFrame, ctx: SegmentContext) -> pl.DataFrame:
    """The memberships of the whole customers in `events`, with `family`: the definition's id, else as logged."""
    family = pl.when("derived").then(pl.col("id").str.split(":").list.first()).otherwise("id")
    return memberships(events, ctx).drop("reason").with_columns(family.alias("family"))


def agreement(rows: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """How far log and definitions agree, for each segment in `rows` (of `both_sides`), in the columns of `AGREEMENT`.

    `agreement` is the share of the memberships of either that are in both; null where one side has no such segment at
    all, so that there is nothing to agree about: `defined` and `logs_it` say which.
    """
    ids = [definition.id for definition in definitions]
    both_say = pl.col("logged") & pl.col("derived")
    return (
        rows.group_by(pl.col("family").alias("segment"))
        .agg(
            pl.col("title").filter(pl.col("id") == pl.col("family")).first(),
            pl.col("basis").drop_nulls().first(),
            pl.col("sensitive").any(),
            both_say.sum().cast(pl.UInt32).alias("both"),
            (pl.col("logged") & ~pl.col("derived")).sum().cast(pl.UInt32).alias("logged_only"),
            (~pl.col("logged") & pl.col("derived")).sum().cast(pl.UInt32).alias("derived_only"),
            pl.col("logged").any().alias("logs_it"),
        )
        .with_columns(
            pl.coalesce("title", "segment").alias("title"), pl.col("segment").is_in(ids).alias("defined")
        )
        .with_columns(
            pl.when("defined", "logs_it")
            .then(pl.col("both") / (pl.col("both") + pl.col("logged_only") + pl.col("derived_only")))
            .alias("agreement")
        )
        .sort("logs_it", "agreement", "segment", descending=[True, False, False], nulls_last=True)
        .select(*AGREEMENT)
    )


def disagreements(events: pl.DataFrame, ctx: SegmentContext, rows: pl.DataFrame) -> pl.DataFrame:
    """Who is in a segment of `rows` (of `both_sides`) by one side alone, in the columns of `DISAGREEMENTS`.

    `side`: logged_only or derived_only. `reason`: the likely one, `detail` its time (UTC) where it has one:
    third_party, no_definition, held_before (ours ended at `detail`), too_little (some of the acts, not enough),
    data_gap (the data begins at `detail`, or lacks the acts), no_act; never_logged, logged_left (the log took them out
    at `detail`), log_ends (ours began after the log's newest row, `detail`), not_logged. Logged ones first.
    """
    definitions = resolved(ctx.definitions or our_definitions(), ctx.facts)
    apart = rows.filter(pl.col("logged") != pl.col("derived"))
    logged_only = _logged_only(events, ctx, apart.filter("logged"), definitions)
    derived_only = _derived_only(events, ctx, apart.filter("derived"), rows)
    return (
        pl.concat([logged_only, derived_only])
        .with_columns(
            pl.when("logged").then(pl.lit("logged_only")).otherwise(pl.lit("derived_only")).alias("side")
        )
        .rename({"family": "segment", "customer_id": "customer"})
        .sort("logged", "segment", "customer", descending=[True, False, False])
        .select(*DISAGREEMENTS)
    )


def _logged_only(
    events: pl.DataFrame, ctx: SegmentContext, rows: pl.DataFrame, definitions: tuple[Definition, ...]
) -> pl.DataFrame:
    by_id = {definition.id: definition for definition in definitions}
    compared = tuple(by_id[id_] for id_ in rows["family"].unique() if id_ in by_id)
    of_them = events.join(rows.select("customer_id").unique(), on="customer_id", how="semi")
    ended = (
        history(of_them, ctx, tuple(map(Period, compared)))
        .drop_nulls("left")
        .group_by("customer_id", pl.col("definition").alias("family"))
        .agg(pl.col("left").max().alias("ended"))
    )
    gaps = pl.DataFrame(
        [(definition.id, *_begins(ctx.coverage, definition)) for definition in compared],
        schema={"family": pl.String, "lacks": pl.Boolean, "begins": TIME, "window": pl.Duration("us")},
        orient="row",
    )
    dated = rows.join(ended, on=("customer_id", "family"), how="left").join(gaps, on="family", how="left")
    gap = pl.col("lacks") | (pl.col("begins") > pl.col("since") - pl.col("window"))
    reason = (
        pl.when(pl.col("source") == "third_party")
        .then(pl.lit("third_party"))
        .when(~pl.col("family").is_in(list(by_id)))
        .then(pl.lit("no_definition"))
        .when(pl.col("ended").is_not_null())
        .then(pl.lit("held_before"))
        .when(pl.col("standing") == "inferred")
        .then(pl.lit("too_little"))
        .when(gap.fill_null(value=False))
        .then(pl.lit("data_gap"))
        .otherwise(pl.lit("no_act"))
    )
    return (
        dated.with_columns(reason.alias("reason"))
        .with_columns(
            pl.when(pl.col("reason") == "held_before")
            .then("ended")
            .when(pl.col("reason") == "data_gap")
            .then("begins")
            .alias("detail")
        )
        .select(*rows.columns, "reason", "detail")
    )


def _begins(coverage: Coverage, definition: Definition) -> tuple[bool, object, timedelta]:
    """Whether the data lacks what the definition looks at, when it begins, and how far back the definition looks."""
    kinds = {kind for condition in definition.when for kind in condition.events.kinds}
    begins = [coverage.kinds[kind].first for kind in kinds if kind in coverage.kinds]
    window = max((condition.window or timedelta(0) for condition in definition.when), default=timedelta(0))
    return not begins, min(begins, default=None), window


def _derived_only(
    events: pl.DataFrame, ctx: SegmentContext, rows: pl.DataFrame, everybody: pl.DataFrame
) -> pl.DataFrame:
    in_log = everybody.filter("logged")["family"].unique()
    left = (
        logged_history(events.join(rows.select("customer_id").unique(), on="customer_id", how="semi"), ctx)
        .drop_nulls("left")
        .group_by("customer_id", "segment_id")
        .agg(pl.col("left").max().alias("out"))
        .join(_families_left(events, ctx), on="segment_id")
        .drop("segment_id")
    )
    newest = events.filter(pl.col("kind").is_in(KINDS) & (pl.col("occurred_at") <= ctx.at))[
        "occurred_at"
    ].max()
    dated = rows.join(left, on=("customer_id", "family"), how="left")
    reason = (
        pl.when(pl.col("out").is_not_null())
        .then(pl.lit("logged_left"))
        .when(~pl.col("family").is_in(in_log.implode()))
        .then(pl.lit("never_logged"))
        .when(pl.col("since") > pl.lit(newest, TIME))
        .then(pl.lit("log_ends"))
        .otherwise(pl.lit("not_logged"))
    )
    return (
        dated.with_columns(reason.alias("reason"))
        .with_columns(
            pl.when(pl.col("reason") == "logged_left")
            .then("out")
            .when(pl.col("reason") == "log_ends")
            .then(pl.lit(newest, TIME))
            .alias("detail")
        )
        .select(*rows.columns, "reason", "detail")
    )


def _families_left(events: pl.DataFrame, ctx: SegmentContext) -> pl.DataFrame:
    """The logged names of ours that somebody left: `segment_id` (as logged), `family` (the definition's id)."""
    logged = events.filter(pl.col("kind") == "segment_left").select("segment_id").unique().drop_nulls()
    names = names_of(ctx.definitions or our_definitions()).rename({"definition": "family"})
    return logged.with_columns(name=normal(pl.col("segment_id"))).join(names, on="name").drop("name")
