"""How far each basket is out of its account's usual pattern, and which are listed: a ratio of likelihoods, untrained."""

from functools import cache, reduce
from operator import mul

import polars as pl
from msgspec import Struct

from audit.events.schema import TIME
from audit.findings.anomaly import persona_markers
from audit.population.basket_baseline import Background, filled
from audit.population.baskets import LEVELS, acts, contents, counted
from audit.storage import toml_input
from audit.workspace.context import Context

_DIGITS = 6
"""Scores are rounded, so that the order in which a machine adds them up changes no rank."""

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


class Settings(Struct, frozen=True):
    """How baskets are scored, and which are listed; `pattern.toml` says why."""

    sources: tuple[str, ...]
    discount: float
    varieties: tuple[float, ...]
    baskets: int
    score: float
    most: int


@cache
def settings() -> Settings:
    """The numbers as the file has them."""
    return toml_input.convert(toml_input.shipped("audit.findings.anomaly", "pattern.toml"), Settings)


def listed(events: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """What is out of pattern in the histories of whole customers up to `ctx.at`, in the columns of `LISTED`.

    Listed is a basket with a hard sign that is likelier to be anybody's than this account's (score above 0), and any that
    scores `settings().score` or more in an account with enough baskets; `settings().most` of a customer. Those with a
    hard sign first, then by score.
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
    unusual = _described(_unusual(baskets.with_columns(pl.col("signs").fill_null(no_sign))), rows)
    fits = pl.sum_horizontal(f"{level}_fits" for level in LEVELS).round(6).alias("fits")
    own_items = items.join(unusual.select("unit"), on="unit", how="semi").with_columns(fits)
    return unusual, own_items.sort("unit", "fits", "thing_node")


def _unusual(baskets: pl.DataFrame) -> pl.DataFrame:
    limits = settings()
    hard = pl.col("signs").list.len() > 0
    high_score = (pl.col("score") >= limits.score) & (pl.col("baskets") >= limits.baskets)
    return baskets.filter((hard & (pl.col("score") > 0)) | high_score).with_columns(hard.alias("hard"))


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


def judged(rows: pl.DataFrame, background: Background) -> pl.DataFrame:
    """What each item in each basket says: the columns of `audit.population.baskets.counted`, and `LEVEL_fits` for each level.

    `rows`: `audit.population.baskets.acts` of whole customers. `LEVEL_fits` (nats) is the logarithm of how much likelier this
    account is than everybody to go to this place, given the place above: below 0 it is the less usual here. The account's
    own shares are those of its other baskets, mixed with everybody's (`weight` acts of everybody, times the
    account's variety); things of this basket counted before make others of their place likelier under both.
    """
    items = counted(contents(rows, background.places))
    bursts = dict(background.bursts.iter_rows())
    factors = _varieties(items, bursts)
    items = items.join(factors, on="account", how="left", maintain_order="left")
    return items.with_columns(
        (_own(level, bursts, pl.col("variety")) / _everybody(level, bursts)).log().alias(f"{level}_fits")
        for level in LEVELS
    )


def _own(level: str, bursts: dict[str, float], variety: pl.Expr) -> pl.Expr:
    depth = LEVELS.index(level)
    above = pl.col(f"{LEVELS[depth - 1]}_rest") if depth else pl.col("rest")
    weight = variety * pl.col(f"{level}_weight")
    share = (pl.col(f"{level}_rest") + weight * pl.col(f"{level}_share")) / (above + weight)
    return bursts[level] * share + pl.col(f"{level}_before")


def _everybody(level: str, bursts: dict[str, float]) -> pl.Expr:
    return bursts[level] * pl.col(f"{level}_share") + pl.col(f"{level}_before")


def _varieties(items: pl.DataFrame, bursts: dict[str, float]) -> pl.DataFrame:
    """`account, variety`: the factor under which the account's own baskets are likeliest; of equal ones the nearest to 1."""
    varieties = settings().varieties
    sums = [
        reduce(mul, (_own(level, bursts, pl.lit(factor)) for level in LEVELS)).log().sum().alias(str(factor))
        for factor in varieties
    ]
    by_account = items.group_by("account").agg(sums)
    order = sorted(varieties, key=lambda factor: abs(factor - 1))
    best = pl.concat_list(pl.col(str(factor)).round(_DIGITS) for factor in order).list.arg_max()
    return by_account.select(
        "account",
        best.replace_strict(dict(enumerate(order)), return_dtype=pl.Float64).alias("variety"),
    )


def scored(rows: pl.DataFrame, items: pl.DataFrame, background: Background) -> pl.DataFrame:
    """Every basket with a score: `account, unit, family, things, hour, hour_fits, variety, score, percentile, baskets`.

    `items`: `judged` of the same `rows`. `score`: minus the sum of what fits, divided by the number of things to the
    power of the discount; above 0 the basket is likelier to be anybody's than this account's. `percentile`: the share of
    the account's other baskets of the family (`baskets` in all) that score lower, 0 to 100.
    """
    fits = items.group_by("account", "unit").agg(
        pl.sum_horizontal(f"{level}_fits" for level in LEVELS).sum().alias("fits"),
        pl.len().alias("things"),
        pl.col("variety").first(),
    )
    hours = filled(rows).join(background.hours, on=("family", "hour"), how="left")
    own = (pl.col("near") + pl.col("weight") * pl.col("share")) / (pl.col("others") + pl.col("weight"))
    hour = (own / pl.col("share")).log().fill_null(0.0).alias("hour_fits")
    total = pl.col("fits") + pl.col("hour_fits")
    lower = (pl.col("score").rank("min").over("account") - 1) / (pl.col("baskets") - 1).clip(1)
    return (
        fits.join(hours.with_columns(hour), on=("account", "unit"))
        .with_columns(
            (-total / pl.col("things").cast(pl.Float64) ** settings().discount).round(_DIGITS).alias("score"),
            pl.len().over("account").alias("baskets"),
        )
        .with_columns((100 * lower).round(1).alias("percentile"))
        .select(
            "account", "unit", "family", "things", "hour", "hour_fits", "variety", "score", "percentile", "baskets",
        )
    )  # fmt: skip
