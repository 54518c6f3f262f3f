"""Rows of text into canonical columns; what cannot be read is told apart, with a reason that quotes no value."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from zoneinfo import available_timezones

import polars as pl

from audit.events.schema import (
    KINDS,
    MESSAGE_CLASSES,
    NEEDED,
    SCHEMA,
    SOURCES,
    TIME,
)
from audit.ingest import attributes, timestamps
from audit.privacy.clean import clean, clean_column

REFUSED: dict[str, pl.DataType] = {"row": pl.UInt64(), "reason": pl.String()}
FOUND: dict[str, pl.DataType] = {"row": pl.UInt64(), "field": pl.String(), "value": pl.String()}


@dataclass(frozen=True, slots=True)
class Cast:
    """`events`: `row`, event_id (which may be null), the needed columns, and those others that have a value; `refused`:
    rows that cannot be events, in the shape of `REFUSED`, which have no events; `identifiers`: direct identifiers of
    customers that stood in `attributes`, columns `customer_id, field, value`.
    """

    events: pl.DataFrame
    refused: pl.DataFrame
    identifiers: pl.DataFrame


_THREADS = min(4, os.cpu_count() or 1)
_ALWAYS = ("event_id", *NEEDED)
_WORDS = {"kind": KINDS, "message_class": MESSAGE_CLASSES, "source": SOURCES}


def cast(rows: pl.DataFrame, time_zone: str) -> Cast:
    """Canonical events of `rows`: the column `row` and any canonical columns, as in `Batch.events`.

    Times without an offset are read in `time_zone`.
    """
    casting = _Casting(rows["row"], time_zone)
    present = [name for name in SCHEMA if name in _ALWAYS or _has_values(rows, name)]
    with ThreadPoolExecutor(
        _THREADS
    ) as pool:  # polars lets other threads run, and a column is mostly one thread's work
        columns = list(pool.map(lambda name: casting.column(rows, name), present))
    made = pl.DataFrame([rows["row"].cast(pl.UInt64), *columns])
    made = attributes.mark(made, casting.flags)
    refused = casting.refused(made)
    if refused.height:
        made = made.join(refused, on="row", how="anti", maintain_order="left")
    found = (
        made.select("row", "customer_id")
        .join(casting.identifiers, on="row", maintain_order="left")
        .drop("row")
    )
    return Cast(made, refused, found)


class _Casting:
    """One frame on its way: the reasons against its rows, and the flags to note in their attributes."""

    def __init__(self, rows: pl.Series, time_zone: str) -> None:
        self._zone = time_zone
        self._against: dict[str, list[tuple[pl.Series, str]]] = {name: [] for name in SCHEMA}
        self._rows = rows
        self.flags: dict[str, pl.Series] = {}
        self.identifiers = pl.DataFrame(schema=FOUND)

    def column(self, rows: pl.DataFrame, name: str) -> pl.Series:
        dtype = SCHEMA[name]
        if not _has_values(rows, name):
            made = pl.Series(name, [None], dtype=dtype).new_from_index(0, rows.height)
        elif dtype == TIME:
            made = self._time(rows[name])
        elif dtype == pl.Float64:
            made = self._number(rows[name])
        elif name == "attributes":
            made = self._attributes(rows[name])
        elif dtype == pl.String:
            made = self._text(rows[name])
        else:
            made = self._other(rows[name], dtype)
        if name in NEEDED:
            given = (
                rows[name].is_not_null()
                if name in rows.columns
                else pl.Series([False]).new_from_index(0, rows.height)
            )
            self._refuse(name, made.is_null() & ~(given & (dtype == TIME)), "is absent")
        return made

    def refused(self, made: pl.DataFrame) -> pl.DataFrame:
        parts = [
            made.filter(mask).select("row", pl.lit(reason).alias("reason"))
            for against in self._against.values()
            for mask, reason in against
        ]
        if not parts:
            return pl.DataFrame(schema=REFUSED)
        return pl.concat(parts).unique("row", keep="first", maintain_order=True).sort("row")

    def _refuse(self, name: str, mask: pl.Series, reason: str) -> None:
        if mask.any():
            self._against[name].append((mask, f"{name} {reason}"))

    def _text(self, column: pl.Series) -> pl.Series:
        text = clean_column(_as_text(column))
        blank = text == ""
        if blank.any():
            text = text.set(blank, None)
        if column.name == "customer_id":
            blank = text.str.strip_chars() == ""
            text = text.set(blank, None) if blank.any() else text
        if column.name in _WORDS:
            self._words(text, _WORDS[column.name])
        if column.name == "time_zone":
            self._refuse(text.name, _is_unknown(text, available_timezones()), "is no IANA time zone")
        return text

    def _words(self, text: pl.Series, allowed: Sequence[str]) -> None:
        for value in text.drop_nulls().unique().sort():
            if value not in allowed:
                near = get_close_matches(value, allowed, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._refuse(text.name, text == value, f"is none of those we know{hint}")

    def _time(self, column: pl.Series) -> pl.Series:
        given = column.set(column == "", None) if column.dtype == pl.String else column
        times, flags = timestamps.read(given, self._zone)
        self._refuse(column.name, given.is_not_null() & times.is_null(), "is no time")
        if column.name in NEEDED:
            self._refuse(column.name, given.is_null(), "is absent")
        if flags.null_count() < len(flags):
            self.flags[column.name] = flags
        return times.alias(column.name)

    def _number(self, column: pl.Series) -> pl.Series:
        given = column
        if column.dtype == pl.String:
            text = column.str.strip_chars()
            given = text.set(text == "", None)
        number = given.cast(pl.Float64, strict=False)
        unread = given.is_not_null() & (number.is_null() | ~number.is_finite())
        self._refuse(column.name, unread.fill_null(value=True), "is no finite number")
        return number

    def _attributes(self, column: pl.Series) -> pl.Series:
        text = _as_text(column)
        made = attributes.read(text)
        self._refuse(column.name, made.bad, "is no JSON object")
        if made.identifiers.height:
            rows = pl.DataFrame({"row": self._rows, "text": text})
            self.identifiers = rows.join(made.identifiers, on="text", maintain_order="left").drop("text")
        return made.text

    def _other(self, column: pl.Series, dtype: pl.DataType) -> pl.Series:
        if column.dtype == dtype:
            return _cleaned_list(column) if dtype == pl.List(pl.String) else column
        read = _truth if dtype == pl.Boolean else _list
        return self._by_value(_as_text(column), read, dtype)

    def _by_value(self, text: pl.Series, read: "Callable[[str], object]", dtype: pl.DataType) -> pl.Series:
        """Read each different text once; `read` raises ValueError for what it cannot take."""
        known: dict[str, object] = {}
        bad = []
        for value in text.drop_nulls().unique():
            try:
                known[value] = read(value)
            except (ValueError, RecursionError):
                bad.append(value)
        wanted = "true or false" if dtype == pl.Boolean else "JSON list of texts"
        self._refuse(text.name, text.is_in(bad).fill_null(value=False), f"is no {wanted}")
        table = pl.DataFrame(
            {"text": list(known), "value": list(known.values())}, schema={"text": pl.String(), "value": dtype}
        )
        return (
            text.to_frame("text")
            .join(table, on="text", how="left", maintain_order="left")["value"]
            .alias(text.name)
        )


def _has_values(rows: pl.DataFrame, name: str) -> bool:
    return name in rows.columns and rows[name].null_count() < rows.height


def _as_text(column: pl.Series) -> pl.Series:
    return column if column.dtype == pl.String else column.cast(pl.String)


def _is_unknown(text: pl.Series, allowed: set[str]) -> pl.Series:
    unknown = [value for value in text.drop_nulls().unique() if value not in allowed]
    return text.is_in(unknown).fill_null(value=False)


def _truth(value: str) -> bool | None:
    if not value:
        return None
    word = value.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(value)
    return word == "true"


def _list(value: str) -> list[str] | None:
    if not value:
        return None
    made = json.loads(value)
    if not isinstance(made, list) or not all(isinstance(each, str) for each in made):
        raise ValueError(value)
    return [clean(each) for each in made]


def _cleaned_list(column: pl.Series) -> pl.Series:
    every = column.explode(empty_as_null=True)
    if clean_column(every) is every:  # list by list costs a thousand times as much
        return column
    return column.list.eval(pl.element().map_batches(clean_column, return_dtype=pl.String))
