"""The application: three screens over one session, the themes, and how it starts and ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App

from tui import keys
from tui.core_access import AsksCore, error_line, expected_errors
from tui.rendering.text import content, plain, say
from tui.screens.base import WorkScreen
from tui.screens.find import FindScreen
from tui.themes import DARK, THEMES, first_theme, wants_no_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from textual.app import SystemCommand
    from textual.screen import Screen

    from audit.privacy.roles import Viewer
    from tui.session.core import CoreSession
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


class WhysentApp(App[int], AsksCore):
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

    def __init__(self, session: CoreSession, *, agent: bool = False) -> None:
        super().__init__(ansi_color=True if wants_no_colour() else None)
        self._session = session
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

    @property
    def session(self) -> CoreSession:
        return self._session

    # -- opening ---------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.call_after_refresh(self.ask, "open", self.session.open, self.show_workspace)

    def show_workspace(self, opening: Opening) -> None:
        self.opening = opening
        for screen in self.screen_stack:
            if isinstance(screen, FindScreen):
                screen.opened(opening)
        if opening.first is not None:
            self.open_customer(opening.first)
        self.ask("warm", self._warm)

    def _warm(self) -> None:
        with suppress(*expected_errors()):  # whoever looks somebody up is told then
            self.session.warm()

    def failed(self, group: str, reason: str) -> None:
        """A workspace that cannot be opened ends the program."""
        if group == "open":
            self.failure = reason
            self.exit(2, return_code=2)
        else:
            super().failed(group, reason)

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

    async def action_seek(self) -> None:
        """Go to the field before the next key is handled: what is typed after it belongs there."""
        await self.switch_mode("find")
        if isinstance(self.screen, FindScreen):
            self.screen.seek()

    def action_explain_keys(self) -> None:
        from tui.keys import help_text
        from tui.screens.dialogs import TextDialog

        self.push_screen(TextDialog("Keys here", help_text(self.screen)))

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        index = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(index + 1) % len(names)]
        say(self, f"theme: {self.theme}")

    def action_leave(self) -> None:
        screens = [screen for stack in self._screen_stacks.values() for screen in stack]
        if not any(isinstance(screen, WorkScreen) and screen.unsaved for screen in screens):
            self.exit(0)
            return
        from tui.screens.dialogs import Question

        self.push_screen(
            Question("Leave?", content("An edit of a rule is not saved; it would be lost.")),
            lambda yes: self.exit(0) if yes else None,
        )

    def copy(self, title: str, text: str, name: str) -> None:
        """Copy `text`, and write it to a file too: a terminal may drop the copy without a word."""
        self.copy_to_clipboard("\n".join(plain(part) for part in text.split("\n")))

        def write() -> str:
            try:
                return self.session.write_export(name, text)
            except expected_errors() as error:
                return error_line(error)

        self.ask("copy", write, lambda path: self.say(f"copied {title}; if the terminal dropped it: {path}"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every action that holds on this screen, from the table of keys."""
        from tui.keys import commands

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
    from audit.privacy.roles import Viewer as AnyViewer
    from tui.session.core import CoreSession

    viewer = viewer or AnyViewer()
    agent = viewer.ticket is not None or not viewer.may("list")
    app = WhysentApp(CoreSession(folder, viewer, first=first), agent=agent)
    app.set_keymap(keys.read_keymap(keys.keymap_file()))
    app.run()
    if app.failure:
        print(f"whysent: {plain(app.failure)}", file=sys.stderr)
    return app.return_code or 0
