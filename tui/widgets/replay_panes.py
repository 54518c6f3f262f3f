"""The replay of a rule over everybody, as fast as somebody types, and its curve; a newer one stops the older."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from tui import keys
from tui.core_access import AsksCore, Progress, ProgressReporter
from tui.rendering.replay_summary import WITHIN, below_curve, effect_lines, figures, of_sample
from tui.rendering.text import content, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.content import Content

    from audit.rules.book.plan import Effect
    from audit.rules.replay.totals import ReplayDocument
    from tui.session.view_models import Document, Drawing, Sample
    from tui.widgets.cap_plot import CapPlot


class AnswerPane(AsksCore):
    """A pane that shows the answer to one `QUESTION` at a time."""

    QUESTION: ClassVar[str]
    STOPPED: ClassVar[str]

    @property
    def running(self) -> bool:
        """Whether an answer is being made."""
        return self.asking(self.QUESTION)

    def cancel(self) -> None:
        """Drop the answer that is being made; what is shown stays."""
        self.stop_asking(self.QUESTION)

    def stop(self) -> None:
        """Drop the answer that is being made, and say so."""
        self.cancel()
        self.say_instead(self.STOPPED)

    def failed(self, group: str, reason: str) -> None:
        del group
        self.say_instead(reason)

    def say_instead(self, text: str) -> None:
        """Show a sentence where the answer would stand."""


class ReplayPane(VerticalScroll, AnswerPane):
    """Shows the figures of one rule; `replay` is the document of the last whole replay."""

    QUESTION = "replay"
    STOPPED = "The replay was stopped."

    class Replayed(Message):
        """The replay over everybody is shown."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self.replay: ReplayDocument | None = None
        self._within_book: Callable[[ProgressReporter], Effect | None] | None = None

    def compose(self) -> ComposeResult:
        yield Static(content("Choose a rule."), markup=False)

    def replay_rule(self, rule: Document, proposal: str = "") -> None:
        """Replay a rule over everybody: alone, then within the book (or what a `proposal` would change there)."""
        replay, progress = self.session.replays.replay, ProgressReporter(self)
        self.border_subtitle = content(keys.hint("replaying … {rules.back} stops"))
        self._within_book = partial(self.session.replays.beside_the_others, rule, proposal)
        self.stop_asking(WITHIN)
        show = self.showing
        self.ask(
            self.QUESTION, lambda: replay(rule, None, progress, show(self.show_sample)), self.show_replay
        )

    def say_instead(self, text: str | Content) -> None:
        self.query_one(Static).update(joined(text))
        self.border_subtitle = content("")

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.running:
            seconds = f"about {message.seconds_left:.0f} s left"
            self.border_subtitle = content(
                f"{message.percent} · {seconds} · {keys.key_of('rules.back')} stops"
            )

    def show_sample(self, sample: Sample) -> None:
        if self.running:
            self.query_one(Static).update(of_sample(sample))

    def cancel(self) -> None:
        super().cancel()
        self.stop_asking(WITHIN)

    def show_replay(self, replay: ReplayDocument) -> None:
        self.replay = replay
        self.post_message(self.Replayed())
        self.replay_within_book()

    def replay_within_book(self) -> None:
        """Ask anew what the rule shown does within the book, which may have changed."""
        within_book = self._within_book
        if self.replay is not None and within_book is not None:
            self._tell(content("replaying …", "dim"))
            self.ask(WITHIN, lambda: within_book(ProgressReporter()), self.show_within_book)

    def show_within_book(self, effect: Effect | None) -> None:
        self._tell(effect_lines(effect))

    def _tell(self, within: Content) -> None:
        if self.replay is not None:
            self.say_instead(figures(self.replay, within, displaced=not self.screen.has_class("-medium")))

    def failed(self, group: str, reason: str) -> None:
        if group == WITHIN:
            self._tell(content(reason))
        else:
            super().failed(group, reason)


AXES = ("limit", "window")

ROOMY = 14
"""Lines of the pane from which on there is room for figures beside the plot and its legend."""


