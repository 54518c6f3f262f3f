"""A map to begin with: what the columns of a file may be, by what they are called and by what stands in them.

The map is written with its doubts as comments; what it says without one was seen in every row of the sample.
"""

import re
import tomllib
import unicodedata
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from audit.errors import InputError
from audit.events.document import Document
from audit.events.schema import KINDS, NEEDED, OTHER, SCHEMA
from audit.ingest import csv_text, map_language, paths, readers, timestamps, values
from audit.ingest.attributes import identifier_field, normal
from audit.ingest.readers import Reading
from audit.ingest.values import Conventions, as_text
from audit.privacy import scan
from audit.storage import toml_input

SAMPLE = 1000
"""Rows that are looked at."""

_ADDRESS = r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$"
_ORDER_NUMBER = r"^#\w*\d+\w*$"
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


KEPT, DROPPED, TO_VAULT = "kept as it is", "not kept", "to the vault as "
"""What a column may become besides one of ours."""

UNSAID = "not said"


class Answer(NamedTuple):
    """What a map says of something that is no column: what that is, what is said of it, and what may be."""

    name: str
    becomes: str
    may: Sequence[str]


@cache
def words() -> dict[str, Any]:
    """What `suggest.toml` says."""
    return toml_input.shipped("audit.ingest", "suggest.toml")


def suggest(path: Path) -> MapSuggestion:
    """A map for a file, from its first rows. Raises InputError for a file that cannot be read, or holds no row."""
    draft = draft_of(path, {})
    text = draft.text()
    return MapSuggestion(
        file=scan.scrubbed(path.name), map=text, unsure=tuple(draft.unsure), usable=_is_usable(text)
    )


