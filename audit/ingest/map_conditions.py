"""Which rows a map means, and what they have besides: its conditions, and what `skip`, `when` and `event` say of rows that fit."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Annotated, Any

import polars as pl
from msgspec import Meta, Struct

from audit.errors import InputError
from audit.ingest.paths import EACH, FIRST, steps
from audit.storage.toml_input import TableError, UnknownKeyError, are_tables, convert, read_by


def names(written: Any) -> tuple[str, ...]:
    """One name or a list of them."""
    several = (written,) if isinstance(written, str) else written
    if not isinstance(several, list | tuple) or not all(isinstance(name, str) and name for name in several):
        raise InputError("must be a name in quotes, or a list of names")
    return tuple(several)


Texts = Annotated[dict[str, str], Meta(description="is a table of texts; put values in quotes")]
Names = Annotated[tuple[str, ...], read_by(names)]
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

    def may_fit(self, text: bytes, other_names: Mapping[str, Sequence[str]]) -> bool:
        """Whether there may be such a row in what begins with `text`: the names of its columns stand there."""
        if self.all or self.any:
            together = all if self.all else any
            return together(inner.may_fit(text, other_names) for inner in (*self.all, *self.any))
        if self.absent or self.present is False or self.several is False:
            return True
        names = (other for name in self.column for other in (name, *other_names.get(name, ())))
        return any(name[0] == "@" or all(step.encode() in text for step in _steps(name)) for name in names)

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
            fits = value == as_written(self.equals)
        elif self.is_in is not None:
            fits = value.is_in([as_written(word) for word in self.is_in])
        elif self.starts_with is not None:
            fits = value.str.starts_with(as_written(self.starts_with))
        else:
            fits = value.str.contains(self.pattern or "")
        return fits.fill_null(value=False)


def _steps(name: str) -> list[str]:
    return [step for step in steps(name) if step not in (EACH, FIRST)]


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


def as_written(value: Value) -> str:
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


class SamePerson(Condition, frozen=True, kw_only=True):
    """Rows (all, without a condition) that name another id of their customer: the first of `ids` that is filled.

    `merge`: the source says that both are one; else the id was seen with that customer, and is the first one's it was seen with.
    """

    ids: Names
    merge: bool = False

    def looked_at(self) -> frozenset[str]:
        """Every column it names."""
        return Condition.looked_at(self).union(self.ids)


class Further(Condition, frozen=True, kw_only=True):
    """One more event of some rows (of all, without a condition): what differs in it.

    `once`: it is no news about an event that is known by its key already.
    """

    columns: Annotated[dict[str, Origin], read_by(lambda written: origins(written))] = {}  # noqa: PLW0108
    set: Texts = {}
    once: bool = False

    def looked_at(self) -> frozenset[str]:
        """Every column it names."""
        return Condition.looked_at(self).union(*(origin.column for origin in self.columns.values()))


def origins(written: Any) -> dict[str, Origin]:
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
