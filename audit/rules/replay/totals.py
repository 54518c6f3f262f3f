"""The totals of a replay: the document `whysent.replay/1`, out of how many messages became what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from audit.population.coverage import Coverage
from audit.rules.model import Rule
from audit.rules.replay import outcomes, random_baseline

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
            n=pl.Series(random_baseline.drawn(judged["n"].to_list(), number, _SEED), dtype=pl.Int64)
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


def _sum(cells: pl.DataFrame) -> int:
    return int(cells["n"].sum())
