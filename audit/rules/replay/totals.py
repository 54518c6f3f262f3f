"""The totals of a replay: the document `whysent.replay/1`, out of how many messages became what."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma
from typing import Any, NamedTuple

import polars as pl
from msgspec import UNSET, UnsetType

from audit.events.document import Document
from audit.population.coverage import NOTHING_LEFT_OUT, Coverage, LeftOut
from audit.rules.model import Rule, to_dict
from audit.rules.replay import outcomes
from audit.rules.replay.outcomes import Rates

FLAGS = ("opened", "clicked", "converted", "complained", "opted_out", "complaint_known")
"""What became of a message, as `outcomes.of` tells it."""

CELL = ("decision", "deferred", *FLAGS)
"""What messages that are counted together have in common."""

_SEED = 20260101
"""Where the choice of as many messages at random starts, so that two runs choose the same."""


class Sums(NamedTuple):
    """What decisions on the messages of whole customers add up to.

    `by_rule`: rule id → messages it decided to stop, of all rules or of those that stopped any; `affected`: people with
    a message stopped or deferred; `displaced`: which campaign's messages (`by`) used the room of a cap that how many (`n`)
    of which campaign's (`stopped`) then lacked.
    """

    by_rule: Mapping[str, int]
    affected: int
    displaced: pl.DataFrame


class PartTotals(NamedTuple):
    """Totals of some customers of a fleet. `cells`: columns `CELL` but the last, `provider` and `n`.

    `customers`: people with a message; `decisions`: a row a message, where they are asked for.
    """

    sums: Sums
    cells: pl.DataFrame
    customers: int
    decisions: pl.DataFrame | None


class RuleVersion(Document):
    """A rule that took part."""

    id: str
    version: int | None


class Displacement(Document):
    """How many messages of `stopped` a cap stopped while it counted one of `by`; null: they name no campaign."""

    by: str | None
    stopped: str | None
    n: int


class StoppedWanted(Document):
    """How many of the stopped were welcome."""

    opened: int
    responded: int
    """By a person: with a click, or to mail on paper, such as by a coupon redeemed."""
    converted: int
    """Followed by an order after that, of the same item or category, within 7 days."""


class StoppedUnwanted(Document):
    """How many of the stopped were not."""

    complained: int
    unsubscribed_next: int
    """Followed by an opt-out before the customer's next message."""


class RatesBeside(Document):
    """What followed on the messages stopped, on those let through, and on as many at random from both."""

    stopped: Rates
    let_through: Rates
    random_same_number: Rates


class Figures(Document):
    """What a replay adds up to, and of what."""

    rules: tuple[RuleVersion, ...] | UnsetType = UNSET
    """In the order they were checked."""
    limit: int | UnsetType | None = UNSET
    """Of the rule swept, at a point of a sweep."""
    window: str | UnsetType | None = UNSET
    """Likewise."""
    messages: int
    stopped: int
    deferred: int
    let_through: int
    """Not stopped and not exempt; it holds the deferred."""
    exempt: int
    by_rule: dict[str, int]
    """Messages that the rule decided to stop."""
    customers: int
    customers_affected: int
    """With a message stopped or deferred."""
    displaced: tuple[Displacement, ...]
    """The most first."""
    stopped_wanted: StoppedWanted
    stopped_unwanted: StoppedUnwanted
    rates: RatesBeside
    complaints_known_for: float | None
    """The share of messages whose mailbox provider's complaints are known."""
    later: int = 0
    """Messages after the workspace's moment, later than their import: left out."""
    left_out: LeftOut = NOTHING_LEFT_OUT


class ReplayDocument(Figures, schema="whysent.replay/1"):
    """What rules would have done to the past: counts of what happened, no promise of what would have happened."""

    rules: tuple[RuleVersion, ...]
    same_address: int = 0
    """Of `customers`, those of whom the vault knows another id by the same address: a cap counts each id by itself."""


class SweepPoint(Figures):
    """A replay with one rule changed, the others of the set as they are."""

    limit: int | None
    window: str | None


class SweepDocument(Document, schema="whysent.sweep/1"):
    """The curve: the replay at several limits or windows of one rule."""

    rule: str
    points: tuple[SweepPoint, ...]
    beside: tuple[RuleVersion, ...] = ()
    """The other rules that are switched on: every point counts with them, as they are."""

    @property
    def counted_with(self) -> str:
        """Which other rules count at every point, in a sentence; empty where there are none."""
        return f"Counted with it, as they are: {', '.join(rule.id for rule in self.beside)}." * bool(
            self.beside
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """What a replay adds up to.

    `cells`: how many messages became what, as `cells` gives them: columns `CELL` and `n`, sorted; `customers`: people
    with a message; `sums`: with `displaced` in any order.
    """

    rules: Sequence[Rule]
    cells: pl.DataFrame
    customers: int
    sums: Sums
    coverage: Coverage

    def document(self) -> ReplayDocument:
        """What is printed of it."""
        rules = tuple(RuleVersion(id=rule.id, version=rule.version) for rule in self.rules)
        return ReplayDocument(rules=rules, **self._figures())

    def point(self, swept: Rule) -> SweepPoint:
        """It as a point of a sweep, made with the rule `swept` as it was set."""
        keys = to_dict(swept)
        return SweepPoint(limit=keys.get("limit"), window=keys.get("window"), **self._figures())

    def _figures(self) -> dict[str, Any]:
        """The fields of `Figures`."""
        stopped, passed = self._are("stop"), self._are("allow")
        judged = self.cells.filter(pl.col("decision") != "exempt")
        number = _sum(stopped)
        by_chance = judged.with_columns(
            n=pl.Series(drawn(judged["n"].to_list(), number, _SEED), dtype=pl.Int64)
        )
        return {
            "messages": _sum(self.cells),
            "later": self.coverage.left_out.messages,
            "left_out": self.coverage.left_out,
            "stopped": number,
            "deferred": _sum(self.cells.filter("deferred")),
            "let_through": _sum(passed),
            "exempt": _sum(self._are("exempt")),
            "by_rule": {rule.id: self.sums.by_rule.get(rule.id, 0) for rule in self.rules},
            "customers": self.customers,
            "customers_affected": self.sums.affected,
            "displaced": tuple(
                Displacement(**pair) for pair in most_first(self.sums.displaced).iter_rows(named=True)
            ),
            "stopped_wanted": StoppedWanted(
                opened=_sum(stopped.filter("opened")),
                responded=_sum(stopped.filter("clicked")),
                converted=_sum(stopped.filter("converted")),
            ),
            "stopped_unwanted": StoppedUnwanted(
                complained=_sum(stopped.filter("complained")),
                unsubscribed_next=_sum(stopped.filter("opted_out")),
            ),
            "rates": RatesBeside(
                stopped=outcomes.rates(stopped, self.coverage),
                let_through=outcomes.rates(passed, self.coverage),
                random_same_number=outcomes.rates(by_chance, self.coverage),
            ),
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
