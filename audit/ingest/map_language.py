"""What a map may say: how a table, or JSON of any shape, becomes events. docs/formats.md shows each word in use.

A name of theirs is a column or a path (`audit.ingest.paths`). The formats that ship are maps too: `maps/*.toml`.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from msgspec import Meta, Struct

from audit.errors import InputError
from audit.events.schema import KINDS, NEEDED, OTHER, SCHEMA
from audit.ingest import timestamps, values
from audit.ingest.attributes import IDENTIFIERS, field_of, identifier_field
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


def names(written: Any) -> tuple[str, ...]:
    """One name or a list of them."""
    several = (written,) if isinstance(written, str) else written
    if not isinstance(several, list | tuple) or not all(isinstance(name, str) and name for name in several):
        raise InputError("must be a name in quotes, or a list of names")
    return tuple(several)


Names = Annotated[tuple[str, ...], read_by(names)]
Texts = Annotated[dict[str, str], Meta(description="is a table of texts; put values in quotes")]
Value = str | bool | int | float


class Condition(Struct, frozen=True, kw_only=True, rename={"is_in": "in"}):
    """Rows in which a column of theirs (the first filled of several) is as said, or `all` or `any` of several hold."""

    column: Names = ()
    equals: Value | None = None
    is_in: Annotated[tuple[Value, ...] | None, Meta(description="must be a list of values")] = None
    starts_with: Value | None = None
    pattern: Annotated[str | None, Meta(description="must be a pattern in quotes")] = None
    present: bool | None = None
    absent: bool | None = None
    several: bool | None = None
    all: Annotated[tuple["Condition", ...], read_by(lambda written: conditions(written))] = ()  # noqa: PLW0108
    any: Annotated[tuple["Condition", ...], read_by(lambda written: conditions(written))] = ()  # noqa: PLW0108

    @property
    def tests(self) -> list[str]:
        """The words by which it judges."""
        return [word for word in TESTS if getattr(self, WORDS.get(word, word)) not in (None, ())]

    def looked_at(self) -> frozenset[str]:
        """Every column it looks at."""
        return frozenset(self.column).union(*(inner.looked_at() for inner in (*self.all, *self.any)))

    def fits(self) -> pl.Expr:
        """The condition over text; never null."""
        if self.all or self.any:
            inner, join = (self.all, and_) if self.all else (self.any, or_)
            return reduce(join, (condition.fits() for condition in inner))
        value = filled(self.column)
        if self.present is not None or self.absent is not None:
            return value.is_not_null() == (self.present if self.absent is None else not self.absent)
        if self.several is not None:
            return (value.str.json_path_match("$[1]").is_not_null() == self.several).fill_null(value=False)
        if self.equals is not None:
            fits = value == as_text(self.equals)
        elif self.is_in is not None:
            fits = value.is_in([as_text(word) for word in self.is_in])
        elif self.starts_with is not None:
            fits = value.str.starts_with(as_text(self.starts_with))
        else:
            fits = value.str.contains(self.pattern or "")
        return fits.fill_null(value=False)


WORDS = {"in": "is_in"}
TESTS = ("equals", "in", "starts_with", "pattern", "present", "absent", "several", "all", "any")


def conditions(written: Any) -> tuple[Condition, ...]:
    """Conditions inside another."""
    if not are_tables(written) or not written:
        raise InputError("must be a list of conditions, such as [{ column = ..., equals = ... }]")
    inner = tuple(convert(row, Condition) for row in written)
    for number, condition in enumerate(inner, start=1):
        refuse_unclear(f"{number}", condition)
    return inner


def refuse_unclear(place: str, condition: Condition) -> None:
    """Refuse a condition without a column, or with no test or several."""
    combined = bool(condition.all or condition.any)
    if len(condition.tests) != 1 or combined == bool(condition.column):
        raise InputError(f"{place}: give column and one of {', '.join(TESTS[:-2])}; or only all, or only any")
    if condition.pattern is None:
        return
    try:
        pl.select(pl.lit("").str.contains(condition.pattern))
    except pl.exceptions.ComputeError as error:
        raise InputError(f"{place}: pattern {condition.pattern!r} is none") from error


def as_text(value: Value) -> str:
    """A value as it stands in rows."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled(columns: Sequence[str]) -> pl.Expr:
    """The first of the columns that is filled, as text; else null."""
    texts = [pl.col(name).cast(pl.String) for name in columns]
    return pl.coalesce(*(pl.when(text.str.strip_chars() != "").then(text) for text in texts))


