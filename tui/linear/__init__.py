"""Linear mode: the questions and answers of the screens as lines of plain text, for screen readers and braille lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.privacy.roles import Viewer
    from tui.start import Start


def run(start: Start, viewer: Viewer, command: Callable[[list[str]], int]) -> int:
    """Answer lines on a workspace until somebody leaves; the exit code. Begins as the screens do. Raises WhysentError."""
    import io

    from audit.storage import manifest
    from tui.commands import output
    from tui.linear.customers import Stories, open_story, read_letter
    from tui.linear.desk import Find, everywhere
    from tui.linear.loop import Loop
    from tui.screens.stories import stories
    from tui.session.core import CoreSession

    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    output.as_lines(True)
    folder, demo, story = start.folder, start.command == "demo", start.story
    if not demo:
        manifest.load(folder)
    session = CoreSession.of_demo(folder, viewer) if demo else CoreSession(folder, viewer)
    opening = session.open()
    output.answer_from(session.workspace)
    loop = Loop(session, opening, command, everywhere, read_letter)
    first = Stories(loop) if demo else Find(loop)
    return loop.run(first, None if story is None else lambda: open_story(loop, stories()[story - 1]))