def draft_of(path: Path, choices: Mapping[str, str]) -> "Draft":
    """What a map may be begun with. Raises InputError for a file that cannot be read, or holds no row."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; a map is suggested for one file, not for a folder")
    file = readers.file_type(path)
    encoding = csv_text.encoding_of(file.head) if file.kind == "csv" else csv_text.UTF_8
    reading = Reading(paths.flat, encoding=encoding)
    tables = (table.rows.head(SAMPLE) for table in readers.heads(path, reading, lambda _: True))
    rows = next((rows for rows in tables if rows.height), None)
    if rows is None:
        raise InputError(f"{path}: holds no row that could be read")
    columns = {name: as_text(rows[name]) for name in rows.columns if name != "row"}
    filled = {name: column for name, column in columns.items() if column.drop_nulls().len()}
    return Draft(path.name, filled, choices, encoding)


def _is_usable(text: str) -> bool:
    try:
        map_language.made(tomllib.loads(text))
    except InputError:
        return False
    return True


@dataclass
class Draft:
    """The map of a file's `columns` (text, by path), line by line; `choices` go before what they look like."""

    file: str
    columns: dict[str, pl.Series]
    choices: Mapping[str, str] = field(default_factory=dict)
    encoding: str = csv_text.UTF_8
    unsure: list[str] = field(default_factory=list)
    several: dict[str, list[str]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def text(self) -> str:
        """The whole map."""
        taken = self.taken = self._taken()
        parts = [
            f"# A map for {_quoted(scan.scrubbed(self.file))}, suggested from its first rows. Read it, change it, and try it:",
            "# whysent import FILE --map THIS.toml; docs/maps.md tells every word.",
            "",
            *self._encoding(),
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

    def _answer(self, line: str, name: str, becomes: str, may: Sequence[str]) -> None:
        self.answers[line] = Answer(name, self.choices.get(line, becomes), may)

    def _column(self, ours: str, theirs: str) -> str:
        chosen = self.several.get(ours, [theirs])
        return f"{ours} = " + (
            _quoted(theirs) if len(chosen) == 1 else f"[{', '.join(map(_quoted, chosen))}]"
        )

    def _taken(self) -> dict[str, str]:
        """Ours → theirs, by what columns are called; a column is taken once."""
        chosen = {name: self.chosen(name) for name in self.columns}
        called: dict[str, list[str]] = {}
        for name in self.columns:
            for known in {normal(name), normal(_last(name))} if not chosen[name] else ():
                called.setdefault(known, []).append(name)
        taken = {ours: name for name, ours in chosen.items() if ours in SCHEMA}
        for ours, names in words()["columns"].items():
            if ours in taken:
                continue
            there = [theirs for name in names for theirs in called.get(name, ()) if self._fits(ours, theirs)]
            free = [theirs for theirs in there if theirs not in taken.values()]
            if free:
                taken[ours] = free[0]
            if ours in NEEDED:
                self._fill_up(ours, list(dict.fromkeys(free)))
        unchosen = [name for name in self.columns if not chosen[name]]
        if "occurred_at" not in taken and (times := [name for name in unchosen if self._is_time(name)]):
            taken["occurred_at"] = times[0]
            doubt = f"occurred_at: {times[0]} holds times; that it is when it happened is a guess"
            self._doubt(doubt, f"column:{times[0]}")
        if "customer_id" not in taken and (
            people := [name for name in self._addresses() if not chosen[name]]
        ):
            taken["customer_id"] = people[0]
            doubt = f"customer_id: {people[0]} holds addresses; that a row is about this person is a guess"
            self._doubt(doubt, f"column:{people[0]}")
        free = [name for name in unchosen if name not in taken.values() and self._says_kinds(name)]
        if "kind" not in taken and free and "rows" not in self.choices:
            taken["kind"] = free[0]
        return taken

    def chosen(self, name: str) -> str:
        """What somebody chose that a column becomes."""
        return self.choices.get(f"column:{name}", "")

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
            self._doubt(
                f"{ours}: empty in {empty.sum():,} of the first {empty.len():,} rows", f"column:{columns[0]}"
            )
        others = [name for name in columns if name not in chosen and self._like(name) is None]
        if others:
            self._doubt(f"{ours} may also be {', '.join(others)}", f"column:{columns[0]}")

    def _fits(self, ours: str, theirs: str) -> bool:
        if ours == "occurred_at":
            return self._is_time(theirs)
        if ours == "order_id" and normal(theirs) == "name":
            return self._numbers_orders(theirs)
        return ours != "kind" or self._says_kinds(theirs)

    def _numbers_orders(self, name: str) -> bool:
        """Whether a column holds numbers as Shopify gives them to orders, under `Name`: #1001."""
        return bool(self.columns[name].drop_nulls().str.contains(_ORDER_NUMBER).all())

    def _is_time(self, name: str) -> bool:
        return _form(self.columns[name]) is not None

    def _says_kinds(self, name: str) -> bool:
        distinct = self.columns[name].drop_nulls().unique()
        known = sum(_kind(word) is not None for word in distinct)
        is_filled = not self.columns[name].is_null().any()
        return is_filled and 0 < distinct.len() <= _MOST_KINDS and known * 2 >= min(distinct.len(), 4)

    def _doubt(self, text: str, line: str = "") -> None:
        """Note what is unsure, and of which line of the form; what somebody chose is sure."""
        if line not in self.choices:
            safe = scan.scrubbed(text)
            self.unsure.append(safe)
            self.doubts.setdefault(line, safe)

    def _missing(self, taken: dict[str, str]) -> Iterator[str]:
        for ours in ("customer_id", "occurred_at"):
            if ours not in taken:
                names = words()["columns"][ours]
                called = next((name for name in self.columns if normal(_last(name)) in names), None)
                if called is None:
                    self._doubt(f"{ours}: no column looks like it")
                    yield f'# {ours} = "?"   # needed: no column looks like it; those of the file stand below'
                else:
                    self._doubt(f"{ours}: {called} is called like it, but its values do not look like it")
                    yield f"# {ours} = {_quoted(called)}   # needed: called like it, but its values do not look like it"

    def _kinds(self, taken: dict[str, str]) -> Iterator[str]:
        if "kind" not in taken:
            guess = self.choices.get("rows") or self._kind_by_names(taken)
            self._doubt(
                f"kind: no column says what happened; {guess or 'one kind for all rows'} is a guess", "rows"
            )
            self._answer("rows", "every row is", guess or UNSAID, KINDS)
            doubted = "" if "rows" in self.choices else ": a guess; see docs/formats.md for the kinds"
            yield "[constants]"
            yield f'{"" if guess else "# "}kind = "{guess or "message_sent"}"   # of every row{doubted}'
            yield ""
            return
        yield "[kinds]"
        column = self.columns[taken["kind"]].drop_nulls()
        for word in column.value_counts().sort("count", column.name, descending=[True, False])[column.name]:
            line, safe = f"word:{word}", scan.scrubbed(word)
            kind = self.choices.get(line) or _kind(word)
            if kind is None:
                self._doubt(f"kinds: what {safe!r} means", line)
                yield f'# {_quoted(safe)} = "?"'
            elif kind not in (word, OTHER):
                yield f'{_quoted(word)} = "{kind}"'
            self._answer(line, f"“{safe}” means", kind or OTHER, (*KINDS, OTHER))
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

    def _encoding(self) -> Iterator[str]:
        if self.encoding != csv_text.UTF_8:
            self._doubt(f"the file is not UTF-8; it is read as {self.encoding}", "encoding")
            yield from (f'encoding = "{self.encoding}"', "")

    def _times(self, taken: dict[str, str]) -> Iterator[str]:
        column = self.columns.get(taken.get("occurred_at", ""))
        if column is None:
            return
        forms = _forms(column)
        form = self.choices.get("times") or _form(column)
        lines = [f'format = "{form}"'] if form not in (None, timestamps.ISO, timestamps.EPOCH) else []
        if bad := timestamps.misfits(column, form or timestamps.ISO):
            self._doubt(f"times: {bad:,} in the first rows are not written so", "bad times")
        if len(forms) > 1:
            self._doubt(f"times: {' and '.join(forms[:2])} both fit; the first is taken", "times")
            self._answer("times", "times are written as", forms[0], forms)
        if form not in timestamps.UNITS and not timestamps.has_offset(column):
            self._doubt("times carry no offset: in which zone they are read must be said", "zone")
            self._answer("zone", "times are read in", "UTC", sorted(zoneinfo.available_timezones()))
            lines.append(
                f'zone = "{self.choices["zone"]}"'
                if "zone" in self.choices
                else '# zone = "Europe/Berlin"   # times carry no offset; without this they are read in --time-zone'
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
                self._doubt(f"{ours}: whether a comma or a dot is its decimal sign", "decimal")
                self._answer("decimal", "the decimal sign is", UNSAID, (",", "."))
                chosen = self.choices.get("decimal")
                unsaid = '# decimal = ","   # what 1,234 means is not said by the column'
                yield from ("[numbers]", f'decimal = "{chosen}"' if chosen else unsaid, "")
                return

    def _identifiers(self) -> Iterator[str]:
        found: dict[str, list[str]] = {}
        dropped = [name for name in self.columns if self.chosen(name) == DROPPED]
        if dropped:
            yield from (f"drop = [{', '.join(map(_quoted, dropped))}]", "")
        for name in self.columns:
            if kind := self.identifier(name):
                found.setdefault(kind, []).append(name)
        if found:
            yield "[identifiers]   # go to the vault and nowhere else"
            yield from (f"{kind} = [{', '.join(map(_quoted, names))}]" for kind, names in found.items())
            yield ""

    def identifier(self, name: str) -> str | None:
        """The field of the vault that a column goes to; who a row is about may be an address besides."""
        chosen = self.chosen(name)
        if chosen in ("", "customer_id"):
            field = self._like(name) or identifier_field(name)
            return None if field == "name" and self._numbers_orders(name) else field
        return chosen.removeprefix(TO_VAULT) if chosen.startswith(TO_VAULT) else None

    def _others(self, taken: dict[str, str]) -> Iterator[str]:
        others = [
            name
            for name in self.columns
            if name not in (*taken.values(), *chain.from_iterable(self.several.values()))
            and not (self.identifier(name) or self.chosen(name) == DROPPED)
        ]
        if others:
            yield "# Kept in the attributes as they are: " + ", ".join(map(_quoted, map(safe_path, others)))


def safe_path(path: str) -> str:
    """A path as it may be told: a key of it may be somebody's address or number."""
    return ".".join(map(scan.scrubbed, scan.scrubbed(path).split(".")))


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
    forms = timestamps.forms(column.head(SAMPLE), (timestamps.EPOCH, *words()["times"]["forms"]))
    is_called_so = normal(_last(column.name)) in words()["columns"]["occurred_at"]
    return forms or (timestamps.forms(column.head(SAMPLE), (timestamps.EXCEL,)) if is_called_so else [])


def _form(column: pl.Series) -> str | None:
    return next(iter(_forms(column)), None)
