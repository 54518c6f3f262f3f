"""The export's many ways to write a moment."""

import polars as pl

from audit.events.schema import TIME
from audit.ingest.amazon.datasets import book

_ZONE = r"\s*(?:\b(?:UTC|GMT)\b|Z$)"
_WEEKDAY = r"^[A-Za-z]{3} +([A-Za-z]{3} )"
_LEAP = r"(:\d{2}):60"


def moments(column: pl.Series) -> pl.Series:
    """Text → moments in UTC (µs); dates are midnight, a leap second is the second after it, all else null.

    The masks stand in `datasets.toml`; month comes before day.
    """
    text = column.str.replace(_ZONE, "").str.strip_chars().str.replace(_WEEKDAY, "${1}")
    leap = text.str.contains(_LEAP).fill_null(value=False)
    text = text.str.replace(_LEAP, "${1}:59")
    found = pl.Series(column.name, [None] * len(column), dtype=TIME)
    for pattern, form in book().dates:
        fits = text.str.contains(pattern).fill_null(value=False)
        if fits.any():
            read = _read(text.set(~fits, None), form)
            found = found.zip_with(~fits, read)
    return (found + leap.cast(pl.Int64).cast(pl.Duration("us")) * 1_000_000).alias(column.name)


def dates_only(column: pl.Series) -> pl.Series:
    """Whether a moment was written as a date without a time of day."""
    return column.str.contains(":").not_()


def _read(text: pl.Series, form: str) -> pl.Series:
    text = text.str.replace("T", " ", literal=True) if form.startswith("%Y-") else text
    if "%H" not in form and "%I" not in form:
        text, form = text + " 00:00", f"{form} %H:%M"
    read = text.str.to_datetime(form, time_unit="us", strict=False)
    return read.dt.convert_time_zone("UTC") if form.endswith("%z") else read.dt.replace_time_zone("UTC")
