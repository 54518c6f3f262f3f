"""demo, open, case: the commands that start the screens."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from audit.errors import InputError
from tui.commands import output, text_output
from tui.commands.options import ACCESS, ANSWER, Invocation, shares

FIRST_STORY = "scene-01-nail-clipper"
"""The customer the demo begins with; Esc leads to everybody else."""


@shares(*ANSWER)
def demo(invocation: Invocation) -> None:
    """Make the demo workspace, if it is not there yet, and open it."""
    from fixtures.demo import make

    folder = invocation.demo_folder
    if make(folder):
        output.narrate(f"made the demo workspace in {folder}")
    if invocation.as_json or not _terminal():
        _triage(invocation, folder)
    else:
        _run(invocation, folder, first=FIRST_STORY)


@shares(*ACCESS)
def open_screens(invocation: Invocation) -> None:
    """Open the screens on a workspace."""
    folder = invocation.folder
    _need_terminal("whysent customers")
    _run(invocation, folder)


@shares(*ACCESS)
def case(
    invocation: Invocation,
    ticket: Annotated[str, typer.Option("--ticket", metavar="T", help="The ticket this look belongs to.")],
    reason: Annotated[str | None, typer.Option("--reason", metavar="R", help="Why you look.")] = None,
) -> None:
    """An agent's start: asks for the identifier and opens the customer."""
    folder = invocation.folder
    _need_terminal("whysent show -")
    _run(invocation, folder, ticket=ticket, reason=reason)


def _run(
    invocation: Invocation,
    folder: Path,
    *,
    ticket: str | None = None,
    reason: str | None = None,
    first: str | None = None,
) -> None:
    from tui.app import run

    viewer = invocation.viewer(ticket=ticket, reason=reason)
    raise typer.Exit(run(folder, viewer=viewer, first=first if viewer.may("show") else None))


def _triage(invocation: Invocation, folder: Path) -> None:
    """The triage list of the demo, where no screen can open."""
    from audit.queries import documents
    from audit.workspace.workspace import Workspace

    viewer = invocation.require("list")
    ws = Workspace.open(folder)
    triage = documents.customers(ws, limit=50, names_sensitive=viewer.names_sensitive)
    invocation.answer(triage, partial(text_output.customers, coverage=ws.coverage))


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _need_terminal(instead: str) -> None:
    if not _terminal():
        raise InputError(f"the screens need a terminal; without one use `{instead} --json`")
