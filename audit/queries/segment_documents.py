"""Segments over time: the definitions in force, and every membership of one customer, as documents."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import polars as pl

from audit import segments
from audit.events.document import Document
from audit.events.sensitive_topics import in_name
from audit.privacy.role_view import MARK
from audit.queries.case import read_case
from audit.queries.everybody import whole_customers
from audit.segments import versions
from audit.segments.logged import names_of, normal

if TYPE_CHECKING:
    from audit.segments.models import Models
    from audit.workspace.workspace import Workspace

FEWEST_TOLD = 11
"""Numbers of fewer people by what they are or do say too much of single ones."""

_HIDDEN: dict[str, Any] = {
    "title": MARK, "definition": None, "entered_by": (), "left_by": (),
}  # fmt: skip
"""What stands in the place of a membership whose topic may not be named."""


class SegmentDefinition(Document):
    """A definition in force."""

    id: str
    title: str
    basis: str
    purpose: str
    sensitive: bool
    source: str
    aliases: tuple[str, ...]
    """Other names that a log has for it."""
    own: bool
    """Whether it is the workspace's own."""
    version: str
    in_force_since: datetime | None
    members: int | None
    """How many people it gives the segment now, whatever the group; null where they are fewer than eleven (of invented
    people none is too few), and where the definition is sensitive: then it is not asked of everybody."""
    share: float | None
    """Their share of all customers."""


class SegmentDefinitions(Document, schema="whysent.segments/1"):
    """The definitions in force, in their order."""

    definitions: tuple[SegmentDefinition, ...]


class Spell(Document):
    """A time that a customer was in a segment."""

    id: str
    title: str | None
    side: Literal["logged", "derived"]
    definition: str | None
    version: str | None
    in_force: str | None
    """The version in force when it was entered, as far as the record reaches."""
    entered: datetime | None
    left: datetime | None
    entered_by: tuple[str, ...]
    left_by: tuple[str, ...]
    entered_by_change: bool
    """Whether another definition, and no act, put them in."""
    left_by_change: bool
    sensitive: bool


class SegmentHistory(Document, schema="whysent.history/1"):
    """Every membership of one customer, logged and ours, in order of entry."""

    customer: str
    at: datetime
    spells: tuple[Spell, ...]
    note: str
    """Which definitions ours are made with."""


def definitions(ws: "Workspace") -> SegmentDefinitions:
    """The definitions in force that whoever asks is told of, in their order, since when each version is, and of how many."""
    members, people = _members(ws), max(ws.info.customers, 1)
    own_ids = {definition.id for definition in versions.own(ws.definition_record)}
    since = {
        (definition, version): recorded
        for definition, recorded, version in versions.in_force(ws.definition_record).reverse().iter_rows()
    }
    in_force = tuple(
        SegmentDefinition(
            id=definition.id,
            title=definition.title,
            basis=definition.basis,
            purpose=definition.purpose,
            sensitive=definition.sensitive,
            source=definition.source,
            aliases=tuple(definition.aliases),
            own=definition.id in own_ids,
            version=definition.version,
            in_force_since=since.get((definition.id, definition.version)),
            members=members.get(definition.id),
            share=None if definition.id not in members else members[definition.id] / people,
        )
        for definition in ws.definitions
        if ws.view.tells(sensitive=definition.sensitive)
    )
    return SegmentDefinitions(definitions=in_force)


def _members(ws: "Workspace") -> dict[str, int]:
    """Definition → how many people it gives a segment; only numbers that are told."""
    context = ws.context()
    asked = tuple(definition for definition in ws.definitions if not definition.sensitive)
    numbers: Counter[str] = Counter()
    for events in whole_customers(ws, context.at):
        numbers.update(segments.members(events, context, asked))
    fewest = 1 if ws.info.synthetic else FEWEST_TOLD
    return {id_: number for id_, number in numbers.items() if number == 0 or number >= fewest}


