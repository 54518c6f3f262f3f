"""How far each basket is out of its account's usual pattern: a ratio of likelihoods, untrained on any answer."""

from functools import reduce
from operator import mul

import polars as pl

from audit.findings.anomaly.settings import settings
from audit.population.basket_baseline import Background, filled
from audit.population.baskets import LEVELS, contents, counted

_DIGITS = 6
"""Scores are rounded, so that the order in which a machine adds them up changes no rank."""


def judged(rows: pl.DataFrame, background: Background) -> pl.DataFrame:
    """What each thing in each basket says: the columns of `audit.population.baskets.counted`, and `LEVEL_fits` for each level.

    `rows`: `audit.population.baskets.acts` of whole customers. `LEVEL_fits` (nats) is the logarithm of how much likelier this
    account is than everybody to go to this place, given the place above: below 0 it is the less usual here. The account's
    own shares are those of its other baskets, mixed with everybody's (`weight` acts of everybody, times the
    account's variety); things of this basket counted before make others of their place likelier under both.
    """
    seen = counted(contents(rows, background.places))
    bursts = dict(background.bursts.iter_rows())
    factors = _varieties(seen, bursts)
    seen = seen.join(factors, on="account", how="left", maintain_order="left")
    return seen.with_columns(
        (_own(level, bursts, pl.col("variety")) / _everybody(level, bursts)).log().alias(f"{level}_fits")
        for level in LEVELS
    )


def _own(level: str, bursts: dict[str, float], variety: pl.Expr) -> pl.Expr:
    at = LEVELS.index(level)
    above = pl.col(f"{LEVELS[at - 1]}_rest") if at else pl.col("rest")
    weight = variety * pl.col(f"{level}_weight")
    share = (pl.col(f"{level}_rest") + weight * pl.col(f"{level}_share")) / (above + weight)
    return bursts[level] * share + pl.col(f"{level}_before")


def _everybody(level: str, bursts: dict[str, float]) -> pl.Expr:
    return bursts[level] * pl.col(f"{level}_share") + pl.col(f"{level}_before")


def _varieties(seen: pl.DataFrame, bursts: dict[str, float]) -> pl.DataFrame:
    """`account, variety`: the factor under which the account's own baskets are likeliest; of equal ones the nearest to 1."""
    tried = settings().varieties
    sums = [
        reduce(mul, (_own(level, bursts, pl.lit(factor)) for level in LEVELS)).log().sum().alias(str(factor))
        for factor in tried
    ]
    by = seen.group_by("account").agg(sums)
    order = sorted(tried, key=lambda factor: abs(factor - 1))
    best = pl.concat_list(pl.col(str(factor)).round(_DIGITS) for factor in order).list.arg_max()
    return by.select(
        "account",
        best.replace_strict(dict(enumerate(order)), return_dtype=pl.Float64).alias("variety"),
    )


def scored(rows: pl.DataFrame, things: pl.DataFrame, background: Background) -> pl.DataFrame:
    """Every basket with a score: `account, unit, family, things, hour, hour_fits, variety, score, percentile, baskets`.

    `things`: `judged` of the same `rows`. `score`: minus the sum of what fits, divided by the number of things to the
    power of the discount; above 0 the basket is likelier to be anybody's than this account's. `percentile`: the share of
    the account's other baskets of the family (`baskets` in all) that score lower, 0 to 100.
    """
    fits = things.group_by("account", "unit").agg(
        pl.sum_horizontal(f"{level}_fits" for level in LEVELS).sum().alias("fits"),
        pl.len().alias("things"),
        pl.col("variety").first(),
    )
    when = filled(rows).join(background.hours, on=("family", "hour"), how="left")
    own = (pl.col("near") + pl.col("weight") * pl.col("share")) / (pl.col("others") + pl.col("weight"))
    hour = (own / pl.col("share")).log().fill_null(0.0).alias("hour_fits")
    total = pl.col("fits") + pl.col("hour_fits")
    lower = (pl.col("score").rank("min").over("account") - 1) / (pl.col("baskets") - 1).clip(1)
    return (
        fits.join(when.with_columns(hour), on=("account", "unit"))
        .with_columns(
            (-total / pl.col("things").cast(pl.Float64) ** settings().discount).round(_DIGITS).alias("score"),
            pl.len().over("account").alias("baskets"),
        )
        .with_columns((100 * lower).round(1).alias("percentile"))
        .select(
            "account",
            "unit",
            "family",
            "things",
            "hour",
            "hour_fits",
            "variety",
            "score",
            "percentile",
            "baskets",
        )
    )
