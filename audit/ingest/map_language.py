"""What a map may say: how a table, or JSON of any shape, becomes events. docs/formats.md shows each word in use.

A name of theirs is a column or a path (`audit.ingest.paths`). The formats that ship are maps too: `maps/*.toml`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
from msgspec import Meta, Struct

from audit.errors import InputError
from audit.events.schema import KINDS, NEEDED, OTHER, SCHEMA
from audit.ingest import timestamps, values
from audit.ingest.attributes import IDENTIFIERS, field_of, identifier_field
from audit.ingest.map_conditions import (
    Condition,
    Further,
    Names,
    Origin,
    SamePerson,
    Skip,
    Texts,
    When,
    names,
    origins,
    refuse_unclear,
)
from audit.ingest.normalise import READERS
from audit.ingest.paths import Paths
from audit.storage import toml_input
from audit.storage.toml_input import (
    TableError,
    UnknownKeyError,
    are_tables,
    convert,
    nearest,
    nearest_word,
    read_by,
    tables,
)

OTHERWISE = "else"
"""The word under [kinds] that says what becomes of kinds that are not listed."""

SKIP, KEEP = "skip", "keep"


def _identifiers(written: Any) -> dict[str, str]:
    """Theirs → field of the vault: of a list by what they are called, of a table as it says."""
    if not isinstance(written, dict):
        return {name: identifier_field(name) or "other" for name in names(written)}
    for field in written:
        if field not in IDENTIFIERS:
            raise UnknownKeyError(field, nearest_word(field, IDENTIFIERS))
    return {name: field for field, several in written.items() for name in names(several)}


def _keys(written: Any) -> dict[str, tuple[str, ...]]:
    """What makes a row the same: of a list of all rows, of a table by kind."""
    if not isinstance(written, dict):
        return {"": names(written)}
    for kind in written:
        if kind not in (*KINDS, OTHERWISE):
            raise UnknownKeyError(kind, nearest_word(kind, (*KINDS, OTHERWISE)))
    return {kind: names(several) for kind, several in written.items()}


def _named(written: Any) -> dict[str, tuple[str, ...]]:
    """A name → one name or a list of them."""
    if not isinstance(written, dict):
        raise InputError("is a table: a name = another, or a list of them")
    return {name: names(several) for name, several in written.items()}


class Fill(Struct, frozen=True):
    """Columns that stand in the first row of a group only: rows in a row with the same `by` are a group, as are those without.

    Of several `by`, the first that the table has.
    """

    by: Names
    columns: Names


class Join(Struct, frozen=True):
    """Columns from another file of the same export: in `take`, our name for it here → its column there.

    `file`: its name, with `*` for any text; it lies beside the file that is read, or in the same zip. `on`: a column here →
    the column there that says the same. `optional`: without that file the columns are empty.
    """

    file: str
    on: Texts
    take: Texts
    optional: bool = False


class Time(Struct, frozen=True):
    """How times are written (of several forms the first that fits), and in which zone they are read without an offset."""

    format: Names = ()
    zone: str | None = None


class Numbers(Struct, frozen=True):
    """The decimal sign; what the column as a whole shows where that is not said."""

    decimal: Literal[",", "."] | None = None


class About(Struct, frozen=True):
    """What a format is called, for `--format` and for people, and which files it reads."""

    name: str
    title: str
    reads: str


class Map(Struct, frozen=True):
    """How one kind of table becomes events; `columns`: ours → theirs, `kinds`: theirs → ours."""

    columns: Annotated[dict[str, Origin], read_by(origins)] = {}
    constants: Texts = {}
    kinds: Texts = {}
    identifiers: Annotated[dict[str, str], read_by(_identifiers)] = {}
    drop: Names = ()
    keep: Names = ()
    record: Names = ()
    time: Annotated[Time, toml_input.table(Time, "is a table of texts; put values in quotes")] = Time()
    numbers: Annotated[Numbers, toml_input.table(Numbers, "is a table; write [numbers] with decimal")] = (
        Numbers()
    )
    skip: Annotated[tuple[Skip, ...], tables(Skip, "is a list of tables; write [[skip]]")] = ()
    when: Annotated[tuple[When, ...], tables(When, "is a list of tables; write [[when]]")] = ()
    event: Annotated[tuple[Further, ...], tables(Further, "is a list of tables; write [[event]]")] = ()
    same_person: Annotated[
        tuple[SamePerson, ...], tables(SamePerson, "is a list of tables; write [[same_person]]")
    ] = ()
    key: Annotated[dict[str, tuple[str, ...]], read_by(_keys)] = {}
    rows: Annotated[Literal["distinct"] | None, Meta(description='is "distinct", or left out')] = None
    lists: Annotated[Literal["each"] | None, Meta(description='is "each", or left out')] = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    header: Names = ()
    aliases: Annotated[dict[str, tuple[str, ...]], read_by(_named)] = {}
    fill: Annotated[Fill | None, toml_input.table(Fill, "is a table; write [fill] with by and columns")] = (
        None
    )
    join: Annotated[tuple[Join, ...], tables(Join, "is a list of tables; write [[join]]")] = ()
    ignore: str | None = None
    format: Annotated[About | None, toml_input.table(About, "is a table; write [format]")] = None
    recognise: Annotated[
        Condition | None, toml_input.table(Condition, "is a condition; write [recognise]")
    ] = None
    table: Annotated[tuple["Map", ...], Meta(description="is a list of tables; write [[table]]")] = ()

    @property
    def each_table(self) -> tuple["Map", ...]:
        """A map for each kind of table in an export of several; else this one."""
        return self.table or (self,)

    def theirs(self) -> list[str]:
        """Every column or path of the source that the map names, in its order."""
        named = [name for origin in self.columns.values() for name in origin.column]
        looked_at = self.judged_by()
        keys = [name for several in self.key.values() for name in several if name not in SCHEMA]
        read = dict.fromkeys((*named, *self.identifiers, *looked_at, *keys))
        return [name for name in read if name not in self.added]

    def judged_by(self) -> list[str]:
        """Every column or path that a condition looks at, or a further event takes."""
        conditions = (*self.skip, *self.when, *self.event, *self.same_person, self.recognise or Condition())
        return [name for condition in conditions for name in sorted(condition.looked_at())]

    @property
    def of_the_file(self) -> set[str]:
        """What the map asks of the file itself."""
        named = {name for origin in self.columns.values() for name in origin.column}
        return (named | {*self.judged_by()}) & {*OF_THE_FILE}

    @property
    def added(self) -> frozenset[str]:
        """Columns that the rows do not bring: of another file, and what is known of the file itself."""
        return frozenset(OF_THE_FILE).union(*(join.take for join in self.join))

    @property
    def other_kinds(self) -> str | None:
        """What becomes of kinds that are not listed: `skip`, `keep`, a kind of ours; None: they are refused."""
        return self.kinds.get(OTHERWISE)


OF_THE_FILE = ("@file", "@customer", "@line")
"""What a map may name like a column: the file's own name, whose export it is said to be, and which row of its group it is."""


