"""rules presets: senders' own semantics, and their defaults as rules that can be taken over."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands import output, preset_pages
from tui.commands.options import JsonOption

if TYPE_CHECKING:
    from audit.rules.vendor_semantics import Preset


def register(book: typer.Typer) -> None:
    """Add these commands to `rules`."""
    ways = typer.Typer(
        help="Senders' own semantics, with their sources.",
        rich_markup_mode=None,
        invoke_without_command=True,
    )
    ways.callback()(list_presets)
    ways.command(name="show")(show)
    book.add_typer(ways, name="presets")


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
    documents = [one.to_json() for one in presets]
    if as_json:
        output.document({"schema": "whysent.presets/1", "presets": documents})
    else:
        preset_pages.listed(documents)
