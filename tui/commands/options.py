"""Options that several commands share, and what they resolve to: who asks, of which workspace, and how to answer."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from audit.errors import InputError, NotPermittedError, NoWorkspaceError
from audit.events.times import parse_iso
from tui import start
from tui.commands import output

if TYPE_CHECKING:
    from audit.events.document import Document
    from audit.privacy.roles import Viewer
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace

    Answer = TypeVar("Answer", bound=Document)
    Values = TypeVar("Values")


def _names(kind: str) -> Callable[[typer.Context, str], list[str]]:
    """Offers a shell what a workspace holds of that kind, to whoever may list everybody and be told of all topics."""

    def offered(context: typer.Context, incomplete: str) -> list[str]:
        from audit.privacy.roles import Viewer
        from audit.workspace import default_folder, names

        typed = {
            **(context.parent.params if context.parent else {}),
            **{k: v for k, v in context.params.items() if v},
        }
        try:
            viewer = Viewer().lowered(typed["role"]) if typed.get("role") else Viewer()
        except NotPermittedError:
            return []
        if not (viewer.may("list") and viewer.may("sensitive")):
            return []
        return names(Path(typed.get("workspace") or default_folder()), kind, incomplete)

    return offered


def of(*words: str) -> Callable[[str], list[str]]:
    """Offers a shell a few words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def presets(incomplete: str) -> list[str]:
    """Offers a shell the senders whose ready rules ship."""
    from audit.rules.vendor_semantics.catalogue import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """Offers a shell the formats that are read."""
    from audit.ingest.formats import formats as shipped

    return sorted({form.name for form in shipped() if form.name.startswith(incomplete)})


def _locales(context: typer.Context, incomplete: str) -> list[str]:
    """Offers a shell the languages of the kind of report that was typed."""
    from audit.queries import locales

    return [code for code in locales.of_kind(context.params.get("kind") or "") if code.startswith(incomplete)]


customers, rules, proposals, segments = map(_names, ("customers", "rules", "proposals", "segments"))

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
        "--as",
        metavar="ROLE",
        help="Look as agent, reviewer, operator or admin; can only lower your role.",
        autocompletion=of("agent", "reviewer", "operator", "admin"),
    ),
]
LinearOption = Annotated[
    bool, typer.Option("--linear", help="Lines of plain text for a screen reader: no tables, no drawings.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
LocaleOption = Annotated[
    str | None,
    typer.Option(
        "--locale",
        metavar="LANGUAGE",
        help="The language, such as en, de, es, fr; a note in en or de. By default that of WHYSENT_LOCALE, else English.",
        autocompletion=_locales,
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
KnownAtOption = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        metavar="TIME",
        help="As it was known then: without what was imported later, with what a later export replaced as it stood.",
    ),
]
TicketOption = Annotated[
    str | None,
    typer.Option("--ticket", metavar="T", help="The ticket this look belongs to; an agent needs one."),
]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the change.")]
CustomerOption = Annotated[
    str | None,
    typer.Option(
        "--customer",
        metavar="C",
        help="The customer it is asked for, kept as a pseudonym; - reads it from stdin.",
        autocompletion=customers,
    ),
]
FindingOption = Annotated[
    str | None, typer.Option("--finding", metavar="ID", help="The finding that it answers.")
]
CampaignOption = Annotated[
    str | None,
    typer.Option("--campaign", metavar="ID", help="What to group it by; by default what its rules name."),
]
EffectiveOption = Annotated[
    str | None,
    typer.Option(
        "--effective", metavar="TIME", help="From when on it is in force, past or to come; by default now."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="See `whysent formats`.", autocompletion=formats),
]
CustomerArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CUSTOMER",
        help="A pseudonym, the source's own id or an e-mail; - reads it from stdin, nothing asks for it.",
        show_default=False,
        autocompletion=customers,
    ),
]
RulesFileOption = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="A rule file; by default the book's enabled rules."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write it there, readable by you.")
]

_SHARED: dict[str, tuple[Any, Any]] = {
    "without": (WithoutOption, None),
    "at": (AtOption, None),
    "known_at": (KnownAtOption, None),
    "note": (NoteOption, ""),
    "customer": (CustomerOption, None),
    "finding": (FindingOption, None),
    "campaign": (CampaignOption, None),
    "effective": (EffectiveOption, None),
    "yes": (YesOption, False),
    "linear": (LinearOption, False),
    "workspace": (WorkspaceOption, None),
    "role": (RoleOption, None),
    "ticket": (TicketOption, None),
    "as_json": (JsonOption, False),
}
"""The options that an invocation takes in for its command: how each is written, and its default."""

