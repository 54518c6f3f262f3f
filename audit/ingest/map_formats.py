"""The formats that are maps: the one given with --map, and those that ship; which of its maps reads a table, and what a
table is given before it is mapped: the other names of its columns, what its group or another file says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from audit.errors import InputError
from audit.events.schema import KINDS, NEEDED, OTHER
from audit.ingest import map_language, mapped, readers
from audit.ingest.format import Batch, Format, Options
from audit.ingest.map_conditions import filled
from audit.ingest.map_language import KEEP, OTHERWISE, Fill, Join, Map
from audit.ingest.paths import steps
from audit.ingest.readers import Reading, Table
from audit.ingest.values import as_text
from audit.storage import toml_input
from audit.storage.toml_input import nearest

NO_EVENTS = "a table of which this format knows no events"
"""Why the rows of a table are skipped that no map of a format recognises."""

_NEIGHBOURS = 100
"""Files of a folder that are looked at to find out what export a table without events belongs to."""

_KINDS = ("csv", "ndjson", "parquet", "avro", "sqlite", "sql", "mbox", "mail", "zip", "empty")


def format_of(map_file: Path) -> Format:
    """The format of every table that a map describes. Raises InputError as `map_language.read` does."""
    return as_format(str(map_file), map_language.read(map_file))


def as_format(name: str, mapping: Map) -> Format:
    """The format of every table that a map describes, which messages call `name`."""
    return Format(
        "map",
        "Any table, with --map FILE.toml",
        "CSV, NDJSON, JSON, Parquet; .gz, .zst, .zip",
        KINDS,
        readable,
        partial(_read, name, mapping),
    )


@cache
def shipped() -> tuple[Format, ...]:
    """The formats that are maps and ship: `maps/*.toml`."""
    names = sorted(file.name for file in files("audit.ingest").joinpath("maps").iterdir())
    return tuple(shipped_format(name, toml_input.shipped("audit.ingest", f"maps/{name}")) for name in names)


def shipped_format(name: str, document: Mapping[str, Any]) -> Format:
    """The format that a map describes which says how its tables are recognised."""
    mapping = map_language.made(document)
    if mapping.format is None or any(part.recognise is None for part in mapping.each_table):
        raise InputError(f"{name}: says no [format], or not how to [recognise] it")
    return Format(
        mapping.format.name,
        mapping.format.title,
        mapping.format.reads,
        _gives(mapping),
        partial(_is_of, mapping),
        partial(_read, name, mapping),
        partial(_read_together, name, mapping),
        mapping,
        members=partial(_members, mapping),
    )


def format_in(map_file: Path) -> Format:
    """The format that a file describes, as those that ship. Raises InputError."""
    map_language.read(map_file)  # which names the file in what it says is wrong
    return shipped_format(str(map_file), toml_input.read(map_file))


def _gives(mapping: Map) -> tuple[str, ...]:
    kinds = set()
    for part in mapping.each_table:
        if "kind" in part.columns and not part.kinds.keys() - {OTHERWISE}:
            kinds |= {*KINDS}
        sets = [
            part.constants,
            *(condition.set for condition in part.when),
            *(event.set for event in part.event),
        ]
        kinds |= {*part.kinds.values(), *(values["kind"] for values in sets if "kind" in values)}
    return tuple(kind for kind in (*KINDS, OTHER) if kind in kinds or (kind == OTHER and KEEP in kinds))


def readable(path: Path) -> bool:
    """Whether a file can be read as rows, whatever is in them."""
    return path.is_file() and readers.file_type(path).kind in _KINDS


def _reading(mapping: Map, options: Options) -> Reading:
    paths = map_language.paths_of(mapping.each_table)
    return Reading(
        paths.apart, mapping.delimiter, mapping.encoding, mapping.header, options.block, options.only
    )


def _is_of(mapping: Map, path: Path) -> bool:
    """Whether the first rows of a file are as a map recognises them: at least half, and in a zip those of each of its files;
    of a format of several tables those of any file in the zip. A table without events is of it where others of its folder are.
    """
    if not readable(path):
        return False
    judged = _judged(mapping, path).values()
    if not mapping.table:
        return bool(judged) and all(judged)
    parts = [part for part in judged if part is not None]
    if not parts or any(part.ignore is None for part in parts):
        return bool(parts)
    beside = (file for file in sorted(path.parent.iterdir())[:_NEIGHBOURS] if file.is_file() and file != path)
    return any(part.ignore is None for file in beside for part in _judged(mapping, file).values() if part)


def _members(mapping: Map, path: Path) -> list[str]:
    """The files of a zip with a table that a map recognises, if any of them holds events."""
    judged = {name: part for name, part in _judged(mapping, path).items() if part is not None}
    return [*judged] if any(part.ignore is None for part in judged.values()) else []


def _judged(mapping: Map, path: Path) -> dict[str, Map | None]:
    """The map of each table in a file, by its first rows; None where none is."""

    def wanted(head: bytes) -> bool:
        parts = mapping.each_table
        return bool(mapping.header) or any(
            part.recognise is not None and part.recognise.may_fit(head, part.aliases) for part in parts
        )

    judged: dict[str, Map | None] = {}
    for table in readers.heads(path, _reading(mapping, Options()), wanted):
        judged[table.path] = judged.get(table.path) or (
            _map_of(mapping, table) if table.rows.height else None
        )
    return judged


def _map_of(mapping: Map, table: Table) -> Map | None:
    """The map that recognises a table."""
    for part in mapping.each_table:
        if part.recognise is None:
            return part
        named = part.recognise.looked_at()
        rows = _named(part, table, Options())
        absent = [pl.lit(None, pl.String).alias(name) for name in named if name not in rows.columns]
        present = [as_text(rows[name]).alias(name) for name in named if name in rows.columns]
        rows = rows.with_columns(*absent, *present)
        if 2 * rows.filter(part.recognise.fits()).height >= rows.height > 0:
            return part
    return None


@dataclass(slots=True)
class _Reader:
    """Reads one table block by block: what its map is, what its last row said, what other files say."""

    mapping: Map | None
    format: str | None = None
    others: Mapping[str, "_Other"] = field(default_factory=dict)
    before: pl.DataFrame | None = None

    def batch(self, table: Table, options: Options) -> Batch:
        mapping = self.mapping
        reason = NO_EVENTS if mapping is None else mapping.ignore
        if mapping is None or reason is not None:
            nothing = table.rows.select("row").clear()
            count = table.count - table.rejected.height
            skipped = {reason or NO_EVENTS: count} if count else {}
            return Batch(
                table.path,
                self.format or table.form,
                table.count,
                nothing,
                rejected=table.rejected,
                skipped=skipped,
            )
        rows = _named(mapping, table, options)
        if mapping.fill is not None:
            rows = self._filled(mapping.fill, rows)
        for join in mapping.join:
            rows = _joined(join, rows, self.others[join.file].rows)
        batch = mapped.batch(
            mapping, Table(table.path, table.form, rows, table.read, table.size, table.rejected)
        )
        several = {name: keys for file in self.others.values() for name, keys in file.several.items()}
        return replace(batch, joined_by_last=several) if several else batch

    def _filled(self, fill: Fill, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with what stands in the first of each group; `@line` is the row's place in its group."""
        before = self.before
        if rows.is_empty():
            return rows.with_columns(pl.lit(None, pl.String).alias("@line"))
        if before is not None:
            rows = pl.concat([before, rows], how="diagonal")
        columns = [name for name in fill.columns if name in rows.columns]
        by = [name for name in fill.by if name in rows.columns][:1]
        group = filled(by).forward_fill().fill_null("").rle_id() if by else pl.int_range(pl.len())
        place = pl.col("@line").cast(pl.Int64).first() if before is not None else pl.lit(1)
        rows = (
            rows.with_columns(_group=group)
            .with_columns(filled([name]).forward_fill().over("_group").alias(name) for name in columns)
            .with_columns(_place=pl.int_range(pl.len()).over("_group"))
            .with_columns(
                (pl.col("_place") + pl.when(pl.col("_group") == 0).then(place).otherwise(1))
                .cast(pl.String)
                .alias("@line")
            )
            .drop("_group", "_place")
        )
        self.before = rows.tail(1)
        return rows if before is None else rows.slice(1)


