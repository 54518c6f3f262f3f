"""rules kept: what a sender declares, held against what it sent."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.errors import InputError, NotFoundError
from tui.commands import options, output
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption

if TYPE_CHECKING:
    from audit.rules.model import Rule
    from audit.workspace.context import Context


def kept(
    context: typer.Context,
    rule: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One declared rule; by default all.", show_default=False),
    ] = None,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="The rules of a file, as if declared.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="The ready rules of a sender, as if declared."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="People named of each rule, the worst first.")
    ] = 5,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whether the past kept to what the sender declares, and what broke it."""
    from audit.findings.compliance import document

    options.viewer(context, role).require("simulate")
    ws = options.opened(context, workspace)
    ctx = ws.context()
    told = document(ws.events(), _asked(ctx, rule, rules_file, preset), ctx, worst=limit)
    if as_json:
        output.document(told)
    else:
        _page(told)


def _asked(ctx: "Context", rule: str | None, rules_file: Path | None, preset: str | None) -> "list[Rule]":
    from audit.rules import files, vendor_semantics

    if rules_file is not None and preset is not None:
        raise InputError("--rules and --preset name different rules; leave one away")
    if preset is not None:
        known = [one.rule for one in vendor_semantics.preset(preset).ready]
        if not known:
            raise InputError(
                f"{preset} names no cap of its own; write what it declares to you in a rule file"
            )
    else:
        known = list(ctx.declared if rules_file is None else files.read(rules_file))
    if not known:
        raise InputError(
            "no rule is declared; import one with declared = true, or name a --preset or a file with --rules"
        )
    found = [one for one in known if rule in {None, one.id}]
    if not found:
        raise NotFoundError(f"no declared rule {rule!r}; there are {', '.join(one.id for one in known)}")
    return found


def _page(told: Mapping[str, Any]) -> None:
    output.table(
        ("rule", "messages", "against it", "people", "first", "cannot tell", "what is declared"),
        [
            (
                one["id"], f"{one['messages']:,}", f"{one['against']:,}" if one["messages"] else "–",
                f"{one['customers_against']:,} of {one['customers']:,}", (one["first"] or "–")[:10],
                f"{one['cannot_tell']:,}", one["title"],
            )
            for one in told["rules"]
        ],
        right=(1, 2, 3, 5),
    )  # fmt: skip
    for one in told["rules"]:
        if one["worst"]:
            output.line()
            output.line(
                f"{one['id']}: the worst, {len(one['worst']):,} of {one['customers_against']:,} people"
            )
            output.table(
                ("customer", "against it", "most together", "for example"),
                [
                    (
                        who["customer"],
                        f"{len(who['messages']):,}",
                        str(who["most"]),
                        ", ".join(who["together"][-5:]),
                    )
                    for who in one["worst"]
                ],
                right=(1, 2),
            )
    output.line("Held against what was sent; `whysent audit` lists it customer by customer.")
