"""Any table, as a TOML file says how to read it.

    identifiers = ["E-Mail", "Name"]   # columns that go to the vault and nowhere else
    delimiter = ";"                    # of CSV; found out where absent
    encoding = "latin-1"               # of CSV; utf-8 where absent

    [columns]                          # ours = theirs
    customer_id = "CustomerID"
    occurred_at = "InvoiceDate"
    kind = "Event"

    [constants]                        # ours = a value for every row
    source_name = "shop"

    [kinds]                            # theirs = ours
    "Email Open" = "message_opened"

    [time]
    format = "%d/%m/%Y %H:%M"          # strftime, or epoch_s, epoch_ms, epoch_us; ISO 8601 where absent
    zone = "Europe/London"             # where times without an offset are read; else the import's

    [[skip]]                           # rows of no interest, counted by reason
    column = "CustomerID"
    absent = true                      # or: equals = "x", starts_with = "x"
    reason = "no customer"

    [[when]]                           # other values for some rows; the first that fits decides
    column = "InvoiceNo"
    starts_with = "C"
    set = { kind = "order_cancelled" }

Columns that are not mapped are kept in `attributes`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.schema import (
    KINDS,
    NEEDED,
    SCHEMA,
    TIME,
)
from audit.ingest import canonical, identifiers, readers, timestamps
from audit.ingest.format import Batch, Format, Options
from audit.ingest.readers import Table
from audit.storage import toml_input
from audit.storage.toml_input import nearest

KEYS = ("columns", "constants", "kinds", "identifiers", "time", "skip", "when", "delimiter", "encoding")
"""What a map may hold."""
_TESTS = ("equals", "starts_with", "absent")


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows in which `column` (theirs) equals a value, starts with it, or is absent."""

    column: str
    test: str
    value: Any

    def fits(self) -> pl.Expr:
        """The condition over text; never null."""
        text = pl.col(self.column).cast(pl.String)
        if self.test == "absent":
            return (text.is_null() | (text.str.strip_chars() == "")) == bool(self.value)
        fits = text == str(self.value) if self.test == "equals" else text.str.starts_with(str(self.value))
        return fits.fill_null(value=False)


@dataclass(frozen=True, slots=True)
class TableMap:
    """How one kind of table becomes events; `columns`: ours → theirs, `kinds`: theirs → ours."""

    path: Path
    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    time_format: str | None = None
    time_zone: str | None = None
    skip: tuple[tuple[Condition, str], ...] = ()
    when: tuple[tuple[Condition, Mapping[str, str]], ...] = ()
    delimiter: str | None = None
    encoding: str = "utf-8"

    def theirs(self) -> set[str]:
        """Every column of the source that the map names."""
        conditions = {condition.column for condition, _ in (*self.skip, *self.when)}
        return {*self.columns.values(), *self.identifiers, *conditions}

    def knows(self, name: str) -> bool:
        """Whether a key of a JSON object is a column of its own."""
        return name in self.theirs() or identifiers.field_of(name) is not None


def read_map(path: Path) -> TableMap:
    """Read a map. Raises InputError for unknown keys (naming the nearest), and for what does not fit together."""
    document = toml_input.read(path)
    _refuse_unknown(path, "", document, KEYS)
    time = _texts(path, document, "time")
    _refuse_unknown(path, "time.", time, ("format", "zone"))
    for name in ("columns", "constants"):
        _refuse_unknown(path, f"{name}.", _texts(path, document, name), tuple(SCHEMA))
    for word, kind in _texts(path, document, "kinds").items():
        if kind not in KINDS:
            raise InputError(f"{path}: kinds.{word}: no kind {kind!r}{nearest(kind, KINDS)}")
    table_map = TableMap(
        path=path,
        columns=_texts(path, document, "columns"),
        constants=_texts(path, document, "constants"),
        kinds=_texts(path, document, "kinds"),
        identifiers=tuple(_list(path, document.get("identifiers", []))),
        time_format=time.get("format"),
        time_zone=timestamps.zone(time["zone"]) if "zone" in time else None,
        skip=tuple(_conditions(path, document, "skip", "reason")),
        when=tuple(_conditions(path, document, "when", "set")),
        delimiter=document.get("delimiter"),
        encoding=document.get("encoding", "utf-8"),
    )
    _refuse_incomplete(table_map)
    return table_map


def format_of(mapping: TableMap) -> Format:
    """The format of every table that `mapping` describes."""
    return Format(
        "map",
        "Any table, with --map FILE.toml",
        "CSV, NDJSON, Parquet; .gz, .zst, .zip",
        KINDS,
        _recognises,
        partial(_read, mapping),
    )


def _read(mapping: TableMap, path: Path, options: Options) -> Iterator[Batch]:
    """The events of a table. Raises InputError where a mapped column is missing."""
    for table in readers.tables(path, readers.Reading(mapping.knows, mapping.delimiter, mapping.encoding)):
        if table.form != "ndjson":
            _refuse_missing(mapping, table)
        options.tell(table.read, table.size, table.path)
        yield _batch(mapping, table)


