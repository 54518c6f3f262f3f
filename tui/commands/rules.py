"""rules: the rule book. Every change shows its plan and asks; the answer is no unless somebody says yes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.errors import InputError
from tui.commands import handing, options, output, presets
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption, YesOption
from tui.exit_codes import Exit

if TYPE_CHECKING:
    from audit.rules.book import Book
    from audit.rules.model import Rule
    from audit.rules.plan import Effect, Plan
    from audit.workspace import Workspace

NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the change.")]
RuleArgument = Annotated[str, typer.Argument(metavar="ID", help="The rule.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A rule file (TOML).")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    book = typer.Typer(help="The rule book: see, change, undo.", rich_markup_mode=None, no_args_is_help=True)
    for command in (show, add, enable, disable, remove, history, undo, export, handing.handover):
        book.command()(command)
    book.command(name="list")(list_rules)
    book.command(name="set")(set_keys)
    book.command(name="import")(import_file)
    presets.register(book)
    app.add_typer(book, name="rules")


def list_rules(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """The rules as they stand."""
    rules = _readable(context, workspace, role).book.rules()
    if as_json:
        output.document(
            {
                "schema": "whysent.rules/1",
                "rules": [_document(one) for one in rules],
            }
        )
        return
    output.table(
        ("", "rule", "version", "kind", "title"),
        [("on" if one.enabled else "off", one.id, f"v{one.version}", one.kind, one.title) for one in rules],
    )
    output.line(f"{len(rules)} rules")


def show(
    context: typer.Context,
    rule: RuleArgument,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """One rule, as a rule file."""
    from audit.rules import files

    found = _readable(context, workspace, role).book.rule(rule)
    if as_json:
        output.document({"schema": "whysent.rules/1", "rules": [_document(found)]})
    else:
        sys.stdout.write(files.dump([found]))


def add(
    context: typer.Context,
    file: FileArgument,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the rules of a file."""
    from audit.rules import files

    ws = _changeable(context, workspace, role)
    _carry_out(ws, ws.book.plan_add(files.read(file)), note=note, yes=yes, as_json=as_json)


def import_file(
    context: typer.Context,
    file: FileArgument,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a file: new rules are added, known ones become as it says."""
    from audit.rules import files

    ws = _changeable(context, workspace, role)
    _carry_out(ws, ws.book.plan_import(files.read(file)), note=note, yes=yes, as_json=as_json)


def set_keys(
    context: typer.Context,
    rule: RuleArgument,
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Values as in a rule file.")],
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change keys of a rule; KEY= gives a key its default back."""
    ws = _changeable(context, workspace, role)
    plan = ws.book.plan_set(rule, dict(_pair(value) for value in values))
    _carry_out(ws, plan, note=note, yes=yes, as_json=as_json)


def enable(
    context: typer.Context,
    rule: RuleArgument,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a rule on."""
    ws = _changeable(context, workspace, role)
    _carry_out(ws, ws.book.plan_enable(rule), note=note, yes=yes, as_json=as_json)


def disable(
    context: typer.Context,
    rule: RuleArgument,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a rule off."""
    ws = _changeable(context, workspace, role)
    _carry_out(ws, ws.book.plan_disable(rule), note=note, yes=yes, as_json=as_json)


def remove(
    context: typer.Context,
    rule: RuleArgument,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a rule out of the book; its history stays."""
    ws = _changeable(context, workspace, role)
    _carry_out(ws, ws.book.plan_remove(rule), note=note, yes=yes, as_json=as_json)


def undo(
    context: typer.Context,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the last change back."""
    ws = _changeable(context, workspace, role)
    _carry_out(ws, ws.book.plan_undo(), note=note, yes=yes, as_json=as_json)


def history(
    context: typer.Context,
    rule: Annotated[str | None, typer.Argument(metavar="[ID]", help="One rule; by default all.")] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every version, newest first."""
    versions = [one.to_json() for one in _readable(context, workspace, role).book.history(rule)]
    if as_json:
        output.document({"schema": "whysent.rule-history/1", "versions": versions})
        return
    output.table(
        ("when", "who", "what", "rule", "version", "note"),
        [
            (one["at"], one["author"], one["action"], one["id"], f"v{one['version']}", one["note"])
            for one in versions
        ],
    )


def export(
    context: typer.Context, file: FileArgument, workspace: WorkspaceOption = None, role: RoleOption = None
) -> None:
    """Write all rules into a file."""
    from audit.rules import files

    rules = _readable(context, workspace, role).book.rules()
    try:
        file.write_text(files.dump(rules), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror or error}") from error
    output.narrate(f"{len(rules)} rules written to {file.resolve()}")


def _document(rule: "Rule") -> dict[str, Any]:
    """A rule as scripts read it: its keys as in a rule file, and always whether it is on."""
    from audit.rules.model import to_dict

    return {**to_dict(rule), "enabled": rule.enabled, "version": rule.version}


def _readable(context: typer.Context, workspace: Path | None, role: str | None) -> "Workspace":
    options.viewer(context, role).require("see_rules")
    return options.opened(context, workspace)


def _changeable(context: typer.Context, workspace: Path | None, role: str | None) -> "Workspace":
    options.viewer(context, role).require("change_rules")
    return options.opened(context, workspace)


def _effect(ws: "Workspace", plan: "Plan") -> "Effect":
    """What a plan would have changed about the loaded past."""
    from audit import answers

    rules, events, context = (*plan.before, *plan.after), ws.events(), ws.context()
    return plan.effect(
        events,
        context,
        ids=answers.named_in(ws, rules),
        causes=answers.causes_for(rules, events, context),
    )


def _carry_out(ws: "Workspace", plan: "Plan", *, note: str, yes: bool, as_json: bool) -> None:
    """Show a plan with its effect on the loaded past, ask, and do it; exit 1 where nobody said yes."""
    effect = _effect(ws, plan) if plan.changes else None
    for line in plan.lines():
        output.narrate(line)
    if effect is None:
        output.narrate("nothing changes")
    else:
        output.narrate(
            f"over the loaded past: {effect.stopped:,} messages more stopped, {effect.freed:,} let through again, "
            f"{effect.moved:,} moved; people: {effect.people_directly:,} directly, {effect.people_indirectly:,} indirectly"
        )
    applied = bool(plan.changes) and (yes or _confirmed())
    if applied:
        _apply(ws.book, plan, note)
    if as_json:
        output.document(_planned(plan, effect.to_json() if effect else None, applied=applied))
    if plan.changes and not applied:
        output.narrate("nothing changed; --yes does it without asking")
        raise typer.Exit(Exit.NO)


def _apply(book: "Book", plan: "Plan", note: str) -> None:
    for rule in book.apply(plan, note=note):
        output.narrate(f"{plan.action}: {rule.id} is now v{rule.version}")


def _planned(plan: "Plan", effect: dict[str, int] | None, *, applied: bool) -> dict[str, Any]:
    return {
        "schema": "whysent.plan/1",
        "action": plan.action,
        "rules": [change.rule.id for change in plan.changes],
        "lines": plan.lines(),
        "effect": effect,
        "applied": applied,
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