class CurvePane(Vertical, AnswerPane, can_focus=True):
    """Draws the curve of one rule where it can be seen, as large as there is room; `says` stands where there is none.

    The point of the rule as it stands can be taken along, with the mouse or with keys: that is told, and edits the rule.
    """

    AREA = "curve"
    BINDINGS = keys.bindings(AREA)
    QUESTION = "curve"
    STOPPED = "The curve was stopped; c draws it."

    drawing: reactive[Drawing | None] = reactive(None)
    says: reactive[str] = reactive("Choose a rule.")

    @dataclass
    class PointMoved(Message):
        """The rule's point was taken to another limit or window (`by`)."""

        by: str
        label: str

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self._axis = AXES[0]
        self._rule: Document | None = None
        self._waiting: Drawing | None = None

    def compose(self) -> ComposeResult:
        yield Static(content(self.says), markup=False, id="curve-text")

    # -- asking ----------------------------------------------------------------------------------------------------

    def draw_rule(self, rule: Document) -> None:
        """Draw a rule's curve, at once or when it would be seen."""
        self._rule = rule
        self._ask()

    def other_axis(self) -> None:
        """From now on draw over the other of limit and window."""
        if self.drawing is not None:
            self._axis = AXES[1 - AXES.index(self.drawing.curve.by)]

    async def on_resize(self) -> None:
        self._ask()
        await self._show()

    def _ask(self) -> None:
        """Ask for the curve if one is due and would be seen."""
        if self._rule is None or not self.size.height:
            return
        rule, axis, curve = self._rule, self._axis, self.session.replays.curve
        self._rule = None
        self.border_subtitle = content(keys.hint("drawing … {rules.back} stops"))
        self.says = "The curve is being drawn."
        progress = ProgressReporter(self)
        self.ask("curve", lambda: curve(rule, axis, progress, self.showing(self.show_curve)), self.show_curve)

    def cancel(self) -> None:
        """Drop the curve that is being made or due; what is shown stays."""
        self._rule = None
        self.border_subtitle = content(self.drawing.note if self.drawing is not None else "")
        super().cancel()

    def say_instead(self, text: str) -> None:
        self.border_title = content("Curve")
        self.drawing, self.says = None, text
        self.border_subtitle = content("")

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.running:
            note = self.drawing.note if self.drawing is not None else ""
            done = f"{message.percent} · {keys.key_of('rules.back')} stops"
            self.border_subtitle = content(" · ".join(part for part in (note, done) if part))

    def show_curve(self, drawing: Drawing) -> None:
        """Show a curve; while somebody holds the point the axis stays as it is."""
        if any(plot.dragging for plot in self._plots()):
            self._waiting = drawing
            return
        self._waiting = None
        self.border_subtitle = content(drawing.note)
        self.border_title = content(f"Curve by {drawing.curve.by} · c: the other")
        self.drawing = drawing

    # -- showing ---------------------------------------------------------------------------------------------------

    async def watch_drawing(self) -> None:
        await self._show()

    async def watch_says(self) -> None:
        await self._show()

    def _plots(self) -> Iterable[CapPlot]:
        return (child for child in self.children if child.id == "plot-of-rule")  # type: ignore[misc]

    async def _show(self) -> None:
        """The plot above its legend and figures; or the sentence instead."""
        if not self.is_mounted:
            return
        text, drawing = self.query_one("#curve-text", Static), self.drawing
        if drawing is None:
            await self.query("#plot-of-rule").remove()
            text.update(content(self.says))
            return
        if not self.query("#plot-of-rule"):
            from tui.widgets.cap_plot import CapPlot

            await self.mount(CapPlot(), before=text)
        room = self.content_size
        below = below_curve(drawing, room.width, roomy=room.height >= ROOMY)
        unframed = drawing.note and not self.styles.border_bottom[0]
        text.update(joined(below, (f"\n{drawing.note}", "dim")) if unframed else joined(below))
        for plot in self._plots():
            plot.draw(drawing)

    # -- the rule's own point --------------------------------------------------------------------------------------

    def action_move_point(self, step: int) -> None:
        drawing = self.drawing
        if drawing is not None and drawing.current in drawing.curve.labels:
            at = drawing.curve.labels.index(drawing.current) + step
            if 0 <= at < len(drawing.curve.labels):
                self._move_point(drawing.curve.labels[at])

    def _move_point(self, label: str) -> None:
        assert self.drawing is not None
        if label != self.drawing.current:
            self.drawing = replace(self.drawing, current=label)
            self.post_message(self.PointMoved(self.drawing.curve.by, label))

    def on_cap_plot_dragged(self, message: CapPlot.Dragged) -> None:
        message.stop()
        self._move_point(message.label)
        if message.done and self._waiting is not None:
            self.show_curve(self._waiting)
