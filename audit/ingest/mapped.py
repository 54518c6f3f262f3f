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

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import polars as pl
from msgspec import Meta, Struct

from audit.errors import InputError
from audit.events.schema import KINDS, NEEDED, SCHEMA, TIME
from audit.ingest import canonical, identifiers, readers, timestamps
from audit.ingest.format import Batch, Format, Options
from audit.ingest.readers import Table
from audit.storage import toml_input
from audit.storage.toml_input import TableError, UnknownKeyError, convert, nearest, nearest_word, tables

Names = Annotated[tuple[str, ...], Meta(description="is a list of column names, before the first [table]")]
Texts = Annotated[dict[str, str], Meta(description="is a table of texts; put values in quotes")]
_TESTS = ("equals", "starts_with", "absent")


class Condition(Struct, frozen=True, kw_only=True):
    """Rows in which `column` (theirs) equals a value, starts with it, or is absent."""

    column: str = ""
    equals: str | int | float | None = None
    starts_with: str | int | float | None = None
    absent: bool | None = None

    def fits(self) -> pl.Expr:
        """The condition over text; never null."""
        text = pl.col(self.column).cast(pl.String)
        if self.absent is not None:
            return (text.is_null() | (text.str.strip_chars() == "")) == self.absent
        fits = (
            text == str(self.equals)
            if self.starts_with is None
            else text.str.starts_with(str(self.starts_with))
        )
        return fits.fill_null(value=False)


class Skip(Condition, frozen=True, kw_only=True):
    """Rows of no interest, and why."""

    reason: str = ""


class When(Condition, frozen=True, kw_only=True):
    """Rows that have other values: ours → value."""

    set: Texts = {}


class Time(Struct, frozen=True):
    """How times are written, and in which zone they are read where they have no offset."""

    format: str | None = None
    zone: str | None = None


class TableMap(Struct, frozen=True):
    """How one kind of table becomes events; `columns`: ours → theirs, `kinds`: theirs → ours."""

    columns: Texts = {}
    constants: Texts = {}
    kinds: Texts = {}
    identifiers: Names = ()
    time: Annotated[Time, toml_input.table(Time, "is a table of texts; put values in quotes")] = Time()
    skip: Annotated[tuple[Skip, ...], tables(Skip, "is a list of tables; write [[skip]]")] = ()
    when: Annotated[tuple[When, ...], tables(When, "is a list of tables; write [[when]]")] = ()
    delimiter: str | None = None
    encoding: str = "utf-8"

    def theirs(self) -> set[str]:
        """Every column of the source that the map names."""
        conditions = {condition.column for condition in (*self.skip, *self.when)}
        return {*self.columns.values(), *self.identifiers, *conditions}

    def knows(self, name: str) -> bool:
        """Whether a key of a JSON object is a column of its own."""
        return name in self.theirs() or identifiers.field_of(name) is not None


KEYS = TableMap.__struct_fields__
"""What a map may hold."""


