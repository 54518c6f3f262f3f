"""The totals of a replay: the document `whysent.replay/1`, out of how many messages became what."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma
from typing import Any

import polars as pl

from audit.population.coverage import Coverage
from audit.rules.model import Rule
from audit.rules.replay import outcomes

FLAGS = ("opened", "clicked", "converted", "complained", "opted_out", "complaint_known")
"""What became of a message, as `outcomes.of` tells it."""

CELL = ("decision", "deferred", *FLAGS)
"""What messages that are counted together have in common."""

_SEED = 20260101
"""Where the choice of as many messages at random starts, so that two runs choose the same."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a replay adds up to.

    - `cells`: how many messages became what, as `cells` gives them: columns `CELL` and `n`, sorted;
    - `by_rule`: rule id → messages it decided to stop;
    - `customers`, `affected`: people with a message; with one stopped or deferred;
    - `displaced`: columns `by, stopped, n`, most first.
    """

    rules: Sequence[Rule]
    cells: pl.DataFrame
    by_rule: Mapping[str, int]
    customers: int
    affected: int
    displaced: pl.DataFrame
    coverage: Coverage

    def to_json(self) -> dict[str, Any]:
        """The document `whysent.replay/1`."""
        stopped, passed = self._are("stop"), self._are("allow")
        judged = self.cells.filter(pl.col("decision") != "exempt")
        number = _sum(stopped)
        by_chance = judged.with_columns(
            n=pl.Series(drawn(judged["n"].to_list(), number, _SEED), dtype=pl.Int64)
        )
        return {
            "schema": "whysent.replay/1",
            "rules": [{"id": rule.id, "version": rule.version} for rule in self.rules],
            "messages": _sum(self.cells),
            "stopped": number,
            "deferred": _sum(self.cells.filter("deferred")),
            "let_through": _sum(passed),
            "exempt": _sum(self._are("exempt")),
            "by_rule": {rule.id: self.by_rule.get(rule.id, 0) for rule in self.rules},
            "customers": self.customers,
            "customers_affected": self.affected,
            "displaced": self.displaced.to_dicts(),
            "stopped_wanted": {
                name: _sum(stopped.filter(name)) for name in ("opened", "clicked", "converted")
            },
            "stopped_unwanted": {
                "complained": _sum(stopped.filter("complained")),
                "unsubscribed_next": _sum(stopped.filter("opted_out")),
            },
            "rates": {
                "stopped": outcomes.rates(stopped, self.coverage),
                "let_through": outcomes.rates(passed, self.coverage),
                "random_same_number": outcomes.rates(by_chance, self.coverage),
            },
            "complaints_known_for": self._share("complaint_known"),
        }

    def _are(self, decision: str) -> pl.DataFrame:
        return self.cells.filter(pl.col("decision") == decision)

    def _share(self, flag: str) -> float | None:
        everything = _sum(self.cells)
        return round(_sum(self.cells.filter(flag)) / everything, 6) if everything else None


def cells(decided: pl.DataFrame) -> pl.DataFrame:
    """Count messages that became the same: `decided` has the columns `CELL`, a row a message, or `n` messages a row."""
    n = pl.col("n").sum() if "n" in decided.columns else pl.len()
    return decided.group_by(CELL).agg(n.cast(pl.Int64).alias("n")).sort(CELL)


def most_first(displaced: pl.DataFrame) -> pl.DataFrame:
    """`by, stopped, n` added up and in order."""
    return (
        displaced.group_by("by", "stopped")
        .agg(pl.col("n").sum())
        .sort("n", "by", "stopped", descending=[True, False, False])
    )


def drawn(counts: Sequence[int], number: int, seed: int) -> list[int]:
    """How many of each sort are among `number` chosen at random, none twice; the same for the same `seed`.

    A multivariate hypergeometric variate, sort by sort (Gentle, Random Number Generation and Monte Carlo Methods,
    2nd ed. 2003, section 5.2). Raises ValueError if there are not so many.
    """
    remaining = sum(counts)
    if number > remaining:
        raise ValueError(f"{number} of {remaining}")
    dice, variate = random.Random(seed), []  # noqa: S311 - nothing depends on its being a secret
    for count in counts:
        remaining -= count
        variate.append(_hypergeometric(dice.random(), count, remaining, number))
        number -= variate[-1]
    return variate


def _hypergeometric(u: float, good: int, bad: int, draws: int) -> int:
    """How many of `good` are among `draws` out of `good + bad`, by inversion, outwards from the mode."""
    low, high = max(0, draws - bad), min(good, draws)
    mode = min(max((draws + 1) * (good + 1) // (good + bad + 2), low), high)
    log = _choose(good, mode) + _choose(bad, draws - mode) - _choose(good + bad, draws)
    below, above = mode - 1, mode + 1
    chance_below = chance_above = exp(log)
    u -= chance_below
    while u > 0 and (below >= low or above <= high):
        if below >= low:
            chance_below *= (below + 1) * (bad - draws + below + 1) / ((good - below) * (draws - below))
            u -= chance_below
            if u <= 0:
                return below
            below -= 1
        if above <= high:
            chance_above *= (good - above + 1) * (draws - above + 1) / (above * (bad - draws + above))
            u -= chance_above
            if u <= 0:
                return above
            above += 1
    return mode


def _choose(of: int, chosen: int) -> float:
    """The logarithm of how many ways there are."""
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)


def _sum(cells: pl.DataFrame) -> int:
    return int(cells["n"].sum())
