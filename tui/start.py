"""How the screens start: a sign of life at once, then everything else is loaded.

The three commands that open screens are told apart here in their plainest forms, before the command line is loaded, which
takes longer than the screens' first paint. Anything else that is typed is the command line's business.
"""

import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import InputError
from tui import BEAT

if TYPE_CHECKING:
    from audit.privacy.roles import Viewer

STORIES = 13
EVERY = 0.1
"""Seconds between two movements of the sign."""

_COMMANDS = {
    "open": {"workspace", "as"},
    "case": {"workspace", "as", "ticket", "reason"},
    "demo": {"workspace", "as", "story"},
}

_YES, _NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Start:
    """What is to be opened: by which command, in which folder, for whom; of the demo with which story."""

    command: str
    workspace: Path | None = None
    role: str | None = None
    ticket: str | None = None
    reason: str | None = None
    story: int | None = None
    letter: tuple[str, str | None] | None = field(default=None, repr=False)
    """A customer's letter to begin with, and whose it is, where that is known."""
    take_in: bool = False
    """Whether it begins with taking a file in; the workspace is made where there is none."""

    @property
    def folder(self) -> Path:
        """The folder that was named, here or in the environment, else that of the command."""
        from audit.workspace import default_folder, demo_folder, named_folder

        return (
            self.workspace
            or named_folder()
            or (demo_folder() if self.command == "demo" else default_folder())
        )

    @property
    def there(self) -> bool:
        """Whether there is something to open, or it is made."""
        return self.command == "demo" or self.take_in or (self.folder / "workspace.json").exists()

    def viewer(self) -> "Viewer":
        """Who looks. Raises InputError where there is no such role."""
        return viewer(self.role, self.ticket, self.reason)


def viewer(role: str | None, ticket: str | None, reason: str | None) -> "Viewer":
    """Who is looking, and for which ticket: the maker of the workspace is admin; `role` lowers that. Raises InputError."""
    from audit.privacy.roles import Role, Viewer

    looking = Viewer(ticket=ticket, reason=reason)
    if role is None:
        return looking
    names = [known.name.lower() for known in Role]
    if role not in names:
        raise InputError(f"--as {role}: one of {', '.join(names)}")
    return looking.lowered(role)


def plain(arguments: list[str]) -> Start | None:
    """What is to be opened, where that is said by nothing but a command's name and options with a value each."""
    rest, command, options = list(arguments), "", dict[str, str]()
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and rest and not rest[0].startswith("-") and word[2:] not in options:
            options[word[2:]] = rest.pop(0)
        elif not command and word in _COMMANDS and options.keys() <= _COMMANDS["open"]:
            command = word
        else:
            return None
    command = command or "open"
    if not options.keys() <= _COMMANDS[command] or ("ticket" in options) != (command == "case"):
        return None
    story = options.get("story", "1")
    if not (story.isascii() and story.isdigit() and 1 <= int(story) <= STORIES):
        return None
    return Start(
        command,
        Path(options["workspace"]) if "workspace" in options else None,
        options.get("as"),
        options.get("ticket"),
        options.get("reason"),
        int(story) if "story" in options else None,
    )


def terminal() -> bool:
    """Whether somebody can see screens and type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def wants_lines() -> bool:
    """Whether the environment asks for linear mode: WHYSENT_LINEAR, which may also say no; ACCESSIBLE; a terminal that can do no more."""
    own = os.environ.get("WHYSENT_LINEAR", "").casefold()
    if own in _YES | _NO:
        return own in _YES
    return os.environ.get("ACCESSIBLE", "").casefold() in _YES or os.environ.get("TERM") == "dumb"


def run(start: Start) -> int:
    """Open the screens; the exit code. Raises WhysentError where there is nothing to open."""
    viewer, folder = start.viewer(), start.folder
    if not start.there:
        from audit.storage import manifest

        manifest.load(folder)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # screens end with their terminal, whatever started them
    sign = Sign()
    sign.show()
    try:
        from tui import app

        if start.command == "demo":
            return app.run_demo(folder, viewer=viewer, story=start.story, ready=sign.hand_over)
        with _begun(start):
            return app.run(
                folder, viewer=viewer, ready=sign.hand_over, letter=start.letter, take_in=start.take_in
            )
    finally:
        sign.take_back()


def _begun(start: Start) -> AbstractContextManager[object]:
    """Within it, there is a workspace to take a file into."""
    from audit import workspace

    return workspace.begun(start.folder) if start.take_in else nullcontext()


class Sign:
    """The program's name, and a sign that moves, where the screens will be; nothing where a terminal cannot show it."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self) -> None:
        """Put it there."""
        utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        if terminal() and utf8 and os.name != "nt" and os.environ.get("TERM", "dumb") != "dumb":
            _write("\x1b[?1049h\x1b[?25l\x1b[2J\x1b[1;2H\x1b[1mwhysent\x1b[0m")
            self._thread = threading.Thread(target=self._move, daemon=True)
            self._thread.start()

    def _move(self) -> None:
        beat = 0
        while not self._over.is_set():
            _write(f"\x1b[1;11H{BEAT[beat % len(BEAT)]}")
            beat += 1
            self._over.wait(EVERY)

    def hand_over(self) -> None:
        """Leave the terminal to the screens, which put it back when they end."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None

    def take_back(self) -> None:
        """Put the terminal back, where no screens came."""
        if self._thread is not None:
            self.hand_over()
            _write("\x1b[?25h\x1b[?1049l")


def _write(text: str) -> None:
    os.write(sys.stdout.fileno(), text.encode())


def opened(arguments: list[str]) -> int | None:
    """Open the screens where the arguments say so plainly, and a terminal and a workspace are there: the exit code; else None.

    Where there is no workspace yet and none was named, what to begin with is asked first. Where they are to be lines of text,
    the command line says so.
    """
    start = plain(arguments) if terminal() and not wants_lines() else None
    if start is not None and start.command == "open" and start.workspace is None and not start.there:
        start = begun(start)
        return 0 if start is None else run(start)
    return run(start) if start is not None and start.there else None


def begun(start: Start) -> Start | None:
    """What somebody chooses to begin with where there is no workspace yet; None where they leave."""
    start.viewer()
    sign = Sign()
    sign.show()
    try:
        from tui import keys, settings
        from tui.screens.stories import WayIn

        way_in = WayIn(start.folder, settings.read(keys.settings_file()).theme)
        sign.hand_over()
        chosen, folder = way_in.run() or ("", None)
    finally:
        sign.take_back()
    beginnings = {
        "demo": replace(start, command="demo"),
        "take in": replace(start, take_in=True),
        "open": replace(start, workspace=folder),
    }
    return beginnings.get(chosen)
