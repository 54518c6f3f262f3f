"""The manual page, docs/whysent.1, made of the table that `--help` is made of. `python -m tests.manual_page` writes it anew."""

import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperArgument, TyperCommand, TyperOption

from audit import __version__
from tui import commands

PAGE = Path(__file__).parents[1] / "docs" / "whysent.1"

ENVIRONMENT = {
    "WHYSENT_WORKSPACE": "The workspace folder, where --workspace names none.",
    "WHYSENT_KEY_FILE": "The file with the key of the vault and of the log; else the keyring of the system has it.",
    "WHYSENT_THEME": "The theme that the screens begin with.",
    "NO_COLOR": "Set to anything, the screens use no colour.",
}
EXITS = {
    0: "Done.",
    1: "Done, and the answer is no: nothing accepted, something found with --fail-on, a plan not confirmed.",
    2: "Wrong usage, unreadable input, or nothing by that name; one line on stderr says what to do.",
    3: "Not permitted.",
    130: "Stopped.",
}


def page() -> str:
    """The page as mandoc and groff read it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    root = commands.tree()
    help_file = Path(commands.__file__).with_name("help.toml")
    texts = tomllib.loads(help_file.read_text(encoding="utf-8"))
    yield '.\\" Made by python -m tests.manual_page; do not edit.'
    yield f'.TH WHYSENT 1 "" "whysent {__version__}" "User Commands"'
    yield from (".SH NAME", "whysent \\- why a customer got a message, and which rule would have stopped it")
    yield from (".SH SYNOPSIS", ".B whysent", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]")
    yield from (".SH DESCRIPTION", _text(root.help or ""))
    yield _text("Without a command it opens the screens. Answers go to stdout, everything else to stderr.")
    yield ".SH OPTIONS"
    yield from _options(root.params)
    yield ".SH COMMANDS"
    for name, command in commands.commands(root).items():
        yield from _command(name, command, texts[name])
    yield ".SH ENVIRONMENT"
    for name, meaning in ENVIRONMENT.items():
        yield from (".TP", f".B {name}", _text(meaning))
    yield ".SH EXIT STATUS"
    for code, meaning in EXITS.items():
        yield from (".TP", f".B {code}", _text(meaning))


def _command(name: str, command: TyperCommand, texts: dict[str, str | list[str]]) -> Iterator[str]:
    arguments = [param for param in command.params if isinstance(param, TyperArgument)]
    places = " ".join(_place(param) for param in arguments)
    yield f".SS whysent {_escaped(name)} {places}".rstrip()
    yield _text(command.help or "")
    yield from (".PP", _text(f"Prints: {texts['prints']}"))
    for param in arguments:
        yield from (".TP", f"\\fI{_escaped(param.metavar or param.name)}\\fR", _text(param.help or ""))
    yield from _options(command.params)
    yield from (".PP", ".nf", ".RS 4", *map(_escaped, texts["examples"]), ".RE", ".fi")


def _place(param: TyperArgument) -> str:
    name = f"\\fI{_escaped(param.metavar or param.name.upper())}\\fR"
    return name if param.required else f"[{name}]"


def _options(params: list[TyperArgument | TyperOption]) -> Iterator[str]:
    for param in params:
        if isinstance(param, TyperOption) and not param.hidden:
            names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in param.opts)
            value = f" \\fI{_escaped(param.metavar)}\\fR" if param.metavar else ""
            yield from (".TP", names + value, _text(param.help or ""))


def _text(text: str) -> str:
    """A paragraph, a line for each 100 characters, so that a change is seen where it is."""
    words = " ".join(text.replace("\b", " ").split())
    return "\n".join(_escaped(line) for line in textwrap.wrap(words, 100, break_on_hyphens=False))


def _escaped(text: str) -> str:
    """Text that begins no request and keeps its hyphens and quotes."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith(".") else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