class Origin(Struct, frozen=True):
    """Where a column of ours comes from: the first of `column` that is filled; what `pattern` takes out of it, if given."""

    column: Names
    pattern: str | None = None


class Skip(Condition, frozen=True, kw_only=True):
    """Rows of no interest, and why."""

    reason: str = ""


class When(Condition, frozen=True, kw_only=True):
    """Rows that have other values: ours → value."""

    set: Texts = {}


class Further(Condition, frozen=True, kw_only=True):
    """One more event of some rows (of all, without a condition): what differs in it.

    `once`: it is no news about an event that is known by its key already.
    """

    columns: Annotated[dict[str, Origin], read_by(lambda written: _origins(written))] = {}  # noqa: PLW0108
    set: Texts = {}
    once: bool = False

    def looked_at(self) -> frozenset[str]:
        """Every column it names."""
        return Condition.looked_at(self).union(*(origin.column for origin in self.columns.values()))


def _origins(written: Any) -> dict[str, Origin]:
    """Ours → a name, a list of names, or a table with `column` and `pattern`."""
    if not isinstance(written, dict):
        raise InputError("is a table of columns: ours = theirs")
    found = {}
    for ours, origin in written.items():
        try:
            found[ours] = convert(origin if isinstance(origin, dict) else {"column": origin}, Origin)
        except UnknownKeyError as error:
            raise UnknownKeyError(f"{ours}.{error.key}", error.nearest_key) from error
        except TableError as error:
            raise TableError(ours, error.problem) from error
    return found


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

    columns: Annotated[dict[str, Origin], read_by(_origins)] = {}
    constants: Texts = {}
    kinds: Texts = {}
    identifiers: Annotated[dict[str, str], read_by(_identifiers)] = {}
    drop: Names = ()
    record: Names = ()
    time: Annotated[Time, toml_input.table(Time, "is a table of texts; put values in quotes")] = Time()
    numbers: Annotated[Numbers, toml_input.table(Numbers, "is a table; write [numbers] with decimal")] = (
        Numbers()
    )
    skip: Annotated[tuple[Skip, ...], tables(Skip, "is a list of tables; write [[skip]]")] = ()
    when: Annotated[tuple[When, ...], tables(When, "is a list of tables; write [[when]]")] = ()
    event: Annotated[tuple[Further, ...], tables(Further, "is a list of tables; write [[event]]")] = ()
    key: Annotated[dict[str, tuple[str, ...]], read_by(_keys)] = {}
    rows: Annotated[Literal["distinct"] | None, Meta(description='is "distinct", or left out')] = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    format: Annotated[About | None, toml_input.table(About, "is a table; write [format]")] = None
    recognise: Annotated[
        Condition | None, toml_input.table(Condition, "is a condition; write [recognise]")
    ] = None

    def theirs(self) -> list[str]:
        """Every column or path of the source that the map names, in its order."""
        named = [name for origin in self.columns.values() for name in origin.column]
        judged = (*self.skip, *self.when, *self.event, self.recognise or Condition())
        looked_at = [name for condition in judged for name in sorted(condition.looked_at())]
        keys = [name for several in self.key.values() for name in several if name not in SCHEMA]
        return list(dict.fromkeys((*named, *self.identifiers, *looked_at, *keys)))

    def paths(self) -> Paths:
        """Takes a JSON object apart as the map says."""
        return Paths(
            self.theirs(), lambda key: field_of(key) is not None, records=self.record, dropped=self.drop
        )

    @property
    def other_kinds(self) -> str | None:
        """What becomes of kinds that are not listed: `skip`, `keep`, a kind of ours; None: they are refused."""
        return self.kinds.get(OTHERWISE)


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
    table_map = convert(document, Map)
    _refuse_unfit(table_map)
    return table_map


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
            if not getattr(condition, gives):
                raise InputError(f"{table} {number}: give {gives}")
            if table != "event" or condition.tests or condition.column:
                refuse_unclear(f"{table} {number}", condition)


def _refuse_kinds(kinds: Mapping[str, str]) -> None:
    allowed = (*KINDS, SKIP, KEEP)
    for word, kind in kinds.items():
        if kind not in (allowed if word == OTHERWISE else KINDS):
            raise InputError(f"kinds.{word}: no kind {kind!r}{nearest(kind, allowed)}")
