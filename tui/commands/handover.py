"""rules handover: what goes to the system that sends."""

from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands import output
from tui.commands.options import ACCESS, Invocation, OutOption, shares
from tui.exit_codes import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.enforcement.handover import Handover
    from audit.rules.book import Proposal
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace


@shares(*ACCESS)
def handover(
    invocation: Invocation,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule; may be repeated.")
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="csv, json, braze, klaviyo (e-mail addresses), or words: settings."),
    ] = "csv",
    out: OutOption = None,
) -> None:
    """Whom the enabled rules suppress now, by the source's own ids, for the system that sends."""
    from audit.enforcement import handover as exports

    viewer = invocation.require("handover")
    ws = invocation.open()
    rules = _chosen_rules(ws, rule)
    if form == "words":
        output.page(exports.in_words(rules), out)
        return
    approved = exports.approval(ws, rules, form, viewer=viewer)
    if approved is not None and approved.state != "approved":
        _wait(approved)
    handed_over = exports.hand_over(ws, rules, form, viewer=viewer, approved=approved)
    output.page(handed_over.text, out)
    output.narrate(f"{handed_over.people:,} people, as of {ws.at:%Y-%m-%d %H:%M} UTC")
    _tell_omissions(handed_over)
    _tell_settings(rules, form)


def _chosen_rules(ws: "Workspace", ids: list[str] | None) -> "list[Rule]":
    rules = ws.book.rules()
    if not ids:
        return [rule for rule in rules if rule.takes_part]
    chosen = {ws.book.rule(rule_id).id for rule_id in ids}
    return [rule for rule in rules if rule.id in chosen]


def _wait(request: "Proposal") -> None:
    output.narrate(
        f"this workspace asks for a second person: the export waits as {request.id}; somebody else says yes with "
        f"`whysent rules approve {request.id}`, then ask again"
    )
    raise typer.Exit(Exit.NO)


def _tell_omissions(handed_over: "Handover") -> None:
    """What is not in the file, or not as it was."""
    if handed_over.withheld:
        output.narrate(f"{handed_over.withheld:,} rows about sensitive topics are left out; hand to privacy")
    if handed_over.nameless:
        output.narrate(f"{handed_over.nameless:,} people have no e-mail address here and are left out")
    if handed_over.altered:
        output.narrate(
            f"{handed_over.altered:,} ids begin as a formula would and have a ' before them: the sender will not know these"
        )


def _tell_settings(rules: "Sequence[Rule]", form: str) -> None:
    """What a list of people cannot say."""
    from audit.rules.describe import sentence

    if form in {"braze", "klaviyo"} and len(rules) > 1:
        output.narrate(
            f"one list for {len(rules)} rules: whoever is on it is left out of all; --rule makes one a rule"
        )
    for rule in rules:
        if rule.suppresses != "people":
            output.narrate(
                f"rule {rule.id} suppresses {rule.suppresses}, not people; set there: {sentence(rule)}"
            )
