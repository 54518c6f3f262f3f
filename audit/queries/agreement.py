"""What others logged and what our definitions give, held together: how far they agree, and where not, the likely reason."""

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from audit.events.schema import TIME, first_label
from audit.population.coverage import Coverage
from audit.population.stats import PopulationContext
from audit.recommendations.strategies import strategies
from audit.segments import definitions as our_definitions
from audit.segments import history, logged_history, memberships, resolved
from audit.segments.logged import KINDS, names_of, normal
from audit.segments.model import Definition, SegmentContext
from audit.segments.versions import Period

SEGMENT_DISAGREEMENT = (
    "segment", "title", "sensitive", "customer", "side", "since", "logged_as", "reason", "detail",
)  # fmt: skip
"""The columns of `segment_disagreements`."""

STRIP_DISAGREEMENT = ("strip", "customer", "item_id", "title", "side", "since", "reason")
"""The columns of `strip_disagreements`."""

OLD = timedelta(days=7)
"""House value: a placement is made anew within a week; what was last shown before then is not what would be shown now."""

_ONE_SIDE = pl.col("logged") != pl.col("derived")
_SIDE = first_label({"logged_only": pl.col("logged")}, "derived_only")


def both_sides(events: pl.DataFrame, ctx: SegmentContext) -> pl.DataFrame:
    """The memberships of the whole customers in `events`, with `family`: the definition's id, else as logged."""
    family = pl.when("derived").then(pl.col("id").str.split(":").list.first()).otherwise("id")
    return memberships(events, ctx).drop("reason").with_columns(family.alias("family"))


