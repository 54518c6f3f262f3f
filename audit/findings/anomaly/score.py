"""Which baskets are listed as out of their account's usual pattern: those that score high and are rare here."""

import polars as pl

from audit.events.schema import TIME
from audit.population import persona_markers
from audit.population.basket_scores import judged, scored, settings
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
    "common": pl.Float64(),
    "baskets": pl.UInt32(),
    "things": pl.UInt32(),
    "hour_fits": pl.Float64(),
    "signs": pl.List(pl.String()),
    "evidence": pl.List(pl.String()),
    "unit": pl.UInt64(),
}
"""The columns of `listed`. `family`: order or session; `basket`: its order_id or session_id, else a name made of its first
event; `at` (UTC) and `hour` (local) of its first event; `baskets`: how many of the family the account has, this one included;
`common`: the share of accounts here that hold one as unusual, of one with a hard sign with a sign too, null where that is not known; `things`: different ones in it; `evidence`: its event_ids, in order."""


def listed(events: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """What is out of pattern in the histories of whole customers up to `ctx.at`, in the columns of `LISTED`.

    Listed is what less than the share `settings().rare` of accounts here hold as unusual: a basket with a hard sign, among those
    with one, that is likelier to be anybody's than this account's (score above 0); any other, among all, that scores
    `settings().score` or more in an account with enough baskets; `settings().most` of a customer. Those with a hard sign first,
    then by score.
    """
    return listed_with_items(events, ctx)[0]


def listed_with_items(events: pl.DataFrame, ctx: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`listed`, and what each of their items says: `judged` with the sum `fits`, the most unusual of a basket first."""
    past = events.filter(pl.col("occurred_at") <= ctx.at)
    rows, background = acts(past), ctx.facts.usual
    items = judged(rows, background)
    signs = persona_markers.of_baskets(past, rows)
    baskets = scored(rows, items, background).join(signs, on="unit", how="left")
    no_sign: pl.Expr = pl.lit([], pl.List(pl.String))
    rated = _rated(baskets.with_columns(pl.col("signs").fill_null(no_sign)), background.peaks)
    unusual = _described(_unusual(rated), rows)
    fits = pl.sum_horizontal(f"{level}_fits" for level in LEVELS).round(6).alias("fits")
    own_items = items.join(unusual.select("unit"), on="unit", how="semi").with_columns(fits)
    return unusual, own_items.sort("unit", "fits", "thing_node")


def _rated(baskets: pl.DataFrame, peaks: pl.DataFrame) -> pl.DataFrame:
    """Add `common`: the share of accounts of which the most unusual basket (with a sign, where it has one) scores as much, to
    a thousandth.
    """
    as_high = (
        baskets.select("unit", "family", "score", marked=pl.col("signs").list.len() > 0)
        .join(peaks.rename({"score": "peak"}), on=("family", "marked"))
        .group_by("unit")
        .agg(((pl.col("peak") >= pl.col("score")).sum() / pl.len()).alias("common"))
    )
    return baskets.join(as_high, on="unit", how="left", maintain_order="left")


def _unusual(baskets: pl.DataFrame) -> pl.DataFrame:
    limits = settings()
    hard = pl.col("signs").list.len() > 0
    high_score = (pl.col("score") >= limits.score) & (pl.col("baskets") >= limits.baskets)
    rare = (pl.col("common") < limits.rare).fill_null(value=True)
    return baskets.filter(rare, (hard & (pl.col("score") > 0)) | high_score).with_columns(hard.alias("hard"))


def _described(baskets: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The most unusual of each customer with what names them: the columns of `LISTED`."""
    names = (
        rows.join(baskets.select("unit"), on="unit", how="semi")
        .sort("occurred_at", "event_id")
        .group_by("unit")
        .agg(
            pl.col("customer_id", "basket").first(),
            pl.col("occurred_at").first().alias("at"),
            pl.col("event_id").alias("evidence"),
        )
    )
    return (
        baskets.join(names, on="unit")
        .sort("customer_id", "hard", "score", "at", "basket", descending=[False, True, True, False, False])
        .filter(pl.int_range(pl.len()).over("customer_id") < settings().most)
        .select(pl.col(name).cast(dtype) for name, dtype in LISTED.items())
    )
