"""The curve of a rule in words and figures: what stands below the plot, and what stands in its place where none can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.rendering.charts import CURRENT, SIGNS
from tui.rendering.text import content, joined, number, plain, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.rules.replay.curve import Series
    from tui.session.view_models import Drawing

WORDS = {"stopped": "stopped", "responses": "responses lost", "orders": "orders lost"}
"""Line of the chart → a word for it."""


def below(drawing: Drawing, width: int, *, roomy: bool) -> Content:
    """The legend, and where there is room what the rule as it stands stops and loses, in one line or a line each."""
    lines = [content(_legend(drawing, width), "dim")]
    return Content("\n").join([*lines, *(_current_figures(drawing, width) if roomy else ())])


def _legend(drawing: Drawing, width: int) -> str:
    curve = drawing.curve
    signs = "  ".join(f"{SIGNS[series.id]} {WORDS[series.id]}" for series in curve.drawn)
    legend = f"by {curve.by}  {signs}"
    for more in (f"  {CURRENT} the rule", "  │ 95 %", " · ← → or drag"):
        legend += more if len(legend) + len(more) <= width else ""
    return legend


def _current_figures(drawing: Drawing, width: int) -> tuple[Content, ...]:
    curve = drawing.curve
    if drawing.current not in curve.labels:
        return ()
    at = curve.labels.index(drawing.current)
    parts = [_figure(series, at, exact=False) for series in curve.series]
    head = f"now [{plain(drawing.current)}]  "
    if len(head) + len(" · ".join(parts)) <= width:
        return (joined((head, "bold"), " · ".join(parts)),)
    exact = [_figure(series, at, exact=True) for series in curve.series]
    if max(len(head) + len(part) for part in exact) <= width:
        parts = exact
    return tuple(joined((head if part is parts[0] else " " * len(head), "bold"), part) for part in parts)


def lines(drawing: Drawing) -> Iterator[str]:
    """The whole curve as text, a line a point: the figures that the plot draws."""
    curve = drawing.curve
    yield f"by {curve.by}, of {number(curve.messages)} messages to {number(curve.customers)} customers; ranges are 95 % intervals"
    for at, label in enumerate(curve.labels):
        now = " (the rule as it stands)" if label == drawing.current else ""
        figures = "; ".join(_figure(series, at, exact=True) for series in curve.drawn)
        yield f"{curve.by} {plain(label)}{now}: {figures}"
    yield from (f"{WORDS[series.id]}: none in this data" for series in curve.series if not series.known)


def _figure(series: Series, at: int, *, exact: bool) -> str:
    """One figure of one line: its share, its count; `exact`ly also of how many, and its interval."""
    from audit.rules.replay.curve import interval

    if not series.known:
        return f"{WORDS[series.id]}: none in this data"
    told = f"{WORDS[series.id]} {share(series.shares[at])} "
    if not exact:
        return f"{told}({number(series.counts[at])})"
    within = interval(series.low[at], series.high[at])
    of_all = f"{number(series.counts[at])} of {number(series.among[at])}"
    return f"{told}({of_all}; {within} %)" if within else f"{told}({of_all})"
