"""Parquet as rows of text and of what polars reads, some at a time."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.ingest import csv_text
from audit.ingest.values import as_text

SLICE = 1_000_000
"""Rows read at a time."""


def chunks(
    source: Path | io.BytesIO, path: str, at_a_time: int = SLICE
) -> Iterator[tuple[pl.DataFrame, float]]:
    """Rows (`row` from 1, the columns as they are), and which part of all of them was read. Raises InputError."""
    try:
        frame = pl.scan_parquet(source)
        height = frame.select(pl.len()).collect().item()
        for start in range(0, max(height, 1), at_a_time):
            rows = _named_rows(frame.slice(start, at_a_time), start + 1)
            yield rows, min(start + at_a_time, height) / max(height, 1)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(
            f"{path}: no readable Parquet ({str(error).splitlines()[0]}); fetch it again"
        ) from error


def _named_rows(frame: pl.LazyFrame, first: int) -> pl.DataFrame:
    """The rows of a Parquet file with their number; a column that is called so has `_` behind its name.

    Bytes and durations are text, also inside lists and objects.
    """
    rows = frame.collect()
    rows = rows.rename({"row": csv_text.other_name("row", rows.columns)} if "row" in rows.columns else {})
    texts = [
        as_text(column) if not column.dtype.is_nested() else column.map_elements(_written, pl.String)
        for column in rows
        if re.search("Binary|Duration", str(column.dtype))
    ]
    rows = rows.with_columns(texts).with_row_index("row", first)
    return rows.with_columns(pl.col("row").cast(pl.UInt64))


def _written(value: Any) -> str:
    """A list or object as JSON."""
    plain = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(
        plain, default=lambda one: one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
    )
