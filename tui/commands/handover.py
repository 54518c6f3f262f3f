"""rules handover: what goes to the system that sends."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands import options, output
from tui.commands.options import RoleOption, WorkspaceOption
from tui.exit_codes import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.enforcement.handover import Handover
    from audit.rules.book import Proposal
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace


def handover(
    context: typer.Context,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule; may be repeated.")
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="csv, json, braze, klaviyo (e-mail addresses), or words: settings."),
    ] = "csv",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there, readable by you.")
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """Whom the enabled rules suppress now, by the source's own ids, for the system that sends."""
    from audit.enforcement import handover as made

    looking = options.viewer(context, role)
    looking.require("handover")
    ws = options.opened(context, workspace)
    rules = _asked(ws, rule)
    if form == "words":
        _write(made.in_words(rules), out)
        return
    approved = made.approval(ws, rules, form, viewer=looking)
    if approved is not None and approved.state != "approved":
        _wait(approved)
    done = made.hand_over(ws, rules, form, viewer=looking, approved=approved)
    _write(done.text, out)
    output.narrate(f"{done.people:,} people, as of {ws.at:%Y-%m-%d %H:%M} UTC")
    _tell(done)
    _tell_settings(rules, form)


def _asked(ws: "Workspace", named: list[str] | None) -> "list[Rule]":
    rules = ws.book.rules()
    if not named:
        return [one for one in rules if one.takes_part]
    wanted = {ws.book.rule(name).id for name in named}
    return [one for one in rules if one.id in wanted]


def _wait(asked: "Proposal") -> None:
    output.narrate(
        f"this workspace asks for a second person: the export waits as {asked.id}; somebody else says yes with "
        f"`whysent rules approve {asked.id}`, then ask again"
    )
    raise typer.Exit(Exit.NO)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        output.private_file(out, text)
        output.narrate(f"written to {out.resolve()}")


def _tell(done: "Handover") -> None:
    """What is not in the file, or not as it was."""
    if done.withheld:
        output.narrate(f"{done.withheld:,} rows about sensitive topics are left out; hand to privacy")
    if done.nameless:
        output.narrate(f"{done.nameless:,} people have no e-mail address here and are left out")
    if done.altered:
        output.narrate(
            f"{done.altered:,} ids begin as a formula would and have a ' before them: the sender will not know these"
        )


def _tell_settings(rules: "Sequence[Rule]", form: str) -> None:
    """What a list of people cannot say."""
    from audit.rules.describe import sentence

    if form in {"braze", "klaviyo"} and len(rules) > 1:
        output.narrate(
            f"one list for {len(rules)} rules: whoever is on it is left out of all; --rule makes one a rule"
        )
    for one in rules:
        if one.suppresses != "people":
            output.narrate(
                f"rule {one.id} suppresses {one.suppresses}, not people; set there: {sentence(one)}"
            )
