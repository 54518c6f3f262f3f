"""Whether a placement by pairs holds an item once some acts of one customer are left out: by sums instead of frames.

The same answer as `customers_given` for a history without those acts, so that a search may ask often: `why --item` of the
largest household of Complete Journey (4,193 events) takes 0.38 s at worst with it, 0.62 s without.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import NamedTuple

import polars as pl

from audit.events.purchases import ORDER_OF
from audit.population.stats import PopulationContext
from audit.recommendations.by_pairs import (
    OwnItems,
    also_bought_items,
    order_cross_sell_items,
    recommended_for_you_items,
)
from audit.recommendations.strategies import DIGITS, fading, nearest, slots

Holds = Callable[[AbstractSet[str]], bool]
"""Whether a placement holds the item without these event_ids."""


class _Act(NamedTuple):
    """An act behind an own item; they sort the newest first."""

    ago: int
    """Microseconds before the moment asked about."""
    item: str
    event: str
    weight: float


def by_sums(acts: pl.DataFrame, contexts: Mapping[str, PopulationContext], item: str) -> dict[str, Holds]:
    """For each strategy of `contexts` that can be asked so: whether it gives `item`.

    `acts`, `contexts`: as for `evidence_for`, and of one customer.
    """
    return {name: _HOLDS[name](acts, ctx, item) for name, ctx in contexts.items() if name in _HOLDS}


class _Placement:
    """One placement of one customer. An own item speaks by its newest act that is not left out, the newest items first."""

    def __init__(self, speaking: OwnItems, item: str, at: datetime) -> None:
        self._item, self._seeds = item, speaking.strategy.seeds
        self._acts = _acts_by_item(speaking, at)
        self._item_of = {act.event: act.item for acts in self._acts.values() for act in acts}
        self._newest = sorted(acts[0] for acts in self._acts.values())
        self._pairs = _pairs_by_item(speaking)
        self._excluding = _events_by_item(speaking.never)
        self._closing = {} if speaking.closed is None else _events_by_item(speaking.closed)

    def __call__(self, left_out: AbstractSet[str]) -> bool:
        """Whether the item is among the best without those acts."""
        scores: dict[str, float] = defaultdict(float)
        for act in islice(self._speaking(left_out), self._seeds):
            for other, score in self._pairs.get(act.item, ()):
                scores[other] += score * act.weight
        if self._item not in scores or _stand(self._excluding, self._item, left_out):
            return False
        rank = _rank(scores, self._item)
        better = (
            other
            for other in scores
            if _rank(scores, other) < rank and not _stand(self._excluding, other, left_out)
        )
        return sum(1 for _ in islice(better, slots())) < slots()

    def _speaking(self, left_out: AbstractSet[str]) -> Iterator[_Act]:
        """The newest act that is there of each own item, the newest first."""
        affected = {self._item_of[event] for event in left_out if event in self._item_of}
        remaining = (
            next((act for act in self._acts[item] if act.event not in left_out), None) for item in affected
        )
        unaffected = (act for act in self._newest if act.item not in affected)
        newest = merge(unaffected, sorted(act for act in remaining if act is not None))
        return (act for act in newest if not _stand(self._closing, act.item, left_out))


class _OfTheNewestOrder:
    """The placement by the newest order, which is another one once that is left out."""

    def __init__(self, acts: pl.DataFrame, ctx: PopulationContext, item: str) -> None:
        self._acts, self._ctx, self._item = acts, ctx, item
        orders = acts.filter(pl.col("kind") == "order_completed").sort("occurred_at", "event_id")
        self._newest_first = orders.select("event_id", ORDER_OF).reverse().rows()
        self._by_order: dict[str, _Placement] = {}

    def __call__(self, left_out: AbstractSet[str]) -> bool:
        """Whether the item is among the best without those acts."""
        newest = next((order for event, order in self._newest_first if event not in left_out), None)
        if newest is None:
            return False
        if newest not in self._by_order:
            speaking = order_cross_sell_items(self._acts, self._ctx, newest)
            self._by_order[newest] = _Placement(speaking, self._item, self._ctx.at)
        return self._by_order[newest](left_out)


_HOLDS: dict[str, Callable[[pl.DataFrame, PopulationContext, str], Holds]] = {
    "also_bought": lambda acts, ctx, item: _Placement(also_bought_items(acts, ctx), item, ctx.at),
    "recommended_for_you": lambda acts, ctx, item: _Placement(
        recommended_for_you_items(acts, ctx), item, ctx.at
    ),
    "order_cross_sell": _OfTheNewestOrder,
}


def _events_by_item(acts: pl.DataFrame) -> dict[str, frozenset[str]]:
    by_item = acts.drop_nulls("item_id").group_by("item_id").agg("event_id")
    return {item: frozenset(events) for item, events in by_item.iter_rows()}


def _stand(acts: Mapping[str, frozenset[str]], item: str, left_out: AbstractSet[str]) -> bool:
    """Whether one of the `acts` on the item is there."""
    return not acts.get(item, frozenset()) <= left_out


def _acts_by_item(speaking: OwnItems, at: datetime) -> dict[str, list[_Act]]:
    """The acts behind each own item, the newest first."""
    age = at - pl.col("occurred_at")
    rows = speaking.acts.drop_nulls("item_id").select(
        age.dt.total_microseconds().alias("ago"),
        "item_id",
        "event_id",
        fading(age, speaking.strategy.half).alias("weight"),
    )
    acts: dict[str, list[_Act]] = defaultdict(list)
    for act in map(_Act._make, rows.sort("ago").iter_rows()):
        acts[act.item].append(act)
    return dict(acts)


def _pairs_by_item(speaking: OwnItems) -> dict[str, list[tuple[str, float]]]:
    """What each own item speaks for, and how loud."""
    pairs: dict[str, list[tuple[str, float]]] = defaultdict(list)
    rows = nearest(speaking.pairs, speaking.acts["item_id"].drop_nulls(), speaking.strategy.others)
    for item, other, score in rows.select("item_id", "other_id", "score").iter_rows():
        pairs[item].append((other, score))
    return dict(pairs)


def _rank(scores: Mapping[str, float], item: str) -> tuple[float, str]:
    """What ranks items as `best` does: the lower, the better."""
    return -round(scores[item], DIGITS), item
