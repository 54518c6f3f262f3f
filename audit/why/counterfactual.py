"""Without which events would the decision not have been made? Answered by doing it.

One customer's history is copied under virtual ids, from each copy other events are left out, and all copies are
decided in one call. What is found is minimal: gone without the whole set, there again with any one put back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from audit.times import iso
from audit.why.model import Counterfactual

Decide = Callable[[pl.DataFrame], dict[str, list[str]]]
"""Decides the histories of many virtual customers at once: for each id where the decision is made, the event_ids
it rests on there."""

_MOST_ROWS = 500_000
"""House value: rows of copied history that one search may decide; beyond it, no counterfactual is said."""

_ROWS_FOR_SINGLES = 200_000
"""House value: up to so many rows are decided to see whether one event alone is enough."""

_ROWS_AT_ONCE = 250_000
"""House value: copies are decided in calls of about this many rows, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A minimal set of event_ids, in the order of the history; `smallest` where no smaller one exists."""

    events: tuple[str, ...]
    smallest: bool

    @property
    def method(self) -> Literal["exact", "search"]:
        """`exact` where the set is known to be the smallest."""
        return "exact" if self.smallest else "search"


def removal(events: pl.DataFrame, decide: Decide, *, keep: Iterable[str] = ()) -> Removal | None:
    """A minimal set of `events` (one customer's) without which `decide` no longer gives the decision.

    Events in `keep` (the decision's own rows) are never left out. None where the decision is not there to begin
    with, where leaving events out cannot end it, or where the search would grow out of bounds.
    """
    trial = _Trial(events, decide, frozenset(keep))
    whole = trial.gone_without(frozenset())
    if whole is None:
        return None
    try:
        candidates = trial.closure(whole)
        return None if candidates is None else trial.minimal(candidates)
    except _TooMuchError:
        return None


def ends_with(events: pl.DataFrame, decide: Decide, added: pl.DataFrame) -> bool:
    """Whether the decision is there, and gone once the rows `added` (canonical columns) had happened too."""
    before = decide(_renamed(events, "c#0"))
    after = decide(_renamed(pl.concat([events, added]).sort("occurred_at", "event_id"), "c#0"))
    return bool(before) and not after


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
    )


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("item_id", "category", "segment_id") if row[name] is not None}
    return {"kind": row["kind"], "occurred_at": iso(row["occurred_at"]), **named}


class _TooMuchError(Exception):
    """The search would decide more rows than it may."""


class _Trial:
    """Decides copies of one history, each lacking other events."""

    def __init__(self, events: pl.DataFrame, decide: Decide, keep: AbstractSet[str]) -> None:
        self._events = events
        self._decide = decide
        self._ids = events["event_id"].to_list()
        self._order = [event for event in self._ids if event not in keep]
        self._left = _MOST_ROWS

    def gone_without(self, left_out: AbstractSet[str]) -> list[str] | None:
        """None if the decision is gone without `left_out`; else the events it then rests on."""
        return self._try([left_out])[0]

    def closure(self, evidence: Iterable[str]) -> list[str] | None:
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

    def minimal(self, candidates: Sequence[str]) -> Removal:
        """Shrink a set that ends the decision until no one of it can be put back."""
        looked = len(candidates) * self._events.height <= _ROWS_FOR_SINGLES
        single = self._single(candidates) if looked else None
        if single is not None:
            return Removal((single,), smallest=True)
        left_out = self._put_back(candidates, candidates, sure=0)
        while True:
            needless = self._needless(left_out)
            if not needless:
                return Removal(tuple(left_out), smallest=self._is_smallest(left_out))
            left_out = self._put_back(left_out, needless, sure=1)

    def _single(self, candidates: Sequence[str]) -> str | None:
        answers = self._try([{event} for event in candidates])
        return next((event for event, rest in zip(candidates, answers, strict=True) if rest is None), None)

    def _needless(self, left_out: Sequence[str]) -> list[str]:
        """Those of `left_out` that can be put back, alone, without the decision coming back."""
        whole = frozenset(left_out)
        answers = self._try([whole - {event} for event in left_out])
        return [event for event, rest in zip(left_out, answers, strict=True) if rest is None]

    def _put_back(self, left_out: Sequence[str], these: Sequence[str], *, sure: int) -> list[str]:
        """Put back many of `these` together, oldest first, found by halving; what stays out ends the decision.

        The first `sure` of them are known to be needless.
        """
        whole = frozenset(left_out)
        gone, too_many = sure, len(these) + 1
        while too_many - gone > 1:
            count = (gone + too_many) // 2
            if self.gone_without(whole - set(these[:count])) is None:
                gone = count
            else:
                too_many = count
        return self._in_order(whole - set(these[:gone]))

    def _is_smallest(self, left_out: Sequence[str]) -> bool:
        if len(left_out) == 1:
            return True
        affordable = len(self._order) * self._events.height <= _ROWS_FOR_SINGLES
        return len(left_out) == 2 and affordable and self._single(self._order) is None

    def _in_order(self, chosen: AbstractSet[str]) -> list[str]:
        return [event for event in self._order if event in chosen]

    def _try(self, sets: Sequence[AbstractSet[str]]) -> list[list[str] | None]:
        """For each set left out: None if the decision is gone, else its evidence."""
        height = max(self._events.height, 1)
        self._left -= height * len(sets)
        if self._left < 0:
            raise _TooMuchError
        at_once = max(_ROWS_AT_ONCE // height, 1)
        answers: list[list[str] | None] = []
        for start in range(0, len(sets), at_once):
            answers += self._decided(sets[start : start + at_once])
        return answers

    def _decided(self, sets: Sequence[AbstractSet[str]]) -> list[list[str] | None]:
        names = [f"c#{number:06}" for number in range(len(sets))]  # so that the copies stand in order
        places: list[int] = []
        heights: list[int] = []
        for left_out in sets:
            kept = [place for place, event_id in enumerate(self._ids) if event_id not in left_out]
            places += kept
            heights.append(len(kept))
        whose = pl.DataFrame({"name": names, "height": heights}).select(pl.col("name").repeat_by("height"))
        copies = self._events[pl.Series(places, dtype=pl.UInt32)].with_columns(
            whose["name"].explode(empty_as_null=False).alias("customer_id")
        )
        decided = self._decide(copies)
        return [decided.get(name) for name in names]


def _renamed(events: pl.DataFrame, customer: str) -> pl.DataFrame:
    return events.with_columns(pl.lit(customer).alias("customer_id"))
