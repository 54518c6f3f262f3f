"""The baskets and sessions out of their account's usual pattern, with what they stand on."""

import polars as pl

from audit.events.schema import TIME
from audit.findings.anomaly import persona_markers
from audit.findings.anomaly.score import judged, scored
from audit.findings.anomaly.settings import settings
from audit.population.baskets import LEVELS, acts
from audit.workspace.context import Context

LISTED: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "family": pl.String(),
    "basket": pl.String(),
    "at": TIME,
    "hour": pl.Int8(),
    "score": pl.Float64(),
    "percentile": pl.Float64(),
    "baskets": pl.UInt32(),
    "things": pl.UInt32(),
    "hour_fits": pl.Float64(),
    "signs": pl.List(pl.String()),
    "evidence": pl.List(pl.String()),
    "unit": pl.UInt64(),
}
"""The columns of `listed`. `family`: order or session; `basket`: its order_id or session_id, else a name made of its first
event; `at` (UTC) and `hour` (local) of its first event; `baskets`: how many of the family the account has, this one included;
`things`: different ones in it; `evidence`: its event_ids, in order."""

_COLUMNS = ("customer_id", "event_id", "gift", "recipient", "persona", "device_id")


def listed(events: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """What is out of pattern in the histories of whole customers up to `ctx.at`, in the columns of `LISTED`.

    Listed is a basket with a hard sign that is likelier to be anybody's than this account's (score above 0), and any that
    scores `settings().score` or more in an account with enough baskets; `settings().most` of a customer. Those with a
    hard sign first, then by score.
    """
    rows, _, every = _every(events, ctx)
    return _named(_chosen(every), rows)


def explained(events: pl.DataFrame, ctx: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`listed`, and what each of their things says: `audit.findings.anomaly.score.judged`, the most unusual of a basket first."""
    rows, things, every = _every(events, ctx)
    found = _named(_chosen(every), rows)
    fits = pl.sum_horizontal(f"{level}_fits" for level in LEVELS).round(6).alias("fits")
    shown = things.join(found.select("unit"), on="unit", how="semi").with_columns(fits)
    return found, shown.sort("unit", "fits", "thing_node")


def _every(events: pl.DataFrame, ctx: Context) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    past = events.filter(pl.col("occurred_at") <= ctx.at)
    rows, usual = acts(past), ctx.facts.usual
    things = judged(rows, usual)
    marked = persona_markers.of_baskets(past, rows)
    every = scored(rows, things, usual).join(marked, on="unit", how="left")
    return rows, things, every.with_columns(pl.col("signs").fill_null(pl.lit([], pl.List(pl.String))))


def _chosen(every: pl.DataFrame) -> pl.DataFrame:
    limits = settings()
    hard = pl.col("signs").list.len() > 0
    odd = (pl.col("score") >= limits.score) & (pl.col("baskets") >= limits.baskets)
    return every.filter((hard & (pl.col("score") > 0)) | odd).with_columns(hard.alias("hard"))


def _named(chosen: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    names = (
        rows.join(chosen.select("unit"), on="unit", how="semi")
        .sort("occurred_at", "event_id")
        .group_by("unit")
        .agg(
            pl.col("customer_id", "basket").first(),
            pl.col("occurred_at").first().alias("at"),
            pl.col("event_id").alias("evidence"),
        )
    )
    return (
        chosen.join(names, on="unit")
        .sort("customer_id", "hard", "score", "at", "basket", descending=[False, True, True, False, False])
        .filter(pl.int_range(pl.len()).over("customer_id") < settings().most)
        .select(pl.col(name).cast(dtype) for name, dtype in LISTED.items())
    )