def paths_of(maps: Sequence[Map]) -> Paths:
    """Takes a JSON object apart as maps of one format say."""
    joins = [join for mapping in maps for join in mapping.join]
    of_others = (name for join in joins for name in (*join.on, *join.on.values(), *join.take.values()))
    names = dict.fromkeys([*(name for mapping in maps for name in mapping.theirs()), *of_others])
    return Paths(
        names,
        lambda key: field_of(key) is not None,
        records=maps[0].record,
        dropped=maps[0].drop,
        every_list=maps[0].lists == "each",
    )


KEYS = Map.__struct_fields__
"""What a map may hold."""


def read(path: Path) -> Map:
    """Read a map. Raises InputError for unknown keys (naming the nearest), and for what does not fit together."""
    document = toml_input.read(path)
    try:
        return made(document)
    except UnknownKeyError as error:
        raise InputError(f"{path}: unknown key {error.key}{error.hint}") from error
    except TableError as error:
        raise InputError(f"{path}: {error.key} {error.problem}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def made(document: Mapping[str, Any]) -> Map:
    """A map out of TOML. Raises UnknownKeyError, TableError, InputError."""
    common = {key: value for key, value in document.items() if key != "table"}
    whole = convert(common, Map)
    if "table" not in document:
        _refuse_unfit(whole)
        return whole
    if not are_tables(document["table"]):
        raise TableError("table", "is a list of tables; write [[table]]")
    parts = [_part(number, table, common) for number, table in enumerate(document["table"], start=1)]
    return msgspec.structs.replace(whole, table=tuple(parts))


def _part(number: int, table: Mapping[str, Any], common: Mapping[str, Any]) -> Map:
    """The map of one table of several: what it says, and what is said of all."""
    both = dict(common)
    for key, value in table.items():
        said = both.get(key)
        if isinstance(value, dict) and isinstance(said, dict) and key != "recognise":
            both[key] = {**said, **value}
        elif are_tables(value) and are_tables(said):
            both[key] = [*value, *said]
        else:
            both[key] = value
    if "recognise" not in both:
        raise TableError(f"table {number}: recognise", "is missing; it says which tables these are")
    try:
        part = convert(both, Map)
        if part.ignore is None:
            _refuse_unfit(part)
    except UnknownKeyError as error:
        raise UnknownKeyError(f"table {number}: {error.key}", error.nearest_key) from error
    except TableError as error:
        raise TableError(f"table {number}: {error.key}", error.problem) from error
    except InputError as error:
        raise InputError(f"table {number}: {error}") from error
    return part


def _refuse_unfit(mapping: Map) -> None:
    """Refuse names that are not ours, what is stated twice, and what an event needs and nothing states."""
    stated: dict[str, Mapping[str, Any]] = {"columns": mapping.columns, "constants": mapping.constants}
    stated |= {f"when {number}: set": condition.set for number, condition in enumerate(mapping.when, start=1)}
    further = {
        f"event {number}: set": {**event.columns, **event.set}
        for number, event in enumerate(mapping.event, start=1)
    }
    for table, ours in {**stated, **further}.items():
        for name in ours:
            if name not in SCHEMA:
                raise UnknownKeyError(f"{table}.{name}", nearest_word(name, SCHEMA))
            _refuse_value(table, name, ours[name], mapping.kinds)
    _refuse_conditions(mapping)
    _refuse_kinds(mapping.kinds)
    for form in mapping.time.format:
        timestamps.refuse_unknown(form)
    if mapping.time.zone is not None:
        timestamps.zone(mapping.time.zone)
    for name in NEEDED:
        if not any(name in ours for ours in stated.values()):
            raise InputError(f"says nothing of {name}; name its column under [columns], or a constant")
    twice = set(mapping.columns) & set(mapping.constants)
    if twice:
        raise InputError(f"{min(twice)} is both a column and a constant")


def _refuse_value(table: str, name: str, value: Any, kinds: Mapping[str, str]) -> None:
    """Refuse a value that a map states of a column which holds but a few, and not this one."""
    if not isinstance(value, str) or (not value and name != "kind"):
        return
    if name == "kind":
        allowed = (*KINDS, OTHER, *(kinds if table == "constants" else ()))
        is_known = value in allowed
    else:
        allowed = tuple(values.words()["words"].get(name, ()))
        is_known = name not in READERS or READERS[name](pl.Series(name, [value])).flags is None
    if not is_known:
        raise InputError(f"{table}.{name}: no {name} {value!r}{nearest(value, allowed)}")


def _refuse_conditions(mapping: Map) -> None:
    judged = (
        ("skip", "reason", mapping.skip),
        ("when", "set", mapping.when),
        ("event", "set", mapping.event),
    )
    for table, gives, conditions_of in judged:
        for number, condition in enumerate(conditions_of, start=1):
            if not getattr(condition, gives) and not getattr(condition, "columns", None):
                raise InputError(f"{table} {number}: give {gives}")
            if table != "event" or condition.tests or condition.column:
                refuse_unclear(f"{table} {number}", condition)


def _refuse_kinds(kinds: Mapping[str, str]) -> None:
    allowed = (*KINDS, SKIP, KEEP)
    for word, kind in kinds.items():
        if kind not in (allowed if word == OTHERWISE else KINDS):
            raise InputError(f"kinds.{word}: no kind {kind!r}{nearest(kind, allowed)}")