def _named(mapping: Map, table: Table, options: Options) -> pl.DataFrame:
    """A table's rows by the names that the map has for its columns, with what is known of the file."""
    rows = table.rows
    for name, others in mapping.aliases.items():
        present = [other for other in (name, *others) if other in rows.columns]
        if present and present != [name]:
            rows = rows.with_columns(filled(present).alias(name)).drop(set(present) - {name})
    known = {"@file": table.file_name, "@customer": options.customer}
    return rows.with_columns(
        pl.lit(value, pl.String).alias(name) for name, value in known.items() if name in mapping.of_the_file
    )


def _joined(join: Join, rows: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The rows with what the other file says of them."""
    absent = [pl.lit(None, pl.String).alias(here) for here in join.on if here not in rows.columns]
    rows = rows.with_columns(absent)
    keyed = rows.with_columns(as_text(rows[here]).alias(f"= {here}") for here in join.on)
    return keyed.join(other, on=[f"= {here}" for here in join.on], how="left", maintain_order="left").drop(
        [f"= {here}" for here in join.on]
    )


class _Other(NamedTuple):
    """What another file of the export says, a row for each key; `several`: by the file's name, the keys of which rows differ."""

    rows: pl.DataFrame
    several: dict[str, int]


def _other_file(map_name: str, join: Join, path: Path, reading: Reading) -> _Other:
    """A file of the same export, the last row of each key; empty where it is optional and absent."""
    beside = [path] if readers.file_type(path).kind == "zip" else sorted(path.parent.iterdir())
    schema = {f"= {here}": pl.String for here in join.on} | dict.fromkeys(join.take, pl.String)
    parts, called = [pl.DataFrame(schema=schema)], dict[str, None]()
    reading = replace(reading, only=None)
    for file in beside:
        if file != path and not _is_called(file.name, join.file):
            continue
        found = readers.tables(file, reading) if file.is_file() else ()
        for table in found:
            if _is_called(table.file_name, join.file):
                called[table.file_name] = None
                parts.append(_looked_up(map_name, join, table))
    if len(parts) == 1 and not join.optional:
        raise InputError(f"{path}: no file {join.file} beside it, which {map_name} joins to it; put it there")
    keys = [f"= {here}" for here in join.on]
    rows = pl.concat(parts)
    versions = rows.unique().drop_nulls(keys).group_by(keys).len()
    several = versions.filter(pl.col("len") > 1).height
    newest = rows.unique(keys, keep="last", maintain_order=True)
    return _Other(newest, {", ".join(called): several} if several else {})


def _is_called(name: str, pattern: str) -> bool:
    """Whether a file is called so, with its ending or without; a table of a database has none."""
    name, pattern = name.casefold(), pattern.casefold()
    return fnmatch(name, pattern) or fnmatch(name.partition(".")[0], pattern)


def _looked_up(map_name: str, join: Join, table: Table) -> pl.DataFrame:
    rows, named = table.rows, (*join.on.values(), *join.take.values())
    if table.form == "ndjson":  # an object may lack what others have
        rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in {*named} - {*rows.columns})
    for name in named:
        if name not in rows.columns:
            raise InputError(
                f"{table.path}: no column {name!r}, which {map_name} joins{nearest(name, rows.columns)}"
            )
    return rows.select(
        *(as_text(rows[there]).alias(f"= {here}") for here, there in join.on.items()),
        *(as_text(rows[there]).alias(here) for here, there in join.take.items()),
    )


