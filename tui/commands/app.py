"""demo, open, case: the commands that start the screens."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output, queries
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption

FIRST_STORY = "scene-01-nail-clipper"
"""The customer the demo begins with; Esc leads to everybody else."""


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(demo)
    app.command(name="open")(open_screens)
    app.command()(case)


def demo(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the demo workspace, if it is not there yet, and open it."""
    folder = _demo_folder(context, workspace)
    _make_demo(folder)
    if as_json or not _terminal():
        queries.customers(context, workspace=folder, role=role, as_json=as_json)
        return
    _run(context, folder, role, first=FIRST_STORY)


def open_screens(context: typer.Context, workspace: WorkspaceOption = None, role: RoleOption = None) -> None:
    """Open the screens on a workspace."""
    folder = options.workspace_folder(context, workspace)
    _need_terminal("whysent customers")
    _run(context, folder, role)


def case(
    context: typer.Context,
    ticket: Annotated[str, typer.Option("--ticket", metavar="T", help="The ticket this look belongs to.")],
    reason: Annotated[str | None, typer.Option("--reason", metavar="R", help="Why you look.")] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """An agent's start: asks for the identifier and opens the customer."""
    folder = options.workspace_folder(context, workspace)
    _need_terminal("whysent show -")
    _run(context, folder, role, ticket=ticket, reason=reason)


def _run(
    context: typer.Context,
    folder: Path,
    role: str | None,
    *,
    ticket: str | None = None,
    reason: str | None = None,
    first: str | None = None,
) -> None:
    from tui.app import run

    looking = options.viewer(context, role, ticket=ticket, reason=reason)
    raise typer.Exit(run(folder, viewer=looking, first=first if looking.may("show") else None))


def _demo_folder(context: typer.Context, given: Path | None) -> Path:
    from audit.workspace.workspace import demo_folder

    before = context.obj.workspace if isinstance(context.obj, options.Defaults) else None
    return given or before or demo_folder()


def _make_demo(folder: Path) -> None:
    from fixtures.demo import make

    if make(folder):
        output.narrate(f"made the demo workspace in {folder}")


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _need_terminal(instead: str) -> None:
    if not _terminal():
        raise InputError(f"the screens need a terminal; without one use `{instead} --json`")
