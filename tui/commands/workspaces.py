"""demo, import, map, formats, open, case: a workspace is made, filled and opened."""

import io
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from audit.errors import InputError
from tui import Exit, start
from tui.commands import options, output, text_output
from tui.commands.limits import ENVIRONMENT as IMPORT_LIMITS
from tui.commands.limits import guarded
from tui.commands.limits import read as read_limits
from tui.commands.options import ACCESS, ANSWER, Invocation, shares
from tui.rendering.wording import import_lines, import_losses, kept_noes
from tui.start import Start

if TYPE_CHECKING:
    from audit.ingest.format_kit import Conformance, FormatShown, Skeleton
    from audit.ingest.formats import Formats
    from audit.ingest.report import Imported, ImportReport
    from audit.privacy.roles import Viewer


@shares(*ANSWER)
def import_files(
    invocation: Invocation,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders or archives.")],
    format_name: options.FormatOption = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="FILE.toml", help="How to read any table.")
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option("--customer", metavar="ID", help="Whose export it is; - reads it from stdin."),
    ] = None,
    time_zone: Annotated[
        str,
        typer.Option("--time-zone", metavar="TZ", help="For times without an offset, such as Europe/Berlin."),
    ] = "UTC",
    limits: Annotated[
        str | None,
        typer.Option(
            "--limits",
            metavar="memory=8GB,time=10m,file=20GB",
            envvar=IMPORT_LIMITS,
            help="What reading one file may take; by default what is generous for its size. none: anything.",
        ),
    ] = None,
) -> None:
    """Bring files into the workspace; the same file twice adds nothing."""
    invocation.require("import")
    whose = options.customer(customer) if customer is not None else None
    guard = guarded(read_limits(limits), invocation.folder)
    from audit import ingest
    from audit.workspace import begun

    with begun(invocation.folder) as ws:
        report = ingest.import_paths(
            ws,
            paths,
            format=format_name,
            map_file=map_file,
            customer=whose,
            time_zone=time_zone,
            progress=output.Progress("reading"),
            reading=guard.reading,
            without=guard.without,
        )
    _told(invocation, report)


def _told(invocation: Invocation, report: "ImportReport") -> None:
    """What an import took, and on stderr first what is lost if nobody repairs it; ends with its exit code."""
    from audit.queries.reports import language, repairs

    document = report.document()
    for text in repairs(language("en"), report.lost_opt_outs, report.future_opt_outs):
        output.complain(text)
    if text := kept_noes(document):
        output.complain(text)
    for text in import_losses(report.skipped_by_reason, report.refused_by_reason):
        output.narrate(text)
    for path in report.unknown:
        output.narrate(f"left alone, no format we know: {path}")
    invocation.answer(document, _imported)
    if report.nothing_taken:
        why = "no row is left of what was refused or skipped" if report.total("rows") else "there is no row"
        output.complain(f"nothing came in: {why}")
        raise typer.Exit(Exit.NO)


def _imported(answer: "Imported") -> None:
    """What an import took, file by file: first what is lost if nobody repairs it."""
    from audit.queries.reports import language, repairs

    for text in repairs(language("en"), answer.lost_opt_outs, 0):  # those of the future stand below
        output.line(text)
    names = ("rows", "accepted", "duplicates", "quarantined", "skipped")
    rows = [
        (file.path, file.format, *(f"{getattr(file, name):,}" for name in names)) for file in answer.files
    ]
    if len(rows) > 1:
        rows.append(("all", "", *(f"{getattr(answer, name):,}" for name in names)))
    output.table(("file", "format", *names), rows, right=(2, 3, 4, 5, 6))
    for text in import_lines(answer):
        output.line(text)
    if answer.quarantine:
        output.line(f"refused rows, with the reasons: {answer.quarantine}")


@shares(*ANSWER)
def map_campaigns(
    invocation: Invocation,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.toml", help="A campaign map, and flows, to take in.")
    ] = None,
    suggest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Print a map to begin with, to `import` this file with; its doubts are comments.",
        ),
    ] = None,
) -> None:
    """The campaigns seen and what is known about them; with a file, take a campaign map and flows in."""
    if suggest is not None:
        from audit.ingest.suggest import suggest as suggested

        if file is not None:
            raise InputError("give either a campaign map to take in, or --suggest FILE")
        invocation.answer(suggested(suggest), text_output.suggestion)
        return
    from audit import flows
    from audit.flows import campaign_map
    from audit.queries import campaigns

    ws = invocation.open()
    if file is not None:
        invocation.require("map")
        ws.set_map(campaign_map.read(file), flows.read(file))
    invocation.answer(campaigns.campaign_map(ws), text_output.campaign_map)