def _read_together(map_name: str, mapping: Map, paths: Sequence[Path], options: Options) -> Iterator[Batch]:
    """The events of several files; those of one mail each are read a folder at a time, as each by itself would take as long."""
    mails: dict[Path, list[Path]] = {}
    for path in paths:
        if readers.file_type(path).kind == "mail":
            mails.setdefault(path.parent, []).append(path)
        else:
            yield from _read(map_name, mapping, path, options)
    for folder, several in mails.items():
        if len(several) > 1:
            yield from _read(map_name, mapping, folder, options, several)
        else:
            yield from _read(map_name, mapping, several[0], options)


def _read(
    map_name: str, mapping: Map, path: Path, options: Options, mails: Sequence[Path] = ()
) -> Iterator[Batch]:
    """The events of a file's tables, or of a folder's `mails`. Raises InputError where a mapped column or a joined file is missing."""
    reading = _reading(mapping, options)
    current, reader = "", None
    for table in readers.mails(path, mails, reading) if mails else readers.tables(path, reading):
        if table.path != current:
            current, reader = table.path, None
        if reader is None:
            chosen = mapping if not mapping.table else _map_of(mapping, table)
            joins = chosen.join if chosen is not None else ()
            others = {join.file: _other_file(map_name, join, path, reading) for join in joins}
            reader = _Reader(chosen, mapping.format.name if mapping.format else None, others)
        if reader.mapping is not None and reader.mapping.ignore is None and table.form != "ndjson":
            _refuse_missing(map_name, reader.mapping, table)
        options.tell(table.read, table.size, table.path)
        yield reader.batch(table, options)
        if reader.mapping is None and table.rows.is_empty():
            reader = None  # a header alone; the rows will tell


def _refuse_missing(map_name: str, mapping: Map, table: Table) -> None:
    """Raise InputError where a table has none of the columns that a map names for one of ours, or looks at.

    A map that recognises its tables knows that some columns come and go; what an event needs must be there.
    """
    present = {
        *table.rows.columns,
        *mapping.added,
        *(name for name, others in mapping.aliases.items() if {*others} & {*table.rows.columns}),
    }
    if table.rows.width < 2:
        return
    groups = [mapping.fill.by] if mapping.fill is not None else []
    needed = [*groups, *(mapping.columns[name].column for name in NEEDED if name in mapping.columns)]
    alternatives = [origin.column for origin in mapping.columns.values()]
    mapped_columns = {name for several in alternatives for name in several}
    alone = [name for name in (*mapping.theirs(), *mapping.drop) if name not in mapped_columns]
    named = (*groups, *alternatives, *((name,) for name in alone)) if mapping.recognise is None else needed
    for several in named:
        if not any(name in present or steps(name)[0] in present for name in several):
            raise InputError(
                f"{table.path}: no column {several[0]!r}, which {map_name} names{nearest(several[0], present)}"
            )
