"""The background model: what all customers' baskets hold and when they are filled, against which one account is held.

Speaker verification calls it so: whether a voice is the owner's is asked as a ratio of two likelihoods, under the owner's model
and under a model of everybody, from which the owner's is adapted (Reynolds, Quatieri and Dunn, "Speaker Verification
Using Adapted Gaussian Mixture Models", Digital Signal Processing 2000). Here the two are distributions over the tree
category > product. Everything is fitted to unlabelled baskets by the likelihood of each under the others of its account.
"""

from dataclasses import dataclass, field

import polars as pl

from audit.population.baskets import ACTS, FAMILIES, LEVELS, acts, contents, counted, tree

CONCENTRATIONS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0)
"""How many acts of everybody an account's own are mixed with: the grid that is tried at every place of the tree. Small where
people keep to their own (which milk), large where they vary (which greeting card)."""

BURSTS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 1e6)
"""How far one thing in a basket makes others of its place likely: the grid tried at every level; 1e6: not at all.
Ten garden things are one surprise, not ten (Madsen, Kauchak and Elkan, "Modeling Word Burstiness Using the Dirichlet
Distribution", ICML 2005)."""

PRIOR = 10.0
"""House value: acts of the whole level that are added to what is seen at one place, before its best concentration is taken."""

FITTED_ON = 1_000_000
"""House value: rows that concentrations are fitted to, of whole accounts spread evenly; counts are of all."""

KERNEL = {-3: 0.011, -2: 0.135, -1: 0.607, 0: 1.0, 1: 0.607, 2: 0.135, 3: 0.011}
"""House value: how near hours of the day speak for each other: a bell of one hour, cut at three."""

_KERNEL_SUM = sum(KERNEL.values())


@dataclass(frozen=True)
class Background:
    """Frames counted over all customers.

    - `places`: `audit.population.baskets.tree`, with `customers` (accounts that hold the thing) and for each level `LEVEL_share` (of what
      lies under the same parent) and `LEVEL_weight` (concentration of that parent);
    - `bursts`: `level, burst`;
    - `hours`: `family, hour, share, weight`;
    - `accounts`: `family, accounts` (customers with such baskets);
    - `peaks`: `family, marked, share, score`: what the most unusual basket (with a hard sign, if `marked`) of that share of accounts
      scores at most, minus infinity where they have none (`basket_scores`).
    """

    places: pl.DataFrame
    bursts: pl.DataFrame
    hours: pl.DataFrame
    accounts: pl.DataFrame
    peaks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PEAKS))


PEAKS: dict[str, pl.DataType] = {
    "family": pl.String(), "marked": pl.Boolean(), "share": pl.Float64(), "score": pl.Float64(),
}  # fmt: skip
HOURS: dict[str, pl.DataType] = {
    "family": pl.String(), "hour": pl.Int8(), "share": pl.Float64(), "weight": pl.Float64(),
}  # fmt: skip
BURST: dict[str, pl.DataType] = {"level": pl.String(), "burst": pl.Float64()}
ACCOUNTS: dict[str, pl.DataType] = {"family": pl.String(), "accounts": pl.UInt32()}
PLACES: dict[str, pl.DataType] = {
    "family": pl.String(), "thing": pl.String(), "item_name": pl.String(), "category": pl.String(),
    **{f"{level}_node": pl.UInt32() for level in LEVELS},
    "customers": pl.UInt32(),
    **{f"{level}_{figure}": pl.Float64() for level in LEVELS for figure in ("share", "weight")},
}  # fmt: skip


def none() -> Background:
    """The background of nobody."""
    even = pl.DataFrame({"level": LEVELS, "burst": [BURSTS[-1]] * len(LEVELS)}, schema=BURST)
    return Background(
        pl.DataFrame(schema=PLACES), even, pl.DataFrame(schema=HOURS), pl.DataFrame(schema=ACCOUNTS)
    )


def count(events: pl.LazyFrame) -> Background:
    """Count and fit the background over the events of all customers (canonical columns, in order).

    Time grows with the rows of baskets: about five seconds for 1.5 million on one core.
    """
    basket_events = events.filter(pl.col("kind").is_in(list(FAMILIES))).select(ACTS).collect()
    rows = acts(basket_events)
    of_things = rows.drop_nulls("thing")
    if of_things.is_empty():
        return none()
    placed = tree(of_things)
    baskets = contents(rows, placed)
    shares = _shares(placed, baskets)
    weights, bursts = _fitted(counted(_sample(contents(rows, shares))))
    for level, above in zip(LEVELS, _PARENTS, strict=True):
        shares = shares.join(weights[level], on=above, how="left", maintain_order="left")
    accounts = baskets.group_by("family").agg(pl.col("account").n_unique().cast(pl.UInt32).alias("accounts"))
    return Background(
        shares.select(*PLACES).cast(PLACES),  # type: ignore[arg-type]
        pl.DataFrame({"level": LEVELS, "burst": bursts}, schema=BURST),
        _hours(filled(rows)),
        accounts.sort("family"),
    )


_PARENTS = ("family", *(f"{level}_node" for level in LEVELS[:-1]))


