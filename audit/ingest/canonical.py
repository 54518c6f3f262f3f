"""Our own form: CSV, NDJSON or Parquet with the columns of `audit.events.schema`, plain or packed, alone or in a zip; and
which column of any table is what: ours, a direct identifier, or one that is kept in `attributes`.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.schema import KINDS, NEEDED, SCHEMA
from audit.ingest import attributes, csv_text, readers
from audit.ingest.archive import Archive
from audit.ingest.attributes import field_of, identifier_words
from audit.ingest.format import IDENTIFIERS, SAME_PERSON, Batch, Format, Options
from audit.ingest.normalise import customer_ids
from audit.ingest.paths import Paths
from audit.ingest.readers import Table
from audit.ingest.values import as_text
from audit.privacy import scan
from audit.privacy.links import earliest

_ADDRESS = r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$"
_TITLES = {
    "csv": "CSV",
    "ndjson": "NDJSON",
    "parquet": "Parquet",
    "zip": "a zip of CSV, NDJSON or Parquet files",
}
_SUFFIXES = {
    kind: tuple(suffix for suffix, named in readers.KINDS.items() if named == kind) for kind in _TITLES
}


def is_ours(name: str) -> bool:
    """Whether a column is known to the canonical form: an event's, or a direct identifier."""
    return name in SCHEMA or field_of(name) is not None


def read(path: Path, options: Options) -> Iterator[Batch]:
    """Canonical events. Raises InputError where a needed column is missing."""
    reading = readers.Reading(Paths(is_column=is_ours).apart, block=options.block, only=options.only)
    for table in readers.tables(path, reading):
        if _has_header(table):
            refuse_missing(table.path, table.rows.columns)
        options.tell(table.read, table.size, table.path)
        yield batch(table)


def _has_header(table: Table) -> bool:
    """Whether the columns say what the file is; objects of NDJSON may each lack one, but not all of them all."""
    if table.form != "ndjson":
        return table.rows.width > 1
    return table.rows.height > 0 and not set(NEEDED) & set(table.rows.columns)


def recognises(path: Path, kind: str) -> bool:
    """Whether `path` is a file of this kind and either named so or plainly ours."""
    if not path.is_file():
        return False
    file = readers.file_type(path)
    if file.kind == "zip":
        return kind == "zip" and _zip_is_ours(path)
    if file.kind == "empty":
        return kind == "csv"
    named_so = any(suffix.lower() in _SUFFIXES[kind] for suffix in path.suffixes)
    return file.kind == kind and (kind != "csv" or named_so or _header_is_ours(file.head, path))


def _header_is_ours(head: bytes, path: Path) -> bool:
    try:
        header, _ = csv_text.header(head, str(path))
    except InputError:
        return False
    return set(NEEDED) <= set(header)


def names_events(path: Path, fewest: int = len(NEEDED)) -> bool:
    """Whether the first rows of a file name all that an event needs, or `fewest` of it; or there are none."""
    heads = readers.heads(path, readers.Reading(Paths(is_column=is_ours).apart), lambda _: True)
    columns = [{*table.rows.columns} for table in heads if table.rows.height]
    return not columns or any(len(names.intersection(NEEDED)) >= fewest for names in columns)


def members(path: Path) -> list[str]:
    """The files of a zip whose first rows name at least two things that an event needs."""
    heads = readers.heads(path, readers.Reading(Paths(is_column=is_ours).apart), lambda _: True)
    return [table.path for table in heads if len({*table.rows.columns}.intersection(NEEDED)) > 1]


def _zip_is_ours(path: Path) -> bool:
    with Archive(path) as archive:
        return bool(archive.members) and all(
            readers.plain_name(member.name).endswith(tuple(readers.KINDS)) for member in archive.members
        )


def _format(kind: str) -> Format:
    return Format(
        name=kind,
        title=f"Canonical events: {_TITLES[kind]}",
        reads=f"{', '.join('*' + suffix for suffix in _SUFFIXES[kind])}"
        + ("" if kind in ("parquet", "zip") else ", also .gz and .zst")
        + f"; columns {', '.join(NEEDED)} and any other of ours",
        gives=KINDS,
        recognises=lambda path: recognises(path, kind),
        read=read,
        vault=lambda: identifier_words()["columns"],
        members=members if kind == "zip" else None,
    )


