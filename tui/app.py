"""The application: three screens over one session, the themes, and how it starts and ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App

from tui import keys
from tui.core_access import Progress, ProgressReporter, error_line, expected_errors
from tui.palette import GoesToEntries, OfProgram, OfWorkspace, People, TakesBack
from tui.rendering.text import content, number, plain, say
from tui.screens.base import WorkScreen
from tui.screens.find import FindScreen
from tui.session import Pasted
from tui.settings import DARK, THEMES, TITLES, first_theme, keep_theme, read, wants_no_colour
from tui.widgets.text import Heading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from textual.command import CommandPalette
    from textual.screen import Screen

    from audit.privacy.roles import Viewer
    from audit.queries.complaints.answer import CaseOfLetter
    from tui.session import Story
    from tui.session.core import CoreSession
    from tui.session.view_models import Opening


def _lazily(module: str, name: str) -> Callable[[], Screen[Any]]:
    """What makes a screen whose module is loaded when it is first gone to."""

    def make() -> Screen[Any]:
        screen: Screen[Any] = getattr(import_module(f"tui.screens.{module}"), name)()
        return screen

    return make


class WhysentApp(App[int], GoesToEntries, TakesBack):
    """Find, Customer, Rules; from Find also how far log and definitions agree. `agent` starts in the field and lists nobody."""

    TITLE = "whysent"
    CSS_PATH = "theme.tcss"
    BINDINGS = keys.bindings("app")
    COMMANDS = {OfProgram, OfWorkspace, People}  # noqa: RUF012 - as Textual declares it
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "find": FindScreen,
        "customer": _lazily("customer", "CustomerScreen"),
        "rules": _lazily("rules", "RulesScreen"),
        "fleet": _lazily("fleet", "FleetScreen"),
        "agreement": _lazily("reconcile", "ReconcileScreen"),
        "stories": _lazily("stories", "StoriesScreen"),
    }
    DEFAULT_MODE = "find"

    def __init__(
        self,
        session: CoreSession,
        *,
        agent: bool = False,
        letter: tuple[Pasted, str | None] | None = None,
        take_in: bool = False,
        theme: str = "",
        keymap: Mapping[str, str] | None = None,
        settings: Path | None = None,
    ) -> None:
        super().__init__(ansi_color=True if wants_no_colour() else None)
        self._letter, self._takes_in = letter, take_in
        self._session = session
        self.agent = agent
        self.opening: Opening | None = None
        self.story: Story | None = None
        self._warmed = False
        self.failure = ""
        self.keymap = keymap or {}
        keys.take(self.keymap)
        self.settings = settings
        self.set_keymap(self.keymap)
        for registered in THEMES:
            self.register_theme(registered)
        self.chosen_theme = first_theme(theme)
        if self.chosen_theme == DARK.name:
            self.set_reactive(
                App.theme, DARK.name
            )  # nothing is painted yet that a watcher would have to change
        else:
            self.theme = self.chosen_theme

    @property
    def session(self) -> CoreSession:
        return self._session

    # -- opening ---------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.call_after_refresh(self.ask, "open", self.session.open, self.show_workspace)

    def show_workspace(self, opening: Opening) -> None:
        self.opening = opening
        for screen in self._work_screens():
            screen.opened(opening)
            if isinstance(screen, FindScreen) and self._letter is not None:
                screen.read_letter(*self._letter)
                self._letter = None
        if self._takes_in:
            self._takes_in = False
            self.action_take_in()
        if not self.asking("story"):
            self._warm_up()

    def _work_screens(self) -> list[WorkScreen]:
        return [
            screen
            for stack in self._screen_stacks.values()
            for screen in stack
            if isinstance(screen, WorkScreen)
        ]

    def _warm_up(self) -> None:
        """Once, and not before somebody that is waited for is there."""
        if not self._warmed:
            self._warmed = True
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

    def open_story(self, story: Story) -> None:
        """Go to the customer screen and show the customer of a story, with its steps below."""

        def read() -> str:
            customer = self.session.customers.resolve(story.customer)
            self.session.customers.picture(
                customer, (), whole=False
            )  # kept, so that the screen has it at once
            return customer

        self.ask("story", read, partial(self._show_customer, story))

    def open_customer(self, customer: str, letter: CaseOfLetter | None = None) -> None:
        """Go to the customer screen and show somebody; with their letter at what that is about."""
        self._show_customer(None, customer, letter)

    def _show_customer(self, story: Story | None, customer: str, letter: CaseOfLetter | None = None) -> None:
        from tui.screens.customer import CustomerScreen

        self._warm_up()
        self.story = story
        self.switch_mode("customer")

        def show() -> None:
            while not isinstance(self.screen, CustomerScreen) and len(self.screen_stack) > 1:
                self.pop_screen()
            if isinstance(self.screen, CustomerScreen):
                self.screen.open_customer(customer, letter)

        self.call_after_refresh(show)

    # -- what a person does ----------------------------------------------------------------------------------------

    def action_go(self, mode: str) -> None:
        if mode == "stories" and self.opening is not None and not self.opening.synthetic:
            say(
                self,
                "there are no stories in this workspace; `whysent demo` makes one that has them",
                severity="warning",
            )
        else:
            self.switch_mode(mode)

    async def action_seek(self) -> None:
        """Go to the field before the next key is handled: what is typed after it belongs there."""
        await self.switch_mode("find")
        if isinstance(self.screen, FindScreen):
            self.screen.seek()

    def action_explain_keys(self) -> None:
        from tui.screens.dialogs import TextDialog

        if self.screen.id == "help":
            self.screen.dismiss()
        else:
            dialog = TextDialog("Keys here", keys.help_text(self.screen, self.keymap))
            dialog.id = "help"
            self.push_screen(dialog)

    def action_story(self, step: int) -> None:
        """From the customer of a story to that of another one."""
        if self.story is not None:
            from tui.screens.stories import neighbour

            self.open_story(neighbour(self.story, step))

    # -- themes --------------------------------------------------------------------------------------------------

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.choose_theme(names[(names.index(self.chosen_theme) + 1) % len(names)])

    def choose_theme(self, name: str, *, again: bool = False) -> None:
        """Take a theme, and keep it for the next time; `again`: one that was there before."""
        before = self.chosen_theme
        if before != name and not again:
            back = partial(self.choose_theme, before, again=True)
            self.did(f"the theme {name} instead of {before}", back, lambda: self.chosen_theme == name)
        self.theme = self.chosen_theme = name
        say(self, f"theme: {TITLES[name]}")
        if self.settings is not None:
            self.ask("theme", partial(keep_theme, self.settings, name))

    def on_command_palette_option_highlighted(self, message: CommandPalette.OptionHighlighted) -> None:
        """In the palette the theme under the cursor is shown as it would be."""
        hit = getattr(message.highlighted_event.option, "hit", None)
        chosen = getattr(hit, "command", None)
        shows = isinstance(chosen, partial) and chosen.func == self.choose_theme
        self.theme = chosen.args[0] if isinstance(chosen, partial) and shows else self.chosen_theme

    def on_command_palette_closed(self, message: CommandPalette.Closed) -> None:
        if not message.option_selected:
            self.theme = self.chosen_theme

    def action_take_in(self) -> None:
        from tui.screens.take_in import TakeInScreen

        if not isinstance(self.screen, TakeInScreen):
            self.push_screen(TakeInScreen())

    def action_jump(self) -> None:
        from tui.screens.dialogs import JumpScreen

        self.push_screen(JumpScreen(self.screen))

    # -- the palette ---------------------------------------------------------------------------------------------

    def action_command_palette(self) -> None:
        from textual.command import CommandPalette

        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="an action, a name, a question … in your own words"))

    def action_leave(self) -> None:
        if not any(screen.unsaved for screen in self._work_screens()):
            self.exit(0)
            return
        from tui.screens.dialogs import Question

        self.push_screen(
            Question("Leave?", content("An edit of a rule is not saved; it would be lost.")),
            lambda yes: self.exit(0) if yes else None,
        )

    def _fatal_error(self) -> None:
        """End after an error nobody expected, without the values of variables: they may be somebody's address or letter."""
        from rich.console import Group
        from rich.segment import Segments
        from rich.traceback import Traceback

        traceback = Group(Traceback(show_locals=False, width=None))
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()

    def copy(self, title: str, text: str, name: str) -> None:
        """Copy `text`, and write it to a file too: a terminal may drop the copy without a word."""
        self.copy_to_clipboard("\n".join(plain(part) for part in text.split("\n")))

        def write() -> str:
            try:
                return self.session.write_export(name, text)
            except expected_errors() as error:
                return error_line(error)

        self.ask("copy", write, lambda path: self.say(f"copied {title}; if the terminal dropped it: {path}"))


