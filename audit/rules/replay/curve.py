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
        return any(rate is not None for rate in self.shares)


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
        return tuple(series for series in self.series if series.known)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Marks for the axis of shares, from 0 past the highest end of an interval, at most to 1."""
        highest = max((end for series in self.drawn for end in series.high if end is not None), default=0.0)
        return ticks(highest, most=1.0)


def curve(document: Mapping[str, Any]) -> Curve:
    """The curve of a document `whysent.sweep/1`.

    Its lines: messages stopped, of all; and of what followed on messages that were judged, what followed on those that
    would have been stopped: clicks, and orders after a click. A line of which the data holds nothing is unknown.
    """
    points = document["points"]
    several = len({point["window"] for point in points}) > 1
    by = "window" if several or points[0]["limit"] is None else "limit"
    return Curve(
        document["rule"],
        by,
        tuple(str(point[by]) for point in points),
        points[0]["messages"],
        points[0]["customers"],
        (
            _series(
                "stopped", "messages stopped", ((point["stopped"], point["messages"]) for point in points)
            ),
            _series("clicks", "clicks lost", (_lost(point, "click") for point in points)),
            _series("orders", "orders lost", (_lost(point, "order") for point in points)),
        ),
    )


def ticks(highest: float, *, count: int = 5, most: float | None = None) -> tuple[float, ...]:
    """About so many round marks from 0 to `highest` or just past it; none is above `most`."""
    if highest <= 0:
        return (0.0, 1.0) if most is None else (0.0, most)
    rough = highest / count
    tens = 10.0 ** floor(log10(rough))
    step = next(tens * factor for factor in _STEPS if tens * factor >= rough * (1 - 1e-9))
    marks = [0.0]
    while marks[-1] < highest * (1 - 1e-9):
        marks.append(round(len(marks) * step, 12))
    if most is not None and marks[-1] > most:
        marks[-1] = most
    return tuple(marks)


def percent(value: float | None, *, step: float | None = None) -> str:
    """A share as people read it: as fine as marks `step` apart need it, or else as it needs itself."""
    if value is None:
        return "unknown"
    return f"{figure(value, step=step)} %"


def figure(value: float, *, step: float | None = None) -> str:
    """`percent` without its sign."""
    if step is not None:
        digits = next((places for places in range(4) if isclose(round(100 * step, places), 100 * step)), 4)
    else:
        digits = 1 if value >= 0.01 or value == 0 else 2 if value >= 0.001 else 3
    return f"{100 * value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval of a share in per cent, such as `1.7–3.1`."""
    return "" if low is None or high is None else f"{figure(low)}–{figure(high)}"


def sentences(drawing: Curve) -> list[str]:
    """The chart in words, a sentence a line of it: where it starts and ends."""
    start, end = drawing.labels[0], drawing.labels[-1]
    lines = []
    for series in drawing.series:
        if not series.known:
            lines.append(f"{series.title.capitalize()}: unknown, this data holds none.")
        elif len(drawing.labels) == 1:
            lines.append(f"{series.title.capitalize()}: {_share_at(series, 0)} at {drawing.by} {start}.")
        else:
            lines.append(
                f"{series.title.capitalize()}: from {_share_at(series, 0)} at {drawing.by} {start} to {_share_at(series, -1)} at {end}."
            )
    return lines


def _share_at(series: Series, point: int) -> str:
    return f"{percent(series.shares[point])} ({series.counts[point]:,} of {series.among[point]:,})"


def _lost(point: Mapping[str, Any], name: str) -> tuple[int, int]:
    """What followed on stopped messages, of all that followed on judged ones; of none where it is not recorded."""
    stopped, passed = (point["rates"][group][name] for group in ("stopped", "let_through"))
    return stopped["n"], stopped["n"] + passed["n"]


def _series(id_: str, title: str, counted: Iterable[tuple[int, int]]) -> Series:
    pairs = list(counted)
    rates: Sequence[Mapping[str, Any]] = [share(count, among) for count, among in pairs]
    return Series(
        id_,
        title,
        tuple(count for count, _ in pairs),
        tuple(among for _, among in pairs),
        tuple(rate["rate"] for rate in rates),
        tuple(rate["low"] for rate in rates),
        tuple(rate["high"] for rate in rates),
    )
