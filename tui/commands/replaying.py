"""simulate, sweep: what rules would have done to the past."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output, pages
from tui.commands.options import JsonOption, RoleOption, WorkspaceOption

if TYPE_CHECKING:
    from audit.rules.scopes import RuleSet
    from audit.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(simulate)
    app.command()(sweep)


def simulate(
    context: typer.Context,
    rules_file: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="A rule file; by default the book's enabled rules."),
    ] = None,
    as_recorded: Annotated[
        bool,
        typer.Option("--as-recorded", help="The rules as they stood in the book at each message's time."),
    ] = False,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="C", help="Only this customer; - reads it from stdin.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option("--decisions", metavar="FILE.parquet", help="Write a row for each message.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="NAME", help="Beside it as this sender would; `rules presets` names them."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="With --preset: the time zone of the sender's account."),
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay rules over the real past: what they would have stopped, and what became of it."""
    import polars as pl

    from audit import answers
    from audit.rules import compared, fleet, presets, replay

    if as_recorded and rules_file is not None:
        raise InputError("--as-recorded asks the book; leave --rules away")
    _refuse_preset(preset, zone, as_recorded=as_recorded)
    ws = options.opened(context, workspace)
    options.viewer(context, role).require("simulate")
    rules = _as_recorded(ws) if as_recorded else _asked(ws, rules_file)
    progress, ctx = output.Progress("replaying"), ws.context()
    causes, scan = None, ws.scan().filter(pl.col("occurred_at") <= ws.at)
    if customer is None and decisions is None and not any(rule.reads_causes for rule in rules.rules):
        totals = fleet.simulate(scan, rules, ctx, progress=progress)
    else:
        events = (
            ws.events() if customer is None else ws.history(ws.resolve(options.customer(customer)), at=ws.at)
        )
        causes, scan = answers.causes_for(rules.rules, events, ctx), events.lazy()
        made = replay.simulate(events, rules, ctx, causes=causes, progress=progress)
        totals = made.totals()
        if decisions is not None:
            output.parquet(made.decisions, decisions)
    told = totals.to_json()
    if preset is not None:
        told["preset"] = compared.compare(
            scan,
            rules.rules,
            presets.named(preset),
            ctx,
            zone=zone,
            ids=answers.named_in(ws, rules.rules),
            causes=causes,
            progress=output.Progress("replaying as the sender would"),
        ).to_json()
    if as_json:
        output.document(told)
    else:
        pages.replay(told)


def sweep(
    context: typer.Context,
    rule: Annotated[str, typer.Option("--rule", metavar="ID", help="The rule that is changed.")],
    limits: Annotated[
        str | None, typer.Option("--limits", metavar="1..10", help="Its limits, as 1..10 or 1,2,5.")
    ] = None,
    windows: Annotated[str | None, typer.Option("--windows", metavar="1d,3d,7d", help="Its windows.")] = None,
    rules_file: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="A rule file; by default the book's enabled rules."),
    ] = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """The curve: the replay at several limits or windows of one rule, the others as they are."""
    from audit import answers
    from audit.rules import files
    from audit.rules import sweep as curve

    options.viewer(context, role).require("sweep")
    asked_limits = curve.limits(limits) if limits is not None else []
    asked_windows = curve.windows(windows) if windows is not None else []
    ws = options.opened(context, workspace)
    rules = ws.book.rules() if rules_file is None else files.read(rules_file)
    sets = curve.variants(rules, rule, limits=asked_limits, windows=asked_windows)
    if not next(one for one in rules if one.id == rule).enabled:
        output.narrate(f"rule {rule} is switched off; the curve shows it switched on")
    events, ctx = ws.events(), ws.context()
    points = curve.sweep(
        events,
        sets,
        rule,
        ctx,
        ids=answers.named_in(ws, rules),
        causes=answers.causes_for(rules, events, ctx),
        progress=output.Progress("replaying"),
    )
    if as_json:
        output.document(curve.document(rule, points))
    else:
        pages.curve(curve.document(rule, points))


def _refuse_preset(preset: str | None, zone: str | None, *, as_recorded: bool) -> None:
    from audit.rules import presets

    if preset is None and zone is not None:
        raise InputError("--zone is the zone of a sender's account; name the sender with --preset")
    if preset is not None and as_recorded:
        raise InputError("--preset asks about one set of rules; leave --as-recorded away")
    if preset is not None:
        presets.named(preset)


def _asked(ws: "Workspace", rules_file: Path | None) -> "RuleSet":
    from audit import answers
    from audit.rules import files
    from audit.rules.scopes import RuleSet

    rules = ws.book.enabled() if rules_file is None else files.read(rules_file)
    if not rules and rules_file is not None:
        raise InputError(f"{rules_file}: holds no rule; write one as a [[rule]] table")
    if not rules:
        raise InputError(
            "no enabled rule in the book; name a file with --rules, or `whysent rules enable ID`"
        )
    return RuleSet(rules, answers.named_in(ws, rules))


def _as_recorded(ws: "Workspace") -> "RuleSet":
    from audit import answers
    from audit.rules import recorded

    versions = ws.book.history()[::-1]
    if not recorded.stood(versions):
        raise InputError("no rule was ever switched on in the book; `whysent rules enable ID`")
    return recorded.rule_set(versions, answers.named_in(ws, [one.rule for one in versions]))
