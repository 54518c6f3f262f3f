"""simulate, sweep, gate: what rules would have done to the past, and what they do to what is about to go out."""

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from audit.errors import InputError
from tui.commands import options, output, text_output
from tui.commands.options import ACCESS, ANSWER, Invocation, RulesFileOption, rules_of, shares

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from audit.events.document import Document
    from audit.queries.reports import Report
    from audit.rules.replay.totals import ReplayDocument, Totals
    from audit.rules.scopes import RuleSet
    from audit.rules.vendor_semantics.preset_comparison import ComparedReplay
    from audit.workspace.context import Context
    from audit.workspace.workspace import Workspace

Answer = TypeVar("Answer", bound="Document")

FormOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORM",
        help="A page to hand on: md, html or json.",
        autocompletion=options.of("md", "html", "json"),
    ),
]
PageOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="With --format: write it there, readable by you.")
]


_CustomerOption = Annotated[
    str | None,
    typer.Option(
        "--customer",
        metavar="C",
        help="Only this customer; - reads it from stdin.",
        autocompletion=options.customers,
    ),
]


@shares(*ANSWER)
def simulate(
    invocation: Invocation,
    rules_file: RulesFileOption = None,
    as_recorded: Annotated[
        bool,
        typer.Option("--as-recorded", help="The rules as they stood in the book at each message's time."),
    ] = False,
    customer: _CustomerOption = None,
    decisions: Annotated[
        Path | None, typer.Option("--decisions", metavar="FILE.parquet", help="Write a row for each message.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="Beside it as this sender would; `rules presets` names them.",
            autocompletion=options.presets,
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="With --preset: the time zone of the sender's account."),
    ] = None,
    form: FormOption = None,
    out: PageOption = None,
) -> None:
    """Replay rules over the real past: what they would have stopped, and what became of it."""
    from msgspec import structs

    from audit.queries import reports
    from audit.queries.reports.limits import line

    if as_recorded and rules_file is not None:
        raise InputError("--as-recorded asks the book; leave --rules away")
    _refuse_form(form, out)
    _refuse_preset(preset, zone, as_recorded=as_recorded)
    ws = invocation.open()
    invocation.require("simulate")
    rules, ctx = _as_recorded(ws) if as_recorded else _rules(ws, rules_file), ws.context()
    scan, totals = _replayed(ws, rules, ctx, customer, decisions)
    replay = structs.replace(totals.document(), same_address=_with_namesakes(scan, ctx))
    if preset is not None:
        replay = _compared(replay, ws, rules, ctx, scan, preset, zone)
    page = partial(reports.replay, replay, covered=line(ctx.coverage))
    _answer(invocation, replay, form, out, text_output.replay, page)


@shares(*ANSWER)
def sweep(
    invocation: Invocation,
    rule: Annotated[
        str,
        typer.Option("--rule", metavar="ID", help="The rule that is changed.", autocompletion=options.rules),
    ],
    limits: Annotated[
        str | None, typer.Option("--limits", metavar="1..10", help="Its limits, as 1..10 or 1,2,5.")
    ] = None,
    windows: Annotated[str | None, typer.Option("--windows", metavar="1d,3d,7d", help="Its windows.")] = None,
    rules_file: RulesFileOption = None,
    form: FormOption = None,
    out: PageOption = None,
) -> None:
    """The curve: the replay at several limits or windows of one rule, the others as they are."""
    import polars as pl

    from audit import why
    from audit.queries import reports
    from audit.queries.case import named_in
    from audit.queries.reports.limits import line
    from audit.rules.replay import curve, fleet

    _refuse_form(form, out)
    invocation.require("sweep")
    limit_points = curve.limits(limits) if limits is not None else []
    window_points = curve.windows(windows) if windows is not None else []
    ws = invocation.open()
    rules = ws.book.rules() if rules_file is None else options.rules_of(ws, rules_file)
    sets = curve.variants(rules, rule, limits=limit_points, windows=window_points)
    if not next(candidate for candidate in rules if candidate.id == rule).enabled:
        output.narrate(f"rule {rule} is switched off; the curve shows it switched on")
    ctx = ws.context()
    points = fleet.simulate_each(
        ws.scan().filter(pl.col("occurred_at") <= ws.at), sets, ctx, ids=named_in(ws, rules),
        causes=partial(why.causes, context=ctx), numbers=ws.generation.beside, progress=output.Progress("replaying"),
    )  # fmt: skip
    swept = curve.document(rule, points)
    page = partial(reports.sweep, swept, covered=line(ctx.coverage))
    _answer(invocation, swept, form, out, text_output.curve, page)


