"""A map to begin with: what the columns of a file may be, by what they are called and by what stands in them.

The map is written with its doubts as comments; what it says without one was seen in every row of the sample.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.document import Document
from audit.events.schema import KINDS, NEEDED
from audit.ingest import map_language, readers, timestamps, values
from audit.ingest.attributes import identifier_field, normal
from audit.ingest.readers import Reading
from audit.ingest.values import Conventions, as_text
from audit.privacy import scan
from audit.storage import toml_input

SAMPLE = 1000
"""Rows that are looked at."""

_LEVELS = 6
_ADDRESS = r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$"
_IP = r"^\s*(\d{1,3}\.){3}\d{1,3}\s*$"
_MOST_KINDS = 40
_LETTER = 2
_MARKS = frozenset('"\\')
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class MapSuggestion(Document, schema="whysent.map_suggestion/1"):
    """A map to begin with: its text, what is unsure of it, and whether an import can use it as it stands."""

    file: str
    map: str
    unsure: tuple[str, ...]
    usable: bool


@cache
def words() -> dict[str, Any]:
    """What `suggest.toml` says."""
    return toml_input.shipped("audit.ingest", "suggest.toml")


def suggest(path: Path) -> MapSuggestion:
    """A map for a file, from its first rows. Raises InputError for a file that cannot be read, or holds no row."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; a map is suggested for one file, not for a folder")
    readers.file_type(path)
    tables = (table.rows.head(SAMPLE) for table in readers.heads(path, Reading(_flat), lambda _: True))
    rows = next((rows for rows in tables if rows.height), None)
    if rows is None:
        raise InputError(f"{path}: holds no row that could be read")
    columns = {name: as_text(rows[name]) for name in rows.columns if name != "row"}
    draft = _Draft(path.name, {name: column for name, column in columns.items() if column.drop_nulls().len()})
    text = draft.text()
    return MapSuggestion(file=path.name, map=text, unsure=tuple(draft.unsure), usable=_is_usable(text))


def _is_usable(text: str) -> bool:
    try:
        map_language.made(tomllib.loads(text))
    except InputError:
        return False
    return True


