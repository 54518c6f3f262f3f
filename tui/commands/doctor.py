"""doctor: is everything here that the program needs?"""

import typer

from tui.commands import options, output
from tui.commands.options import JsonOption, WorkspaceOption
from tui.exit_codes import Exit


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(doctor)


def doctor(context: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Check the program, this machine and the workspace; exit 1 where something is wrong."""
    from audit.queries import doctor as examine

    checks = examine.checks(options.workspace_folder(context, workspace))
    if as_json:
        output.document({"schema": "whysent.doctor/1", "checks": checks})
    else:
        output.table(
            ("", "check", "detail"),
            [("✓ ok" if one["ok"] else "✗ wrong", one["name"], one["detail"]) for one in checks],
        )
    if not all(one["ok"] for one in checks):
        raise typer.Exit(Exit.NO)
