"""The curve as something to draw: what a rule stops and what is lost, point by point, with intervals and an axis.

Plain values, made from the document of `sweep`; how large anything is on a screen or a page is none of its business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, isclose, log10
from typing import Any

from audit.rules.replay.outcomes import share

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: at each point `counts` of `among`, their share, and its 95 % interval (None: unknown)."""

    id: str
    title: str
    counts: tuple[int, ...]
    among: tuple[int, ...]
    shares: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def known(self) -> bool:
        """Whether any point of it is known."""
        return any(one is not None for one in self.shares)


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a sweep, in its order: `labels` are the limits or windows (`by`) at which the rule was tried."""

    rule: str
    by: str
    labels: tuple[str, ...]
    messages: int
    customers: int
    series: tuple[Series, ...]

    @property
    def drawn(self) -> tuple[Series, ...]:
        """The lines of which anything is known."""
        return tuple(one for one in self.series if one.known)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Marks for the axis of shares, from 0 past the highest end of an interval, at most to 1."""
        highest = max((end for one in self.drawn for end in one.high if end is not None), default=0.0)
        return ticks(highest, most=1.0)


def curve(document: Mapping[str, Any]) -> Curve:
    """The curve of a document `whysent.sweep/1`.

    Its lines: messages stopped, of all; and of what followed on messages that were judged, what followed on those that
    would have been stopped: clicks, and orders after a click. A line of which the data holds nothing is unknown.
    """
    points = document["points"]
    several = len({one["window"] for one in points}) > 1
    by = "window" if several or points[0]["limit"] is None else "limit"
    return Curve(
        document["rule"],
        by,
        tuple(str(one[by]) for one in points),
        points[0]["messages"],
        points[0]["customers"],
        (
            _series("stopped", "messages stopped", ((one["stopped"], one["messages"]) for one in points)),
            _series("clicks", "clicks lost", (_lost(one, "click") for one in points)),
            _series("orders", "orders lost", (_lost(one, "order") for one in points)),
        ),
    )


def ticks(highest: float, *, about: int = 5, most: float | None = None) -> tuple[float, ...]:
    """About so many round marks from 0 to `highest` or just past it; none is above `most`."""
    if highest <= 0:
        return (0.0, 1.0) if most is None else (0.0, most)
    rough = highest / about
    tens = 10.0 ** floor(log10(rough))
    step = next(tens * one for one in _STEPS if tens * one >= rough * (1 - 1e-9))
    made = [0.0]
    while made[-1] < highest * (1 - 1e-9):
        made.append(round(len(made) * step, 12))
    if most is not None and made[-1] > most:
        made[-1] = most
    return tuple(made)


def percent(value: float | None, *, step: float | None = None) -> str:
    """A share as people read it: as fine as marks `step` apart need it, or else as it needs itself."""
    if value is None:
        return "unknown"
    return f"{figure(value, step=step)} %"


def figure(value: float, *, step: float | None = None) -> str:
    """`percent` without its sign."""
    if step is not None:
        digits = next((one for one in range(4) if isclose(round(100 * step, one), 100 * step)), 4)
    else:
        digits = 1 if value >= 0.01 or value == 0 else 2 if value >= 0.001 else 3
    return f"{100 * value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval of a share in per cent, such as `1.7–3.1`."""
    return "" if low is None or high is None else f"{figure(low)}–{figure(high)}"


def sentences(shown: Curve) -> list[str]:
    """The chart in words, a sentence a line of it: where it starts and ends."""
    first, last = shown.labels[0], shown.labels[-1]
    told = []
    for one in shown.series:
        if not one.known:
            told.append(f"{one.title.capitalize()}: unknown, this data holds none.")
        elif len(shown.labels) == 1:
            told.append(f"{one.title.capitalize()}: {_told(one, 0)} at {shown.by} {first}.")
        else:
            told.append(
                f"{one.title.capitalize()}: from {_told(one, 0)} at {shown.by} {first} to {_told(one, -1)} at {last}."
            )
    return told


def _told(series: Series, place: int) -> str:
    return f"{percent(series.shares[place])} ({series.counts[place]:,} of {series.among[place]:,})"


def _lost(point: Mapping[str, Any], name: str) -> tuple[int, int]:
    """What followed on stopped messages, of all that followed on judged ones; of none where it is not recorded."""
    stopped, passed = (point["rates"][group][name] for group in ("stopped", "let_through"))
    return stopped["n"], stopped["n"] + passed["n"]


def _series(id_: str, title: str, counted: Iterable[tuple[int, int]]) -> Series:
    pairs = list(counted)
    made: Sequence[Mapping[str, Any]] = [share(count, among) for count, among in pairs]
    return Series(
        id_,
        title,
        tuple(count for count, _ in pairs),
        tuple(among for _, among in pairs),
        tuple(one["rate"] for one in made),
        tuple(one["low"] for one in made),
        tuple(one["high"] for one in made),
    )
