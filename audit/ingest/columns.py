"""Which column is what: ours, a direct identifier, or one that is kept in `attributes`."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.schema import NEEDED, SCHEMA
from audit.ingest import attributes
from audit.ingest.batch import IDENTIFIERS, Batch
from audit.ingest.identifier_names import field_of
from audit.ingest.rows import Table

_ADDRESS = r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$"


def batch(table: Table, *, named: Iterable[str] = (), **rest: Any) -> Batch:
    """A batch of `table`: columns named as ours are events, identifiers go apart, all others into `attributes`.

    `named` are further columns that hold direct identifiers; `rest` are other fields of the batch.
    """
    rows = table.rows
    to_vault = {name: field_of(name) or "other" for name in named if name in rows.columns}
    for name in rows.columns:
        field = field_of(name)
        if field and name not in SCHEMA:
            to_vault[name] = field
    ours = [name for name in rows.columns if name in SCHEMA and name not in to_vault]
    extra = [name for name in rows.columns if name not in SCHEMA and name not in to_vault and name != "row"]
    events = rows.select("row", *ours)
    if extra:
        made = attributes.of_columns(rows, extra).alias("extra")
        both = (
            attributes.merged(pl.col("attributes"), pl.col("extra"))
            if "attributes" in ours
            else pl.col("extra")
        )
        events = events.with_columns(made).with_columns(both.alias("attributes")).drop("extra")
    fields = {"rows": table.count, "source": rows, "rejected": table.rejected, **rest}
    return Batch(table.path, table.form, events=events, identifiers=_identifiers(rows, to_vault), **fields)


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


def _identifiers(rows: pl.DataFrame, to_vault: dict[str, str]) -> pl.DataFrame:
    if not to_vault or "customer_id" not in rows.columns:
        return pl.DataFrame(schema=IDENTIFIERS)
    parts = [
        rows.select(
            pl.col("customer_id").cast(pl.String),
            pl.lit(field).alias("field"),
            pl.col(name).cast(pl.String).alias("value"),
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