def segment_agreement(rows: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """How far log and definitions agree, for each segment in `rows` (of `both_sides`).

    Columns `segment, title, basis, sensitive` and those of `_agreement`.
    """
    totals = _agreement(
        rows.rename({"family": "segment"}),
        "segment",
        [definition.id for definition in definitions],
        pl.col("title").filter(pl.col("id") == pl.col("segment")).first(),
        pl.col("basis").drop_nulls().first(),
        pl.col("sensitive").any(),
    )
    return totals.with_columns(pl.coalesce("title", "segment").alias("title"))


def strip_agreement(rows: pl.DataFrame) -> pl.DataFrame:
    """How far what was shown and what we would show agree, for each strip in `rows` (`audit.recommendations.PLACEMENTS`).

    Columns `strip` and those of `_agreement`, counted in items.
    """
    return _agreement(rows.rename({"strategy": "strip"}), "strip", strategies())


def _agreement(rows: pl.DataFrame, by: str, defined: Iterable[str], *columns: pl.Expr) -> pl.DataFrame:
    """How many of `rows` of each `by` lie on both sides and on one: `both, logged_only, derived_only, agreement, defined, logs_it`.

    `agreement` is the share of the rows of either side that are in both; null where one side has no such thing at all,
    so that there is nothing to agree about: `defined` and `logs_it` say which.
    """
    logged, derived = pl.col("logged"), pl.col("derived")
    numbers = {"both": logged & derived, "logged_only": logged & ~derived, "derived_only": ~logged & derived}
    return (
        rows.group_by(by)
        .agg(
            *columns,
            *(counted.sum().cast(pl.UInt32).alias(name) for name, counted in numbers.items()),
            logged.any().alias("logs_it"),
        )
        .with_columns(pl.col(by).is_in(list(defined)).alias("defined"))
        .with_columns(
            agreement=pl.when("defined", "logs_it").then(pl.col("both") / pl.sum_horizontal(*numbers))
        )
        .sort("logs_it", "agreement", by, descending=[True, False, False], nulls_last=True)
    )


def segment_disagreements(events: pl.DataFrame, ctx: SegmentContext, rows: pl.DataFrame) -> pl.DataFrame:
    """Who is in a segment of `rows` (of `both_sides`) by one side alone, in the columns of `SEGMENT_DISAGREEMENT`.

    `side`: logged_only or derived_only. `reason`: the likely one, `detail` its time (UTC) where it has one:
    third_party, no_definition, held_before (ours ended at `detail`), too_little (some of the acts, not enough),
    data_gap (the data begins at `detail`, or lacks the acts), no_act; never_logged, logged_left (the log took them out
    at `detail`), log_ends (ours began after the log's newest row, `detail`), not_logged. Logged ones first.
    """
    definitions = resolved(ctx.definitions or our_definitions(), ctx.facts)
    one_side = rows.filter(_ONE_SIDE)
    logged_only = _logged_only(events, ctx, one_side.filter("logged"), definitions)
    derived_only = _derived_only(events, ctx, one_side.filter("derived"), rows)
    return (
        pl.concat([logged_only, derived_only])
        .with_columns(_SIDE.alias("side"))
        .rename({"family": "segment", "customer_id": "customer"})
        .sort("logged", "segment", "customer", descending=[True, False, False])
        .select(SEGMENT_DISAGREEMENT)
    )


def strip_disagreements(rows: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """The items of `rows` (`audit.recommendations.PLACEMENTS`) on one side alone, in the columns of `STRIP_DISAGREEMENT`.

    `since`: last shown. `reason`, the likely one: no_strategy (we make no such placement), shown_before (last shown more
    than `OLD` ago, while ours is of now), no_act (nothing the customer did is behind it), data_gap (the data does not
    hold what would be), other_choice; never_shown (the
    log has no such placement), not_shown. Shown ones first.
    """
    logged = pl.col("logged")
    in_log = rows.filter(logged)["strategy"].unique().implode()
    reasons = {
        "no_strategy": logged & ~pl.col("strategy").is_in(list(strategies())),
        "shown_before": logged & (pl.col("last_shown") < ctx.at - OLD),
        "no_act": logged & (pl.col("standing") == "unexplained"),
        "data_gap": logged & (pl.col("standing") == "cannot_tell"),
        "other_choice": logged,
        "never_shown": ~pl.col("strategy").is_in(in_log),
    }
    return (
        rows.filter(_ONE_SIDE)
        .with_columns(reason=first_label(reasons, "not_shown"), side=_SIDE)
        .rename({"last_shown": "since", "customer_id": "customer", "strategy": "strip"})
        .sort("logged", "strip", "customer", "item_id", descending=[True, False, False, False])
        .select(STRIP_DISAGREEMENT)
    )


def _logged_only(
    events: pl.DataFrame, ctx: SegmentContext, rows: pl.DataFrame, definitions: tuple[Definition, ...]
) -> pl.DataFrame:
    by_id = {definition.id: definition for definition in definitions}
    compared = tuple(by_id[id_] for id_ in rows["family"].unique() if id_ in by_id)
    ended = (
        history(_of_customers(events, rows), ctx, tuple(map(Period, compared)))
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
    reasons = {
        "third_party": pl.col("source") == "third_party",
        "no_definition": ~pl.col("family").is_in(list(by_id)),
        "held_before": pl.col("ended").is_not_null(),
        "too_little": pl.col("standing") == "inferred",
        "data_gap": pl.col("lacks") | (pl.col("begins") > pl.col("since") - pl.col("window")),
    }
    details = {"held_before": pl.col("ended"), "data_gap": pl.col("begins")}
    return _with_reason(dated, rows.columns, first_label(reasons, "no_act"), details)


def _begins(coverage: Coverage, definition: Definition) -> tuple[bool, object, timedelta]:
    """Whether the data lacks what the definition looks at, when it begins, and how far back the definition looks."""
    kinds = {kind for condition in definition.when for kind in condition.events.kinds}
    begins = [coverage.kinds[kind].first for kind in kinds if kind in coverage.kinds]
    window = max((condition.window or timedelta(0) for condition in definition.when), default=timedelta(0))
    return not begins, min(begins, default=None), window


def _derived_only(
    events: pl.DataFrame, ctx: SegmentContext, rows: pl.DataFrame, everybody: pl.DataFrame
) -> pl.DataFrame:
    in_log = everybody.filter("logged")["family"].unique().implode()
    left = (
        logged_history(_of_customers(events, rows), ctx)
        .drop_nulls("left")
        .group_by("customer_id", "segment_id")
        .agg(pl.col("left").max().alias("out"))
        .join(_families_left(events, ctx), on="segment_id")
        .drop("segment_id")
    )
    log = events.filter(pl.col("kind").is_in(KINDS) & (pl.col("occurred_at") <= ctx.at))
    newest = pl.lit(log["occurred_at"].max(), TIME)
    dated = rows.join(left, on=("customer_id", "family"), how="left")
    reasons = {
        "logged_left": pl.col("out").is_not_null(),
        "never_logged": ~pl.col("family").is_in(in_log),
        "log_ends": pl.col("since") > newest,
    }
    details = {"logged_left": pl.col("out"), "log_ends": newest}
    return _with_reason(dated, rows.columns, first_label(reasons, "not_logged"), details)


def _of_customers(events: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return events.join(rows.select("customer_id").unique(), on="customer_id", how="semi")


def _with_reason(
    rows: pl.DataFrame, columns: list[str], reason: pl.Expr, details: dict[str, pl.Expr]
) -> pl.DataFrame:
    """`columns` of rows, with `reason` and, where `details` has one for it, its time as `detail`."""
    times = (pl.when(pl.col("reason") == name).then(time) for name, time in details.items())
    return (
        rows.with_columns(reason.alias("reason"))
        .with_columns(pl.coalesce(*times).alias("detail"))
        .select(*columns, "reason", "detail")
    )


def _families_left(events: pl.DataFrame, ctx: SegmentContext) -> pl.DataFrame:
    """The logged names of ours that somebody left: `segment_id` (as logged), `family` (the definition's id)."""
    logged = events.filter(pl.col("kind") == "segment_left").select("segment_id").unique().drop_nulls()
    names = names_of(ctx.definitions or our_definitions()).rename({"definition": "family"})
    return logged.with_columns(name=normal(pl.col("segment_id"))).join(names, on="name").drop("name")
