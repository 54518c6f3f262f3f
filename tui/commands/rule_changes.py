"""rules add, set, import ...: changes of the book. Each shows its plan and asks; the answer is no unless somebody says yes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.errors import InputError
from tui import Exit
from tui.commands import options, output
from tui.commands.options import CHANGE, Invocation, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit.rules.book import Book
    from audit.rules.book.plan import Effect, Plan
    from audit.workspace.workspace import Workspace

RuleArgument = Annotated[str, typer.Argument(metavar="ID", help="The rule.", autocompletion=options.rules)]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A rule file (TOML).")]


@shares(*CHANGE)
def add(invocation: Invocation, file: FileArgument) -> None:
    """Add the rules of a file."""
    ws = changeable(invocation)
    rules = options.rules_of(ws, file)
    carry_out(invocation, ws, ws.book.plan_add(rules, effective=invocation.effective))


@shares(*CHANGE)
def import_file(invocation: Invocation, file: FileArgument) -> None:
    """Take in a file: new rules are added, known ones become as it says."""
    ws = changeable(invocation)
    rules = options.rules_of(ws, file)
    carry_out(invocation, ws, ws.book.plan_import(rules, effective=invocation.effective))


@shares(*CHANGE)
def set_keys(
    invocation: Invocation,
    rule: RuleArgument,
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Values as in a rule file.")],
) -> None:
    """Change keys of a rule; KEY= gives a key its default back."""
    ws = changeable(invocation)
    change: dict[str, Any] = {"id": rule, "keys": dict(map(_pair, values))}
    keys = ws.view.meant(change)["keys"]
    carry_out(invocation, ws, ws.book.plan_set(rule, keys, effective=invocation.effective))


@shares(*CHANGE)
def enable(invocation: Invocation, rule: RuleArgument) -> None:
    """Switch a rule on."""
    _change(invocation, lambda book: book.plan_enable(rule, effective=invocation.effective))


@shares(*CHANGE)
def disable(invocation: Invocation, rule: RuleArgument) -> None:
    """Switch a rule off."""
    _change(invocation, lambda book: book.plan_disable(rule, effective=invocation.effective))


@shares(*CHANGE)
def remove(invocation: Invocation, rule: RuleArgument) -> None:
    """Take a rule out of the book; its history stays."""
    _change(invocation, lambda book: book.plan_remove(rule, effective=invocation.effective))


@shares(*(option for option in CHANGE if option != "effective"))
def undo(invocation: Invocation) -> None:
    """Take the last change back."""
    _change(invocation, lambda book: book.plan_undo())


def _change(invocation: Invocation, plan: "Callable[[Book], Plan]") -> None:
    """Carry out a change of the book, for somebody who may change its rules."""
    ws = changeable(invocation)
    carry_out(invocation, ws, plan(ws.book))


def changeable(invocation: Invocation) -> "Workspace":
    """The workspace, for somebody who may change its rules."""
    invocation.require("change_rules")
    return invocation.open()


def carry_out(invocation: Invocation, ws: "Workspace", plan: "Plan") -> None:
    """Show a plan with its effect on the loaded past, ask, and do it; exit 1 where nobody said yes.

    Where the workspace asks for a second person, it is proposed instead.
    """
    from audit.rules.book import documents

    effect = plan_effect(ws, plan) if plan.changes else None
    for line in plan.lines():
        output.narrate(line)
    for line in _odd(ws, plan):
        output.narrate(f"! {line}")
    output.narrate(
        f"messages over the loaded past: {'; '.join(effect.lines())}" if effect else "nothing changes"
    )
    agreed = bool(plan.changes) and (invocation.yes or _confirmed())
    alone = plan.proposal is not None or "rules" not in ws.book.second_person()
    proposal = _propose(ws, plan, invocation.note) if agreed and not alone else None
    if agreed and alone:
        for rule in ws.book.apply(plan, note=invocation.note):
            output.narrate(f"{plan.action}: {rule.id} is now v{rule.version}")
    if invocation.as_json:
        output.document(documents.plan(plan, effect, applied=agreed and alone, proposal=proposal))
    if plan.changes and not agreed:
        output.narrate("nothing changed; --yes does it without asking")
        raise typer.Exit(Exit.NO)


def _odd(ws: "Workspace", plan: "Plan") -> "Iterator[str]":
    """What is odd about the rules that a plan puts in."""
    from audit.queries.rule_check import document

    rules = [change.after for change in plan.changes if change.after is not None]
    for rule in document(ws, rules).rules if rules else ():
        yield from (f"{rule.id}: {odd.line}" for odd in rule.warnings)


def plan_effect(ws: "Workspace", plan: "Plan") -> "Effect":
    """What a plan would have changed about the loaded past."""
    from audit.queries.case import causes_for, named_in

    rules, events, context = (*plan.before, *plan.after), ws.events(), ws.context()
    return plan.effect(
        events,
        context,
        ids=named_in(ws, rules),
        causes=causes_for(rules, events, context),
    )


def _propose(ws: "Workspace", plan: "Plan", note: str) -> str:
    from audit.rules.book import Case

    proposal = ws.book.inbox.propose(plan, Case(note=note))
    output.narrate(
        f"proposed as {proposal.id}; somebody else puts it in force with: whysent rules approve {proposal.id}"
    )
    return proposal.id


def _confirmed() -> bool:
    return sys.stdin.isatty() and typer.confirm("Do it?", default=False, err=True)


def _pair(text: str) -> tuple[str, Any]:
    """`limit=3`, `window=7d`, `channels=["email"]`: a key and its value as TOML, a bare word taken as text."""
    import tomllib

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"{text!r}: write KEY=VALUE, such as limit=3")
    if not value:
        return key, None
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value
