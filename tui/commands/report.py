"""report: the case file, and the answer to the customer."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tui.commands import options, output
from tui.commands.options import AtOption, CustomerArgument, RoleOption, TicketOption, WorkspaceOption


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(report)


def report(
    context: typer.Context,
    customer: CustomerArgument = None,
    kind: Annotated[
        str, typer.Option("--kind", help="internal (the note) or reply (to the customer).")
    ] = "internal",
    locale: Annotated[str, typer.Option("--locale", help="en or de.")] = "en",
    form: Annotated[str, typer.Option("--format", help="md, html or json.")] = "md",
    finding: Annotated[
        str | None,
        typer.Option("--finding", metavar="ID", help="The finding it is about; by default the worst."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there, readable by you.")
    ] = None,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
) -> None:
    """Write the case down, or the reply."""
    from audit.queries import documents

    looking = options.viewer(context, role, ticket=ticket)
    looking.require("report")
    ws = options.opened(context, workspace)
    text = documents.report(
        ws,
        options.customer(customer),
        kind=kind,
        locale=locale,
        finding=finding,
        at=options.moment(at),
        names_sensitive=looking.names_sensitive,
    ).written(form)
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    else:
        output.private_file(out, text)
        output.narrate(f"written to {out.resolve()}")
