"""Which column is what: ours, a direct identifier, or one that is kept in `attributes`."""

import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

import polars as pl

from audit.errors import InputError
from audit.events import NEEDED, SCHEMA
from audit.ingest import attributes
from audit.ingest.batch import IDENTIFIERS, Batch


def identifier_field(column: str) -> str | None:
    """The field of the vault that a column of this name belongs to, or None."""
    return _names().get(_normal(column))


def batch(path: str, form: str, table: pl.DataFrame, *, named: Iterable[str] = (), **rest: object) -> Batch:
    """A batch of `table` (column `row`, the others named as the source names them, ours by our names).

    `named` are further columns that hold direct identifiers. `rest` are other fields of the batch. Column names that
    are ours are events; identifiers go apart; all others into `attributes`.
    """
    to_vault = {name: identifier_field(name) or "other" for name in named if name in table.columns}
    for name in table.columns:
        field = identifier_field(name)
        if field and name not in SCHEMA:
            to_vault[name] = field
    ours = [name for name in table.columns if name in SCHEMA and name not in to_vault]
    extra = [name for name in table.columns if name not in SCHEMA and name not in to_vault and name != "row"]
    events = table.select("row", *ours)
    if extra:
        made = attributes.of_columns(table, extra).alias("extra")
        both = (
            attributes.merged(pl.col("attributes"), pl.col("extra"))
            if "attributes" in ours
            else pl.col("extra")
        )
        events = events.with_columns(made).with_columns(both.alias("attributes")).drop("extra")
    return Batch(path, form, events=events, identifiers=_identifiers(table, to_vault), **rest)  # type: ignore[arg-type]


def empty_batch(path: str, form: str) -> Batch:
    """A file without a row."""
    return Batch(path, form, rows=0, events=pl.DataFrame(schema={"row": pl.UInt64()}))


def refuse_missing(path: str, names: Iterable[str]) -> None:
    """Raise InputError naming the first needed column that is not among `names`, and the nearest that is."""
    present = list(names)
    for needed in NEEDED:
        if needed not in present:
            near = get_close_matches(needed, present, 1, 0.6)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise InputError(
                f"{path}: the column {needed} is missing{hint} Rename it, or describe the table with --map FILE.toml"
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
    return pl.concat(parts).unique(maintain_order=True)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")


@cache
def _names() -> dict[str, str]:
    text = files("audit.ingest").joinpath("identifiers.toml").read_text(encoding="utf-8")
    return {name: field for field, names in tomllib.loads(text).items() for name in names}
