"""One module for each group of commands; `build` puts them together."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from tui import Exit
from tui.commands import queries, rules, segments, senders, simulate, workspaces
from tui.commands.options import Defaults, LinearOption, RoleOption, WorkspaceOption
from tui.commands.output import complain

_ABOUT = "Why did this customer get this, should they have, and which rule would have stopped it?"


def tree() -> TyperGroup:
    """All commands, in their groups."""
    app = typer.Typer(
        name="whysent",
        help=_ABOUT,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True, help=_ABOUT)(_bare)
    for name, command in (
        ("demo", workspaces.demo), ("open", workspaces.open_screens), ("case", workspaces.case),
        ("import", workspaces.import_files), ("map", workspaces.map_campaigns),
        ("customers", queries.customers), ("show", queries.show), ("why", queries.why), ("audit", queries.audit),
        ("link", queries.link), ("unlink", queries.unlink),
    ):  # fmt: skip
        app.command(name=name, cls=_Command)(command)
    about = "The formats that `import` reads, and what writes one."
    _add_group(app, "formats", about, workspaces.FORMATS, answers=True).callback()(workspaces.formats)
    about = "What puts people into segments, and who was in which when."
    _add_group(app, "segments", about, segments.COMMANDS)
    app.command()(segments.reconcile)
    about = "The rule book: see, change, undo."
    book = _add_group(app, "rules", about, rules.COMMANDS)
    about = "Senders' own semantics, with their sources."
    presets = _add_group(book, "presets", about, {"show": senders.show}, answers=True)
    presets.callback()(senders.list_presets)
    for name, command in (
        ("simulate", simulate.simulate), ("sweep", simulate.sweep), ("gate", simulate.gate),
        ("report", queries.report), ("doctor", queries.doctor), ("audience", queries.audience),
    ):  # fmt: skip
        app.command(name=name, cls=_Command)(command)
    whysent = typer.main.get_command(app)
    assert isinstance(whysent, TyperGroup)
    return whysent


def build() -> Callable[[list[str]], int]:
    """The command line as a function from arguments to an exit code."""
    whysent = tree()

    def run(arguments: list[str]) -> int:
        if {"-h", "--help"} & {*arguments}:
            _explain(whysent)
        try:
            code = int(whysent.main(arguments, prog_name="whysent", standalone_mode=False) or Exit.OK)
        except typer.Abort:
            complain("nothing was given; name it in the command, or give it to stdin with -")
            return Exit.USAGE
        except TyperException as error:
            complain(f"{error.format_message()} (see `{_asked(error)} --help`)")
            return Exit.USAGE
        if code == Exit.INTERRUPTED:
            complain("stopped")
        return code

    return run


def _asked(error: TyperException) -> str:
    """The command that was called, as far as it is one."""
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "whysent"


def _explain(group: TyperGroup) -> None:
    """Let the help of each command end with what it prints and two examples, and the list of them be short (help.toml)."""
    import tomllib
    from importlib.resources import files

    texts = tomllib.loads(files("tui.commands").joinpath("help.toml").read_text(encoding="utf-8"))
    for name, command in commands(group).items():
        examples = "\n".join(f"  {example}" for example in texts[name]["examples"])
        command.short_help = texts[name].get("short")
        command.epilog = f"Prints: {texts[name]['prints']}\n\n\b\nExamples:\n{examples}"


class _Command(TyperCommand):
    """A command whose usage names what has to be given as it is explained below it: `CUSTOMER`, in no braces."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub(r"^\{(.+?)(?:\.\.\.)?\}", r"\1", piece) for piece in pieces]


def commands(group: TyperGroup, path: str = "") -> dict[str, TyperCommand | TyperGroup]:
    """Every command below `group` by its words, such as `rules presets show`; a group too that answers by itself."""
    below: dict[str, TyperCommand | TyperGroup] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            below |= {f"{path}{name}": command} if command.invoke_without_command else {}
            below |= commands(command, f"{path}{name} ")
        elif isinstance(command, TyperCommand):
            below[f"{path}{name}"] = command
    return below


def _add_group(
    app: typer.Typer,
    name: str,
    about: str,
    commands: Mapping[str, Callable[..., None]],
    *,
    answers: bool = False,
) -> typer.Typer:
    """Put a group of commands into `app`; unless it `answers` by itself, its bare name prints its help."""
    group = typer.Typer(
        help=about, rich_markup_mode=None, invoke_without_command=answers, no_args_is_help=not answers
    )
    for command_name, command in commands.items():
        group.command(command_name, cls=_Command)(command)
    app.add_typer(group, name=name)
    return group


def _bare(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    linear: LinearOption = False,
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    context.obj = Defaults(workspace, role, linear)
    if version:
        from audit import __version__

        print(f"whysent {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        workspaces.open_screens(context, workspace=workspace, role=role, linear=linear)