class DemoApp(WhysentApp):
    """The same, beginning with the stories; with one of them, where it is named."""

    DEFAULT_MODE = "stories"

    def __init__(self, session: CoreSession, *, story: int | None = None, **options: Any) -> None:
        super().__init__(session, **options)
        if story is not None:
            from tui.screens.stories import stories

            self.story = stories()[story - 1]

    def show_workspace(self, opening: Opening) -> None:
        super().show_workspace(opening)
        if opening.awaited:
            self.ask("rest", partial(self.session.finish, ProgressReporter(self)), self.show_rest)

    def on_progress(self, progress: Progress) -> None:
        """Say on every screen of how many customers it speaks so far."""
        from tui.screens.stories import StoriesScreen

        opening = self.opening
        if opening is not None and opening.awaited:
            there, awaited = number(opening.customers), number(opening.awaited)
            so_far = f"{there} customers are here, the other {awaited} are {progress.percent} made"
            self._meanwhile(f"{so_far}; numbers of everybody follow")
            for screen in self._work_screens():
                if isinstance(screen, StoriesScreen):
                    screen.tell_progress(progress)

    def show_rest(self, opening: Opening) -> None:
        """Everybody is there: count again what was counted over some."""
        self._meanwhile("")
        self.opening, self._warmed = opening, False
        for screen in self._work_screens():
            screen.opened(opening)
        if isinstance(self.screen, WorkScreen):
            self.screen.on_screen_resume()
        self._warm_up()

    def failed(self, group: str, reason: str) -> None:
        if group == "rest" and self.opening is not None:
            self._meanwhile(f"{self.opening.customers} customers only; the next start makes the others")
        super().failed(group, reason)

    def _meanwhile(self, text: str) -> None:
        for screen in self._work_screens():
            for heading in screen.query(Heading):
                heading.meanwhile = text