def read_map(path: Path) -> TableMap:
    """Read a map. Raises InputError for unknown keys (naming the nearest), and for what does not fit together."""
    document = toml_input.read(path)
    try:
        table_map = convert(document, TableMap)
        _refuse_unfit(table_map)
    except UnknownKeyError as error:
        raise InputError(f"{path}: unknown key {error.key}{error.hint}") from error
    except TableError as error:
        raise InputError(f"{path}: {error.key} {error.problem}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return table_map


def _refuse_unfit(mapping: TableMap) -> None:
    """Refuse names that are not ours, what is stated twice, and what an event needs and nothing states."""
    stated = {"columns": mapping.columns, "constants": mapping.constants}
    stated |= {f"when {number}: set": condition.set for number, condition in enumerate(mapping.when, start=1)}
    for table, names in stated.items():
        for name in names:
            if name not in SCHEMA:
                raise UnknownKeyError(f"{table}.{name}", nearest_word(name, SCHEMA))
    _refuse_incomplete("skip", "reason", mapping.skip)
    _refuse_incomplete("when", "set", mapping.when)
    for word, kind in mapping.kinds.items():
        if kind not in KINDS:
            raise InputError(f"kinds.{word}: no kind {kind!r}{nearest(kind, KINDS)}")
    if mapping.time.zone is not None:
        timestamps.zone(mapping.time.zone)
    for name in NEEDED:
        if not any(name in names for names in stated.values()):
            raise InputError(f"says nothing of {name}; name its column under [columns], or a constant")
    twice = set(mapping.columns) & set(mapping.constants)
    if twice:
        raise InputError(f"{min(twice)} is both a column and a constant")


def _refuse_incomplete(table: str, gives: str, conditions: Sequence[Condition]) -> None:
    for number, condition in enumerate(conditions, start=1):
        tests = sum(getattr(condition, test) is not None for test in _TESTS)
        if not condition.column or not getattr(condition, gives) or tests != 1:
            raise InputError(f"{table} {number}: give column, {gives}, and one of {', '.join(_TESTS)}")


def format_of(map_file: Path) -> Format:
    """The format of every table that a map describes. Raises InputError as `read_map` does."""
    return Format(
        "map",
        "Any table, with --map FILE.toml",
        "CSV, NDJSON, Parquet; .gz, .zst, .zip",
        KINDS,
        _recognises,
        partial(_read, map_file, read_map(map_file)),
    )


def _read(map_file: Path, mapping: TableMap, path: Path, options: Options) -> Iterator[Batch]:
    """The events of a table. Raises InputError where a mapped column is missing."""
    for table in readers.tables(path, readers.Reading(mapping.knows, mapping.delimiter, mapping.encoding)):
        if table.form != "ndjson":
            _refuse_missing(map_file, mapping, table)
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
        time_zone=mapping.time.zone,
    )


def _skipped(mapping: TableMap, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    counts: dict[str, int] = {}
    for condition in mapping.skip:
        remaining = rows.filter(~condition.fits())
        counts[condition.reason] = counts.get(condition.reason, 0) + rows.height - remaining.height
        rows = remaining
    return rows, {reason: count for reason, count in counts.items() if count}


def _chosen(mapping: TableMap, rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Kinds in our words, and the values that conditions set."""
    if mapping.kinds and "kind" in events.columns:
        events = events.with_columns(pl.col("kind").cast(pl.String).replace(dict(mapping.kinds)))
    for condition in reversed(mapping.when):
        fits = rows.select(condition.fits().alias("fits")).to_series()
        for column, value in condition.set.items():
            before = pl.col(column).cast(pl.String) if column in events.columns else pl.lit(None, pl.String)
            events = events.with_columns(pl.when(fits).then(pl.lit(value)).otherwise(before).alias(column))
    return events


def _timed(mapping: TableMap, events: pl.DataFrame) -> pl.DataFrame:
    """Times in the map's own format become ISO 8601; those that are not of it stay as they are, and are refused."""
    form = mapping.time.format
    if form is None:
        return events
    for name in (name for name, dtype in SCHEMA.items() if dtype == TIME and name in mapping.columns):
        text = events[name].cast(pl.String)
        if form in timestamps.EPOCHS:
            read_so = timestamps.epoch(text, form)
        else:
            read_so = text.str.strip_chars().str.to_datetime(form, strict=False, time_unit="us")
        written = read_so.dt.strftime("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if read_so.dtype.time_zone else ""))  # type: ignore[attr-defined]
        odd = pl.format("not in the format: {}", pl.col(name).cast(pl.String))
        events = events.with_columns(pl.coalesce(written, odd).alias(name))
    return events


def _refuse_missing(map_file: Path, mapping: TableMap, table: Table) -> None:
    for name in sorted(mapping.theirs()):
        if table.rows.width > 1 and name not in table.rows.columns:
            raise InputError(
                f"{table.path}: no column {name!r}, which {map_file} names{nearest(name, table.rows.columns)}"
            )


def _recognises(path: Path) -> bool:
    return path.is_file() and readers.file_type(path).kind in ("csv", "ndjson", "parquet", "zip", "empty")
