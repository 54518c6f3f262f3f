"""The curve of a rule as a plot: what it stops and what is lost with it, with intervals, and the rule's own point to drag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.markup import escape
from textual.message import Message
from textual_plot import HiResMode, PlotWidget
from textual_plot.axis_formatter import AxisFormatter

from tui.rendering.charts import CURRENT, SIGNS
from tui.rendering.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from audit.rules.replay.curve import Curve, Series
    from tui.session.view_models import Drawing

_LINES_FROM = 8
"""Lines of a plot from which on points are joined; with fewer, joined points hide each other."""


class Labels(AxisFormatter):
    """Marks that are written as we say."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        del min_, max_
        return [float(at) for at in range(min(len(self._texts), max_ticks))]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [escape(text) for text in self._texts[: len(ticks)]]


class CapPlot(PlotWidget, inherit_bindings=False, can_focus=False):
    """Draws a `Curve` with the point of the rule as it stands, which a mouse takes along; the wheel and ours scroll nothing."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plot--stopped", "plot--responses", "plot--orders", "plot--current",
    }  # fmt: skip

    @dataclass
    class Dragged(Message):
        """The point stands at another label; `done` once it is let go."""

        label: str
        done: bool

    def __init__(self) -> None:
        super().__init__(allow_pan_and_zoom=False, id="plot-of-rule")
        self.set_reactive(PlotWidget.margin_top, 0)
        self.set_reactive(PlotWidget.margin_bottom, 1)
        self.set_reactive(PlotWidget.margin_left, 9)
        self._labels_drawn: tuple[str, ...] = ()
        self._drawing: Drawing | None = None
        self._dragging = False

    def on_resize(self) -> None:
        if self._drawing is not None:
            self.draw(self._drawing)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._drawing is not None:  # another theme, whose colours the marks do not have yet
            self.call_after_refresh(self.draw, self._drawing)

    @property
    def dragging(self) -> bool:
        """Whether somebody holds the point."""
        return self._dragging

    def draw(self, drawing: Drawing) -> None:
        """Draw a curve and the rule's own point on it."""
        curve, self._drawing = drawing.curve, drawing
        self.clear()
        self._labels_drawn = curve.labels
        points = len(curve.labels)
        self.set_xlimits(-0.5, points - 0.5)
        self._mark_axes(curve, drawing.current)
        if self.size.height >= _LINES_FROM:
            for series in curve.drawn:
                self._join(series)
        aside = _asides(len(curve.drawn), points / max(self.size.width - self.margin_left - 2, 1))
        for series, beside in zip(curve.drawn, aside, strict=True):
            self._mark_points(series, beside)
        if drawing.current in curve.labels and curve.drawn:
            self._mark_current(curve.drawn[0], curve.labels.index(drawing.current), aside[0])
        self.call_after_refresh(self.render)  # its canvases then hold it before anybody looks

    def _mark_axes(self, curve: Curve, current: str) -> None:
        from audit.rules.replay.curve import percent

        marks = curve.ticks
        self.set_ylimits(0.0, marks[-1] * (1 + 1 / max(self.size.height - 3, 2)))
        fitting = max(2, (self.size.height - 3) // 2)
        some = marks[:: -(-len(marks) // fitting)]
        self.set_yticks(some)
        self.set_y_formatter(Labels([percent(mark, step=some[1] - some[0]) for mark in some]))
        self.set_xticks([float(at) for at in range(len(curve.labels))])
        labels = [plain(label) for label in curve.labels]
        self.set_x_formatter(Labels([f"[{label}]" if label == current else label for label in labels]))

    def _style(self, name: str) -> str:
        return str(self.get_component_rich_style(f"plot--{name}"))

    def _join(self, series: Series) -> None:
        known = [(at, share) for at, share in enumerate(series.shares) if share is not None]
        if len(known) > 1:
            at, shares = zip(*known, strict=True)
            self.plot(at, shares, line_style=self._style(series.id), hires_mode=HiResMode.BRAILLE)

    def _mark_points(self, series: Series, beside: float) -> None:
        style = self._style(series.id)
        known = [
            (at + beside, share, low, high)
            for at, (share, low, high) in enumerate(zip(series.shares, series.low, series.high, strict=True))
            if share is not None and low is not None and high is not None
        ]
        if not known:
            return
        at, shares, low, high = zip(*known, strict=True)
        middles = [(top + bottom) / 2 for top, bottom in zip(high, low, strict=True)]
        halves = [(top - bottom) / 2 for top, bottom in zip(high, low, strict=True)]
        self.errorbar(at, middles, yerr=halves, marker="│", marker_style=style)
        self.scatter(at, shares, marker=SIGNS[series.id], marker_style=style)

    def _mark_current(self, series: Series, at: int, beside: float) -> None:
        share = series.shares[at]
        if share is not None:
            self.scatter([at + beside], [share], marker=CURRENT, marker_style=self._style("current"))

    # -- dragging --------------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take the point along from wherever the plot was pressed."""
        if event.button == 1 and self._labels_drawn and self._scale_rectangle.width:
            self._dragging = True
            self.capture_mouse()
            self._follow(event, done=False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            event.stop()
            self._follow(event, done=False)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging:
            event.stop()
            self._dragging = False
            self.capture_mouse(capture=False)
            self._follow(event, done=True)

    def _follow(self, event: events.MouseEvent, *, done: bool) -> None:
        column = event.screen_x - self.query_one("#plot").region.x
        nearest = round(self.get_coordinate_from_pixel(column, 0)[0])
        label = self._labels_drawn[max(0, min(nearest, len(self._labels_drawn) - 1))]
        self.post_message(self.Dragged(label, done))


def _asides(lines: int, cell: float) -> list[float]:
    """How far each of the lines stands beside the mark of its point: a cell apart, so that none hides another."""
    return [(number - (lines - 1) // 2) * cell for number in range(lines)]
