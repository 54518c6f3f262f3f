"""rules: the rule book, to be seen. What changes it is in `changing`, what asks for a change in `proposing`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.commands import (
    compliance,
    handover,
    options,
    output,
    presets,
    proposals,
    rule_changes,
)
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption
from tui.commands.rule_changes import FileArgument, RuleArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit.rules.book import Book, Version
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace

ValidOption = Annotated[
    str | None,
    typer.Option("--valid-at", metavar="TIME", help="Those in force at that moment, past or to come ..."),
]
RecordedOption = Annotated[
    str | None, typer.Option("--recorded-at", metavar="TIME", help="... as the book knew them at that one.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    book = typer.Typer(help="The rule book: see, change, undo.", rich_markup_mode=None, no_args_is_help=True)
    commands: dict[str, Callable[..., None]] = {
        "list": list_rules,
        "show": show,
        "add": rule_changes.add,
        "set": rule_changes.set_keys,
        "enable": rule_changes.enable,
        "disable": rule_changes.disable,
        "remove": rule_changes.remove,
        "history": history,
        "diff": diff,
        "undo": rule_changes.undo,
        "export": export,
        "import": rule_changes.import_file,
        "inbox": proposals.inbox,
        "draft": proposals.draft,
        "propose": proposals.propose,
        "approve": proposals.approve,
        "reject": proposals.reject,
        "withdraw": proposals.withdraw,
        "policy": proposals.policy,
        "handover": handover.handover,
        "kept": compliance.kept,
    }
    for name, command in commands.items():
        book.command(name=name)(command)
    presets.register(book)
    app.add_typer(book, name="rules")


def list_rules(
    context: typer.Context,
    valid_at: ValidOption = None,
    recorded_at: RecordedOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """The rules as they stand, or those in force at a moment."""
    rules, coming = _in_force(_readable(context, workspace, role).book, valid_at, recorded_at)
    if as_json:
        told: dict[str, Any] = {"schema": "whysent.rules/1", "rules": [_document(one) for one in rules]}
        output.document({**told, "coming": [one.to_json() for one in coming]})
        return
    output.table(
        ("", "rule", "version", "kind", "title"),
        [(_state(one), one.id, f"v{one.version}", one.kind, one.title) for one in rules],
    )
    output.line(f"{len(rules)} rules")
    for one in coming:
        output.line(
            f"to come at {one.effective:%Y-%m-%d %H:%M} UTC: {one.rule.id} v{one.rule.version} ({one.action})"
        )


def _state(rule: "Rule") -> str:
    """Whether a rule stops anything: one that the sender declares does not."""
    return "off" if not rule.enabled else "declared" if rule.declared else "on"


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
        output.document({"schema": "whysent.rules/1", "rules": [_document(found)], "coming": []})
    else:
        sys.stdout.write(files.dump([found]))


def history(
    context: typer.Context,
    rule: Annotated[str | None, typer.Argument(metavar="[ID]", help="One rule; by default all.")] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every version, newest first."""
    versions = _readable(context, workspace, role).book.history(rule)
    if as_json:
        told = [one.to_json() for one in versions]
        output.document({"schema": "whysent.rule-history/1", "versions": told})
        return
    output.table(
        ("when (UTC)", "in force from", "who", "what", "rule", "version", "note"),
        [
            (
                f"{one.recorded_at:%Y-%m-%d %H:%M}",
                "" if one.effective == one.recorded_at else f"{one.effective:%Y-%m-%d %H:%M}",
                f"{one.author}, approved by {one.approved_by}" if one.approved_by else one.author,
                one.action,
                one.rule.id,
                f"v{one.rule.version}",
                one.note,
            )
            for one in versions
        ],
    )


def diff(
    context: typer.Context,
    rule: RuleArgument,
    before: Annotated[
        int | None, typer.Argument(metavar="[V1]", help="A version; by default the one before V2.")
    ] = None,
    after: Annotated[
        int | None, typer.Argument(metavar="[V2]", help="A version; by default the newest.")
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """What changed between two versions of a rule, key by key."""
    change = _readable(context, workspace, role).book.between(rule, before, after)
    versions = [one and one.version for one in (change.before, change.after)]
    if as_json:
        differences = [one._asdict() for one in change.differences()]
        told = {"schema": "whysent.rule-diff/1", "id": rule, "from": versions[0], "to": versions[1]}
        output.document({**told, "changes": differences})
        return
    names = [f"v{one}" if one else "no rule" for one in versions]
    output.line(f"{rule}: {names[0]} → {names[1]}")
    for line in change.lines() or ["no key differs"]:
        output.line(f"  {line}")


def export(
    context: typer.Context,
    file: FileArgument,
    valid_at: ValidOption = None,
    recorded_at: RecordedOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
) -> None:
    """Write all rules into a file: as they stand, or those in force at a moment."""
    from audit.rules import files

    rules, coming = _in_force(_readable(context, workspace, role).book, valid_at, recorded_at)
    output.text_file(file, files.dump(rules))
    output.narrate(f"{len(rules)} rules written to {file.resolve()}")
    if coming:
        from audit.events.times import iso

        last = iso(coming[-1].effective)
        output.narrate(
            f"as they stand; {len(coming)} changes to come are not in it: --valid-at {last} writes them"
        )


def _in_force(
    book: "Book", valid_at: str | None, recorded_at: str | None
) -> "tuple[Sequence[Rule], Sequence[Version]]":
    """The rules as they stand, with the changes to come; those in force at a moment, where one is asked about."""
    if valid_at is None and recorded_at is None:
        return book.rules(), book.coming()
    return book.as_of(options.moment(valid_at), options.moment(recorded_at)), ()


def _document(rule: "Rule") -> dict[str, Any]:
    """A rule as scripts read it: its keys as in a rule file, and always whether it is on."""
    from audit.rules.model import to_dict

    return {**to_dict(rule), "enabled": rule.enabled, "version": rule.version}


def _readable(context: typer.Context, workspace: Path | None, role: str | None) -> "Workspace":
    options.viewer(context, role).require("see_rules")
    return options.opened(context, workspace)
