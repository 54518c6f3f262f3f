"""rules: the rule book, to be seen, and whether the past kept to it. What changes it is in `rule_changes`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError, NotFoundError
from tui import Exit
from tui.commands import options, output, proposals, rule_changes, senders
from tui.commands.options import ACCESS, ANSWER, Invocation, shares
from tui.commands.rule_changes import FileArgument, RuleArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from audit.queries.compliance import Compliance
    from audit.queries.rule_check import RuleChecks
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


@shares(*ANSWER)
def list_rules(
    invocation: Invocation,
    valid_at: ValidOption = None,
    recorded_at: RecordedOption = None,
) -> None:
    """The rules as they stand, or those in force at a moment."""
    from audit.rules.book import documents
    from tui.rendering.wording import several

    rules, coming = _in_force(_book(invocation), valid_at, recorded_at)
    if invocation.as_json:
        output.document(documents.rule_list(rules, coming))
        return
    output.table(
        ("", "rule", "version", "kind", "title"),
        [(_state(rule), rule.id, f"v{rule.version}", rule.kind, rule.title) for rule in rules],
    )
    output.line(several(len(rules), "rule"))
    for change in coming:
        version = f"{change.rule.id} v{change.rule.version} ({change.action})"
        output.line(f"to come at {change.effective:%Y-%m-%d %H:%M} UTC: {version}")


def _state(rule: "Rule") -> str:
    """Whether a rule stops anything: one that the sender declares does not."""
    return "off" if not rule.enabled else "declared" if rule.declared else "on"


@shares(*ANSWER)
def show(
    invocation: Invocation,
    rule: RuleArgument,
) -> None:
    """One rule: what it does, in a sentence, and as a rule file."""
    from audit.rules import files
    from audit.rules.book import documents
    from audit.rules.describe import read_back

    named = _book(invocation).rule(rule)
    if invocation.as_json:
        output.document(documents.rule_list([named]))
    else:
        told = output.told(named)
        output.page(f"# {read_back(told)}\n{files.dump([told])}", None)


@shares(*ANSWER)
def check(
    invocation: Invocation,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A rule file; by default the rules of the book.")
    ] = None,
) -> None:
    """Read rules back, and say what is odd: names that are not in the data, keys without effect, rules that others cover."""
    from audit.queries.rule_check import document

    book = _book(invocation)
    ws = invocation.open()
    answer = document(ws, book.rules() if file is None else options.rules_of(ws, file))
    invocation.answer(answer, _check_page)
    if any(rule.warnings for rule in answer.rules):
        raise typer.Exit(Exit.NO)


def _check_page(answer: "RuleChecks") -> None:
    for rule in answer.rules:
        output.line(f"{rule.id}: judges {rule.messages:,} of {rule.of:,} messages")
        output.line(f"  {rule.reads}")
        for odd in rule.warnings:
            output.line(f"  ! {odd.line}")
    output.line(
        f"{sum(bool(rule.warnings) for rule in answer.rules)} of {len(answer.rules)} rules: something is odd"
    )


@shares(*ANSWER)
def history(
    invocation: Invocation,
    rule: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="One rule; by default all.", autocompletion=options.rules),
    ] = None,
) -> None:
    """Every version, newest first."""
    from audit.rules.book import documents

    versions = _book(invocation).history(rule)
    if invocation.as_json:
        output.document(documents.RuleHistory(versions=tuple(map(documents.version, versions))))
        return
    output.table(
        ("when (UTC)", "in force from", "who", "what", "rule", "version", "note"),
        [
            (
                f"{version.recorded_at:%Y-%m-%d %H:%M}",
                "" if version.effective == version.recorded_at else f"{version.effective:%Y-%m-%d %H:%M}",
                f"{version.author}, approved by {version.approved_by}"
                if version.approved_by
                else version.author,
                version.action,
                version.rule.id,
                f"v{version.rule.version}",
                version.note,
            )
            for version in versions
        ],
    )


@shares(*ANSWER)
def diff(
    invocation: Invocation,
    rule: RuleArgument,
    before: Annotated[
        int | None, typer.Argument(metavar="V1", help="A version; by default the one before V2.")
    ] = None,
    after: Annotated[
        int | None, typer.Argument(metavar="V2", help="A version; by default the newest.")
    ] = None,
) -> None:
    """What changed between two versions of a rule, key by key."""
    from audit.rules.book import documents

    change = _book(invocation).between(rule, before, after)
    if invocation.as_json:
        output.document(documents.rule_diff(rule, change))
        return
    names = [f"v{rule.version}" if rule else "no rule" for rule in (change.before, change.after)]
    output.line(f"{rule}: {names[0]} → {names[1]}")
    for line in change.lines() or ["no key differs"]:
        output.line(f"  {line}")


@shares(*ACCESS)
def export(
    invocation: Invocation,
    file: FileArgument,
    valid_at: ValidOption = None,
    recorded_at: RecordedOption = None,
) -> None:
    """Write all rules into a file: as they stand, or those in force at a moment."""
    from audit.rules import files
    from audit.workspace.names_told import speaks_of_rule

    invocation.require("see_rules")
    ws = invocation.open()
    in_force, coming = _in_force(ws.book, valid_at, recorded_at)
    rules = [rule for rule in in_force if not speaks_of_rule(ws.view, rule)]
    output.text_file(file, files.dump(rules))
    output.narrate(f"{len(rules)} rules written to {file.resolve()}")
    if len(rules) < len(in_force):
        left_out = len(in_force) - len(rules)
        output.narrate(f"{left_out} rules that speak of a sensitive topic are left out; hand to privacy")
    if coming:
        from audit.events.times import iso

        latest = iso(coming[-1].effective)
        output.narrate(
            f"as they stand; {len(coming)} changes to come are not in it: --valid-at {latest} writes them"
        )


def _in_force(
    book: "Book", valid_at: str | None, recorded_at: str | None
) -> "tuple[Sequence[Rule], Sequence[Version]]":
    """The rules as they stand, with the changes to come; those in force at a moment, where one is asked about."""
    if valid_at is None and recorded_at is None:
        return book.rules(), book.coming()
    return book.as_of(options.moment(valid_at), options.moment(recorded_at)), ()


def _book(invocation: Invocation) -> "Book":
    invocation.require("see_rules")
    return invocation.open().book


@shares(*ANSWER)
def kept(
    invocation: Invocation,
    rule: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="One declared rule; by default all.",
            show_default=False,
            autocompletion=options.rules,
        ),
    ] = None,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="The rules of a file, as if declared.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="The ready rules of a sender, as if declared.",
            autocompletion=options.presets,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="People named of each rule, the worst first.")
    ] = 5,
) -> None:
    """Whether the past kept to what the sender declares, and what broke it."""
    from audit.queries.compliance import document

    invocation.require("simulate")
    ws = invocation.open()
    context = ws.context()
    declared = _declared(ws, rule, rules_file, preset)
    invocation.answer(document(ws.events(), declared, context, worst=limit), _kept_page)


def _declared(ws: "Workspace", rule: str | None, rules_file: Path | None, preset: str | None) -> "list[Rule]":
    """The rules that are held against the past, or the one of them that is named `rule`."""
    from audit.rules import vendor_semantics

    if rules_file is not None and preset is not None:
        raise InputError("--rules and --preset name different rules; leave one away")
    if preset is not None:
        declared = [ready.rule for ready in vendor_semantics.preset(preset).ready]
        if not declared:
            raise InputError(
                f"{preset} names no cap of its own; write what it declares to you in a rule file"
            )
    else:
        declared = list(ws.context().declared if rules_file is None else options.rules_of(ws, rules_file))
    if not declared:
        raise InputError(
            "no rule is declared; import one with declared = true, or name a --preset or a file with --rules"
        )
    chosen = [candidate for candidate in declared if rule in {None, candidate.id}]
    if not chosen:
        ids = ", ".join(candidate.id for candidate in declared)
        raise NotFoundError(f"no declared rule {rule!r}; there are {ids}")
    return chosen


def _kept_page(answer: "Compliance") -> None:
    output.table(
        ("rule", "messages", "against it", "people", "first", "cannot tell", "what is declared"),
        [
            (
                rule.id, f"{rule.messages:,}", f"{rule.against:,}" if rule.messages else "–",
                f"{rule.customers_against:,} of {rule.customers:,}", f"{rule.first:%Y-%m-%d}" if rule.first else "–",
                f"{rule.cannot_tell:,}", rule.title,
            )
            for rule in answer.rules
        ],
        right=(1, 2, 3, 5),
    )  # fmt: skip
    for rule in answer.rules:
        if rule.worst:
            output.line()
            output.line(f"{rule.id}: the worst, {len(rule.worst):,} of {rule.customers_against:,} people")
            output.table(
                ("customer", "against it", "most together", "for example"),
                [
                    (
                        person.customer,
                        f"{len(person.messages):,}",
                        str(person.most),
                        ", ".join(person.together[-5:]),
                    )
                    for person in rule.worst
                ],
                right=(1, 2),
            )
    output.line("Held against what was sent; `whysent audit` lists it customer by customer.")


COMMANDS: "Mapping[str, Callable[..., None]]" = {
    "list": list_rules,
    "show": show,
    "check": check,
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
    "handover": senders.handover,
    "kept": kept,
}
"""The commands of `rules`, by name."""