@shares("as_json")
def formats(invocation: Invocation) -> None:
    """The formats that `import` reads; `show NAME` tells of one, `new` and `check` help to write one."""
    from audit.ingest.formats import document

    if invocation.context.invoked_subcommand is None:
        invocation.answer(document(), _formats)


@shares("as_json")
def show_format(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The format.", autocompletion=options.formats)],
) -> None:
    """What a format gives, what goes to the vault, what it leaves out, and how it reads stated reasons."""
    from audit.ingest import format_kit

    invocation.answer(format_kit.shown(name), _one_format)


@shares("as_json")
def begin_format(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; small letters.")],
    parent: Annotated[
        Path, typer.Option("--in", metavar="FOLDER", help="Where its own folder is made.")
    ] = Path(),
) -> None:
    """Write a folder to begin a format of your own with: a map with comments, a sample, what installs it."""
    from audit.ingest import format_kit

    invocation.answer(format_kit.begin(name, parent), _skeleton)


@shares("as_json")
def check_format(
    invocation: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a format, with samples/.")],
) -> None:
    """Hold a format against its samples: does it keep what every format promises? Exit 1 where it does not."""
    from audit.ingest import format_kit

    answer = format_kit.check(folder)
    invocation.answer(answer, _conformance)
    if not all(promise.is_kept for promise in answer.promises):
        raise typer.Exit(Exit.NO)


def _formats(answer: "Formats") -> None:
    """The formats that `import` reads, and those of others that cannot be used."""
    rows = [
        (entry.name, f"{entry.title} (of {entry.package})" if entry.package else entry.title, entry.reads)
        for entry in answer.formats
    ]
    output.table(("name", "what", "reads"), rows)
    for entry in answer.unusable:
        output.line(f"left out: {entry.name} of {entry.package}: {entry.problem}")


def _one_format(answer: "FormatShown") -> None:
    output.line(f"{answer.name}: {answer.title}")
    output.line(f"reads: {answer.reads}")
    output.line(f"gives: {', '.join(answer.gives)}")
    for field, columns in answer.vault.items():
        output.line(f"to the vault as {field}: {', '.join(columns)}")
    output.line(
        "to the vault as well: every column that is called like an identifier, and what looks like one"
    )
    if answer.dropped:
        output.line(f"not kept: {', '.join(answer.dropped)}")
    for reason in answer.left_out:
        output.line(f"left out, and counted: {reason}")
    if answer.unknown_kinds:
        output.line(f"a word that it does not know: {answer.unknown_kinds}")
    if answer.reasons:
        output.line("reasons that the source states; its own word is kept:")
        rows = [(entry.because, entry.reason, entry.kind) for entry in answer.reasons]
        output.table(("theirs", "ours", "kind"), rows)
    if answer.reasons_of:
        other = "any other reason" if answer.reasons else "a reason"
        output.line(f"{other} is kept in the source's own words: {', '.join(answer.reasons_of)}")


def _skeleton(answer: "Skeleton") -> None:
    output.line(f"begun in {answer.folder}: {', '.join(answer.files)}")
    output.line(f"next: read its README.md, then `whysent formats check {answer.folder}`")


def _conformance(answer: "Conformance") -> None:
    rows = [
        (
            "✓" if entry.is_kept else "✗ not",
            entry.sample,
            f"{entry.what}{entry.detail and f': {entry.detail}'}",
        )
        for entry in answer.promises
    ]
    output.table(("", "sample", f"{answer.format} …"), rows)


FORMATS = {"show": show_format, "new": begin_format, "check": check_format}


@shares(*ANSWER)
def demo(
    invocation: Invocation,
    story: Annotated[
        int | None,
        typer.Option(
            "--story", metavar="N", min=1, max=start.STORIES, help="Begin with this story's customer."
        ),
    ] = None,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--export",
            metavar="SYSTEM FOLDER",
            help="Write what an invented shop exports from klaviyo or mautic, or its mails as mbox, to import.",
        ),
    ] = None,
) -> None:
    """Make the demo workspace, if it is not there yet, and open it with its stories."""
    if export is not None:
        from fixtures.exports import told

        if invocation.as_json:
            raise InputError("--export prints lines; leave --json away")
        for sentence in told(*export):
            output.line(sentence)
        return
    folder = invocation.demo_folder
    opening = Start("demo", folder, invocation.role, story=story)
    if not invocation.as_json and _can_open(invocation):
        raise typer.Exit(_open(invocation, opening))
    from fixtures.demo import make

    if make(folder, partial(output.Progress("making"), subject="the demo")):
        output.narrate(f"made the demo workspace in {folder}")
    _triage(invocation, folder)