def define(ws: "Workspace", file: Path | None) -> int:
    """Make the definitions of `file` the workspace's own, or take its own away (None); how many there are now.

    Raises InputError naming file, segment and key; then nothing is changed.
    """
    if file is None:
        ws.set_definitions(None)
        return 0
    definitions = segments.read(file)
    ws.set_definitions(file.read_text(encoding="utf-8"))
    return len(definitions)


def learn(ws: "Workspace", *, take_away: bool = False) -> "Models | None":
    """Learn from all customers and keep it, or take away what was learned; the log says so. Raises InputError, see `train`."""
    from audit.segments.models.train import train

    models = None if take_away else train(ws.events(), ws.context())
    ws.set_models(models)
    ws.log.append("learn", "segments", {"version": None if models is None else models.version})
    return models


def history(
    ws: "Workspace",
    customer: str,
    *,
    at: datetime | None = None,
    without: Iterable[str] = (),
) -> SegmentHistory:
    """Every membership of one customer, logged and ours, in order of entry.

    Ours are made with the definition that was in force then, as far as the record keeps it.
    """
    case = read_case(ws, customer, at=at, without=without)
    periods = segments.periods(ws.definition_record, ws.definitions)
    derived = segments.history(case.events, case.context, periods)
    derived = _with_force(derived, versions.in_force(ws.definition_record))
    sensitive = {period.definition.id for period in periods if period.definition.sensitive}
    logged = (
        segments.logged_history(case.events, case.context)
        .with_columns(name=normal(pl.col("segment_id")))
        .join(names_of(ws.definitions), on="name", how="left", maintain_order="left")
        .with_columns(sensitive=in_name(pl.col("segment_id")) | pl.col("definition").is_in(list(sensitive)))
    )
    spells = [
        _spell(row, "derived", sensitive=row["definition"] in sensitive)
        for row in derived.iter_rows(named=True)
    ]
    spells += [
        _spell(row, "logged", sensitive=bool(row["sensitive"])) for row in logged.iter_rows(named=True)
    ]
    spells.sort(key=_by_entry)
    spells = [
        spell if case.view.tells(sensitive=spell.sensitive) else msgspec.structs.replace(spell, **_HIDDEN)
        for spell in spells
    ]
    spells_told = case.view.shown(tuple(spells))
    return SegmentHistory(customer=case.customer, at=case.context.at, spells=spells_told, note=_note(ws))


def _by_entry(spell: Spell) -> tuple[bool, datetime | None, str, str]:
    moment = spell.entered or spell.left
    return moment is not None, moment, spell.id, spell.side


def _with_force(spells: pl.DataFrame, record: pl.DataFrame) -> pl.DataFrame:
    """Add `in_force`: the version that was in force when each spell was entered, null before the record begins."""
    return spells.sort("entered").join_asof(
        record.sort("recorded"),
        left_on="entered",
        right_on="recorded",
        by="definition",
        check_sortedness=False,
    )


def _spell(row: dict[str, Any], side: Literal["logged", "derived"], *, sensitive: bool) -> Spell:
    """A row of either history; what only ours has is empty in a logged one."""
    is_derived = side == "derived"
    return Spell(
        id=row["segment_id"],
        title=row["title"] if is_derived else row["segment_id"],
        side=side,
        definition=row["definition"],
        version=row["version"] if is_derived else None,
        in_force=row["in_force"] if is_derived else None,
        entered=row["entered"],
        left=row["left"],
        entered_by=tuple(row["entered_by"]),
        left_by=tuple(row["left_by"]),
        entered_by_change=bool(row.get("entered_by_change")),
        left_by_change=bool(row.get("left_by_change")),
        sensitive=sensitive,
    )


def _note(ws: "Workspace") -> str:
    record = ws.definition_record
    if record.is_empty():
        return "ours are made with the definitions of today; which were in force then is not recorded"
    return f"ours are made with the definitions in force then, as recorded since {record['since'][0]:%Y-%m-%d}; before that, with the first recorded"
