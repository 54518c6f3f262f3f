"""Which version of each segment definition was in force in a workspace, and since when."""

import json
from datetime import datetime

import polars as pl

from audit.events import TIME
from audit.segments.files import parse, with_ours
from audit.segments.model import Definition

RECORD: dict[str, pl.DataType] = {"since": TIME, "own": pl.String(), "versions": pl.String()}
"""The columns of a record: one row a set of definitions, oldest first. `since` (UTC): by the clock of this machine,
when the workspace was first written with it; `own`: the workspace's own definitions as they were given (TOML);
`versions`: JSON, id → version of every definition, ours too."""

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
    if not record.is_empty() and (record["own"][-1], record["versions"][-1]) == (text, versions):
        return None
    return pl.concat([record, pl.DataFrame([(now, text, versions)], schema=RECORD, orient="row")])


def in_force(record: pl.DataFrame) -> pl.DataFrame:
    """The version of each definition from each moment of the record on: `IN_FORCE`, in order of time."""
    rows = [
        (definition, since, version)
        for since, versions in record.select("since", "versions").iter_rows()
        for definition, version in json.loads(versions).items()
    ]
    return pl.DataFrame(rows, schema=IN_FORCE, orient="row").sort("recorded", "definition")
