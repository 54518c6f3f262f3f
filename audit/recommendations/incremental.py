"""Whether a strip by pairs holds an item once some acts of one customer are left out: by sums instead of frames.

The same answer as `given_to` for a history without those acts, at a fraction of the cost, so that a search may ask often.
What does not rest on what is left out is worked out once, by the code that makes the strips.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import chain, islice

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.also_bought import also_bought_by
from audit.recommendations.order_cross_sell import order_cross_sell_by
from audit.recommendations.pairs import Speakers
from audit.recommendations.placement_schema import DIGITS, fading, near
from audit.recommendations.recommended_for_you import recommended_for_you_by
from audit.recommendations.strategies import shown

Holds = Callable[[AbstractSet[str]], bool]
"""Whether a strip holds the item without these event_ids."""


def by_pairs(acts: pl.DataFrame, known: Mapping[str, PopulationContext], item: str) -> dict[str, Holds]:
    """For each strategy of `known` that can be asked so: whether it gives `item`.

    `acts`, `known`: as for `given`, and of one customer.
    """
    return {name: _MAKERS[name](acts, ctx, item) for name, ctx in known.items() if name in _MAKERS}


class _Strip:
    """One strip of one customer. An own item speaks by its newest act that is not left out, the newest items first."""

    def __init__(self, own: Speakers, item: str, at: datetime) -> None:
        self._item, self._seeds = item, own.plan.seeds
        self._acts = _acts(own, at)
        self._item_of = {event: one for one, theirs in self._acts.items() for _, event, _ in theirs}
        self._newest = sorted((theirs[0][0], one, theirs[0][2]) for one, theirs in self._acts.items())
        self._pairs = _pairs(own)
        self._behind = _events(own.never)

    def __call__(self, left_out: AbstractSet[str]) -> bool:
        """Whether the item is among the best without those acts."""
        scores: dict[str, float] = defaultdict(float)
        for _, own, weight in self._speaking(left_out):
            for other, score in self._pairs.get(own, ()):
                scores[other] += score * weight
        if self._item not in scores or self._taken(self._item, left_out):
            return False
        place = _place(scores, self._item)
        before = (one for one in scores if _place(scores, one) < place and not self._taken(one, left_out))
        return sum(1 for _ in islice(before, shown())) < shown()

    def _speaking(self, left_out: AbstractSet[str]) -> list[tuple[int, str, float]]:
        """The own items that speak, as they stand in `newest`, and the weight of each."""
        moved = {self._item_of[event] for event in left_out if event in self._item_of}
        stay = islice((one for one in self._newest if one[1] not in moved), self._seeds)
        return sorted(chain(stay, self._moved(moved, left_out)))[: self._seeds]

    def _moved(self, items: Iterable[str], left_out: AbstractSet[str]) -> Iterable[tuple[int, str, float]]:
        """Own items of which acts are left out, by the newest act that is there."""
        for one in items:
            there = (act for act in self._acts[one] if act[1] not in left_out)
            for ago, _, weight in islice(there, 1):
                yield ago, one, weight

    def _taken(self, item: str, left_out: AbstractSet[str]) -> bool:
        """Whether it is never recommended, because of an act that is there."""
        return not self._behind.get(item, frozenset()) <= left_out


class _OfTheNewestOrder:
    """The strip by the newest order, which is another one once that is left out."""

    def __init__(self, acts: pl.DataFrame, ctx: PopulationContext, item: str) -> None:
        self._acts, self._ctx, self._item = acts, ctx, item
        orders = acts.filter(pl.col("kind") == "order_completed").sort("occurred_at", "event_id")
        order = pl.coalesce("order_id", "event_id")
        self._newest_first = orders.select("event_id", order).reverse().rows()
        self._strips: dict[str, _Strip] = {}

    def __call__(self, left_out: AbstractSet[str]) -> bool:
        """Whether the item is among the best without those acts."""
        newest = next((order for event, order in self._newest_first if event not in left_out), None)
        return newest is not None and self._of(newest)(left_out)

    def _of(self, order: str) -> _Strip:
        if order not in self._strips:
            own = order_cross_sell_by(self._acts, self._ctx, order)
            self._strips[order] = _Strip(own, self._item, self._ctx.at)
        return self._strips[order]


_MAKERS: dict[str, Callable[[pl.DataFrame, PopulationContext, str], Holds]] = {
    "also_bought": lambda acts, ctx, item: _Strip(also_bought_by(acts, ctx), item, ctx.at),
    "recommended_for_you": lambda acts, ctx, item: _Strip(recommended_for_you_by(acts, ctx), item, ctx.at),
    "order_cross_sell": _OfTheNewestOrder,
}


def _acts(own: Speakers, at: datetime) -> dict[str, list[tuple[int, str, float]]]:
    """The acts behind each own item, the newest first: how long ago (µs), event_id, weight at that age."""
    age = at - pl.col("occurred_at")
    rows = own.acts.drop_nulls("item_id").select(
        "item_id",
        age.dt.total_microseconds().alias("ago"),
        "event_id",
        fading(age, own.plan.half).alias("weight"),
    )
    acts: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
    for item, *act in rows.sort("ago").iter_rows():
        acts[item].append((act[0], act[1], act[2]))
    return dict(acts)


def _pairs(own: Speakers) -> dict[str, list[tuple[str, float]]]:
    """What each own item speaks for, and how loud."""
    pairs: dict[str, list[tuple[str, float]]] = defaultdict(list)
    known = near(own.pairs, own.acts["item_id"].drop_nulls(), own.plan.others)
    for item, other, score in known.select("item_id", "other_id", "score").iter_rows():
        pairs[item].append((other, score))
    return dict(pairs)


def _events(acts: pl.DataFrame) -> dict[str, frozenset[str]]:
    """The event_ids of each item."""
    of_item = acts.drop_nulls("item_id").group_by("item_id").agg("event_id")
    return {item: frozenset(events) for item, events in of_item.iter_rows()}


def _place(scores: Mapping[str, float], item: str) -> tuple[float, str]:
    """What ranks items as `best` does: the lower, the better."""
    return -round(scores[item], DIGITS), item