@shares(*ACCESS)
def open_screens(invocation: Invocation) -> None:
    """Open the screens on a workspace."""
    _need_terminal(invocation, "whysent customers")
    raise typer.Exit(_open(invocation, Start("open", invocation.named, invocation.role)))


@shares(*ANSWER)
def case(
    invocation: Invocation,
    ticket: Annotated[str, typer.Option("--ticket", metavar="T", help="The ticket this look belongs to.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="With --paste: the letter, instead of stdin.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="R", help="Why you look.")] = None,
    paste: Annotated[
        bool, typer.Option("--paste", help="Take the customer's whole letter, and open what it is about.")
    ] = False,
    customer: Annotated[
        str | None,
        typer.Option(
            "--customer", metavar="C", help="With --paste: whose letter it is, where it does not say."
        ),
    ] = None,
) -> None:
    """An agent's start: opens the customer whose identifier or whole letter is given."""
    if not paste and (file is not None or customer is not None or invocation.as_json):
        raise InputError("FILE, --customer and --json go with --paste")
    in_lines = invocation.linear or start.wants_lines()
    screens = sys.stdout.isatty() and not (invocation.as_json or in_lines)
    if paste and not (screens and (file is not None or sys.stdin.isatty())):
        _read_letter(invocation, file, customer, invocation.take_ticket(ticket, reason))
        return
    _need_terminal(invocation, "whysent show -")
    letter = None if file is None else (_letter_of(file), customer)
    opening = Start("case", invocation.folder, invocation.role, ticket, reason, letter=letter)
    raise typer.Exit(_open(invocation, opening))


def _letter_of(file: Path | None) -> str:
    """The text of a letter: of a file, else of stdin. Raises InputError."""
    if file is None:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read: {error.strerror or error}; name another, or pipe the letter in"
        ) from error


def _read_letter(invocation: Invocation, file: Path | None, customer: str | None, viewer: "Viewer") -> None:
    """Answer a letter without a screen; exit 1 where several customers fit, 2 where nobody does."""
    from audit.queries.complaints import answer
    from tui.rendering import complaint

    for action in ("find", "show", "why"):
        viewer.require(action)
    read = answer.read(invocation.open(), _letter_of(file), customer=customer)
    if invocation.as_json:
        output.document(read, as_it_is=True)
    else:
        for text in complaint.page(read):
            output.line(text, as_it_is=True)
        if read.picture is not None:
            text_output.customer(output.told(read.picture))
    if read.customer is None:
        raise typer.Exit(Exit.NO if read.complaint.fitting else Exit.USAGE)


def _triage(invocation: Invocation, folder: Path) -> None:
    """The triage list of the demo, where no screen can open."""
    from audit.queries import documents

    invocation.require("list")
    ws = invocation.open(folder)
    triage = documents.customers(ws, limit=50)
    invocation.answer(triage, partial(text_output.customers, coverage=ws.coverage))


def _can_open(invocation: Invocation) -> bool:
    """Whether the screens can be there: on a terminal, or as lines of text."""
    return invocation.linear or start.terminal()


def _need_terminal(invocation: Invocation, instead: str) -> None:
    if not _can_open(invocation):
        raise InputError(f"the screens need a terminal; without one use --linear, or `{instead} --json`")


def _open(invocation: Invocation, opening: Start) -> int:
    """Open the screens, as lines of text where these are asked for; what is typed there for the command line comes back to it."""
    if not (invocation.linear or start.wants_lines()):
        return start.run(opening)
    from tui import linear

    viewer, whysent = opening.viewer(), invocation.context.find_root().command

    def command(folder: Path, words: list[str]) -> int:
        shared = ["--workspace", str(folder), *(["--as", opening.role] if opening.role else [])]
        try:
            return int(whysent.main([*shared, *words], prog_name="whysent", standalone_mode=False) or 0)
        except typer.Abort as error:
            raise InputError("stopped") from error
        except TyperException as error:
            raise InputError(error.format_message()) from error

    return linear.run(opening, viewer, command)
