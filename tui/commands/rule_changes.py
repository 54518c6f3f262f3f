"""rules add, set, import ...: changes of the book. Each shows its plan and asks; the answer is no unless somebody says yes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.errors import InputError
from tui.commands import options, output
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption, YesOption
from tui.exit_codes import Exit

if TYPE_CHECKING:
    from audit.rules.book.plan import Effect, Plan
    from audit.workspace.workspace import Workspace

NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the change.")]
RuleArgument = Annotated[str, typer.Argument(metavar="ID", help="The rule.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A rule file (TOML).")]
EffectiveOption = Annotated[
    str | None,
    typer.Option(
        "--effective", metavar="TIME", help="From when on it is in force, past or to come; by default now."
    ),
]


def add(
    context: typer.Context,
    file: FileArgument,
    note: NoteOption = "",
    effective: EffectiveOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the rules of a file."""
    from audit.rules import files

    ws = changeable(context, workspace, role)
    plan = ws.book.plan_add(files.read(file), effective=options.moment(effective))
    carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def import_file(
    context: typer.Context,
    file: FileArgument,
    note: NoteOption = "",
    effective: EffectiveOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a file: new rules are added, known ones become as it says."""
    from audit.rules import files

    ws = changeable(context, workspace, role)
    plan = ws.book.plan_import(files.read(file), effective=options.moment(effective))
    carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def set_keys(
    context: typer.Context,
    rule: RuleArgument,
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Values as in a rule file.")],
    note: NoteOption = "",
    effective: EffectiveOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change keys of a rule; KEY= gives a key its default back."""
    ws = changeable(context, workspace, role)
    keys = dict(_pair(value) for value in values)
    plan = ws.book.plan_set(rule, keys, effective=options.moment(effective))
    carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def enable(
    context: typer.Context,
    rule: RuleArgument,
    note: NoteOption = "",
    effective: EffectiveOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a rule on."""
    ws = changeable(context, workspace, role)
    plan = ws.book.plan_enable(rule, effective=options.moment(effective))
    carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def disable(
    context: typer.Context,
    rule: RuleArgument,
    note: NoteOption = "",
    effective: EffectiveOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a rule off."""
    ws = changeable(context, workspace, role)
    plan = ws.book.plan_disable(rule, effective=options.moment(effective))
    carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def remove(
    context: typer.Context,
    rule: RuleArgument,
    note: NoteOption = "",
    effective: EffectiveOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a rule out of the book; its history stays."""
    ws = changeable(context, workspace, role)
    plan = ws.book.plan_remove(rule, effective=options.moment(effective))
    carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def undo(
    context: typer.Context,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the last change back."""
    ws = changeable(context, workspace, role)
    carry_out(ws, ws.book.plan_undo(), note=note, yes=yes, as_json=as_json)


def changeable(context: typer.Context, workspace: Path | None, role: str | None) -> "Workspace":
    """The workspace, for somebody who may change its rules."""
    options.viewer(context, role).require("change_rules")
    return options.opened(context, workspace)


def carry_out(ws: "Workspace", plan: "Plan", *, note: str, yes: bool, as_json: bool) -> None:
    """Show a plan with its effect on the loaded past, ask, and do it; exit 1 where nobody said yes.

    Where the workspace asks for a second person, it is proposed instead.
    """
    effect = _effect(ws, plan) if plan.changes else None
    for line in plan.lines():
        output.narrate(line)
    output.narrate(_told(effect) if effect else "nothing changes")
    agreed = bool(plan.changes) and (yes or _confirmed())
    alone = plan.proposal is not None or "rules" not in ws.book.second_person()
    proposal = _propose(ws, plan, note) if agreed and not alone else None
    if agreed and alone:
        for rule in ws.book.apply(plan, note=note):
            output.narrate(f"{plan.action}: {rule.id} is now v{rule.version}")
    if as_json:
        told = effect.to_json() if effect else None
        output.document(_planned(plan, told, applied=agreed and alone, proposal=proposal))
    if plan.changes and not agreed:
        output.narrate("nothing changed; --yes does it without asking")
        raise typer.Exit(Exit.NO)


def _effect(ws: "Workspace", plan: "Plan") -> "Effect":
    """What a plan would have changed about the loaded past."""
    from audit.queries import documents

    rules, events, context = (*plan.before, *plan.after), ws.events(), ws.context()
    return plan.effect(
        events,
        context,
        ids=documents.named_in(ws, rules),
        causes=documents.causes_for(rules, events, context),
    )


def _told(effect: "Effect") -> str:
    return (
        f"over the loaded past: {effect.stopped:,} messages more stopped, {effect.freed:,} let through again, "
        f"{effect.moved:,} moved; people: {effect.people_directly:,} directly, {effect.people_indirectly:,} indirectly"
    )


def _propose(ws: "Workspace", plan: "Plan", note: str) -> str:
    from audit.rules.book import Case

    made = ws.book.inbox.propose(plan, Case(note=note))
    output.narrate(
        f"proposed as {made.id}; somebody else puts it in force with: whysent rules approve {made.id}"
    )
    return made.id


def _planned(
    plan: "Plan", effect: dict[str, int] | None, *, applied: bool, proposal: str | None
) -> dict[str, Any]:
    from audit.events.times import iso

    return {
        "schema": "whysent.plan/1",
        "action": plan.action,
        "rules": [change.rule.id for change in plan.changes],
        "lines": plan.lines(),
        "effective": iso(plan.effective),
        "effect": effect,
        "applied": applied,
        "proposal": proposal or (f"p{plan.proposal}" if plan.proposal else None),
    }


def _confirmed() -> bool:
    return sys.stdin.isatty() and typer.confirm("Do it?", default=False, err=True)


def _pair(text: str) -> tuple[str, Any]:
    """`limit=3`, `window=7d`, `channels=["email"]`: a key and its value as TOML, a bare word taken as text."""
    import tomllib

    key, found, value = text.partition("=")
    if not found or not key:
        raise InputError(f"{text!r}: write KEY=VALUE, such as limit=3")
    if not value:
        return key, None
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value
