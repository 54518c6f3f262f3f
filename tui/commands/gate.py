"""gate: decisions for a stream."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output
from tui.commands.options import RoleOption, WorkspaceOption

TOGETHER = 128
"""Lines that wait for each other, at most: they are there already, and share one write to the record."""

SELDOM = (50_000, 20, 100)
"""When Python looks for circles of what nobody holds: what the gate keeps has none."""

READ = 65_536
"""Bytes taken from stdin at once, at most."""


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(gate)


def gate(
    context: typer.Context,
    rules_file: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="A rule file; by default the book's enabled rules."),
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """Decide messages before they go out: a line of JSON in on stdin, a line out for each."""
    from audit.enforcement import gate as gates
    from audit.rules import files

    options.viewer(context, role).require("gate")
    ws = options.opened(context, workspace)
    rules = ws.book.enabled() if rules_file is None else files.read(rules_file)
    if not rules and rules_file is not None:
        raise InputError(f"{rules_file}: holds no rule; write one as a [[rule]] table")
    with _ended_by_sigterm(), gates.opened(ws, rules) as opened:
        gc.freeze()  # what is known by now stays; looking through it again and again takes most of the time
        gc.set_threshold(*SELDOM)
        output.narrate(f"{len(opened.gate.rules)} rules; ready")
        if not opened.gate.rules:
            output.narrate("no rule in force: every message is exempt")
        for rule in opened.gate.without_causes:
            output.narrate(f"rule {rule} cannot judge a message that comes without its causes")
        try:
            for lines in _lines():
                for first in range(0, len(lines), TOGETHER):
                    sys.stdout.write(opened.answers(lines[first : first + TOGETHER]))
                    sys.stdout.flush()
        except BrokenPipeError:  # nobody reads the answers any more; what is left of them goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Being told to end (SIGTERM) is as good as Ctrl+C: what was answered is forced to the disk."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lines() -> Iterator[list[bytes]]:
    """The lines that have come, as soon as there are some; one that never ends is cut where it is too long."""
    from audit.enforcement.gate.fast_json import LONGEST

    rest, passing_over = b"", False
    for part in _parts():
        *lines, rest = (rest + part).split(b"\n")
        if passing_over and lines:
            lines, passing_over = lines[1:], False
        if passing_over:
            rest = b""
        elif len(rest) > LONGEST:
            lines, rest, passing_over = [*lines, rest], b"", True
        yield lines
    if rest:
        yield [rest]


def _parts() -> Iterator[bytes]:
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None:
        yield sys.stdin.read().encode()
        return
    while part := stdin.read1(READ):
        yield part