def _batch(mapping: TableMap, table: Table) -> Batch:
    absent = [
        pl.lit(None, pl.String).alias(name) for name in mapping.theirs() if name not in table.rows.columns
    ]
    rows, skipped = _skipped(mapping, table.rows.with_columns(absent))
    to_vault = [name for name in mapping.identifiers if name in rows.columns]
    unmapped = [name for name in rows.columns if name not in mapping.columns.values() and name not in SCHEMA]
    beside = [name for name in rows.columns if name in SCHEMA and name not in mapping.columns.values()]
    events = rows.select(
        *unmapped,
        *(pl.col(name) for name in to_vault if name not in unmapped),
        *(pl.col(name).alias(f"{name}_") for name in beside if name not in to_vault),
        *(pl.col(column).alias(canonical) for canonical, column in mapping.columns.items()),
        *(pl.lit(value).alias(canonical) for canonical, value in mapping.constants.items()),
    )
    events = _timed(mapping, _chosen(mapping, rows, events))
    return canonical.batch(
        Table(table.path, table.form, events, table.read, table.size, table.rejected),
        identifier_columns=to_vault,
        source=table.rows,
        rows=table.count,
        skipped=skipped,
        time_zone=mapping.time_zone,
    )


def _skipped(mapping: TableMap, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    counts: dict[str, int] = {}
    for condition, reason in mapping.skip:
        remaining = rows.filter(~condition.fits())
        counts[reason] = counts.get(reason, 0) + rows.height - remaining.height
        rows = remaining
    return rows, {reason: count for reason, count in counts.items() if count}


def _chosen(mapping: TableMap, rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Kinds in our words, and the values that conditions set."""
    if mapping.kinds and "kind" in events.columns:
        events = events.with_columns(pl.col("kind").cast(pl.String).replace(dict(mapping.kinds)))
    for condition, values in reversed(mapping.when):
        fits = rows.select(condition.fits().alias("fits")).to_series()
        for column, value in values.items():
            before = pl.col(column).cast(pl.String) if column in events.columns else pl.lit(None, pl.String)
            events = events.with_columns(pl.when(fits).then(pl.lit(value)).otherwise(before).alias(column))
    return events


def _timed(mapping: TableMap, events: pl.DataFrame) -> pl.DataFrame:
    """Times in the map's own format become ISO 8601; those that are not of it stay as they are, and are refused."""
    form = mapping.time_format
    if form is None:
        return events
    for name in (name for name, dtype in SCHEMA.items() if dtype == TIME and name in mapping.columns):
        text = events[name].cast(pl.String)
        if form in timestamps.EPOCHS:
            read_so = timestamps.epoch(text, form)
        else:
            read_so = text.str.strip_chars().str.to_datetime(form, strict=False, time_unit="us")
        written = read_so.dt.strftime("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if read_so.dtype.time_zone else ""))  # type: ignore[attr-defined]
        odd = pl.format("not in the format: {}", pl.col("text"))
        events = events.with_columns(
            pl.DataFrame({"written": written, "text": text})
            .select(pl.coalesce("written", odd))
            .to_series()
            .alias(name)
        )
    return events


def _refuse_missing(mapping: TableMap, table: Table) -> None:
    for name in sorted(mapping.theirs()):
        if table.rows.width > 1 and name not in table.rows.columns:
            raise InputError(
                f"{table.path}: no column {name!r}, which {mapping.path} names{nearest(name, table.rows.columns)}"
            )


def _refuse_incomplete(mapping: TableMap) -> None:
    stated = {*mapping.columns, *mapping.constants, *(name for _, values in mapping.when for name in values)}
    for name in NEEDED:
        if name not in stated:
            raise InputError(
                f"{mapping.path}: says nothing of {name}; name its column under [columns], or a constant"
            )
    twice = set(mapping.columns) & set(mapping.constants)
    if twice:
        raise InputError(f"{mapping.path}: {min(twice)} is both a column and a constant")


def _conditions(
    path: Path, document: Mapping[str, Any], name: str, gives: str
) -> Iterator[tuple[Condition, Any]]:
    tables_given = document.get(name, [])
    if not isinstance(tables_given, list):
        raise InputError(f"{path}: write [[{name}]]")
    for number, table in enumerate(tables_given, start=1):
        entry = f"{name} {number}: "
        _refuse_unknown(path, entry, table, ("column", gives, *_TESTS))
        tests = [test for test in _TESTS if test in table]
        if "column" not in table or gives not in table or len(tests) != 1:
            raise InputError(f"{path}: {entry}give column, {gives}, and one of {', '.join(_TESTS)}")
        if gives == "set":
            _refuse_unknown(path, f"{entry}set.", _texts(path, table, "set"), tuple(SCHEMA))
        yield Condition(table["column"], tests[0], table[tests[0]]), table[gives]


def _texts(path: Path, document: Mapping[str, Any], name: str) -> dict[str, str]:
    table = document.get(name, {})
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise InputError(f"{path}: {name} is a table of texts; put values in quotes")
    return table


def _list(path: Path, names: Any) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: identifiers is a list of column names, before the first [table]")
    return names


def _refuse_unknown(path: Path, prefix: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            raise InputError(f"{path}: unknown key {prefix}{key}{nearest(key, allowed)}")


def _recognises(path: Path) -> bool:
    return path.is_file() and readers.file_type(path).kind in ("csv", "ndjson", "parquet", "zip", "empty")
