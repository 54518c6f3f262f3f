"""Without which events would the decision not have been made? Answered by doing it.

One customer's history is copied under virtual ids, from each copy other events are left out, and all copies are
decided in one call. What is found is minimal: gone without the whole set, there again with any one put back. Hand over
only the rows that a definition can read: the copies are as long as what is handed over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any, Literal

import polars as pl

from audit.times import iso
from audit.why.model import Causes, Counterfactual

Decide = Callable[[pl.DataFrame], dict[str, list[str]]]
"""Decides the histories of many virtual customers at once: for each id where the decision is made, the event_ids
it rests on there."""

MOST_ROWS = 500_000
"""House value: rows of copied history that one search may decide; beyond it, no counterfactual is said."""

_ROWS_TO_BE_SURE = 60_000
"""House value: up to so many rows are decided to see which events matter by themselves, or that no smaller set ends it."""

_ROWS_AT_ONCE = 250_000
"""House value: copies are decided in calls of about this many rows, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the form of a definition says of its counterfactual before anything is tried.

    `order`: the event_ids the decision can rest on. `alone`: each of them is enough by itself whatever else is left
    out, so that all have to go. Else they are weights that must reach a threshold, in an order in which as many as
    possible of the first can stay: the rest is a smallest set. `stay`: how many those are, where that can be reckoned.
    """

    order: tuple[str, ...]
    alone: bool
    stay: int | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """A minimal set of event_ids, in the order of the history; `smallest` where no smaller one exists.

    `tried`: how many histories were decided to find it.
    """

    events: tuple[str, ...]
    smallest: bool
    causes: Causes
    tried: int = 0

    @property
    def method(self) -> Literal["exact", "search"]:
        """`exact` where the set is known to be the smallest."""
        return "exact" if self.smallest else "search"


def removal(
    events: pl.DataFrame,
    decide: Decide,
    *,
    keep: Iterable[str] = (),
    plans: Sequence[Plan] = (),
    rows: int | None = None,
) -> Removal | None:
    """A minimal set of `events` (one customer's) without which `decide` no longer gives the decision.

    Events in `keep` (the decision's own rows) are never left out. `plans`: one for each of the conditions that all have
    to hold, so that the decision ends with any one of them. `rows`: how long the whole history is, where `events` are a
    part of it: what no single event ends is then not said to be the smallest that does. None where the decision is not there to begin
    with, where leaving events out cannot end it, or where the search would grow out of bounds.
    """
    trial = _Trial(events, decide, frozenset(keep), rows)
    try:
        planned = [trial.planned(plan) for plan in plans]
        found = [one for one in planned if one is not None]
        if found and len(found) == len(planned):
            return trial.fewest(found)
        return trial.searched()
    except _TooMuchError:
        return None


def holds_for(events: pl.DataFrame, decide: Decide, found: Removal) -> bool:
    """Whether what was found among some events also ends the decision among all `events`, and no less of it does."""
    trial = _Trial(events, decide, frozenset())
    ends = {found.events[0], found.events[-1]}
    sets = [set(found.events), *(set(found.events) - {one} for one in sorted(ends))]
    try:
        without, *with_one = trial.tried(sets)
    except _TooMuchError:
        return False
    return without is None and None not in with_one


def ends_with(events: pl.DataFrame, decide: Decide, added: pl.DataFrame) -> bool:
    """Whether a decision that is there would be gone once the rows `added` (columns of `events`) had happened too."""
    both = pl.concat([events, added.select(events.columns)]).sort("occurred_at", "event_id")
    return not decide(both.with_columns(pl.lit("c#0").alias("customer_id")))


def event(like: pl.DataFrame, **fields: Any) -> pl.DataFrame:
    """One event of the customer of `like` that did not happen: canonical columns, `fields` filled in."""
    row = dict.fromkeys(like.columns) | {"event_id": "~added", "customer_id": like["customer_id"][0]} | fields
    return pl.DataFrame([row], schema=like.schema)


def said(found: Removal | None, added: pl.DataFrame | None, outcome: str) -> Counterfactual | None:
    """The counterfactual of what `removal` found and of a row that `ends_with` has confirmed; None of neither."""
    if found is None and added is None:
        return None
    return Counterfactual(
        remove=() if found is None else found.events,
        add=() if added is None else tuple(_named(row) for row in added.iter_rows(named=True)),
        outcome=outcome,
        smallest=found is not None and found.smallest,
        method="search" if found is None else found.method,
        causes=Causes() if found is None else found.causes,
        tried=0 if found is None else found.tried,
    )


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """All that has to be known of an event to see for oneself that it would have ended the decision."""
    unsaid = ("event_id", "customer_id", "kind", "occurred_at")
    named = {name: value for name, value in row.items() if value is not None and name not in unsaid}
    return {"kind": row["kind"], "occurred_at": iso(row["occurred_at"]), **named}


def _between(low: int, high: int) -> list[int]:
    """A few numbers that cut the space between two into about equal parts: several copies are decided as fast as one."""
    return sorted({low + (high - low) * part // 5 for part in range(1, 5)} - {low}) or [low + 1]


class _TooMuchError(Exception):
    """The search would decide more rows than it may."""


class _Trial:
    """Decides copies of one history, each lacking other events."""

    def __init__(
        self, events: pl.DataFrame, decide: Decide, keep: AbstractSet[str], rows: int | None = None
    ) -> None:
        self._events = events
        self._whole = rows is None or rows == events.height
        self._decide = decide
        self._ids = events["event_id"].to_list()
        self._place = {event: place for place, event in enumerate(self._ids)}
        self._order = [event for event in self._ids if event not in keep]
        self._left = MOST_ROWS
        self._tried = 0

    def planned(self, plan: Plan) -> Removal | None:
        """What `plan` says, tried; None if it is not so."""
        removable = set(self._order)
        order = [event for event in plan.order if event in removable]
        if not order:
            return None
        if plan.stay is not None and len(order) == len(plan.order):
            reckoned = self._reckoned(order, plan.stay)
            if reckoned is not None:
                return reckoned
        whole, without = self.tried([set(), set(order)])
        if whole is None or without is not None:
            return None
        left_out = order if plan.alone else self._put_back(order, order, sure=0)
        needed = left_out if len(left_out) == 1 else ()
        return self._found(left_out, smallest=True, enough=order if plan.alone else (), needed=needed)

    def _reckoned(self, order: Sequence[str], stay: int) -> Removal | None:
        """The set that is left where the first `stay` can stay; None if trying says otherwise."""
        left_out = order[stay:]
        if not left_out:
            return None
        without, with_one = self.tried([set(left_out), set(left_out[1:])])
        if without is not None or with_one is None:
            return None
        return self._found(left_out, smallest=True, enough=(), needed=left_out if len(left_out) == 1 else ())

    def fewest(self, found: Sequence[Removal]) -> Removal:
        """The shortest of several ways to end it; where there are several, no one event is enough for the decision."""
        best = min(found, key=lambda one: len(one.events))
        enough = best.causes.enough if len(found) == 1 else ()
        return replace(best, causes=replace(best.causes, enough=enough), tried=self._tried)

    def searched(self) -> Removal | None:
        """What trying finds: the evidence and what steps in for it, shrunk until no one of it can be put back."""
        whole = self.gone_without(frozenset())
        candidates = None if whole is None else self._closure(whole)
        return None if candidates is None else self._minimal(candidates)

    def gone_without(self, left_out: AbstractSet[str]) -> list[str] | None:
        """None if the decision is gone without `left_out`; else the events it then rests on."""
        return self.tried([left_out])[0]

    def _closure(self, evidence: Iterable[str]) -> list[str] | None:
        """Events without all of which the decision is gone: its evidence, what steps in for it, and so on."""
        removable = set(self._order)
        left_out = removable & set(evidence)
        while left_out:
            remaining = self.gone_without(left_out)
            if remaining is None:
                return self._in_order(left_out)
            more = (removable & set(remaining)) - left_out
            if not more:
                break
            left_out |= more
        return None if self.gone_without(removable) is not None else list(self._order)

    def _minimal(self, candidates: Sequence[str]) -> Removal:
        """Shrink a set that ends the decision until no one of it can be put back."""
        looked = self._affordable(2 * len(candidates))
        needed, enough = self._by_themselves(candidates) if looked else ([], [])
        if needed:
            return self._found(needed[:1], smallest=True, enough=enough, needed=needed)
        left_out = self._put_back(candidates, candidates, sure=0)
        while True:
            needless = self._needless(left_out)
            if not needless:
                sure = self._is_smallest(left_out)
                return self._found(left_out, smallest=sure, enough=enough, needed=(), tested=looked)
            left_out = self._put_back(left_out, needless, sure=1)

    def _by_themselves(self, candidates: Sequence[str]) -> tuple[list[str], list[str]]:
        """The events without each of which alone it is gone, and those each of which alone is enough for it."""
        whole = frozenset(candidates)
        answers = self.tried([*({event} for event in candidates), *(whole - {event} for event in candidates)])
        without, only = answers[: len(candidates)], answers[len(candidates) :]
        needed = [event for event, rest in zip(candidates, without, strict=True) if rest is None]
        return needed, [event for event, rest in zip(candidates, only, strict=True) if rest is not None]

    def _needless(self, left_out: Sequence[str]) -> list[str]:
        """Those of `left_out` that can be put back, alone, without the decision coming back."""
        whole = frozenset(left_out)
        answers = self.tried([whole - {event} for event in left_out])
        return [event for event, rest in zip(left_out, answers, strict=True) if rest is None]

    def _put_back(self, left_out: Sequence[str], these: Sequence[str], *, sure: int) -> list[str]:
        """Put back many of `these` together, the first first, found by narrowing down; what stays out ends the decision.

        The first `sure` of them are known to be needless.
        """
        whole = frozenset(left_out)
        gone, too_many = sure, len(these) + 1
        while too_many - gone > 1:
            counts = _between(gone, too_many)
            answers = self.tried([whole - set(these[:count]) for count in counts])
            there = (count for count, rest in zip(counts, answers, strict=True) if rest is not None)
            too_many = next(there, too_many)
            gone = max((count for count in counts if count < too_many), default=gone)
        back = set(these[:gone])
        return [event for event in left_out if event not in back]

    def _is_smallest(self, left_out: Sequence[str]) -> bool:
        """Whether every smaller set of all events has been tried, where that is affordable, and none ends it."""
        if len(left_out) == 1:
            return True
        sizes = range(1, len(left_out))
        if not self._whole:
            return False
        if not self._affordable(sum(comb(len(self._order), size) for size in sizes)):
            return False
        smaller = [set(chosen) for size in sizes for chosen in combinations(self._order, size)]
        return all(rest is not None for rest in self.tried(smaller))

    def _affordable(self, copies: int) -> bool:
        rows = copies * self._events.height
        return rows <= min(_ROWS_TO_BE_SURE, self._left)

    def _found(
        self,
        left_out: Sequence[str],
        *,
        smallest: bool,
        enough: Sequence[str],
        needed: Sequence[str],
        tested: bool = True,
    ) -> Removal:
        inside = tuple(self._in_order(set(one)) for one in (enough, needed))
        causes = Causes(enough=tuple(inside[0]), needed=tuple(inside[1]), tested=tested)
        return Removal(tuple(self._in_order(set(left_out))), smallest, causes, self._tried)

    def _in_order(self, chosen: AbstractSet[str]) -> list[str]:
        return sorted(chosen, key=self._place.__getitem__)

    def tried(self, sets: Sequence[AbstractSet[str]]) -> list[list[str] | None]:
        """For each set left out: None if the decision is gone, else its evidence."""
        height = max(self._events.height, 1)
        self._left -= height * len(sets)
        if self._left < 0:
            raise _TooMuchError
        self._tried += len(sets)
        at_once = max(_ROWS_AT_ONCE // height, 1)
        answers: list[list[str] | None] = []
        for start in range(0, len(sets), at_once):
            answers += self._decided(sets[start : start + at_once])
        return answers

    def _decided(self, sets: Sequence[AbstractSet[str]]) -> list[list[str] | None]:
        names = [f"c#{number:06}" for number in range(len(sets))]  # so that the copies stand in order
        height = self._events.height
        places = pl.int_range(height, dtype=pl.UInt32, eager=True)
        kept = [self._kept(places, left_out) for left_out in sets]
        whose = pl.DataFrame({"name": names, "height": [one.len() for one in kept]})
        copies = self._events[pl.concat(kept)].with_columns(
            whose.select(pl.col("name").repeat_by("height"))["name"]
            .explode(empty_as_null=False)
            .alias("customer_id")
        )
        decided = self._decide(copies)
        return [decided.get(name) for name in names]

    def _kept(self, places: pl.Series, left_out: AbstractSet[str]) -> pl.Series:
        gone = [self._place[event] for event in left_out if event in self._place]
        return places.filter(~places.is_in(gone)) if gone else places
