"""A dialog that asks the core in workers, and says what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual.message import Message
from textual.screen import ModalScreen
from textual.worker import get_current_worker

from tui import errors
from tui.rendering.text import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.app import WhysentApp
    from tui.session.protocol import Session

Result = TypeVar("Result")


class WorkDialog(ModalScreen[Result], Generic[Result]):
    """`work` is its only way to the core; a question that fails is told with `failed`."""

    @dataclass
    class Failed(Message):
        """A question could not be answered."""

        group: str
        reason: str

    @property
    def whysent(self) -> WhysentApp:
        """The application, by its own type."""
        return cast("WhysentApp", self.app)

    @property
    def session(self) -> Session:
        """The open workspace."""
        return self.whysent.session

    def work(self, group: str, made: Callable[[], Message]) -> None:
        """Run `made` in a thread and post its message; a later one of the group replaces it."""

        def run() -> None:
            try:
                message = made()
            except errors.expected() as error:
                message = self.Failed(group, errors.line(error))
            if not get_current_worker().is_cancelled:
                self.post_message(message)

        self.run_worker(run, thread=True, exclusive=True, group=group)

    def on_work_dialog_failed(self, message: Failed) -> None:
        self.failed(message.group, message.reason)

    def failed(self, group: str, reason: str) -> None:
        """A question of that group could not be answered: tell it."""
        del group
        say(self.app, reason, severity="error")
