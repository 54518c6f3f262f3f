"""customers, show, why, audit: the questions, answered as text or JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output, text_output
from tui.commands.options import (
    AtOption,
    CustomerArgument,
    JsonOption,
    RoleOption,
    TicketOption,
    WithoutOption,
    WorkspaceOption,
)
from tui.exit_codes import Exit

if TYPE_CHECKING:
    import polars as pl

SEVERITIES = ("info", "low", "medium", "high")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(customers)
    app.command()(show)
    app.command()(why)
    app.command()(audit)


def customers(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many to list.")] = 50,
    sort: Annotated[str, typer.Option("--sort", help="severity, messages or recent.")] = "severity",
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """The triage list: who has the worst findings."""
    from audit.queries import documents

    looking = options.viewer(context, role)
    looking.require("list")
    ws = options.opened(context, workspace)
    answer = documents.customers(ws, limit=limit, sort=sort, names_sensitive=looking.names_sensitive)
    if as_json:
        output.document(answer)
    else:
        text_output.customers(answer, ws.coverage)


def show(
    context: typer.Context,
    customer: CustomerArgument = None,
    without: WithoutOption = None,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """The whole picture of one customer."""
    from audit.queries import documents

    looking = options.viewer(context, role, ticket=ticket)
    looking.require("show")
    ws = options.opened(context, workspace)
    answer = documents.show(
        ws,
        options.customer(customer),
        at=options.moment(at),
        without=options.left_out(without),
        names_sensitive=looking.names_sensitive,
    )
    if as_json:
        output.document(answer)
    else:
        text_output.customer(answer)


def why(
    context: typer.Context,
    customer: CustomerArgument = None,
    message: Annotated[
        str | None, typer.Option("--message", metavar="ID", help="A message_id or event_id.")
    ] = None,
    segment: Annotated[str | None, typer.Option("--segment", metavar="ID", help="A segment.")] = None,
    item: Annotated[str | None, typer.Option("--item", metavar="ID", help="A recommended item.")] = None,
    finding: Annotated[
        str | None, typer.Option("--finding", metavar="ID", help="A finding, by its id in `audit`.")
    ] = None,
    without: WithoutOption = None,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why one message, segment, recommendation or finding: the evidence, and when it ends."""
    from audit.queries import documents

    if sum(one is not None for one in (message, segment, item, finding)) != 1:
        raise InputError(documents.NAME_ONE)
    looking = options.viewer(context, role, ticket=ticket)
    looking.require("why")
    ws = options.opened(context, workspace)
    answer = documents.explain(
        ws,
        options.customer(customer),
        message=message,
        segment=segment,
        item=item,
        finding=finding,
        at=options.moment(at),
        without=options.left_out(without),
        names_sensitive=looking.names_sensitive,
    )
    if as_json:
        output.document(answer)
    else:
        text_output.explanation(answer)


def audit(
    context: typer.Context,
    customer: CustomerArgument = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every customer of the workspace.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.parquet", help="Write the findings.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="SEVERITY", help="Exit 1 where a finding is at least this bad."),
    ] = None,
    without: WithoutOption = None,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """The findings of one customer, or of everybody."""
    if fail_on is not None and fail_on not in SEVERITIES:
        raise InputError(f"--fail-on {fail_on}: one of {', '.join(SEVERITIES)}")
    if everybody and (customer is not None or without):
        raise InputError("--all asks about everybody; leave CUSTOMER and --without away")
    from audit import findings
    from audit.queries import documents
    from audit.queries.case import read_case

    looking = options.viewer(context, role, ticket=ticket)
    looking.require("audit_all" if everybody else "show")
    ws = options.opened(context, workspace)
    if everybody:
        found, asked = documents.everybody(ws, at=options.moment(at))
        answer = documents.totals_document(found, asked, customers=ws.info.customers)
    else:
        one = read_case(
            ws, options.customer(customer), at=options.moment(at), without=options.left_out(without)
        )
        found, asked = one.found, one.context
        answer = documents.findings_document(
            found, asked, customers=1, names_sensitive=looking.names_sensitive
        )
    if out is not None:
        output.parquet(findings.worded(found, names_sensitive=looking.names_sensitive), out)
        answer = {**answer, "out": str(out.resolve())}
    if as_json:
        output.document(answer)
    else:
        text_output.findings(answer, asked.coverage)
    if fail_on is not None and _at_least(found, fail_on):
        raise typer.Exit(Exit.NO)


def _at_least(found: "pl.DataFrame", severity: str) -> bool:
    bad = SEVERITIES[SEVERITIES.index(severity) :]
    return not found.is_empty() and bool(found["severity"].is_in(bad).any())
