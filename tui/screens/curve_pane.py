"""The curve beside the replay: drawn once the replay is there, where it can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from tui.progress import Told, still_wanted
from tui.rendering.text import content
from tui.screens.replay_pane import ReplayingScreen
from tui.widgets.curve import CurveChart
from tui.widgets.rule_form import RuleForm

if TYPE_CHECKING:
    from tui.session.view_models import Document, Drawing

AXES = ("limit", "window")


class CurvingScreen(ReplayingScreen):
    """Also has a `CurveChart` (`#curve`). `_rule` is what was replayed last, whole."""

    @dataclass
    class Drawn(Message):
        """A curve came back."""

        drawing: Drawing

    @dataclass
    class DrawnSoFar(Message):
        """How much of a curve is there."""

        done: int
        of: int

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CurvingScreen.DrawnSoFar)

    def __init__(self) -> None:
        super().__init__()
        self._axis = AXES[0]
        self._rule: Document | None = None
        self._due = False

    @on(RuleForm.Edited)
    def stop_drawing(self) -> None:
        self.workers.cancel_group(self, "curve")

    def _ask_replay(self, rule: Document) -> None:
        self._rule = rule
        self.workers.cancel_group(self, "curve")
        super()._ask_replay(rule)

    @on(ReplayingScreen.Replayed)
    def draw_after_the_replay(self) -> None:
        self._due = True
        self._draw()

    def show_pane(self, pane: str, *, focus: bool = True) -> None:
        super().show_pane(pane, focus=focus)
        self.call_after_refresh(self._draw)

    def relaid(self, layout: str) -> None:
        super().relaid(layout)
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        """Ask for the curve if one is due and would be seen."""
        chart = self.query_one("#curve", CurveChart)
        if not self._due or self._rule is None or not chart.size.height:
            return
        self._due = False
        session, rule, axis = self.whysent.session, self._rule, self._axis
        chart.border_subtitle = content("drawing … Esc stops")
        told = Told(lambda done, of, _: self.post_message(self.DrawnSoFar(done, of)))

        def draw() -> Drawing:
            wanted = still_wanted()

            def of_sample(drawing: Drawing) -> None:
                if wanted():
                    self.post_message(self.Drawn(drawing))

            return session.curve(rule, axis, told, of_sample)

        self.ask("curve", draw, self.Drawn)

    @on(DrawnSoFar)
    def show_how_far(self, message: DrawnSoFar) -> None:
        if self.drawing:
            chart = self.query_one("#curve", CurveChart)
            note = chart.drawing.note if chart.drawing is not None else ""
            whole = "whole " if note else ""
            done = f"{whole}{100 * message.done // max(message.of, 1)} % · Esc stops"
            chart.border_subtitle = content(" · ".join(part for part in (note, done) if part))

    @property
    def drawing(self) -> bool:
        """Whether a curve is being made."""
        return any(worker.group == "curve" and worker.is_running for worker in self.workers)

    @on(Drawn)
    def show_curve(self, message: Drawn) -> None:
        chart = self.query_one("#curve", CurveChart)
        chart.drawing = message.drawing
        chart.border_subtitle = content(message.drawing.note)
        chart.border_title = content(f"Curve by {message.drawing.curve.by} · c: the other")

    def _no_curve(self, reason: str) -> None:
        chart = self.query_one("#curve", CurveChart)
        chart.drawing, chart.says = None, reason
        chart.border_subtitle = content("")

    def failed(self, group: str, reason: str) -> None:
        if group == "curve":
            self._no_curve(reason)
        else:
            super().failed(group, reason)

    def _stop_curve(self) -> None:
        self.workers.cancel_group(self, "curve")
        self._no_curve("The curve was stopped; c draws it.")

    def action_curve(self) -> None:
        """Bring the curve to the front; there already: over the other thing."""
        chart = self.query_one("#curve", CurveChart)
        if self.pane == "curve" and chart.drawing is not None:
            self._axis = AXES[1 - AXES.index(chart.drawing.curve.by)]
        self._due = self._rule is not None and not self._replaying
        self.show_pane("curve")
