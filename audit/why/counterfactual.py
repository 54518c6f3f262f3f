"""Without which events would the decision not have been made? Answered by doing it.

What is found is minimal: gone without the whole set, there again with any one put back. It is planned where a definition's
form says what to try, else searched by narrowing down. Hand over only the rows that a definition can read: the copies that
are decided (see `what_if_trials`) are as long as what is handed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any, Literal

import polars as pl

from audit.events.times import iso
from audit.why.model import Counterfactual
from audit.why.removed_events import Limit
from audit.why.what_if_trials import Decide, Gone, TooMuchError, Trials, copies_at_little_cost


@dataclass(frozen=True, slots=True)
class Plan:
    """What the form of a definition says of its counterfactual before anything is tried.

    `order`: the event_ids the decision can rest on. `alone`: each of them is enough by itself whatever else is left
    out, so that all have to go. Else they are weights that must reach a threshold, in an order in which as many as
    possible of the first can stay: the rest is a smallest set. `stay`: how many those are, where that can be reckoned.
    `smallest`: whether the rest is the smallest set of all; it is minimal anyhow. `limit`: the rest is what it would stop.
    """

    order: tuple[str, ...]
    alone: bool
    stay: int | None = None
    smallest: bool = True
    limit: Limit | None = None

    @property
    def least(self) -> int | None:
        """How many events have to go, where that is known."""
        if self.alone:
            return len(self.order)
        return None if self.stay is None else len(self.order) - self.stay


@dataclass(frozen=True, slots=True)
class Removal:
    """A minimal set of event_ids, in the order of the history; `smallest` where no smaller one exists.

    Events each of which alone is `enough` for the decision with every other cause left out, and those without each of
    which alone it is gone (`needed`); `tested` is False where that was too much to try. `tried`: how many histories were
    decided to find it. `limit`: the events are the messages that it would have stopped.
    """

    events: tuple[str, ...]
    smallest: bool
    enough: tuple[str, ...]
    needed: tuple[str, ...]
    tested: bool
    tried: int
    limit: Limit | None = None

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
    likely: Iterable[str] = (),
    gone: Gone | None = None,
    copied: int | None = None,
) -> Removal | None:
    """A minimal set of `events` (one customer's) without which `decide` no longer gives the decision.

    Events in `keep` (the decision's own rows) are never left out. `plans`: one for each of the conditions that all have
    to hold, so that the decision ends with any one of them. `likely`: what the decision is known to rest on, if it is, which
    saves asking. `gone`, `copied`: see `Trials`. None where the decision is not there to begin with, where leaving events
    out cannot end it, or where the search would grow out of bounds.
    """
    search = Search(Trials(events, decide, frozenset(keep), gone, copied))
    try:
        return search.by_plans(plans) or search.searched(likely)
    except TooMuchError:
        return None


def holds_for(events: pl.DataFrame, decide: Decide, removed: Removal, gone: Gone | None = None) -> bool:
    """Whether what was found among some events also ends the decision among all `events`, and no less of it does."""
    outermost = {removed.events[0], removed.events[-1]}
    sets = [set(removed.events), *(set(removed.events) - {event} for event in sorted(outermost))]
    try:
        without, *with_one_back = Trials(events, decide, gone=gone).gone(sets)
    except TooMuchError:
        return False
    return without and not any(with_one_back)


def ends_with(events: pl.DataFrame, decide: Decide, added: pl.DataFrame) -> bool:
    """Whether a decision that is there would be gone once the rows `added` (columns of `events`) had happened too."""
    return first_ending(events, decide, [added]) is not None


def first_ending(
    events: pl.DataFrame, decide: Decide, additions: Sequence[pl.DataFrame]
) -> pl.DataFrame | None:
    """The first of several events with which a decision that is there would be gone; None where none ends it."""
    at_once = copies_at_little_cost(events.height)
    for start in range(0, len(additions), at_once):
        batch = additions[start : start + at_once]
        there = decide(pl.concat(_with(events, added, f"c#{n:03}") for n, added in enumerate(batch)))
        for number, added in enumerate(batch):
            if f"c#{number:03}" not in there:
                return added
    return None


def _with(events: pl.DataFrame, added: pl.DataFrame, name: str) -> pl.DataFrame:
    history = pl.concat([events, added.select(events.columns)]).sort("occurred_at", "event_id")
    return history.with_columns(pl.lit(name).alias("customer_id"))


def event(like: pl.DataFrame, **fields: Any) -> pl.DataFrame:
    """One event of the customer of `like` that did not happen: canonical columns, `fields` filled in."""
    row = dict.fromkeys(like.columns) | {"event_id": "~added", "customer_id": like["customer_id"][0]} | fields
    return pl.DataFrame([row], schema=like.schema)


def from_trials(removed: Removal | None, added: pl.DataFrame | None, outcome: str) -> Counterfactual | None:
    """The counterfactual of what `removal` found and of a row that `ends_with` has confirmed; None of neither."""
    if removed is None and added is None:
        return None
    add = () if added is None else tuple(_added_event(row) for row in added.iter_rows(named=True))
    if removed is None:
        return Counterfactual(remove=(), add=add, outcome=outcome, smallest=False, method="search")
    return Counterfactual(
        remove=removed.events,
        add=add,
        outcome=outcome,
        smallest=removed.smallest,
        method=removed.method,
        enough=removed.enough,
        needed=removed.needed,
        tested=removed.tested,
        tried=removed.tried,
        limit=removed.limit,
    )


def _added_event(row: Mapping[str, Any]) -> dict[str, Any]:
    """All that has to be known of an event to see for oneself that it would have ended the decision."""
    always = ("event_id", "customer_id", "kind", "occurred_at")
    filled = {name: value for name, value in row.items() if value is not None and name not in always}
    return {"kind": row["kind"], "occurred_at": iso(row["occurred_at"]), **filled}


class Search:
    """Looks for a minimal set among the histories of `trials`."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._removable = frozenset(trials.removable)

    def by_plans(self, plans: Sequence[Plan]) -> Removal | None:
        """The shortest of several ways to end it, each planned; None if one of the plans is not so.

        Where it is known how many events each has to take, only the shortest is tried.
        """
        order = sorted(plans, key=lambda plan: plan.least or 0)
        if order and all(plan.least and set(plan.order) <= self._removable for plan in plans):
            best = self.planned(order[0])
            if best is not None and len(best.events) == order[0].least:
                return self._fewest([best], of=len(plans))
        removals = [removal for plan in plans if (removal := self.planned(plan)) is not None]
        return self._fewest(removals, of=len(plans)) if removals and len(removals) == len(plans) else None

    def planned(self, plan: Plan) -> Removal | None:
        """What `plan` says, tried; None if it is not so."""
        order = [event for event in plan.order if event in self._removable]
        if not order:
            return None
        if plan.stay is not None and len(order) == len(plan.order):
            reckoned = self._reckoned(order, plan.stay, smallest=plan.smallest)
            if reckoned is not None:
                return replace(reckoned, limit=plan.limit)
        if self._trials.gone([set(), set(order)]) != [False, True]:
            return None
        left_out = order if plan.alone else self._put_back(order, order, sure=0)
        needed = left_out if len(left_out) == 1 else ()
        enough = order if plan.alone else ()
        return self._removal(left_out, smallest=plan.smallest, enough=enough, needed=needed)

    def _reckoned(self, order: Sequence[str], stay: int, *, smallest: bool) -> Removal | None:
        """The set that is left where the first `stay` can stay; None if trying says otherwise."""
        left_out = order[stay:]
        if not left_out:
            return None
        if self._trials.gone([set(left_out), set(left_out[1:])]) != [True, False]:
            return None
        is_single = len(left_out) == 1
        needed = left_out if is_single else ()
        return self._removal(left_out, smallest=smallest or is_single, enough=(), needed=needed)

    def _fewest(self, removals: Sequence[Removal], *, of: int) -> Removal:
        """The shortest of several ways to end it; where there are several, no one event is enough for the decision."""
        best = min(removals, key=lambda removal: len(removal.events))
        return replace(best, enough=best.enough if of == 1 else (), tried=self._trials.number)

    def searched(self, likely: Iterable[str] = ()) -> Removal | None:
        """What trying finds: the evidence and what steps in for it, shrunk until no one of it can be put back.

        `likely`: what the decision is taken to rest on, tried at once with the whole history.
        """
        self._foresee(likely)
        (evidence,) = self._trials.rests([set()])
        candidates = None if evidence is None else self._closure(evidence)
        return None if candidates is None else self._minimal(candidates)

    def _foresee(self, likely: Iterable[str]) -> None:
        """Decide in one call what will be asked first if the decision rests on what is `likely` and on nothing else."""
        events = self._removable.intersection(likely)
        sets: list[AbstractSet[str]] = [set(), events, self._removable]
        if 2 * len(events) <= self._trials.at_little_cost:
            sets += _by_themselves(sorted(events))
        self._trials.rests(sets)

    def _closure(self, evidence: Iterable[str]) -> list[str] | None:
        """Events without all of which the decision is gone: its evidence, what steps in for it, and so on.

        None where it is there whatever is left out.
        """
        left_out = self._removable.intersection(evidence)
        (remaining,) = self._trials.rests([left_out])
        if remaining is not None and self._trials.gone([self._removable]) == [False]:
            return None
        while remaining is not None:
            more = self._removable.intersection(remaining) - left_out
            if not more:
                return list(self._trials.removable)
            left_out |= more
            (remaining,) = self._trials.rests([left_out])
        return self._trials.in_order(left_out)

    def _minimal(self, candidates: Sequence[str]) -> Removal:
        """Shrink a set that ends the decision until no one of it can be put back."""
        affordable = self._trials.affordable(2 * len(candidates))
        needed, enough = self._single(candidates) if affordable else ([], [])
        if needed:
            return self._removal(needed[:1], smallest=True, enough=enough, needed=needed)
        left_out = self._put_back(candidates, candidates, sure=0)
        doubtful = left_out
        while needless := self._needless(left_out, doubtful) or self._needless(left_out, left_out):
            left_out = self._put_back(left_out, needless, sure=1)
            back = len(needless) - len(set(needless).intersection(left_out))
            doubtful = needless[back + 1 :]  # what could not be put back with those before it is needed
        smallest = self._is_smallest(left_out)
        return self._removal(left_out, smallest=smallest, enough=enough, needed=(), tested=affordable)

    def _single(self, candidates: Sequence[str]) -> tuple[list[str], list[str]]:
        """The events without each of which alone it is gone, and those each of which alone is enough for it."""
        answers = self._trials.gone(_by_themselves(candidates))
        without, only = answers[: len(candidates)], answers[len(candidates) :]
        needed = [event for event, gone in zip(candidates, without, strict=True) if gone]
        return needed, [event for event, gone in zip(candidates, only, strict=True) if not gone]

    def _needless(self, left_out: Sequence[str], doubtful: Sequence[str]) -> list[str]:
        """The `doubtful` events that can be put back, alone, without the decision coming back."""
        self._trials.refuse(len(doubtful))
        removed = frozenset(left_out)
        answers = self._trials.gone([removed - {event} for event in doubtful])
        return [event for event, gone in zip(doubtful, answers, strict=True) if gone]

    def _put_back(self, left_out: Sequence[str], doubtful: Sequence[str], *, sure: int) -> list[str]:
        """Put back many of `doubtful` together, the first first, found by narrowing down; what stays out ends the decision.

        The first `sure` of them are known to be needless.
        """
        removed = frozenset(left_out)
        gone, too_many = sure, len(doubtful) + 1
        while too_many - gone > 1:
            counts = self._between(gone, too_many)
            answers = self._trials.gone([removed - set(doubtful[:count]) for count in counts])
            there = (count for count, is_gone in zip(counts, answers, strict=True) if not is_gone)
            too_many = next(there, too_many)
            gone = max((count for count in counts if count < too_many), default=gone)
        back = set(doubtful[:gone])
        return [event for event in left_out if event not in back]

    def _between(self, low: int, high: int) -> list[int]:
        """Numbers that cut the space between two into about equal parts: several copies are decided as fast as one."""
        parts = max(self._trials.at_little_cost, 5)
        return sorted({low + (high - low) * part // parts for part in range(1, parts)} - {low}) or [low + 1]

    def _is_smallest(self, left_out: Sequence[str]) -> bool:
        """Whether every smaller set of all events has been tried, where that is affordable, and none ends it."""
        if len(left_out) == 1:
            return True
        sizes = range(1, len(left_out))
        order = self._trials.removable
        if not self._trials.affordable(sum(comb(len(order), size) for size in sizes)):
            return False
        smaller = [set(chosen) for size in sizes for chosen in combinations(order, size)]
        return not any(self._trials.gone(smaller))

    def _removal(
        self,
        left_out: Sequence[str],
        *,
        smallest: bool,
        enough: Sequence[str],
        needed: Sequence[str],
        tested: bool = True,
    ) -> Removal:
        ordered = (tuple(self._trials.in_order(set(events))) for events in (left_out, enough, needed))
        removed, enough, needed = ordered
        return Removal(removed, smallest, enough, needed, tested, self._trials.number)


def _by_themselves(candidates: Sequence[str]) -> list[AbstractSet[str]]:
    """To be left out: each of `candidates` alone, then all but each of them."""
    together = frozenset(candidates)
    return [*({event} for event in candidates), *(together - {event} for event in candidates)]
