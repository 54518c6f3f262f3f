"""Linear mode: the questions and answers of the screens as lines of plain text, for screen readers and braille lines."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import WhysentError
from tui.commands import output

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.privacy.roles import Viewer
    from tui.start import Start


def run(start: Start, viewer: Viewer, command: Callable[[Path, list[str]], int]) -> int:
    """Answer lines on a workspace until somebody leaves; the exit code. Begins as the screens do. Raises WhysentError.

    `command` runs a command line on the workspace of a folder.
    """
    import io

    from audit.storage import manifest
    from tui.linear.customers import Stories, open_story, read_letter
    from tui.linear.desk import Find, everywhere
    from tui.linear.loop import Loop
    from tui.screens.stories import stories
    from tui.session.core import CoreSession

    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    output.as_lines(True)
    if start.command == "open" and start.workspace is None and not start.there:
        beginning = begun(start, command)
        if beginning is None:
            return 0
        start = beginning
    folder, demo, story = start.folder, start.command == "demo", start.story
    if not demo:
        manifest.load(folder)
    session = CoreSession.of_demo(folder, viewer) if demo else CoreSession(folder, viewer)
    opening = session.open()
    output.answer_from(session.workspace)
    loop = Loop(session, opening, partial(command, folder), everywhere, read_letter)
    first = Stories(loop) if demo else Find(loop)
    return loop.run(first, None if story is None else lambda: open_story(loop, stories()[story - 1]))


TAKEN_AT_ONCE = "Your own export or mailbox. Nothing leaves this machine."


def begun(start: Start, command: Callable[[Path, list[str]], int]) -> Start | None:
    """What somebody chooses to begin with where there is no workspace yet, as on the screens; None where they leave. Raises WhysentError."""
    from audit.storage import manifest
    from tui.screens.stories import BEGINNINGS, WayIn

    output.line(WayIn.ABOUT)
    output.line(f"There is no workspace in {start.folder} yet. Begin with:")
    for number, (name, (title, about)) in enumerate(BEGINNINGS.items(), start=1):
        output.line(f"{number}. {title}. {TAKEN_AT_ONCE if name == 'take in' else about}")
    while True:
        chosen = _answer("1, 2, 3 or quit:")
        if chosen is None:
            manifest.load(start.folder)
        elif chosen in ("q", "quit"):
            return None
        elif chosen == "1":
            return replace(start, command="demo")
        elif chosen == "2" and (file := _answer("The file or folder to take in:")):
            try:
                command(start.folder, ["import", str(Path(file).expanduser())])
            except WhysentError as error:
                output.complain(str(error))
            if start.there:
                return start
        elif chosen == "3" and (folder := _answer("The folder of the workspace:")):
            if (Path(folder).expanduser() / manifest.NAME).exists():
                return replace(start, workspace=Path(folder).expanduser())
            output.line(
                f"There is no workspace in {folder}. The folder that whysent import made holds a workspace.json."
            )


def _answer(question: str) -> str | None:
    """What somebody types; None where nobody is there any more."""
    sys.stdout.write(f"{output.harmless(question)} ")
    sys.stdout.flush()
    text = sys.stdin.readline()
    if not sys.stdin.isatty():
        output.line(text.rstrip("\n"))
    return text.strip() if text else None
