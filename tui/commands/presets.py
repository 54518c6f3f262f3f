"""rules presets: senders' own semantics, and their defaults as rules that can be taken over."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands import output
from tui.commands.options import JsonOption
from tui.commands.output import line, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.rules.vendor_semantics import Preset
    from audit.rules.vendor_semantics.catalogue import PresetEntry
    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument, DifferenceExample

_WORDS = {
    "only_exact": "stopped by the exact rules alone",
    "only_preset": "stopped by the sender's alone",
    "moved": "let through at another time",
}


def register(book: typer.Typer) -> None:
    """Add these commands to `rules`."""
    group = typer.Typer(
        help="Senders' own semantics, with their sources.",
        rich_markup_mode=None,
        invoke_without_command=True,
    )
    group.callback()(list_presets)
    group.command(name="show")(show)
    book.add_typer(group, name="presets")


def list_presets(context: typer.Context, as_json: JsonOption = False) -> None:
    """The senders whose semantics are known; `show NAME` prints one."""
    from audit.rules import vendor_semantics

    if context.invoked_subcommand is None:
        _tell(vendor_semantics.presets(), as_json=as_json)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sender.")],
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
