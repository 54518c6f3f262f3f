"""What every screen shares: its size class, its workers, its way of saying that something failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from tui import errors
from tui.rendering.text import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

    from tui.app import WhysentApp

T = TypeVar("T")

QUIET = ("ready", "standing")
"""Questions asked beside others, which tell what is wrong."""

LAYOUTS = ("-small", "-medium", "-large")


def layout_for(width: int, height: int) -> str:
    """Which of the three designed layouts fits a terminal."""
    if width >= 150 and height >= 40:
        return "-large"
    return "-medium" if width >= 110 and height >= 30 else "-small"


class WorkScreen(Screen[None]):
    """A screen that asks the core in workers. `ask` is the only way to it."""

    AUTO_FOCUS: ClassVar[str | None] = None

    @dataclass
    class Failed(Message):
        """A question could not be answered."""

        group: str
        reason: str

    @dataclass
    class Stands(Message):
        """What answers rest on came back: it changes with an import and with what is declared."""

        standing: str

    def __init__(self) -> None:
        super().__init__()
        self._standing: str | None = None

    def on_screen_resume(self) -> None:
        """Look whether what is shown still stands; another screen or program may have changed it."""
        if self.whysent.opening is not None:
            self.ask("standing", self.whysent.session.standing, self.Stands)

    def on_work_screen_stands(self, message: Stands) -> None:
        before, self._standing = self._standing, message.standing
        if before not in {None, message.standing}:
            self.outdated()

    def outdated(self) -> None:
        """What is shown does not stand any more: ask again."""

    @property
    def unsaved(self) -> bool:
        """Whether leaving would lose an edit."""
        return False

    @property
    def whysent(self) -> WhysentApp:
        """The application, by its own type."""
        return cast("WhysentApp", self.app)

    def ask(self, group: str, question: Callable[[], T], answer: Callable[[T], Message]) -> None:
        """Run `question` in a thread and post `answer` of its result; a later question of the group replaces it."""

        def work() -> None:
            try:
                message: Message = answer(question())
            except errors.expected() as error:
                message = self.Failed(group, errors.line(error))
            if not get_current_worker().is_cancelled:
                self.post_message(message)

        self.run_worker(work, thread=True, exclusive=True, group=group)

    def on_work_screen_failed(self, message: Failed) -> None:
        if message.group not in QUIET:
            self.failed(message.group, message.reason)

    def failed(self, group: str, reason: str) -> None:
        """A question of that group could not be answered: tell it. Screens add what else has to be put right."""
        del group
        say(self.app, reason, severity="error")

    def on_resize(self, event: events.Resize) -> None:
        chosen = layout_for(event.size.width, event.size.height)
        if not self.has_class(chosen):
            self.update_classes({name: name == chosen for name in LAYOUTS})
        self.relaid(chosen)

    def relaid(self, layout: str) -> None:
        """The size class may have changed."""
