"""How far each basket is out of its account's usual pattern: a ratio of likelihoods, untrained; and how rare that is here."""

import math
from dataclasses import replace
from functools import cache, reduce
from operator import mul

import numpy as np
import polars as pl
from msgspec import Struct

from audit.population import basket_baseline, persona_markers
from audit.population.basket_baseline import PEAKS, Background, filled
from audit.population.baskets import ACTS, FAMILIES, LEVELS, acts, contents, counted
from audit.storage import toml_input

_DIGITS = 6
"""Scores are rounded, so that the order in which a machine adds them up changes no rank."""

_ACCOUNTS = 5_000
"""House value: so many accounts, spread evenly, tell how unusual the most unusual basket of an account is."""

_FEWEST = 50
"""House value: a share of fewer accounts says nothing."""


class Settings(Struct, frozen=True):
    """How baskets are scored, and which are listed; `pattern.toml` says why."""

    sources: tuple[str, ...]
    discount: float
    varieties: tuple[float, ...]
    baskets: int
    score: float
    rare: float
    most: int


@cache
def settings() -> Settings:
    """The numbers as the file has them."""
    return toml_input.convert(toml_input.shipped("audit.population", "pattern.toml"), Settings)


def count(events: pl.LazyFrame) -> Background:
    """The background of everybody's baskets, with how unusual accounts are at most (`PEAKS`)."""
    background = basket_baseline.count(events)
    basket_events = events.filter(pl.col("kind").is_in(list(FAMILIES))).select(ACTS).collect()
    own = _of_some_accounts(acts(basket_events))
    marks = events.filter(pl.col("customer_id").is_in(own["customer_id"].unique().implode()))
    signs = persona_markers.of_baskets(marks.select(persona_markers.READ).collect(), own)
    return replace(background, peaks=_peaks(own, signs, background))


def _of_some_accounts(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` of at most so many accounts with enough baskets, spread evenly."""
    enough = (
        rows.group_by("account")
        .agg(pl.col("unit").n_unique().alias("baskets"))
        .filter(pl.col("baskets") >= settings().baskets)
        .sort("account")
    )
    step = max(-(-enough.height // _ACCOUNTS), 1)
    return rows.join(enough.gather_every(step), on="account", how="semi", maintain_order="left")


def _peaks(rows: pl.DataFrame, signs: pl.DataFrame, background: Background) -> pl.DataFrame:
    """The thousandths of what the most unusual basket scores in each account, and the most unusual of those with `signs`."""
    baskets = scored(rows, judged(rows, background), background)
    marked = pl.col("unit").is_in(signs["unit"].implode())
    highest = (
        baskets.group_by("family", "account")
        .agg(pl.col("score").max().alias("all"), pl.col("score").filter(marked).max().alias("marked"))
        .with_columns(pl.col("marked").fill_null(-math.inf))
        .sort("family", "account")
    )
    shares = np.arange(1000) / 1000
    return pl.concat(
        [pl.DataFrame(schema=PEAKS)]
        + [
            pl.select(
                family=pl.lit(family), marked=pl.lit(which == "marked"), share=pl.lit(pl.Series(shares)),
                score=pl.lit(pl.Series(np.quantile(accounts[which].to_numpy(), shares, method="higher"))),
            )
            for (family,), accounts in highest.group_by("family", maintain_order=True)
            if accounts.height >= _FEWEST
            for which in ("all", "marked")
        ]
    )  # fmt: skip


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
