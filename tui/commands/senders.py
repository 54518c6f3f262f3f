"""rules presets and handover: the senders whose rules we know, and the rules handed over to one."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tui import Exit
from tui.commands import options, output
from tui.commands.options import ACCESS, Invocation, JsonOption, OutOption, shares
from tui.commands.output import line, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.enforcement.handover import Handover
    from audit.rules.book import Proposal
    from audit.rules.model import Rule
    from audit.rules.vendor_semantics import Preset
    from audit.rules.vendor_semantics.catalogue import PresetEntry
    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument, DifferenceExample
    from audit.workspace.workspace import Workspace

_WORDS = {
    "only_exact": "stopped by the exact rules alone",
    "only_preset": "stopped by the sender's alone",
    "moved": "let through at another time",
}


def list_presets(context: typer.Context, as_json: JsonOption = False) -> None:
    """The senders whose semantics are known; `show NAME` prints one."""
    from audit.rules import vendor_semantics

    if context.invoked_subcommand is None:
        _tell(vendor_semantics.presets(), as_json=as_json)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sender.", autocompletion=options.presets)],
    declared: Annotated[
        bool,
        typer.Option(
            "--declared", help="As rules the sender declares: held against the past, stopping nothing."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """One sender's semantics as a rule file: its ready rules, what a cap is to it, what it does differently."""
    from audit.rules import vendor_semantics

    preset = vendor_semantics.preset(name)
    if as_json:
        _tell((preset,), as_json=True)
    else:
        sys.stdout.write(vendor_semantics.rule_file(preset, declared=declared))


def _tell(presets: "tuple[Preset, ...]", *, as_json: bool) -> None:
    from audit.rules.vendor_semantics.catalogue import PresetList

    documents = tuple(preset.document() for preset in presets)
    if as_json:
        output.document(PresetList(presets=documents))
    else:
        _presets_page(documents)


def _presets_page(presets: "Sequence[PresetEntry]") -> None:
    """The presets there are."""
    table(
        ("preset", "sender", "what", "counts", "rules ready"),
        [
            (preset.id, preset.title, preset.feature, _counting(preset), str(len(preset.rules)))
            for preset in presets
        ],
        right=(4,),
    )
    line(f"{len(presets)} presets; `whysent rules presets show NAME` prints one, with its sources")


def _counting(preset: "PresetEntry") -> str:
    """What its caps count over."""
    counting = next(cited.value for cited in preset.means if cited.key == "counting")
    return {"days": "calendar days", "calendar": "calendar periods", "rolling": "rolling windows"}[counting]


def beside(answer: "ComparisonDocument") -> None:
    """The exact rules beside the sender's."""
    line()
    line(f"As {answer.title} would carry it out ({answer.feature}):")
    for rule in answer.rules:
        line(f"  {rule.id}: {rule.text}")
        for note in rule.notes:
            line(f"    {note}.")
    line()
    line(f"decisions that differ {answer.differ:>9,} of {answer.messages:,} messages")
    for kind, words in _WORDS.items():
        line(f"  {words:<34} {getattr(answer, kind):>9,}")
    line(f"stopped by both                      {answer.both:>9,}")
    line(f"stopped by neither                   {answer.neither:>9,}")
    line(f"people with a difference             {answer.customers_differ:>9,}")
    _examples(answer.examples)
    line("What no rule here can say:")
    for difference in answer.differs:
        line(f"  - {difference.text}")
        line(f"    {difference.source}")


def _examples(examples: "Sequence[DifferenceExample]") -> None:
    if not examples:
        return
    line("for example")
    table(
        ("message", "customer", "when", "how", "counted"),
        [
            (
                example.event_id,
                example.customer,
                f"{example.at:%Y-%m-%d %H:%M}",
                _WORDS[example.kind],
                _counted(example),
            )
            for example in examples
        ],
    )


def _counted(example: "DifferenceExample") -> str:
    decision = example.preset if example.kind == "only_preset" else example.exact
    return ", ".join(decision.counted[-3:]) or "–"


@shares(*ACCESS)
def handover(
    invocation: Invocation,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="ID", help="Only this rule; may be repeated.", autocompletion=options.rules
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="csv, json, braze, klaviyo (e-mail addresses), or words: settings.",
            autocompletion=options.of("csv", "json", "braze", "klaviyo", "words"),
        ),
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
    output.page(handed_over.text, out, as_it_is=True)
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
    if handed_over.narrower:
        output.narrate(
            f"{handed_over.narrower:,} people are left out whose no leaves a part of the channel open: --format csv and json name it"
        )
    if handed_over.wider:
        output.narrate(
            f"{handed_over.wider:,} people are in it who said no to everything, then yes to a part: --format csv and json name that part"
        )
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
