"""segments and reconcile: what puts people into segments, who was in which when, and how far log and definitions agree."""

from pathlib import Path
from typing import Annotated

import typer

from tui.commands import options, output, segment_pages
from tui.commands.options import (
    AtOption,
    CustomerArgument,
    JsonOption,
    RoleOption,
    TicketOption,
    WithoutOption,
    WorkspaceOption,
)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        help="What puts people into segments, and who was in which when.", no_args_is_help=True
    )
    group.command("list")(listed)
    group.command("define")(define)
    group.command("learn")(learn)
    group.command("history")(history)
    app.add_typer(group, name="segments")
    app.command()(reconcile)


def listed(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """The definitions in force, ours and the workspace's own, with their source and version."""
    from audit.queries import segment_documents

    looking = options.viewer(context, role)
    looking.require("checks")
    answer = segment_documents.definitions(
        options.opened(context, workspace), names_sensitive=looking.names_sensitive
    )
    if as_json:
        output.document(answer)
    else:
        segment_pages.definitions(answer)


def define(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE.toml", help="Segment definitions.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the workspace's own away.")] = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """Take the workspace's own definitions in, in the place of those before; one with our id replaces ours."""
    from audit.errors import InputError
    from audit.queries import segment_documents

    if (file is None) != none:
        raise InputError("name a file of definitions, or --none to take the workspace's own away")
    ws = options.opened(context, workspace)
    options.viewer(context, role).require("map")
    number = segment_documents.define(ws, file)
    output.narrate(f"{number} definitions of its own; `whysent segments list` shows all that are in force")


def learn(
    context: typer.Context,
    none: Annotated[bool, typer.Option("--none", help="Take away what was learned.")] = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """Learn groups and lifetime values from all customers, and keep them as they are until learned anew."""
    from audit.queries import segment_documents

    ws = options.opened(context, workspace)
    options.viewer(context, role).require("map")
    made = segment_documents.learn(ws, take_away=none)
    if made is None:
        output.narrate("nothing learned is kept any more")
        return
    for title, groups in (("learned groups", made.learned), ("people alike", made.alike)):
        if groups is not None:
            output.narrate(f"{title}, from {groups.people:,} people: {'; '.join(groups.names)}")
    if made.lifetime is not None:
        output.narrate(
            f"lifetime value, from {made.lifetime.people:,} people: the best fifth begins at {made.lifetime.least:,.0f}"
        )


def history(
    context: typer.Context,
    customer: CustomerArgument = None,
    without: WithoutOption = None,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every segment one customer was in, entered and left, with the events and the definition's version."""
    from audit.queries import segment_documents

    looking = options.viewer(context, role, ticket=ticket)
    looking.require("show")
    answer = segment_documents.history(
        options.opened(context, workspace),
        options.customer(customer),
        at=options.moment(at),
        without=options.left_out(without),
        names_sensitive=looking.names_sensitive,
    )
    if as_json:
        output.document(answer)
    else:
        segment_pages.history(answer)


def reconcile(
    context: typer.Context,
    segment: Annotated[str | None, typer.Option("--segment", metavar="S", help="Only this segment.")] = None,
    strip: Annotated[str | None, typer.Option("--strip", metavar="S", help="Only this strip.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="How many disagreements to list.")
    ] = 100,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """How far the log and our definitions agree, and where they do not, as a list to work through."""
    from audit.errors import InputError
    from audit.queries import reconcile as held_together

    if segment is not None and strip is not None:
        raise InputError("name a segment or a strip, not both")
    looking = options.viewer(context, role)
    looking.require("list")
    answer = held_together.reconcile(
        options.opened(context, workspace),
        segment=segment,
        strip=strip,
        at=options.moment(at),
        limit=limit,
        names_sensitive=looking.names_sensitive,
    )
    if as_json:
        output.document(answer)
    else:
        segment_pages.reconciled(answer)
