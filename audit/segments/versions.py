"""Which version of each segment definition was in force in a workspace, and when."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from audit.errors import InputError
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


@dataclass(frozen=True, slots=True)
class Period:
    """`definition` gave its segment from `since` on (UTC; None: since ever) and before `until` (None: still)."""

    definition: Definition
    since: datetime | None = None
    until: datetime | None = None


def own(record: pl.DataFrame) -> tuple[Definition, ...]:
    """The workspace's own definitions, of the newest row of `record`."""
    return () if record.is_empty() else _own(record["own"][-1], "the workspace's definitions")


def _own(text: str | None, file: str) -> tuple[Definition, ...]:
    return () if text is None else parse(text, file)


def recorded(record: pl.DataFrame, text: str | None, now: datetime) -> pl.DataFrame | None:
    """`record` with the own definitions `text` in force from `now` on; None where that changes nothing."""
    in_force_now = with_ours(_own(text, "the workspace's definitions"))
    versions = json.dumps({definition.id: definition.version for definition in in_force_now})
    row = pl.DataFrame([(now, text, versions, shipped())], schema=RECORD, orient="row")
    if record.is_empty() or (record["own"][-1], record["versions"][-1]) != (text, versions):
        return pl.concat([record, row])
    if record["ours"][-1] is None:  # the versions are the same, so they said the same
        return pl.concat([record[:-1], row.with_columns(record[-1:]["since"])])
    return None


def in_force(record: pl.DataFrame) -> pl.DataFrame:
    """The version of each definition from each moment of the record on: `IN_FORCE`, in order of time."""
    rows = [
        (definition, since, version)
        for since, versions in record.select("since", "versions").iter_rows()
        for definition, version in json.loads(versions).items()
    ]
    return pl.DataFrame(rows, schema=IN_FORCE, orient="row").sort("recorded", "definition")


def periods(record: pl.DataFrame, today: Sequence[Definition]) -> tuple[Period, ...]:
    """The periods of every definition of today and of the record, those of one id in order of time.

    Before an id was first recorded, its first definition stands: what was in force then is not known. Where the record has
    a version and not what it said, the definition of today stands for it. From the newest row of the record on, today's does.
    """
    now = {definition.id: definition for definition in today}
    sets = [(row["since"], _recorded_set(row, now)) for row in record.iter_rows(named=True)]
    if sets:  # what the record does not have, such as what was learned, stands for all time
        since, newest = sets[-1]
        sets[-1] = (since, newest | {id_: now[id_] for id_ in now if id_ in newest})
    ids = dict.fromkeys([*now, *(id_ for _, definitions in sets for id_ in definitions)])
    return tuple(period for id_ in ids for period in _periods_of(id_, sets, now))


def _periods_of(
    id_: str, sets: Sequence[tuple[datetime, Mapping[str, Definition]]], now: Mapping[str, Definition]
) -> Iterator[Period]:
    entries = [(since, definitions.get(id_)) for since, definitions in sets]
    while entries and entries[0][1] is None:
        entries.pop(0)
    if not entries:
        yield Period(now[id_])
        return
    began: datetime | None = None
    ends = [since for since, _ in entries[1:]]
    for (_, definition), until in zip(entries, [*ends, None], strict=True):
        if definition is not None:
            yield Period(definition, began, until)
        began = until


def _recorded_set(row: Mapping[str, str], now: Mapping[str, Definition]) -> dict[str, Definition]:
    """The definitions of one row of a record, by id; of those that it does not keep, today's."""
    definitions = {each.id: each for each in _definitions_of(row)}
    ids = json.loads(row["versions"])
    return {
        id_: definition for id_ in ids if (definition := definitions.get(id_) or now.get(id_)) is not None
    }


def _definitions_of(row: Mapping[str, str]) -> tuple[Definition, ...]:
    """The definitions of one row of a record, as far as it keeps what they said."""
    try:
        added = _own(row["own"], "the record of definitions")
        if row["ours"] is None:
            return added
        return with_ours(added, parse(row["ours"], "the record of definitions"))
    except InputError:  # written by another program, in a form that this one does not read
        return ()