def _shares(placed: pl.DataFrame, baskets: pl.DataFrame) -> pl.DataFrame:
    """`placed` with `customers` and the share of each place in what lies under its parent."""
    counts = baskets.group_by("thing_node").agg(
        pl.len().alias("n"), pl.col("account").n_unique().cast(pl.UInt32).alias("customers")
    )
    tree = placed.join(counts, on="thing_node", how="left", maintain_order="left")
    shares = []
    for level, above in zip(LEVELS, _PARENTS, strict=True):
        inside = pl.col("n").sum().over(f"{level}_node")
        shares.append((inside / pl.col("n").sum().over(above)).alias(f"{level}_share"))
    return tree.with_columns(shares)


def _sample(baskets: pl.DataFrame) -> pl.DataFrame:
    """Whole accounts, so many that about `FITTED_ON` rows are left."""
    step = -(-baskets.height // FITTED_ON)
    return baskets if step == 1 else baskets.filter(pl.col("account").rank("dense") % step == 0)


def _fitted(counted: pl.DataFrame) -> tuple[dict[str, pl.DataFrame], list[float]]:
    """The concentration of each parent, by level, and the burst of each level."""
    weights: dict[str, pl.DataFrame] = {}
    bursts: list[float] = []
    above, before = "rest", "before"
    for level, parent in zip(LEVELS, _PARENTS, strict=True):
        share, others = pl.col(f"{level}_share"), pl.col(f"{level}_rest")
        tried = [
            ((others + weight * share) / (pl.col(above) + weight)).log().alias(str(number))
            for number, weight in enumerate(CONCENTRATIONS)
        ]
        likely = counted.select(parent, *tried)
        weights[level] = _best_weights(likely, parent, f"{level}_weight")
        counted = counted.join(weights[level], on=parent, how="left", maintain_order="left")
        bursts.append(_best_burst(counted, level, above, before))
        above, before = f"{level}_rest", f"{level}_before"
    return weights, bursts


def _best_weights(likely: pl.DataFrame, parent: str, name: str) -> pl.DataFrame:
    columns = [str(number) for number in range(len(CONCENTRATIONS))]
    everywhere = likely.select(pl.col(columns).mean()).row(0)
    summed = likely.group_by(parent).agg(pl.col(columns).sum())
    tried = pl.concat_list(
        pl.col(column) + PRIOR * mean for column, mean in zip(columns, everywhere, strict=True)
    )
    chosen = tried.list.arg_max().replace_strict(dict(enumerate(CONCENTRATIONS)), return_dtype=pl.Float64)
    return summed.select(parent, chosen.alias(name))


def _best_burst(counted: pl.DataFrame, level: str, above: str, before: str) -> float:
    if level == LEVELS[-1]:
        return BURSTS[-1]  # a thing is once in a basket
    weight = pl.col(f"{level}_weight")
    likelihood = (pl.col(f"{level}_rest") + weight * pl.col(f"{level}_share")) / (pl.col(above) + weight)
    tried = [
        ((burst * likelihood + pl.col(f"{level}_before")) / (burst + pl.col(before)))
        .log()
        .mean()
        .alias(str(burst))
        for burst in BURSTS
    ]
    scores: tuple[float, ...] = counted.select(tried).row(0)
    return max(zip(scores, BURSTS, strict=True))[1]


def filled(rows: pl.DataFrame) -> pl.DataFrame:
    """When each basket was filled: `account, unit, family, hour` of its first act, and how usual that is for the account.

    `near`: how many of the account's other baskets stand at that hour, each spread over the hours around its own;
    `others`: how many there are.
    """
    units = (
        rows.sort("account", "unit", "occurred_at", "event_id")
        .group_by("account", "unit", "family", maintain_order=True)
        .agg(pl.col("hour").first())
    )
    spread = _spread(units.group_by("account", "hour").agg(pl.len().alias("n")), "account")
    return units.join(spread, on=("account", "hour"), how="left", maintain_order="left").with_columns(
        (pl.col("near") - KERNEL[0] / _KERNEL_SUM).alias("near"),
        (pl.len().over("account") - 1).cast(pl.Float64).alias("others"),
    )


def _spread(counts: pl.DataFrame, by: str) -> pl.DataFrame:
    """`by, hour, near`: counts by hour, smoothed round the clock."""
    around = [
        counts.select(
            by, ((pl.col("hour") + away) % 24).cast(pl.Int8).alias("hour"), (pl.col("n") * part / _KERNEL_SUM)
        )
        for away, part in KERNEL.items()
    ]
    return pl.concat(around).group_by(by, "hour").agg(pl.col("n").sum().alias("near")).sort(by, "hour")


def _hours(units: pl.DataFrame) -> pl.DataFrame:
    """The share of each hour among all baskets of a family, and the concentration that fits best."""
    everybody = _spread(units.group_by("family", "hour").agg(pl.len().alias("n")), "family").with_columns(
        (pl.col("near") / pl.col("near").sum().over("family")).alias("share")
    )
    tried = [
        ((pl.col("near") + weight * pl.col("share")) / (pl.col("others") + weight)).log().alias(str(number))
        for number, weight in enumerate(CONCENTRATIONS)
    ]
    judged = units.join(everybody.drop("near"), on=("family", "hour"), how="inner").select("family", *tried)
    weights = _best_weights(judged, "family", "weight")
    return everybody.join(weights, on="family", how="left").sort("family", "hour").select(*HOURS)
