"""Which definition gave a segment when: as the record of a workspace keeps it, and as it is today where it does not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from audit.errors import InputError
from audit.segments import versions
from audit.segments.model import Definition


@dataclass(frozen=True, slots=True)
class Era:
    """`definition` gave its segment from `since` on (UTC; None: since ever) and before `until` (None: still)."""

    definition: Definition
    since: datetime | None = None
    until: datetime | None = None


_Entry = tuple[datetime, Definition | None]
"""From when on a set of definitions was in force, and what it held under one id; None: nothing."""


def eras(record: pl.DataFrame, today: Sequence[Definition]) -> tuple[Era, ...]:
    """The eras of every definition of today and of the record (`versions.RECORD`), those of one id in order of time.

    Before an id was first recorded, its first definition stands: what was in force then is not known. Where the record has
    a version and not what it said, the definition of today stands for it. From the newest row of the record on, today's does.
    """
    now = {one.id: one for one in today}
    sets = [(row["since"], _held(row, now)) for row in record.iter_rows(named=True)]
    if sets:  # what the record does not have, such as what was learned, stands for all time
        sets[-1] = (
            sets[-1][0],
            {**sets[-1][1], **{name: one for name, one in now.items() if name in sets[-1][1]}},
        )
    names = dict.fromkeys([*now, *(name for _, held in sets for name in held)])
    return tuple(era for name in names for era in _of(name, sets, now))


def _of(
    name: str, sets: Sequence[tuple[datetime, Mapping[str, Definition]]], now: Mapping[str, Definition]
) -> Iterator[Era]:
    entries: list[_Entry] = [(since, held.get(name)) for since, held in sets]
    while entries and entries[0][1] is None:
        entries.pop(0)
    if not entries:
        yield Era(now[name])
        return
    began: datetime | None = None
    ends = [since for since, _ in entries[1:]]
    for (_, one), until in zip(entries, [*ends, None], strict=True):
        if one is not None:
            yield Era(one, began, until)
        began = until


def _held(row: Mapping[str, str], now: Mapping[str, Definition]) -> dict[str, Definition]:
    """The definitions of one row of the record, by id; of what it does not keep, those of today."""
    recorded = versions.named(row)
    try:
        kept = {one.id: one for one in versions.kept(row)}
    except InputError:  # written by another program, in a form that this one does not read
        kept = {}
    return {name: one for name in recorded if (one := kept.get(name) or now.get(name)) is not None}