def _with_namesakes(scan: "pl.LazyFrame", ctx: "Context") -> int:
    """Customers with a message in `scan` of whom the vault knows another id by the same address."""
    import polars as pl

    if not ctx.namesakes:
        return 0
    sent = scan.filter(pl.col("kind") == "message_sent", pl.col("customer_id").is_in(list(ctx.namesakes)))
    return int(sent.select(pl.col("customer_id").n_unique()).collect().item())


def _replayed(
    ws: "Workspace", rules: "RuleSet", ctx: "Context", customer: str | None, decisions: Path | None
) -> "tuple[pl.LazyFrame, Totals]":
    """The events that were replayed, and the totals; decisions are written."""
    import polars as pl

    from audit import why
    from audit.queries.case import causes_for
    from audit.rules.replay import fleet, simulation
    from audit.workspace.names_told import speaks_of_rule

    progress = output.Progress("replaying")
    if customer is None:
        scan = ws.scan().filter(pl.col("occurred_at") <= ws.at)
        totals = fleet.simulate(
            scan, rules, ctx, causes=partial(why.causes, context=ctx), decisions=decisions,
            numbers=ws.generation.beside, progress=progress,
        )  # fmt: skip
        if decisions is not None and any(speaks_of_rule(ws.view, rule) for rule in rules.rules):
            output.parquet(pl.read_parquet(decisions), decisions)
        return scan, totals
    pseudonym = ws.resolve(options.customer(customer))
    events, ctx = ws.history(pseudonym, at=ws.at), ws.context(customer=pseudonym)
    causes = causes_for(rules.rules, events, ctx)
    replay = simulation.simulate(events, rules, ctx, causes=causes, progress=progress)
    if decisions is not None:
        output.parquet(replay.decisions, decisions)
    return events.lazy(), replay.totals()


def _compared(
    replay: "ReplayDocument",
    ws: "Workspace",
    rules: "RuleSet",
    ctx: "Context",
    scan: "pl.LazyFrame",
    preset: str,
    zone: str | None,
) -> "ComparedReplay":
    """A replay with the same rules beside it as a sender would carry them out."""
    import msgspec

    from audit import why
    from audit.queries.case import named_in
    from audit.rules import vendor_semantics
    from audit.rules.vendor_semantics import preset_comparison

    comparison = preset_comparison.compare(
        scan,
        rules.rules,
        vendor_semantics.preset(preset),
        ctx,
        zone=zone,
        ids=named_in(ws, rules.rules),
        causes=partial(why.causes, context=ctx),
        progress=output.Progress("replaying as the sender would"),
    )
    return preset_comparison.ComparedReplay(**msgspec.structs.asdict(replay), preset=comparison)


def _answer(
    invocation: Invocation,
    document: Answer,
    form: str | None,
    out: Path | None,
    text: "Callable[[Answer], None]",
    page: "Callable[[], Report]",
) -> None:
    """Print an answer: as text, as its document, or as a page to hand on."""
    if form in {"md", "html"}:
        output.page(page().written(form), out)
    elif out is not None:
        output.page(json.dumps(document.to_json(), ensure_ascii=False, indent=2) + "\n", out)
    elif invocation.as_json or form == "json":
        output.document(document)
    else:
        text(document)


def _refuse_form(form: str | None, out: Path | None) -> None:
    from audit.queries.reports import FORMATS

    if form is not None and form not in FORMATS:
        raise InputError(f"--format {form}: one of {', '.join(FORMATS)}")
    if out is not None and form is None:
        raise InputError(f"--out writes a page; say which with --format: {', '.join(FORMATS)}")