def _flat(row: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """An object as columns by path; of a list its first element."""
    return [(dict(_leaves(row, "", 0)), {})]


def _leaves(value: Any, path: str, level: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and level < _LEVELS:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), level + 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and level < _LEVELS:
        yield from _leaves(value[0], f"{path}[]", level + 1)
    elif isinstance(value, list):
        yield f"{path}[0]", value[0] if value else None
    elif path:
        yield path, value


@dataclass
class _Draft:
    """The map of a file's `columns` (text, by path), line by line."""

    file: str
    columns: dict[str, pl.Series]
    unsure: list[str] = field(default_factory=list)
    several: dict[str, list[str]] = field(default_factory=dict)

    def text(self) -> str:
        """The whole map."""
        taken = self._taken()
        parts = [
            f"# A map for {_quoted(self.file)}, suggested from its first rows. Read it, change it, and try it:",
            "# whysent import FILE --map THIS.toml; docs/maps.md tells every word.",
            "",
            *self._identifiers(),
            "[columns]",
            *(self._column(ours, theirs) for ours, theirs in taken.items()),
            *self._missing(taken),
            "",
            *self._kinds(taken),
            *self._times(taken),
            *self._numbers(taken),
            *self._others(taken),
        ]
        return "\n".join(parts).rstrip() + "\n"

    def _column(self, ours: str, theirs: str) -> str:
        chosen = self.several.get(ours, [theirs])
        return f"{ours} = " + (
            _quoted(theirs) if len(chosen) == 1 else f"[{', '.join(map(_quoted, chosen))}]"
        )

    def _taken(self) -> dict[str, str]:
        """Ours → theirs, by what columns are called; a column is taken once."""
        called: dict[str, list[str]] = {}
        for name in self.columns:
            for known in {normal(name), normal(_last(name))}:
                called.setdefault(known, []).append(name)
        taken: dict[str, str] = {}
        for ours, names in words()["columns"].items():
            there = [theirs for name in names for theirs in called.get(name, ()) if self._fits(ours, theirs)]
            free = [theirs for theirs in there if theirs not in taken.values()]
            if free:
                taken[ours] = free[0]
            if ours in NEEDED:
                self._fill_up(ours, list(dict.fromkeys(free)))
        if "occurred_at" not in taken and (times := [name for name in self.columns if self._is_time(name)]):
            taken["occurred_at"] = times[0]
            self._doubt(f"occurred_at: {times[0]} holds times; that it is when it happened is a guess")
        if "customer_id" not in taken and (people := self._addresses()):
            taken["customer_id"] = people[0]
            self._doubt(
                f"customer_id: {people[0]} holds addresses; that a row is about this person is a guess"
            )
        free = [name for name in self.columns if name not in taken.values() and self._says_kinds(name)]
        if "kind" not in taken and free:
            taken["kind"] = free[0]
        return taken

    def _fill_up(self, ours: str, columns: list[str]) -> None:
        """Of several columns that may be one of ours, take further ones for the rows in which the first is empty."""
        if not columns:
            return
        empty = self.columns[columns[0]].is_null()
        chosen = [columns[0]]
        for name in columns[1:]:
            if (empty & self.columns[name].is_not_null()).any():
                chosen.append(name)
                empty &= self.columns[name].is_null()
        self.several[ours] = chosen
        if empty.any():
            self._doubt(f"{ours}: empty in {empty.sum():,} of the first {empty.len():,} rows")
        others = [name for name in columns if name not in chosen and self._like(name) is None]
        if others:
            self._doubt(f"{ours} may also be {', '.join(others)}")

    def _fits(self, ours: str, theirs: str) -> bool:
        if ours == "occurred_at":
            return self._is_time(theirs)
        return ours != "kind" or self._says_kinds(theirs)

    def _is_time(self, name: str) -> bool:
        return _form(self.columns[name]) is not None

    def _says_kinds(self, name: str) -> bool:
        distinct = self.columns[name].drop_nulls().unique()
        known = sum(_kind(word) is not None for word in distinct)
        is_filled = not self.columns[name].is_null().any()
        return is_filled and 0 < distinct.len() <= _MOST_KINDS and known * 2 >= min(distinct.len(), 4)

    def _doubt(self, text: str) -> None:
        self.unsure.append(text)

    def _missing(self, taken: dict[str, str]) -> Iterator[str]:
        for ours in ("customer_id", "occurred_at"):
            if ours not in taken:
                self._doubt(f"{ours}: no column looks like it")
                yield f'# {ours} = "?"   # needed: no column looks like it; those of the file stand below'

    def _kinds(self, taken: dict[str, str]) -> Iterator[str]:
        if "kind" not in taken:
            guess = self._kind_by_names(taken)
            self._doubt(f"kind: no column says what happened; {guess or 'one kind for all rows'} is a guess")
            yield "[constants]"
            yield f'{"" if guess else "# "}kind = "{guess or "message_sent"}"   # of every row: a guess; see docs/formats.md for the kinds'
            yield ""
            return
        yield "[kinds]"
        column = self.columns[taken["kind"]].drop_nulls()
        for word in column.value_counts().sort("count", column.name, descending=[True, False])[column.name]:
            kind = _kind(word)
            if kind is None:
                self._doubt(f"kinds: what {scan.scrubbed(word)!r} means")
                yield f'# {_quoted(scan.scrubbed(word))} = "?"'
            elif kind != word:
                yield f'{_quoted(word)} = "{kind}"'
        yield 'else = "keep"   # our own kinds are as they are; what else is not listed is kept as "other", which nothing asks for'
        yield ""

    def _kind_by_names(self, taken: dict[str, str]) -> str | None:
        """The kind that the file's name, or that of its times, speaks of; else an order where something was bought."""
        for name in (taken.get("occurred_at", ""), Path(self.file).stem):
            parts = normal(_last(name)).split("_")
            for word in ("_".join(parts), *("_".join(pair) for pair in pairwise(parts)), *parts):
                if len(word) > _LETTER and (kind := _kind(word)):
                    return kind
        return "order_completed" if {"order_id", "price", "item_id"} & taken.keys() else None

    def _addresses(self) -> list[str]:
        return [
            name
            for name, column in self.columns.items()
            if self._like(name) == "email" and 2 * column.null_count() < column.len()
        ]

    def _like(self, name: str) -> str | None:
        """The field of the vault that most values of a column look like."""
        filled = self.columns[name].drop_nulls()
        patterns = {"email": _ADDRESS, "ip": _IP}
        return next(
            (like for like, form in patterns.items() if 2 * filled.str.contains(form).sum() > filled.len()),
            None,
        )

    def _times(self, taken: dict[str, str]) -> Iterator[str]:
        column = self.columns.get(taken.get("occurred_at", ""))
        if column is None:
            return
        forms = _forms(column)
        form = _form(column)
        lines = [f'format = "{form}"'] if form not in (None, timestamps.ISO, timestamps.EPOCH) else []
        if len(forms) > 1:
            self._doubt(f"times: {' and '.join(forms[:2])} both fit; the first is taken")
        if form not in timestamps.UNITS and not _has_offset(column):
            self._doubt("times carry no offset: in which zone they are read must be said")
            lines.append(
                '# zone = "Europe/Berlin"   # times carry no offset; without this they are read in --time-zone'
            )
        if lines:
            yield from ("[time]", *lines, "")

    def _numbers(self, taken: dict[str, str]) -> Iterator[str]:
        for ours in ("price", "quantity"):
            column = self.columns.get(taken.get(ours, ""))
            if column is None:
                continue
            flags = values.number(column, Conventions("UTC", None)).flags
            if flags is not None and (flags == values.AMBIGUOUS).any():
                self._doubt(f"{ours}: whether a comma or a dot is its decimal sign")
                yield from ("[numbers]", '# decimal = ","   # what 1,234 means is not said by the column', "")
                return

    def _identifiers(self) -> Iterator[str]:
        found: dict[str, list[str]] = {}
        for name in self.columns:
            if kind := self._like(name) or identifier_field(name):
                found.setdefault(kind, []).append(name)
        if found:
            yield "[identifiers]   # go to the vault and nowhere else"
            yield from (f"{kind} = [{', '.join(map(_quoted, names))}]" for kind, names in found.items())
            yield ""

    def _others(self, taken: dict[str, str]) -> Iterator[str]:
        others = [
            name
            for name in self.columns
            if name not in (*taken.values(), *chain.from_iterable(self.several.values()))
            and not (self._like(name) or identifier_field(name))
        ]
        if others:
            yield "# Kept in the attributes as they are: " + ", ".join(map(_quoted, others))


def _last(path: str) -> str:
    return path.replace("[]", "").replace("[0]", "").rpartition(".")[2]


def _quoted(name: str) -> str:
    """A text in quotes, for TOML; signs that cannot be seen as numbers."""
    signs = (sign if sign.isprintable() and sign not in _MARKS else f"\\U{ord(sign):08x}" for sign in name)
    return f'"{"".join(signs)}"'


@cache
def _kinds_of_words() -> dict[str, str]:
    return {word: kind for kind, several in words()["kinds"].items() for word in several}


def _kind(word: str) -> str | None:
    """Our kind for a word of theirs."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
    return word if word in KINDS else _kinds_of_words().get(normal(plain))


def _forms(column: pl.Series) -> Sequence[str]:
    """Every form of times that all filled cells have."""
    filled = column.drop_nulls().head(200)
    if timestamps.read(filled, "UTC").values.null_count() == 0:
        return [timestamps.ISO]
    forms = (timestamps.EPOCH, *words()["times"]["forms"])
    return [form for form in forms if timestamps.written(filled, [form]).dtype.is_temporal()]


def _form(column: pl.Series) -> str | None:
    return next(iter(_forms(column)), None)


def _has_offset(column: pl.Series) -> bool:
    return bool(column.drop_nulls().str.contains(r"(?i)(z|[+-]\d\d:?\d\d|gmt|utc)\s*$").all())
