"""The totals of a replay: the document `whysent.replay/1`, out of a row a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from audit.coverage import Coverage
from audit.rules import outcomes
from audit.rules.model import Rule

FLAGS = ("opened", "clicked", "converted", "complained", "opted_out", "complaint_known")
"""What became of a message, as `outcomes.of` tells it."""

_SEED = 20260101
"""Where the choice of as many messages at random starts, so that two runs choose the same."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a replay adds up to.

    - `decided`: a row a message in order, columns `decision, deferred` (bool) and `FLAGS`;
    - `by_rule`: rule id → messages it decided to stop;
    - `customers`, `affected`: people with a message; with one stopped or deferred;
    - `displaced`: columns `by, stopped, n`, most first.
    """

    rules: Sequence[Rule]
    decided: pl.DataFrame
    by_rule: Mapping[str, int]
    customers: int
    affected: int
    displaced: pl.DataFrame
    coverage: Coverage

    def to_json(self) -> dict[str, Any]:
        """The document `whysent.replay/1`."""
        stopped, passed = self._are("stop"), self._are("allow")
        judged = self.decided.filter(pl.col("decision") != "exempt")
        by_chance = judged.sample(stopped.height, seed=_SEED)
        return {
            "schema": "whysent.replay/1",
            "rules": [{"id": rule.id, "version": rule.version} for rule in self.rules],
            "messages": self.decided.height,
            "stopped": stopped.height,
            "deferred": int(self.decided["deferred"].sum()),
            "let_through": passed.height,
            "exempt": self.decided.height - judged.height,
            "by_rule": {rule.id: self.by_rule.get(rule.id, 0) for rule in self.rules},
            "customers": self.customers,
            "customers_affected": self.affected,
            "displaced": self.displaced.to_dicts(),
            "stopped_wanted": {name: int(stopped[name].sum()) for name in ("opened", "clicked", "converted")},
            "stopped_unwanted": {
                "complained": int(stopped["complained"].sum()),
                "unsubscribed_next": int(stopped["opted_out"].sum()),
            },
            "rates": {
                "stopped": outcomes.rates(stopped, self.coverage),
                "let_through": outcomes.rates(passed, self.coverage),
                "random_same_number": outcomes.rates(by_chance, self.coverage),
            },
            "complaints_known_for": _mean(self.decided["complaint_known"]),
        }

    def _are(self, decision: str) -> pl.DataFrame:
        return self.decided.filter(pl.col("decision") == decision)


def most_first(displaced: pl.DataFrame) -> pl.DataFrame:
    """`by, stopped, n` added up and in order."""
    return (
        displaced.group_by("by", "stopped")
        .agg(pl.col("n").sum())
        .sort("n", "by", "stopped", descending=[True, False, False])
    )


def _mean(flags: pl.Series) -> float | None:
    return round(int(flags.sum()) / flags.len(), 6) if flags.len() else None