def _refuse_preset(preset: str | None, zone: str | None, *, as_recorded: bool) -> None:
    from audit.rules import vendor_semantics

    if preset is None and zone is not None:
        raise InputError("--zone is the zone of a sender's account; name the sender with --preset")
    if preset is not None and as_recorded:
        raise InputError("--preset asks about one set of rules; leave --as-recorded away")
    if preset is not None:
        vendor_semantics.preset(preset)


def _rules(ws: "Workspace", rules_file: Path | None) -> "RuleSet":
    from audit.queries.case import named_in
    from audit.rules.scopes import RuleSet

    rules = ws.book.enabled() if rules_file is None else options.rules_of(ws, rules_file)
    if not rules and rules_file is not None:
        raise InputError(f"{rules_file}: holds no rule; write one as a [[rule]] table")
    if not rules:
        raise InputError(
            "no enabled rule in the book; name a file with --rules, or `whysent rules enable ID`"
        )
    return RuleSet(rules, named_in(ws, rules))


def _as_recorded(ws: "Workspace") -> "RuleSet":
    from audit.queries.case import named_in
    from audit.rules.book.versions import rule_set, stood

    versions = ws.book.history()[::-1]
    if not stood(versions):
        raise InputError("no rule was ever switched on in the book; `whysent rules enable ID`")
    return rule_set(versions, named_in(ws, [version.rule for version in versions]))


# -- gate ----------------------------------------------------------------------------------------------------------

BATCH_LINES = 128
"""Lines that wait for each other, at most: they are there already, and share one write to the record."""

GC_THRESHOLDS = (50_000, 20, 100)
"""When Python looks for circles of what nobody holds: what the gate keeps has none."""

READ_BYTES = 65_536
"""Bytes taken from stdin at once, at most."""


@shares(*ACCESS)
def gate(invocation: Invocation, rules_file: RulesFileOption = None) -> None:
    """Decide messages before they go out: a line of JSON in on stdin, a line out for each."""
    from audit.enforcement import gate as gates
    from audit.workspace.names_told import speaks_of_rule

    invocation.require("gate")
    ws = invocation.open()
    rules = ws.book.enabled() if rules_file is None else rules_of(ws, rules_file)
    if not rules and rules_file is not None:
        raise InputError(f"{rules_file}: holds no rule; write one as a [[rule]] table")
    told = _as_told if any(speaks_of_rule(ws.view, rule) for rule in rules) else str
    with _ended_by_sigterm(), gates.opened(ws, rules) as opened:
        gc.freeze()  # what is known by now stays; looking through it again and again takes most of the time
        gc.set_threshold(*GC_THRESHOLDS)
        output.narrate(f"{len(opened.gate.rules)} rules; ready")
        if not opened.gate.rules:
            output.narrate("no rule in force: every message is exempt")
        for rule in opened.gate.without_causes:
            output.narrate(f"rule {rule} cannot judge a message that comes without its causes")
        try:
            for lines in _lines():
                for start in range(0, len(lines), BATCH_LINES):
                    sys.stdout.write(told(opened.answers(lines[start : start + BATCH_LINES])))
                    sys.stdout.flush()
        except BrokenPipeError:  # nobody reads the answers any more; what is left of them goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_told(answers: str) -> str:
    """Answers, a line of JSON each, as whoever looks is told them."""
    return "".join(f"{json.dumps(output.told(json.loads(line)))}\n" for line in answers.splitlines())


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Being told to end (SIGTERM) is as good as Ctrl+C: what was answered is forced to the disk."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lines() -> Iterator[list[bytes]]:
    """The lines that have come, as soon as there are some; one that never ends is cut where it is too long."""
    from audit.enforcement.gate.reader import LONGEST

    unfinished, cut_off = b"", False
    for part in _parts():
        *lines, unfinished = (unfinished + part).split(b"\n")
        if cut_off and lines:
            lines, cut_off = lines[1:], False
        if cut_off:
            unfinished = b""
        elif len(unfinished) > LONGEST:
            lines, unfinished, cut_off = [*lines, unfinished], b"", True
        yield lines
    if unfinished:
        yield [unfinished]


def _parts() -> Iterator[bytes]:
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None:
        yield sys.stdin.read().encode()
        return
    while part := stdin.read1(READ_BYTES):
        yield part
