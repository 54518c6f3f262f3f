"""The application: three screens over one session, the themes, and how it starts and ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App
from textual.message import Message

from tui import errors, keys
from tui.rendering.text import plain, say
from tui.screens.base import WorkScreen
from tui.screens.find import FindScreen
from tui.themes import DARK, THEMES, first_theme, wants_no_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from textual.app import SystemCommand
    from textual.screen import Screen

    from audit.privacy.roles import Viewer
    from tui.session.protocol import Session
    from tui.session.view_models import Opening


def _customer() -> Screen[Any]:
    from tui.screens.customer import CustomerScreen

    return CustomerScreen()


def _rules() -> Screen[Any]:
    from tui.screens.rules import RulesScreen

    return RulesScreen()


def _agreement() -> Screen[Any]:
    from tui.screens.reconcile import ReconcileScreen

    return ReconcileScreen()


class WhysentApp(App[int]):
    """Find, Customer, Rules; from Find also how far log and definitions agree. `agent` starts in the field and lists nobody."""

    TITLE = "whysent"
    CSS_PATH = "theme.tcss"
    BINDINGS = keys.bindings("app")
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "find": FindScreen,
        "customer": _customer,
        "rules": _rules,
        "agreement": _agreement,
    }
    DEFAULT_MODE = "find"

    @dataclass
    class Ready(Message):
        """The workspace is open."""

        opening: Opening

    @dataclass
    class Unusable(Message):
        """The workspace cannot be opened."""

        reason: str

    @dataclass
    class Copied(Message):
        """What was copied is in a file as well."""

        what: str
        path: str

    def __init__(self, session: Session, *, agent: bool = False) -> None:
        super().__init__(ansi_color=True if wants_no_colour() else None)
        self.session = session
        self.agent = agent
        self.opening: Opening | None = None
        self.failure = ""
        for theme in THEMES:
            self.register_theme(theme)
        if first_theme() == DARK.name:
            self.set_reactive(
                App.theme, DARK.name
            )  # nothing is painted yet that a watcher would have to change
        else:
            self.theme = first_theme()

    # -- opening ---------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        def work() -> None:
            try:
                self.post_message(self.Ready(self.session.open()))
            except errors.expected() as error:
                self.post_message(self.Unusable(errors.line(error)))

        self.run_worker(work, thread=True, exclusive=True, group="open")

    @on(Ready)
    def show_workspace(self, message: Ready) -> None:
        self.opening = message.opening
        for screen in self.screen_stack:
            if isinstance(screen, FindScreen):
                screen.opened(message.opening)
        if message.opening.first is not None:
            self.open_customer(message.opening.first)
        self.run_worker(self._warm, thread=True, exclusive=True, group="warm")

    def _warm(self) -> None:
        with suppress(*errors.expected()):  # whoever looks somebody up is told then
            self.session.warm()

    @on(Unusable)
    def leave_unusable(self, message: Unusable) -> None:
        self.failure = message.reason
        self.exit(2, return_code=2)

    def open_customer(self, customer: str) -> None:
        """Go to the customer screen and show somebody."""
        from tui.screens.customer import CustomerScreen

        self.switch_mode("customer")

        def show() -> None:
            while not isinstance(self.screen, CustomerScreen) and len(self.screen_stack) > 1:
                self.pop_screen()
            if isinstance(self.screen, CustomerScreen):
                self.screen.open_customer(customer)

        self.call_after_refresh(show)

    # -- what a person does ----------------------------------------------------------------------------------------

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)

    def action_seek(self) -> None:
        self.switch_mode("find")

        def seek() -> None:
            if isinstance(self.screen, FindScreen):
                self.screen.seek()

        self.call_after_refresh(seek)

    def action_explain_keys(self) -> None:
        from tui.screens.help import HelpDialog, places

        self.push_screen(HelpDialog(places(self.screen, self.focused)))

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]
        say(self, f"theme: {self.theme}")

    def action_leave(self) -> None:
        if not any(isinstance(screen, WorkScreen) and screen.unsaved for screen in self._all_screens()):
            self.exit(0)
            return
        from tui.rendering.text import content
        from tui.screens.dialogs import Question

        self.push_screen(
            Question("Leave?", content("An edit of a rule is not saved; it would be lost.")),
            lambda yes: self.exit(0) if yes else None,
        )

    def _all_screens(self) -> list[Screen[Any]]:
        return [screen for stack in self._screen_stacks.values() for screen in stack]

    def copy(self, what: str, text: str, name: str) -> None:
        """Copy `text`, and write it to a file too: a terminal may drop the copy without a word."""
        self.copy_to_clipboard("\n".join(plain(part) for part in text.split("\n")))

        def work() -> None:
            try:
                self.post_message(self.Copied(what, self.session.keep(name, text)))
            except errors.expected() as error:
                self.post_message(self.Copied(what, errors.line(error)))

        self.run_worker(work, thread=True, exclusive=True, group="copy")

    @on(Copied)
    def say_copied(self, message: Copied) -> None:
        say(self, f"copied {message.what}; if the terminal dropped it: {message.path}")

    # -- the palette -----------------------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that holds on this screen, from the table of keys."""
        from tui.palette import commands

        return commands(self, screen)


def run(folder: Path, *, viewer: Viewer | None = None, first: str | None = None) -> int:
    """Run the screens on a workspace and return the exit code.

    `viewer` (role, ticket, reason) is who looks; an agent begins in the field without a list. `first` is a customer
    to begin with.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "whysent: the screens need a terminal; without one use `whysent customers --json`",
            file=sys.stderr,
        )
        return 2
    from audit.privacy.roles import Viewer as Somebody
    from tui import keymap
    from tui.session.customers import CoreSession

    looks = viewer or Somebody()
    app = WhysentApp(
        CoreSession(folder, looks, first=first), agent=looks.ticket is not None or not looks.may("list")
    )
    app.set_keymap(keymap.read(keymap.folder() / "keys.toml"))
    app.run()
    if app.failure:
        print(f"whysent: {plain(app.failure)}", file=sys.stderr)
    return app.return_code or 0
