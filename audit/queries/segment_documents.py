"""Segments over time: the definitions in force, and every membership of one customer, as documents."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit import segments
from audit.events.sensitive_topics import in_name
from audit.events.times import iso
from audit.queries.case import read_case
from audit.segments import versions
from audit.segments.names import names_of, normal

if TYPE_CHECKING:
    from audit.segments.models import Models
    from audit.workspace.workspace import Workspace

_HIDDEN = {"id": "sensitive", "title": "a sensitive topic; hand to privacy", "entered_by": [], "left_by": []}


def definitions(ws: "Workspace", *, names_sensitive: bool = True) -> dict[str, Any]:
    """`whysent.segments/1`: the definitions in force, in their order, and since when each version is."""
    own = {one.id for one in versions.own(ws.definition_record)}
    since = {
        (definition, version): recorded
        for definition, recorded, version in versions.in_force(ws.definition_record).reverse().iter_rows()
    }
    return {
        "schema": "whysent.segments/1",
        "definitions": [
            {
                "id": one.id,
                "title": one.title,
                "basis": one.basis,
                "purpose": one.purpose,
                "sensitive": one.sensitive,
                "source": one.source,
                "aliases": list(one.aliases),
                "own": one.id in own,
                "version": one.version,
                "in_force_since": iso(since.get((one.id, one.version))),
            }
            for one in ws.definitions
            if names_sensitive or not one.sensitive
        ],
    }


def define(ws: "Workspace", file: Path | None) -> int:
    """Make the definitions of `file` the workspace's own, or take its own away (None); how many there are now.

    Raises InputError naming file, segment and key; then nothing is changed.
    """
    if file is None:
        ws.set_definitions(None)
        return 0
    made = segments.read(file)
    ws.set_definitions(file.read_text(encoding="utf-8"))
    return len(made)


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
    names_sensitive: bool = True,
) -> dict[str, Any]:
    """`whysent.history/1`: every membership of one customer, logged and ours, in order of entry.

    Ours are made with the definition that was in force then, as far as the record keeps it.
    """
    asked = read_case(ws, customer, at=at, without=without)
    given = segments.periods(ws.definition_record, ws.definitions)
    made = segments.history(asked.events, asked.context, given)
    ours = _with_force(made, versions.in_force(ws.definition_record))
    sensitive = {one.definition.id for one in given if one.definition.sensitive}
    theirs = (
        segments.logged_history(asked.events, asked.context)
        .with_columns(name=normal(pl.col("segment_id")))
        .join(names_of(ws.definitions), on="name", how="left", maintain_order="left")
        .with_columns(sensitive=in_name(pl.col("segment_id")) | pl.col("definition").is_in(list(sensitive)))
    )
    rows = [_ours(row, row["definition"] in sensitive) for row in ours.iter_rows(named=True)]
    rows += [_theirs(row) for row in theirs.iter_rows(named=True)]
    rows.sort(key=lambda row: (row["entered"] or row["left"] or "", row["id"], row["side"]))
    if not names_sensitive:
        rows = [{**row, **_HIDDEN, "definition": None} if row["sensitive"] else row for row in rows]
    return {
        "schema": "whysent.history/1",
        "customer": asked.customer,
        "at": iso(asked.context.at),
        "spells": rows,
        "note": _note(ws),
    }


def _with_force(ours: pl.DataFrame, record: pl.DataFrame) -> pl.DataFrame:
    """Add `in_force`: the version that was in force when each spell was entered, null before the record begins."""
    return ours.sort("entered").join_asof(
        record.sort("recorded"),
        left_on="entered",
        right_on="recorded",
        by="definition",
        check_sortedness=False,
    )


def _ours(row: dict[str, Any], sensitive: bool) -> dict[str, Any]:
    return {
        "id": row["segment_id"],
        "title": row["title"],
        "side": "derived",
        "definition": row["definition"],
        "version": row["version"],
        "in_force": row["in_force"],
        **_dated(row),
        "sensitive": sensitive,
    }


def _theirs(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["segment_id"],
        "title": row["segment_id"],
        "side": "logged",
        "definition": row["definition"],
        "version": None,
        "in_force": None,
        **_dated(row),
        "sensitive": bool(row["sensitive"]),
    }


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "entered": iso(row["entered"]),
        "left": iso(row["left"]),
        "entered_by": row["entered_by"],
        "left_by": row["left_by"],
        "entered_by_change": bool(row.get("entered_by_change")),
        "left_by_change": bool(row.get("left_by_change")),
    }


def _note(ws: "Workspace") -> str:
    record = ws.definition_record
    if record.is_empty():
        return "ours are made with the definitions of today; which were in force then is not recorded"
    return f"ours are made with the definitions in force then, as recorded since {record['since'][0]:%Y-%m-%d}; before that, with the first recorded"
