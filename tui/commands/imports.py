"""import, map, formats: how data comes in."""

from pathlib import Path
from typing import Annotated

import typer

from tui.commands import options, output, text_output
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption
from tui.exit_codes import Exit


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(name="import")(import_files)
    app.command(name="map")(map_campaigns)
    app.command()(formats)


def import_files(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders or archives.")],
    format_name: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="See `whysent formats`.")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="FILE.toml", help="How to read any table.")
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option("--customer", metavar="ID", help="Whose export it is; - reads it from stdin."),
    ] = None,
    time_zone: Annotated[
        str,
        typer.Option("--time-zone", metavar="TZ", help="For times without an offset, such as Europe/Berlin."),
    ] = "UTC",
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring files into the workspace; the same file twice adds nothing."""
    from audit import ingest
    from audit.workspace.workspace import Workspace

    options.viewer(context, role).require("import")
    ws = Workspace.open_or_create(options.workspace_folder(context, workspace))
    report = ingest.import_paths(
        ws,
        paths,
        format=format_name,
        map_file=map_file,
        customer=options.customer(customer) if customer is not None else None,
        time_zone=time_zone,
        progress=output.Progress("reading"),
    )
    for reason, rows in report.skipped_by_reason.items():
        output.narrate(f"skipped {rows} rows: {reason}" if rows else f"skipped: {reason}")
    for reason, rows in report.refused_by_reason.most_common():
        output.narrate(f"refused {rows} rows: {reason}")
    for path in report.unknown:
        output.narrate(f"left alone, no format we know: {path}")
    if as_json:
        output.document(report.to_json())
    else:
        text_output.imported(report.to_json())
    if report.nothing_taken:
        why = "no row is left of what was refused or skipped" if report.total("rows") else "there is no row"
        output.complain(f"nothing came in: {why}")
        raise typer.Exit(Exit.NO)


def map_campaigns(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.toml", help="A campaign map, and flows, to take in.")
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """The campaigns seen and what is known about them; with a file, take a campaign map and flows in."""
    from audit import flows
    from audit.flows import campaign_map
    from audit.queries import documents

    ws = options.opened(context, workspace)
    if file is not None:
        options.viewer(context, role).require("map")
        ws.set_map(campaign_map.read(file), flows.read(file))
    answer = documents.campaign_map(ws)
    if as_json:
        output.document(answer)
    else:
        text_output.campaign_map(answer)


def formats(as_json: JsonOption = False) -> None:
    """The formats that `import` reads."""
    from audit.ingest.formats import document

    answer = document()
    if as_json:
        output.document(answer)
    else:
        text_output.formats(answer)
