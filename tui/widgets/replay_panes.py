"""The replay of a rule over everybody, as fast as somebody types, and its curve; a newer one stops the older."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from tui.core_access import AsksCore, Progress, ProgressReporter
from tui.rendering.replay_summary import WITHIN, effect_lines, figures, of_sample
from tui.rendering.text import content, joined, number, plain, share

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from audit.rules.book.plan import Effect
    from audit.rules.replay.curve import Curve
    from audit.rules.replay.totals import ReplayDocument
    from tui.session.view_models import Document, Drawing, Sample


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
        self.border_subtitle = content("replaying … Esc stops")
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
            self.border_subtitle = content(f"{message.percent} · {seconds} · Esc stops")

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
WORDS = {"stopped": "stopped", "responses": "responses lost", "orders": "orders lost"}
"""Line of the chart → a word for it."""

SMALLEST, ROOMY = 3, 7
"""Lines of a chart below which it says nothing; from which on figures may stand below it."""


class CurvePane(Widget, AnswerPane, can_focus=True):
    """Draws the curve of one rule where it can be seen, as large as there is room; `says` stands where there is none."""

    QUESTION = "curve"
    STOPPED = "The curve was stopped; c draws it."

    drawing: reactive[Drawing | None] = reactive(None)
    says: reactive[str] = reactive("Choose a rule.")

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self._axis = AXES[0]
        self._rule: Document | None = None

    def render(self) -> Content:
        from tui.rendering.charts import draw_curve

        if self.drawing is None:
            return content(self.says)
        width, height = self.content_size
        figures = current_figures(self.drawing, width)
        room = height - 3  # the axis, its labels, the legend
        below = figures if room - len(figures) >= ROOMY else ()
        lines = draw_curve(_marked(self.drawing), width, max(SMALLEST, room - len(below)))
        legend = _legend(self.drawing.curve, width)
        return Content("\n").join([*map(content, (*lines[:-1], legend)), *below])

    # -- asking ----------------------------------------------------------------------------------------------------

    def draw_rule(self, rule: Document) -> None:
        """Draw a rule's curve, at once or when it would be seen."""
        self._rule = rule
        self._draw()

    def other_axis(self) -> None:
        """From now on draw over the other of limit and window."""
        if self.drawing is not None:
            self._axis = AXES[1 - AXES.index(self.drawing.curve.by)]

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Ask for the curve if one is due and would be seen."""
        if self._rule is None or not self.size.height:
            return
        rule, axis, curve = self._rule, self._axis, self.session.replays.curve
        self._rule = None
        self.border_subtitle = content("drawing … Esc stops")
        progress = ProgressReporter(self)
        self.ask("curve", lambda: curve(rule, axis, progress, self.showing(self.show_curve)), self.show_curve)

    def cancel(self) -> None:
        """Drop the curve that is being made or due; what is shown stays."""
        self._rule = None
        super().cancel()

    def say_instead(self, text: str) -> None:
        self.drawing, self.says = None, text
        self.border_subtitle = content("")

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.running:
            note = self.drawing.note if self.drawing is not None else ""
            done = f"{'whole ' if note else ''}{message.percent} · Esc stops"
            self.border_subtitle = content(" · ".join(part for part in (note, done) if part))

    def show_curve(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.border_subtitle = content(drawing.note)
        self.border_title = content(f"Curve by {drawing.curve.by} · c: the other")


def current_figures(drawing: Drawing, width: int) -> tuple[Content, ...]:
    """What the rule as it stands stops and loses, in one line or a line each."""
    curve = drawing.curve
    if drawing.current not in curve.labels:
        return ()
    point = curve.labels.index(drawing.current)
    parts = [
        f"{WORDS[series.id]} {share(series.shares[point])} ({number(series.counts[point])})"
        if series.known
        else f"{WORDS[series.id]}: none in this data"
        for series in curve.series
    ]
    head = f"now [{plain(drawing.current)}]  "
    if len(head) + len(" · ".join(parts)) <= width:
        return (joined((head, "bold"), " · ".join(parts)),)
    return tuple(joined((head if part is parts[0] else " " * len(head), "bold"), part) for part in parts)


def _legend(curve: Curve, width: int) -> str:
    from tui.rendering.charts import SIGNS

    signs = "  ".join(f"{SIGNS[series.id]} {WORDS[series.id]}" for series in curve.drawn)
    legend = f"by {curve.by}  {signs}  │ 95 %"
    return legend if len(legend) <= width else f"by {curve.by}  {signs}"


def _marked(drawing: Drawing) -> Curve:
    curve = drawing.curve
    labels = (f"[{plain(label)}]" if label == drawing.current else plain(label) for label in curve.labels)
    return replace(curve, labels=tuple(labels))
