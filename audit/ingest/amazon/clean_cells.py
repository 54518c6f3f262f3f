"""Cells of the export's tables: placeholders are absent, words have one meaning, prices are numbers."""

import polars as pl

from audit.ingest.amazon.datasets import book


def tidy(cells: pl.DataFrame) -> pl.DataFrame:
    """All text without outer blanks; what only says that there is nothing is null."""
    text = pl.col(pl.String).str.strip_chars()
    absent = pl.col(pl.String).str.to_lowercase().is_in(list(book().placeholders))
    return cells.with_columns(text).with_columns(pl.when(~absent).then(pl.col(pl.String)).name.keep())


def word(column: str, vocabulary: str) -> pl.Expr:
    """Our word for theirs; null for a word we do not know."""
    known = book().vocabulary[vocabulary]
    return pl.col(column).str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.String)


def number(column: str) -> pl.Expr:
    """`$17.80`, `1,234.50`, `9,90` → 17.8, 1234.5, 9.9; null for what is no number."""
    digits = pl.col(column).str.replace_all(r"[^0-9.,-]", "")
    comma = digits.str.contains(r"^-?\d+,\d{1,2}$")
    plain = pl.when(comma).then(digits.str.replace(",", ".")).otherwise(digits.str.replace_all(",", ""))
    value = plain.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value).alias(column)


def flags(cells: pl.DataFrame) -> pl.DataFrame:
    """Columns named `... (Y/N)`: `1`, `Yes`, `Y` are `true`, `0`, `No`, `N` are `false`, in every generation."""
    names = [name for name in cells.columns if name.endswith("(Y/N)")]
    return cells.with_columns(pl.coalesce(word(name, "flag"), name).alias(name) for name in names)