ACCESS = ("workspace", "role", "linear")
ANSWER = (*ACCESS, "as_json")
CASE = (*ACCESS, "ticket", "as_json")
HISTORY = ("without", "at", *CASE)
CHANGE = ("note", "effective", "yes", *ANSWER)
PROPOSAL = ("note", "customer", "finding", "campaign", "effective", *CASE)
"""What commands of one sort share: those that look, answer, answer about a customer, may leave events out, change rules,
ask for a change.
"""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Options given before the command, used where the command itself has none."""

    workspace: Path | None = None
    role: str | None = None
    linear: bool = False


class Invocation:
    """One call of a command: who asks, of which workspace, and how it is answered.

    `shared`: what was typed for the options of `_SHARED`.
    """

    def __init__(self, context: typer.Context, shared: dict[str, Any]) -> None:
        self.context = context
        self.shared = {name: default for name, (_, default) in _SHARED.items()} | shared
        self.note: str = self.shared["note"]
        self.yes: bool = self.shared["yes"]
        self.as_json: bool = self.shared["as_json"]
        self._opened: dict[Path, Workspace] = {}
        self._defaults = context.obj if isinstance(context.obj, Defaults) else Defaults()
        self.linear: bool = self.shared["linear"] or self._defaults.linear
        if self.linear:
            output.as_lines(True)

    @property
    def folder(self) -> Path:
        """The workspace's folder: the command's own option, else the one before it, else the environment's or the default."""
        from audit.workspace import default_folder

        return self.named or default_folder()

    @property
    def demo_folder(self) -> Path:
        """The folder of the demo workspace: one of its own, unless another is asked for."""
        from audit.workspace import demo_folder

        return self.named or demo_folder()

    @property
    def named(self) -> Path | None:
        """The folder that was named here, before the command or in the environment."""
        option, source = self.shared["workspace"], self.context.get_parameter_source("workspace")
        typed = source is not None and source.name == "COMMANDLINE"
        return option if typed else self._defaults.workspace or option

    @property
    def role(self) -> str | None:
        """The role to look in, where one was named."""
        role: str | None = self.shared["role"] or self._defaults.role
        return role

    @property
    def without(self) -> tuple[str, ...]:
        """The event ids of `--without`: each value is an id, a comma list, or `@FILE` with one id a line."""
        ids: list[str] = []
        for value in self.shared["without"] or ():
            ids += _lines(Path(value[1:])) if value.startswith("@") else value.split(",")
        return tuple(event_id.strip() for event_id in ids if event_id.strip())

    @property
    def at(self) -> datetime | None:
        """The moment asked about."""
        return moment(self.shared["at"])

    @property
    def effective(self) -> datetime | None:
        """From when on a change is to be in force."""
        return moment(self.shared["effective"])

    def open(self, folder: Path | None = None) -> "Workspace":
        """Open the workspace asked for, or that in `folder`, for whoever looks; it stays open. Raises NotFoundError where there is none."""
        from audit.workspace.workspace import Workspace

        place = folder or self.folder
        known_at = moment(self.shared["known_at"])
        workspace = self._opened.get(place) or Workspace.open(place, self.viewer(), known_at=known_at)
        self._opened[place] = workspace
        output.answer_from(workspace)
        return workspace

    def meant(self, values: "Values") -> "Values":
        """Values that were typed, with the stand-ins among them turned back into what they stand for."""
        return self.open().view.meant(values) if "withheld-" in str(values) else values

    def viewer(self, *, ticket: str | None = None, reason: str | None = None) -> "Viewer":
        """Who is looking, and for which ticket: the maker of the workspace is admin; `--as` lowers that."""
        return start.viewer(self.role, ticket or self.shared["ticket"], reason or self.shared.get("reason"))

    def take_ticket(self, ticket: str, reason: str | None) -> "Viewer":
        """Who is looking, from now on for that ticket and reason."""
        self.shared |= {"ticket": ticket, "reason": reason}
        return self.viewer()

    def require(self, action: str) -> "Viewer":
        """Who is looking, if they may do `action`. Raises NotPermittedError."""
        viewer = self.viewer()
        viewer.require(action)
        return viewer

    def answer(self, document: "Answer", page: "Callable[[Answer], None]") -> None:
        """Print a document as JSON where that is asked for, else as its page."""
        if self.as_json:
            output.document(document)
        else:
            page(output.told(document))


def shares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options `names`, after its own; it gets them as its first argument, an `Invocation`."""

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def call(context: typer.Context, **values: Any) -> None:
            shared = {name: values.pop(name) for name in names}
            invocation = Invocation(context, shared)
            try:
                command(invocation, **invocation.meant(values))
            except NoWorkspaceError as error:
                raise NoWorkspaceError(f"{error}{_demo_is_there(context)}") from error

        keyword = inspect.Parameter.KEYWORD_ONLY
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = [
            inspect.Parameter("context", keyword, annotation=typer.Context),
            *(parameter.replace(kind=keyword) for parameter in own),
            *(
                inspect.Parameter(name, keyword, default=_SHARED[name][1], annotation=_SHARED[name][0])
                for name in names
            ),
        ]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return wrap


def _demo_is_there(context: typer.Context) -> str:
    """How to ask the demo what was asked of a workspace that is not there; without what was typed of a customer."""
    import shlex

    from audit.workspace import demo_folder

    demo = demo_folder()
    if not (demo / "workspace.json").exists():
        return ""
    program, _, command = context.command_path.partition(" ")
    sources = [context.get_parameter_source(name) for name in context.params if name != "workspace"]
    more = "…" if any(source is not None and source.name == "COMMANDLINE" for source in sources) else ""
    words = (program, "--workspace", shlex.quote(str(demo)), command, more)
    return f"; the demo is there: {' '.join(filter(None, words))}"


def customer(argument: str | None) -> str:
    """The identifier asked about; read from stdin or a prompt so that it stays out of history and process lists."""
    if argument == "-":
        text = sys.stdin.readline()
    elif argument is None:
        if not sys.stdin.isatty():
            raise InputError("no customer named; give a pseudonym or an id, or - to read one from stdin")
        text = typer.prompt("Customer (e-mail, id or pseudonym)", err=True)
    else:
        text = argument
    if not text.strip():
        raise InputError("no customer named on stdin; give a pseudonym, an id or an address there")
    return text.strip()


def rules_of(ws: "Workspace", file: Path | None) -> "tuple[Rule, ...]":
    """The rules of a file (None: of stdin), with what was withheld from whoever looks put back. Raises InputError."""
    from audit.rules import files

    return ws.view.meant(files.loads(sys.stdin.read()) if file is None else files.read(file))


def moment(option: str | None) -> datetime | None:
    """The time that an option names."""
    return None if option is None else parse_iso(option)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read: {error}; name a text file with an event_id in each line"
        ) from error
