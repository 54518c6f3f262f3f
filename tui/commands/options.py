"""Options and arguments that several commands share, and what they resolve to."""

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from audit.events.times import parse_iso

if TYPE_CHECKING:
    from audit.privacy.roles import Viewer
    from audit.workspace.workspace import Workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        envvar="WHYSENT_WORKSPACE",
        help="The workspace folder; by default one in your data folder.",
        show_envvar=True,
    ),
]
RoleOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="ROLE", help="Look as agent, reviewer, operator or admin; can only lower your role."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
CustomerArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CUSTOMER",
        help="A pseudonym, the source's own id or an e-mail; - reads it from stdin, nothing asks for it.",
        show_default=False,
    ),
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="EVENT", help="Leave events out: repeat it, or a,b,c, or @FILE."),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="The moment asked about; by default the newest event."),
]
TicketOption = Annotated[
    str | None,
    typer.Option("--ticket", metavar="T", help="The ticket this look belongs to; an agent needs one."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


@dataclass(frozen=True, slots=True)
class Defaults:
    """Options given before the command, used where the command itself has none."""

    workspace: Path | None = None
    role: str | None = None


def workspace_folder(context: typer.Context, given: Path | None) -> Path:
    """The folder asked for: the command's own option, else the one before it, else the environment's or the default."""
    from audit.workspace.workspace import default_folder

    before = context.obj.workspace if isinstance(context.obj, Defaults) else None
    source = context.get_parameter_source("workspace")
    typed = source is not None and source.name == "COMMANDLINE"
    return (given if typed else before or given) or default_folder()


def opened(context: typer.Context, given: Path | None) -> "Workspace":
    """Open the workspace asked for. Raises NotFoundError where there is none."""
    from audit.workspace.workspace import Workspace

    return Workspace.open(workspace_folder(context, given))


def viewer(
    context: typer.Context, role: str | None, *, ticket: str | None = None, reason: str | None = None
) -> "Viewer":
    """Who is looking, and for which ticket: the maker of the workspace is admin; `--as` lowers that."""
    from audit.privacy.roles import Role, Viewer

    before = context.obj.role if isinstance(context.obj, Defaults) else None
    wanted = role or before
    looking = Viewer(ticket=ticket, reason=reason)
    if wanted is None:
        return looking
    names = [one.name.lower() for one in Role]
    if wanted not in names:
        raise InputError(f"--as {wanted}: one of {', '.join(names)}")
    return looking.lowered(wanted)


def customer(given: str | None) -> str:
    """The identifier asked about; read from stdin or a prompt so that it stays out of history and process lists."""
    if given == "-":
        text = sys.stdin.readline()
    elif given is None:
        if not sys.stdin.isatty():
            raise InputError("no customer named; give a pseudonym or an id, or - to read one from stdin")
        text = typer.prompt("Customer (e-mail, id or pseudonym)", err=True)
    else:
        text = given
    if not text.strip():
        raise InputError("no customer named on stdin")
    return text.strip()


def left_out(given: list[str] | None) -> tuple[str, ...]:
    """Event ids of `--without`: each value is an id, a comma list, or `@FILE` with one id a line."""
    ids: list[str] = []
    for value in given or ():
        if value.startswith("@"):
            ids += _lines(Path(value[1:]))
        else:
            ids += value.split(",")
    return tuple(one.strip() for one in ids if one.strip())


def moment(given: str | None) -> datetime | None:
    """The time of `--at`."""
    return None if given is None else parse_iso(given)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
