"""Deciding one history again and again, each time without other events: all trials of a question in one frame.

The history is copied under virtual ids, from each copy other events are left out, and all copies are decided in one
call. What was decided once is not decided again.
"""

from collections.abc import Callable, Iterable, Sequence
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


Focus = Callable[[AbstractSet[str]], tuple[pl.DataFrame, Decide]]
"""The rows and the decision that are enough while no event is left out but some of these."""


class TooMuchError(Exception):
    """The search would decide more rows than it may."""


def copies_at_little_cost(height: int) -> int:
    """How many copies of `height` rows cost about as much as asking at all; at least one."""
    return max(_ROWS_FOR_A_CALL // max(height, 1), 1)


class Trials:
    """The answers of `decide` for one history without some of its events.

    Events in `keep` (the decision's own rows) are not `removable`. `focus`: what is enough where less may be left out,
    if that can be told.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        decide: Decide,
        keep: AbstractSet[str] = frozenset(),
        focus: Focus | None = None,
    ) -> None:
        self._copies = self._whole = _Copies(events, decide)
        self._focus = focus
        self._within: AbstractSet[str] | None = None
        self._left = MOST_ROWS
        self._answers: dict[frozenset[str], list[str] | None] = {}
        self.removable = [event for event in self._whole.place if event not in keep]

    @property
    def number(self) -> int:
        """How many histories were decided."""
        return len(self._answers)

    @property
    def at_little_cost(self) -> int:
        """How many copies cost about as much as asking at all."""
        return copies_at_little_cost(self._copies.height)

    def affordable(self, copies: int) -> bool:
        """Whether so many copies may be decided only to be sure."""
        return copies * self._whole.height <= min(_ROWS_TO_BE_SURE, self._left)

    def focus(self, within: AbstractSet[str]) -> None:
        """From here on nothing but some of `within` is left out, as a rule."""
        if self._focus is not None:
            self._copies, self._within = _Copies(*self._focus(within)), within

    def without(self, left_out: AbstractSet[str]) -> list[str] | None:
        """None if the decision is gone without `left_out`; else the events it then rests on."""
        return self.tried([left_out])[0]

    def tried(self, sets: Iterable[AbstractSet[str]]) -> list[list[str] | None]:
        """For each set left out: None if the decision is gone, else its evidence. Raises TooMuchError."""
        asked = [frozenset(left_out) for left_out in sets]
        new = [left_out for left_out in dict.fromkeys(asked) if left_out not in self._answers]
        copies = self._copies
        if self._within is not None and not all(left_out <= self._within for left_out in new):
            copies = self._whole
        self._left -= copies.height * len(new)
        if self._left < 0:
            raise TooMuchError
        at_once = max(_ROWS_AT_ONCE // copies.height, 1)
        for start in range(0, len(new), at_once):
            some = new[start : start + at_once]
            self._answers.update(zip(some, copies.decided(some), strict=True))
        return [self._answers[left_out] for left_out in asked]

    def in_order(self, chosen: AbstractSet[str]) -> list[str]:
        """Events in the order of the history."""
        return sorted(chosen, key=self._whole.place.__getitem__)


class _Copies:
    """One history to be copied; `place`: where each event stands in it."""

    def __init__(self, events: pl.DataFrame, decide: Decide) -> None:
        self._events = events
        self._decide = decide
        self.place = {event: place for place, event in enumerate(events["event_id"])}
        self.height = max(events.height, 1)

    def decided(self, sets: Sequence[AbstractSet[str]]) -> list[list[str] | None]:
        """As `Trials.tried`, all copies in one call."""
        names = [f"c#{number:06}" for number in range(len(sets))]  # so that the copies stand in order
        height, place = self._events.height, self.place
        gone = [
            copy * height + place[event]
            for copy, left_out in enumerate(sets)
            for event in left_out
            if event in place
        ]
        kept = pl.repeat(value=True, n=height * len(sets), eager=True).scatter(gone, False)
        rows = pl.int_range(height * len(sets), dtype=pl.UInt32, eager=True).filter(kept)
        whose = pl.Series(names, dtype=pl.String).gather(rows // height)
        decided = self._decide(self._events[rows % height].with_columns(whose.alias("customer_id")))
        return [decided.get(name) for name in names]
