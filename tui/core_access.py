"""Asking the core: in a worker, with its progress, and with what can go wrong said in one line."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from textual.dom import DOMNode
from textual.message import Message
from textual.worker import get_current_worker

from audit.errors import WhysentError
from tui.rendering.text import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.queries.complaints.answer import CaseOfLetter
    from tui.session import Story
    from tui.session.core import CoreSession
    from tui.session.view_models import Opening

T = TypeVar("T")

QUIET = ("prepare", "data version")
"""Questions asked beside others, which tell what is wrong."""

TELL_EVERY = 0.2
"""Seconds between two tellings of how far a question is."""

SLICE = 0.004
"""Seconds after which a worker that computes in Python stands back for the screen, which shares its interpreter."""

PAUSE = 0.001
"""Seconds for which it does."""


class Services(Protocol):
    """What screens and dialogs may ask of the application."""

    session: CoreSession
    opening: Opening | None
    agent: bool
    story: Story | None

    def open_customer(self, customer: str, letter: CaseOfLetter | None = None) -> None:
        """Go to the customer screen and show somebody; with their letter at what that is about."""

    def show_workspace(self, opening: Opening) -> None:
        """Have every screen show the workspace as it is now."""

    def open_story(self, story: Story) -> None:
        """The same with the customer of a story, and its steps below."""

    def action_go(self, mode: str) -> None:
        """Go to another of the main screens."""

    def did(self, what: str, take_back: Callable[[], object], holds: Callable[[], bool]) -> None:
        """Note an act of whoever sits here, so that it can be taken back as long as it `holds`."""

    def did_to_book(self, what: str) -> None:
        """Tell what was done to the rule book or its inbox, and note it as the last act."""

    def copy(self, title: str, text: str, name: str) -> None:
        """Copy `text`, and write it to a file of that name too."""


class AsksCore(DOMNode):
    """Mixin of whatever asks the core: the application, screens, dialogs, widgets. `ask` is the only way to it.

    It is named after the Textual class, from which the style is inherited.
    """

    @dataclass
    class Answer(Message):
        """A worker is done, or has part of a result: `show` is what to do about it."""

        show: Callable[[], object]

    @property
    def services(self) -> Services:
        """The application, as far as it concerns screens."""
        return cast("Services", self.app)

    @property
    def session(self) -> CoreSession:
        """The open workspace."""
        return self.services.session

    def ask(
        self, group: str, question: Callable[[], T], show: Callable[[T], object] = lambda _: None
    ) -> None:
        """Run `question` in a thread, then `show` its result here; a later question of the group replaces it."""

        def work() -> None:
            answer: Callable[[], object]
            try:
                answer = partial(show, question())
            except expected_errors() as error:
                answer = partial(self._show_failure, group, error_line(error))
            if not get_current_worker().is_cancelled:
                self.post_message(self.Answer(answer))

        self.run_worker(work, thread=True, exclusive=True, group=group)

    def showing(self, show: Callable[[T], object]) -> Callable[[T], None]:
        """A callback for the worker in which this is called: has part of a result shown, unless it was cancelled."""
        running = still_running()

        def post(part: T) -> None:
            if running():
                self.post_message(self.Answer(partial(show, part)))

        return post

    def asking(self, group: str) -> bool:
        """Whether a question of that group is being answered."""
        return any(
            worker.group == group and worker.node is self and worker.is_running for worker in self.workers
        )

    def stop_asking(self, group: str) -> None:
        """Drop the question of that group."""
        self.workers.cancel_group(self, group)

    async def on_asks_core_answer(self, message: Answer) -> None:
        message.stop()
        shown = message.show()
        if isawaitable(shown):
            await shown

    def say(self, text: str) -> None:
        """Tell in a line what was done."""
        say(self.app, text)

    def _show_failure(self, group: str, reason: str) -> None:
        if group not in QUIET:
            self.failed(group, reason)

    def failed(self, group: str, reason: str) -> None:
        """A question of that group could not be answered: tell it. Others add what else has to be put right."""
        del group
        say(self.app, reason, severity="error")


def expected_errors() -> tuple[type[Exception], ...]:
    """What is told in a line instead of ending the program: our own errors, and a damaged or missing file."""
    polars = sys.modules.get("polars")
    damaged = () if polars is None else (polars.exceptions.ComputeError,)
    return (WhysentError, OSError, *damaged)


def error_line(error: Exception) -> str:
    """The line. What polars says of a damaged file is its own business, and may quote what is in it."""
    if isinstance(error, WhysentError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'this machine'}: {error.strerror or error}"
    from audit.storage import event_store

    return event_store.damage() or "a file of the workspace is damaged; restore it from a backup"


# -- progress ------------------------------------------------------------------------------------------------------


class StoppedError(WhysentError):
    """The worker was cancelled; what it was doing is of no interest any more."""


@dataclass
class Progress(Message):
    """How far a question is, and how many seconds it will still take."""

    done: int
    total: int
    seconds_left: float

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Progress)

    @property
    def percent(self) -> str:
        return f"{100 * self.done // max(self.total, 1)} %"


class ProgressReporter:
    """A progress callback for workers: posts `Progress` to whoever asks, and raises StoppedError once cancelled."""

    def __init__(self, asker: AsksCore | None = None) -> None:
        self._asker = asker
        self._start: float | None = None
        self._reported_at = 0.0
        self._paused_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if get_current_worker().is_cancelled:
            raise StoppedError("stopped")
        now = time.monotonic()
        if now - self._paused_at >= SLICE:
            time.sleep(PAUSE)
            self._paused_at = time.monotonic()
        self._start = self._start or now
        if self._asker is not None and now - self._reported_at >= TELL_EVERY:
            self._reported_at = now
            seconds_left = (now - self._start) * (total - done) / max(done, 1)
            self._asker.post_message(Progress(done, total, seconds_left))


def still_running() -> Callable[[], bool]:
    """Whether the worker in which this is called has not been cancelled."""
    worker = get_current_worker()
    return lambda: not worker.is_cancelled
