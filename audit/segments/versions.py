"""Which version of each segment definition was in force in a workspace, and since when."""

import json
from collections.abc import Mapping
from datetime import datetime

import polars as pl

from audit.events.schema import TIME
from audit.segments.definition_files import parse, shipped, with_ours
from audit.segments.model import Definition

RECORD: dict[str, pl.DataType] = {
    "since": TIME,
    "own": pl.String(),
    "versions": pl.String(),
    "ours": pl.String(),
}
"""The columns of a record: one row a set of definitions, oldest first. `since` (UTC): by the clock of this machine,
when the workspace was first written with it; `own`: the workspace's own definitions as they were given (TOML);
`versions`: JSON, id → version of every definition, ours too; `ours`: those that the program brought (TOML), null in rows
of a program that did not keep them."""

IN_FORCE: dict[str, pl.DataType] = {"definition": pl.String(), "recorded": TIME, "in_force": pl.String()}
"""The columns of `in_force`."""


def own(record: pl.DataFrame) -> tuple[Definition, ...]:
    """The workspace's own definitions, of the newest row of `record`."""
    text = None if record.is_empty() else record["own"][-1]
    return () if text is None else parse(text, "the workspace's definitions")


def recorded(record: pl.DataFrame, text: str | None, now: datetime) -> pl.DataFrame | None:
    """`record` with the own definitions `text` in force from `now` on; None where that changes nothing."""
    theirs = () if text is None else parse(text, "the workspace's definitions")
    versions = json.dumps({one.id: one.version for one in with_ours(theirs)})
    row = pl.DataFrame([(now, text, versions, shipped())], schema=RECORD, orient="row")
    if record.is_empty() or (record["own"][-1], record["versions"][-1]) != (text, versions):
        return pl.concat([record, row])
    if record["ours"][-1] is None:  # the versions are the same, so they said the same
        return pl.concat([record[:-1], row.with_columns(record[-1:]["since"])])
    return None


def named(row: Mapping[str, str]) -> dict[str, str]:
    """The id and version of every definition of one row of a record."""
    return dict(json.loads(row["versions"]))


def kept(row: Mapping[str, str]) -> tuple[Definition, ...]:
    """The definitions of one row of a record, as far as it keeps what they said. Raises InputError."""
    theirs = () if row["own"] is None else parse(row["own"], "the record of definitions")
    if row["ours"] is None:
        return theirs
    return with_ours(theirs, parse(row["ours"], "the record of definitions"))


def in_force(record: pl.DataFrame) -> pl.DataFrame:
    """The version of each definition from each moment of the record on: `IN_FORCE`, in order of time."""
    rows = [
        (definition, since, version)
        for since, versions in record.select("since", "versions").iter_rows()
        for definition, version in json.loads(versions).items()
    ]
    return pl.DataFrame(rows, schema=IN_FORCE, orient="row").sort("recorded", "definition")
