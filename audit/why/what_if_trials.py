"""Deciding one history again and again, each time without other events: all trials of a question in one frame.

The history is copied under virtual ids, from each copy other events are left out, and all copies are decided in one
call. What was decided once is not decided again.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

import polars as pl

Decide = Callable[[pl.DataFrame], dict[str, list[str]]]
"""Decides the histories of many virtual customers at once: for each id where the decision is made, the event_ids
it rests on there."""

MOST_ROWS = 500_000
"""House value: rows of copied history that one search may decide; beyond it, no counterfactual is said."""

_ROWS_TO_BE_SURE = 60_000
"""House value: up to so many rows are decided to see which events matter by themselves, or that no smaller set ends it."""

_ROWS_AT_ONCE = 250_000
"""House value: copies are decided in calls of about this many rows, so that memory stays bounded."""

_ROWS_FOR_A_CALL = 8_000
"""House value: a call costs by itself about as much time as deciding so many rows."""


There = Callable[[pl.DataFrame], AbstractSet[str]]
"""As `Decide`, only for whom the decision is made."""

Gone = Callable[[Sequence[AbstractSet[str]]], Sequence[bool]]
"""For each set of event_ids left out of one history, whether the decision is gone."""


class TooMuchError(Exception):
    """The search would decide more rows than it may."""


def by_copies(events: pl.DataFrame, there: There) -> Gone:
    """The answers for the history `events` that deciding copies of it gives."""
    copies = _Copies(events)

    def gone(sets: Sequence[AbstractSet[str]]) -> list[bool]:
        still_there = there(copies.without(sets))
        return [name not in still_there for name in _names(sets)]

    return gone


def copies_at_little_cost(height: int) -> int:
    """How many copies of `height` rows cost about as much as asking at all; at least one."""
    return max(_ROWS_FOR_A_CALL // max(height, 1), 1)


class Trials:
    """The answers of `decide` for one history without some of its events.

    Events in `keep` (the decision's own rows) are not `removable`. `gone`: what is faster where it is not asked what the
    decision rests on; `copied`: the rows that it copies for one answer, if not the whole history.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        decide: Decide,
        keep: AbstractSet[str] = frozenset(),
        gone: Gone | None = None,
        copied: int | None = None,
    ) -> None:
        self._history = _Copies(events)
        self._copied = copied or self._history.height
        self._decide = decide
        self._ask = gone or by_copies(events, lambda copies: decide(copies).keys())
        self._left = MOST_ROWS
        self._rests: dict[frozenset[str], list[str] | None] = {}
        self._gone: dict[frozenset[str], bool] = {}
        self.removable = [event for event in self._history.positions if event not in keep]

    @property
    def number(self) -> int:
        """How many histories were decided."""
        return len(self._gone)

    @property
    def at_little_cost(self) -> int:
        """How many copies cost about as much as asking at all."""
        return copies_at_little_cost(self._history.height)

    def affordable(self, copies: int) -> bool:
        """Whether so many copies may be decided only to be sure."""
        return copies * self._history.height <= min(_ROWS_TO_BE_SURE, self._left)

    def refuse(self, sets: int) -> None:
        """Raise TooMuchError where asking about so many sets is certain to, before they are made."""
        if self._copied * (sets - len(self._gone)) > self._left:
            raise TooMuchError

    def rests(self, sets: Iterable[AbstractSet[str]]) -> list[list[str] | None]:
        """For each set left out: None if the decision is gone, else its evidence. Raises TooMuchError."""
        questions = [frozenset(left_out) for left_out in sets]
        for batch in self._undecided(questions, self._rests, self._history.height):
            decided = self._decide(self._history.without(batch))
            answers = [decided.get(name) for name in _names(batch)]
            self._rests.update(zip(batch, answers, strict=True))
            self._gone.update(zip(batch, (evidence is None for evidence in answers), strict=True))
        return [self._rests[left_out] for left_out in questions]

    def gone(self, sets: Iterable[AbstractSet[str]]) -> list[bool]:
        """For each set left out, whether the decision is gone. Raises TooMuchError."""
        questions = [frozenset(left_out) for left_out in sets]
        for batch in self._undecided(questions, self._gone, self._copied):
            self._gone.update(zip(batch, self._ask(batch), strict=True))
        return [self._gone[left_out] for left_out in questions]

    def in_order(self, events: AbstractSet[str]) -> list[str]:
        """Events in the order of the history."""
        return sorted(events, key=self._history.positions.__getitem__)

    def _undecided(
        self, questions: Iterable[frozenset[str]], decided: Container[frozenset[str]], height: int
    ) -> Iterator[list[frozenset[str]]]:
        """The questions that are not `decided` yet, as many at once as memory allows. Raises TooMuchError."""
        new = [left_out for left_out in dict.fromkeys(questions) if left_out not in decided]
        self._left -= height * len(new)
        if self._left < 0:
            raise TooMuchError
        at_once = max(_ROWS_AT_ONCE // height, 1)
        for start in range(0, len(new), at_once):
            yield new[start : start + at_once]


class _Copies:
    """One history to be copied; `positions`: where each event stands in it."""

    def __init__(self, events: pl.DataFrame) -> None:
        self._events = events
        self.positions = {event: position for position, event in enumerate(events["event_id"])}
        self.height = max(events.height, 1)

    def without(self, sets: Sequence[AbstractSet[str]]) -> pl.DataFrame:
        """A copy for each set, which is left out of it."""
        height, positions = self._events.height, self.positions
        gone = [
            copy * height + positions[event]
            for copy, left_out in enumerate(sets)
            for event in left_out
            if event in positions
        ]
        stays = pl.repeat(value=True, n=height * len(sets), eager=True).scatter(gone, False)
        rows = pl.int_range(height * len(sets), dtype=pl.UInt32, eager=True).filter(stays)
        whose = pl.Series(_names(sets), dtype=pl.String).gather(rows // height)
        return self._events[rows % height].with_columns(whose.alias("customer_id"))


def _names(sets: Sequence[AbstractSet[str]]) -> list[str]:
    return [f"c#{number:06}" for number in range(len(sets))]  # so that the copies stand in order
