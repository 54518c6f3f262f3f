"""The replay of a rule over everybody, as fast as somebody types; a newer one stops the older."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from tui.core_access import AsksCore, Progress, ProgressReporter
from tui.rendering.replay_summary import figures, of_sample
from tui.rendering.text import content

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.content import Content

    from audit.rules.replay.totals import ReplayDocument
    from tui.session.view_models import Document, Sample

GROUP = "replay"


class ReplayPane(VerticalScroll, AsksCore):
    """Shows the figures of one rule; `replay` is the document of the last whole replay."""

    class Replayed(Message):
        """The replay over everybody is shown."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self.replay: ReplayDocument | None = None

    def compose(self) -> ComposeResult:
        yield Static(content("Choose a rule."), markup=False)

    def replay_rule(self, rule: Document) -> None:
        """Replay a rule alone, over everybody."""
        replay, progress = self.session.replays.replay, ProgressReporter(self)
        self.border_subtitle = content("replaying … Esc stops")
        show = self.showing
        self.ask(GROUP, lambda: replay(rule, None, progress, show(self.show_sample)), self.show_replay)

    @property
    def replaying(self) -> bool:
        """Whether a replay is being made."""
        return self.asking(GROUP)

    def cancel(self) -> None:
        """Drop the replay that is being made; what is shown stays."""
        self.stop_asking(GROUP)

    def stop(self) -> None:
        """Drop the replay that is being made, and say so."""
        self.cancel()
        self.say_instead(content("The replay was stopped."))

    def say_instead(self, text: Content) -> None:
        """Show a sentence where figures would stand."""
        self.query_one(Static).update(text)
        self.border_subtitle = content("")

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.replaying:
            seconds = f"about {message.seconds_left:.0f} s left"
            self.border_subtitle = content(f"{message.percent} · {seconds} · Esc stops")

    def show_sample(self, sample: Sample) -> None:
        if self.replaying:
            self.query_one(Static).update(of_sample(sample))

    def show_replay(self, replay: ReplayDocument) -> None:
        self.replay = replay
        self.say_instead(figures(replay, displaced=not self.screen.has_class("-medium")))
        self.post_message(self.Replayed())

    def failed(self, group: str, reason: str) -> None:
        del group
        self.say_instead(content(reason))