def run(
    folder: Path,
    *,
    viewer: Viewer | None = None,
    ready: Callable[[], None] = lambda: None,
    letter: tuple[str, str | None] | None = None,
    take_in: bool = False,
) -> int:
    """Run the screens on a workspace and return the exit code.

    `viewer` (role, ticket, reason) is who looks; an agent begins in the field without a list. `ready` is called before the
    screens take the terminal. It begins with a `letter`, and whose it is, where that is known, or, to `take_in`, with a file.
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
    pasted = None if letter is None else (Pasted(letter[0]), letter[1])
    session = CoreSession(folder, viewer)
    return _ended(WhysentApp(session, agent=agent, letter=pasted, take_in=take_in, **_own_settings()), ready)


def run_demo(folder: Path, *, viewer: Viewer, story: int | None, ready: Callable[[], None]) -> int:
    """Run the screens on the demo, made in `folder` meanwhile where it is not there yet; begin with `story`."""
    from tui.session.core import CoreSession

    agent = viewer.ticket is not None or not viewer.may("list")
    return _ended(
        DemoApp(CoreSession.of_demo(folder, viewer), story=story, agent=agent, **_own_settings()), ready
    )


def _own_settings() -> dict[str, Any]:
    """What whoever sits here has chosen. Raises InputError where their file is wrong."""
    path = keys.settings_file()
    settings = read(path)
    return {"settings": path, "theme": settings.theme, "keymap": settings.keys}


def _ended(app: WhysentApp, ready: Callable[[], None]) -> int:
    """Run it to its end; the exit code."""
    ready()
    app.run()
    if app.failure:
        print(f"whysent: {plain(app.failure)}", file=sys.stderr)
    return app.return_code or 0
