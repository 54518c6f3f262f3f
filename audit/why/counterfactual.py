"""Without which events would the decision not have been made? Answered by doing it.

What is found is minimal: gone without the whole set, there again with any one put back. Hand over only the rows that a
definition can read: the copies that are decided (see `what_if_trials`) are as long as what is handed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from audit.events.times import iso
from audit.why.minimal_removal import Plan, Removal, Search
from audit.why.model import Causes, Counterfactual
from audit.why.what_if_trials import (
    Decide,
    Focus,
    Gone,
    TooMuchError,
    Trials,
    copies_at_little_cost,
)


def removal(
    events: pl.DataFrame,
    decide: Decide,
    *,
    keep: Iterable[str] = (),
    plans: Sequence[Plan] = (),
    rows: int | None = None,
    likely: Iterable[str] = (),
    gone: Gone | None = None,
    focus: Focus | None = None,
) -> Removal | None:
    """A minimal set of `events` (one customer's) without which `decide` no longer gives the decision.

    Events in `keep` (the decision's own rows) are never left out. `plans`: one for each of the conditions that all have
    to hold, so that the decision ends with any one of them. `rows`: how long the whole history is, where `events` are a
    part of it: what no single event ends is then not said to be the smallest that does. `likely`: what the decision is
    known to rest on, if it is, which saves asking. `gone`, `focus`: see `Trials`. None where the decision is not there to begin
    with, where leaving events out cannot end it, or where the search would grow out of bounds.
    """
    search = Search(
        Trials(events, decide, frozenset(keep), gone, focus), all_events=rows is None or rows == events.height
    )
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
    return Counterfactual(
        remove=() if removed is None else removed.events,
        add=() if added is None else tuple(_added_event(row) for row in added.iter_rows(named=True)),
        outcome=outcome,
        smallest=removed is not None and removed.smallest,
        method="search" if removed is None else removed.method,
        causes=Causes() if removed is None else removed.causes,
        tried=0 if removed is None else removed.tried,
    )


def _added_event(row: Mapping[str, Any]) -> dict[str, Any]:
    """All that has to be known of an event to see for oneself that it would have ended the decision."""
    always = ("event_id", "customer_id", "kind", "occurred_at")
    filled = {name: value for name, value in row.items() if value is not None and name not in always}
    return {"kind": row["kind"], "occurred_at": iso(row["occurred_at"]), **filled}
