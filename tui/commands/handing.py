"""rules handover: what goes to the system that sends."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output
from tui.commands.options import RoleOption, WorkspaceOption


def handover(
    context: typer.Context,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule; may be repeated.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="csv, json or braze.")] = "csv",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there, readable by you.")
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """Whom the enabled rules suppress now, by the source's own ids, for the system that sends."""
    from audit import handover as made
    from audit.rules.suppressed import BY_CLOCK

    looking = options.viewer(context, role)
    looking.require("handover")
    if form not in made.FORMATS:
        raise InputError(f"--format {form}: one of {', '.join(made.FORMATS)}")
    ws = options.opened(context, workspace)
    active = [one for one in ws.book.rules() if one.stops]
    asked = [ws.book.rule(name) for name in rule] if rule else active
    found, left_out = made.people(ws, asked, ws.at, names_sensitive=looking.names_sensitive)
    text = made.written(found, asked, ws.at, form)
    if out is None:
        sys.stdout.write(text)
    else:
        output.private_file(out, text)
        output.narrate(f"written to {out.resolve()}")
    output.narrate(f"{len({one.customer for one in found}):,} people, as of {ws.at:%Y-%m-%d %H:%M} UTC")
    if left_out:
        output.narrate(f"{left_out:,} rows about sensitive topics are left out; hand to privacy")
    for one in asked:
        if one.reads_causes:
            output.narrate(f"rule {one.id} suppresses messages by what brought them about, not people")
        if one.kind in BY_CLOCK:
            output.narrate(
                f"rule {one.id} suppresses hours, not people: set {one.quiet} in {one.time_zone} time there"
            )