def batch(table: Table, *, identifier_columns: Mapping[str, str] | None = None, **rest: Any) -> Batch:
    """A batch of `table`: columns named as ours are events, identifiers go apart, all others into `attributes`.

    `identifier_columns` are further columns that hold direct identifiers, with their field; `rest` are other fields of the batch.
    """
    rows = table.rows
    to_vault = dict(identifier_columns or {})
    for name in rows.columns:
        field = field_of(name)
        if field and name not in SCHEMA:
            to_vault[name] = field
    canonical = [name for name in rows.columns if name in SCHEMA and name not in to_vault]
    apart = {"row", *to_vault, *SAME_PERSON}
    unknown = [name for name in rows.columns if name not in SCHEMA and name not in apart]
    held_back = _held_back(rows, [name for name in unknown if name not in rest.get("kept", ())])
    extra = [name for name in unknown if name not in held_back]
    events = rows.select("row", *canonical)
    if extra:
        packed = attributes.of_columns(rows, extra).alias("extra")
        combined = (
            attributes.merged(pl.col("attributes"), pl.col("extra"))
            if "attributes" in canonical
            else pl.col("extra")
        )
        events = events.with_columns(packed).with_columns(combined.alias("attributes")).drop("extra")
    if SAME_PERSON[0] in rows.columns:
        merge = pl.col(SAME_PERSON[1]) if SAME_PERSON[1] in rows.columns else pl.lit(value=True)
        links = rows.select("row", as_text(rows[SAME_PERSON[0]]), merge.alias("merge"))
        rest["links"] = links.drop_nulls(SAME_PERSON[0])
    fields = {
        "rows": table.count,
        "source": rows,
        "rejected": table.rejected,
        "held_back": held_back,
        **rest,
    }
    return Batch(table.path, table.form, events=events, identifiers=_identifiers(rows, to_vault), **fields)


def pairs(batch: Batch, events: pl.DataFrame) -> pl.DataFrame:
    """The pairs of ids that the rows of `events` say are one person, each with its earliest moment."""
    moments = events.select("row", "customer_id", "occurred_at").unique("row", keep="first")
    rows = batch.links.join(moments, on="row").drop("row")
    ids = customer_ids(rows["same_person_id"])
    return earliest(rows.with_columns(ids, source=pl.lit(batch.format)))


def refuse_missing(path: str, names: Iterable[str]) -> None:
    """Raise InputError naming the first needed column that is not among `names`, and the nearest that is."""
    present = list(names)
    for needed in NEEDED:
        if needed not in present:
            near = get_close_matches(needed, present, 1, 0.6)
            hint = f" (is it {near[0]!r}?)" if near else ""
            raise InputError(
                f"{path}: the column {needed} is missing{hint}; rename the one that is it, or describe the table "
                "with --map FILE.toml"
            )


def _held_back(rows: pl.DataFrame, unknown: Iterable[str]) -> dict[str, tuple[str, int]]:
    """The unknown columns whose values look like identifiers: what they look like, and how many rows have one."""
    looks = {name: scan.looks_like(rows[name]) for name in unknown if rows.schema[name] == pl.String}
    filled = {name: rows[name].is_not_null() & (rows[name] != "") for name, label in looks.items() if label}
    return {name: (label.strip("[]"), int(filled[name].sum())) for name, label in looks.items() if label}


def _identifiers(rows: pl.DataFrame, to_vault: dict[str, str]) -> pl.DataFrame:
    if not to_vault or "customer_id" not in rows.columns:
        return pl.DataFrame(schema=IDENTIFIERS)
    parts = [
        rows.select(
            pl.col("customer_id").cast(pl.String),
            pl.lit(field).alias("field"),
            as_text(rows[name]).alias("value"),
        )
        .drop_nulls()
        .filter(pl.col("value").str.strip_chars() != "")
        .unique(maintain_order=True)
        for name, field in to_vault.items()
    ]
    address = (pl.col("field") == "other") & pl.col("value").str.contains(_ADDRESS)
    return (
        pl.concat(parts)
        .with_columns(pl.when(address).then(pl.lit("email")).otherwise("field").alias("field"))
        .unique(maintain_order=True)
    )


FORMATS = tuple(_format(kind) for kind in _TITLES)
