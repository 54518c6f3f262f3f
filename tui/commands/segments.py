"""segments and reconcile: what puts people into segments, who was in which when, and how far log and definitions agree."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from audit.events.times import iso
from tui.commands import options, output
from tui.commands.options import ACCESS, ANSWER, HISTORY, CustomerArgument, Invocation, shares
from tui.commands.output import line, table
from tui.rendering.wording import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from audit.queries.reconcile import Reconciliation, SegmentAgreement, StripAgreement
    from audit.queries.segment_documents import SegmentDefinitions, SegmentHistory


@shares(*ANSWER)
def definitions(invocation: Invocation) -> None:
    """The definitions in force, ours and the workspace's own, with their source and version."""
    from audit.queries import segment_documents

    invocation.require("checks")
    in_force = segment_documents.definitions(invocation.open())
    invocation.answer(in_force, _definitions_page)


@shares(*ACCESS)
def define(
    invocation: Invocation,
    file: Annotated[Path | None, typer.Argument(metavar="FILE.toml", help="Segment definitions.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the workspace's own away.")] = False,
) -> None:
    """Take the workspace's own definitions in, in the place of those before; one with our id replaces ours."""
    from audit.queries import segment_documents

    if (file is None) != none:
        raise InputError("name a file of definitions, or --none to take the workspace's own away")
    ws = invocation.open()
    invocation.require("map")
    number = segment_documents.define(ws, file)
    output.narrate(f"{number} definitions of its own; `whysent segments list` shows all that are in force")


@shares(*ACCESS)
def learn(
    invocation: Invocation,
    none: Annotated[bool, typer.Option("--none", help="Take away what was learned.")] = False,
) -> None:
    """Learn groups and lifetime values from all customers, and keep them as they are until learned anew."""
    from audit.queries import segment_documents

    ws = invocation.open()
    invocation.require("map")
    models = segment_documents.learn(ws, take_away=none)
    if models is None:
        output.narrate("nothing learned is kept any more")
        return
    for title, groups in (("learned groups", models.learned), ("people alike", models.alike)):
        if groups is not None:
            output.narrate(f"{title}, from {groups.people:,} people: {'; '.join(groups.names)}")
    if models.lifetime is not None:
        output.narrate(
            f"lifetime value, from {models.lifetime.people:,} people: "
            f"the best fifth begins at {models.lifetime.least:,.0f}"
        )


@shares(*HISTORY)
def history(invocation: Invocation, customer: CustomerArgument = None) -> None:
    """Every segment one customer was in, entered and left, with the events and the definition's version."""
    from audit.queries import segment_documents

    invocation.require("show")
    spells = segment_documents.history(
        invocation.open(), options.customer(customer), at=invocation.at, without=invocation.without
    )
    invocation.answer(spells, _history_page)


@shares("at", *ANSWER)
def reconcile(
    invocation: Invocation,
    segment: Annotated[
        str | None,
        typer.Option("--segment", metavar="S", help="Only this segment.", autocompletion=options.segments),
    ] = None,
    strip: Annotated[str | None, typer.Option("--strip", metavar="S", help="Only this strip.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="How many disagreements to list.")
    ] = 100,
) -> None:
    """How far the log and our definitions agree, and where they do not, as a list to work through."""
    from audit.queries import reconcile as queries

    if segment is not None and strip is not None:
        raise InputError("name a segment or a strip, not both")
    invocation.require("list")
    agreement = queries.reconcile(
        invocation.open(), segment=segment, strip=strip, at=invocation.at, limit=limit
    )
    invocation.answer(agreement, _agreement_page)


def _definitions_page(answer: "SegmentDefinitions") -> None:
    table(
        ("segment", "people", "share", "basis", "of", "version", "what it is", "source"),
        [
            (
                definition.id, _told(definition.members), _told(definition.share), definition.basis, "this workspace" if definition.own else "whysent",
                definition.version, definition.title, definition.source,
            )
            for definition in answer.definitions
        ],
        right=(1, 2),
    )  # fmt: skip
    line(f"{len(answer.definitions):,} definitions")


def _told(number: float | None) -> str:
    return "–" if number is None else f"{number:,}" if isinstance(number, int) else f"{number:.1%}"


def _history_page(answer: "SegmentHistory") -> None:
    """One customer's memberships, the newest first."""
    line(f"{answer.customer} · segments until {iso(answer.at)}")
    table(
        ("segment", "side", "entered", "left", "version", "by"),
        [
            (
                spell.title, spell.side, _minute(spell.entered), _minute(spell.left) or "still in", spell.version or "–",
                "another definition" if spell.entered_by_change else " ".join(spell.entered_by[:3]),
            )
            for spell in reversed(answer.spells)
        ],
    )  # fmt: skip
    line(f"{len(answer.spells):,} memberships; {answer.note}")


def _agreement_page(answer: "Reconciliation") -> None:
    """How far log and definitions agree, then where they do not."""
    _agreement_table("segment", [(row.title or row.segment, row) for row in answer.segments])
    _agreement_table("strip", [(row.strip, row) for row in answer.strips])
    if answer.listed:
        table(
            ("where", "customer", "side", "since", "likely reason"),
            [
                (row.title or row.id, row.customer, SIDES[row.side], _minute(row.since), row.text)
                for row in answer.listed
            ],
        )
    line(f"{len(answer.listed):,} of {answer.disagreements:,} disagreements")


def _agreement_table(what: str, rows: "list[tuple[str, SegmentAgreement | StripAgreement]]") -> None:
    if not rows:
        return
    table(
        (what, "both", "logged only", "ours only", "agreement"),
        [(title, row.both, row.logged_only, row.derived_only, _share(row)) for title, row in rows],
        right=(1, 2, 3, 4),
    )
    line()


def _share(row: "SegmentAgreement | StripAgreement") -> str:
    if row.agreement is not None:
        return f"{row.agreement:.0%}"
    return "never logged" if not row.logs_it else "not defined"


def _minute(moment: "datetime | None") -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


COMMANDS: "Mapping[str, Callable[..., None]]" = {
    "list": definitions,
    "define": define,
    "learn": learn,
    "history": history,
}
"""The commands of `segments`, by name."""
