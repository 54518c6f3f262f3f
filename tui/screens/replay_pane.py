"""What is typed into a rule's form is read back and replayed as one types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message
from textual.widgets import Static

from tui.progress import Told, still_wanted
from tui.rendering.replay_summary import figures, of_sample
from tui.rendering.text import content
from tui.screens.panes import PaneScreen
from tui.widgets.rule_form import RuleForm

if TYPE_CHECKING:
    from textual.content import Content
    from textual.timer import Timer

    from tui.session.view_models import (
        Document,
        Draft,
        Entry,
        Sample,
    )

PAUSE = 0.15
"""Seconds without a key before an edit is replayed."""


class ReplayingScreen(PaneScreen):
    """A form (`RuleForm`) and the figures of its rule (`#figures` in `#replay`).

    A newer edit stops the replay of an older one at its first key.
    """

    @dataclass
    class Drafted(Message):
        """The form was read back."""

        draft: Draft

    @dataclass
    class Replaying(Message):
        """How far a replay has come, and how long it will still take."""

        done: int
        of: int
        seconds_left: float

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ReplayingScreen.Replaying)

    @dataclass
    class Sampled(Message):
        """The replay over some customers came back; that over all goes on."""

        sample: Sample

    @dataclass
    class Replayed(Message):
        """A replay came back."""

        replay: Document

    @dataclass
    class MadeReady(Message):
        """Everything is ready that replays need."""

    def __init__(self) -> None:
        super().__init__()
        self._entry: Entry | None = None
        self._draft: Draft | None = None
        self._replay: Document | None = None
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        session = self.whysent.session
        self.ask("ready", lambda: session.make_ready(still_wanted()), lambda _: self.MadeReady())

    @property
    def unsaved(self) -> bool:
        """Whether an edit would be lost."""
        return self.query_one(RuleForm).edited

    @on(RuleForm.Edited)
    def wait(self, message: RuleForm.Edited) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.workers.cancel_group(self, "replay")
        session, texts = self.whysent.session, self._whole(message.texts)
        self._timer = self.set_timer(
            PAUSE, lambda: self.ask("draft", lambda: session.draft(texts), self.Drafted)
        )

    def _whole(self, texts: dict[str, str]) -> dict[str, str]:
        assert self._entry is not None
        fixed = {key: str(self._entry.keys[key]) for key in ("id", "kind") if key in self._entry.keys}
        return fixed | texts

    @on(Drafted)
    def show_draft(self, message: Drafted) -> None:
        self._draft = message.draft
        self.query_one(RuleForm).tell(message.draft.errors)
        if not message.draft.errors:
            self._ask_replay(message.draft.keys)

    def _ask_replay(self, rule: Document) -> None:
        session = self.whysent.session
        self.query_one("#replay").border_subtitle = content("replaying … Esc stops")
        told = Told(lambda *far: self.post_message(self.Replaying(*far)))

        def replay() -> Document:
            wanted = still_wanted()

            def sampled(sample: Sample) -> None:
                if wanted():
                    self.post_message(self.Sampled(sample))

            return session.replay(rule, None, told, sampled)

        self.ask("replay", replay, self.Replayed)

    @on(Replaying)
    def show_progress(self, message: Replaying) -> None:
        if self._replaying:
            left = f"{100 * message.done // max(message.of, 1)} % · about {message.seconds_left:.0f} s left · Esc stops"
            self.query_one("#replay").border_subtitle = content(left)

    @property
    def _replaying(self) -> bool:
        return any(worker.group == "replay" and worker.is_running for worker in self.workers)

    @on(Sampled)
    def show_sample(self, message: Sampled) -> None:
        if self._replaying:
            self.query_one("#figures", Static).update(of_sample(message.sample))

    @on(Replayed)
    def show_replay(self, message: Replayed) -> None:
        self._replay = message.replay
        self._say_figures(figures(message.replay, displaced=not self.has_class("-medium")))

    def _say_figures(self, text: Content) -> None:
        self.query_one("#figures", Static).update(text)
        self.query_one("#replay").border_subtitle = content("")

    def failed(self, group: str, reason: str) -> None:
        if group == "replay":
            self._say_figures(content(reason))
        else:
            super().failed(group, reason)

    def _stop_replay(self) -> None:
        self.workers.cancel_group(self, "replay")
        self._say_figures(content("The replay was stopped."))
