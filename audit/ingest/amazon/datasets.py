"""What `datasets.toml` says, as objects: which file is which dataset, what its columns become, and what their cells mean.

Placeholders are absent, words have one meaning, prices are numbers, and there are many ways to write a moment.
"""

from collections.abc import Mapping
from functools import cache

import msgspec
import polars as pl
from msgspec import Struct

from audit.events.schema import TIME
from audit.storage import toml_input

_ZONE = r"\s*(?:\b(?:UTC|GMT)\b|Z$)"
_WEEKDAY = r"^[A-Za-z]{3} +([A-Za-z]{3} )"
_LEAP = r"(:\d{2}):60"


class Dataset(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of file of the export; the fields are explained in `datasets.toml`."""

    name: str
    files: tuple[str, ...]
    group: str = ""
    refine: str | None = None
    needs: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    overflow: bool = False
    why_skipped: str | None = None
    columns: Mapping[str, tuple[str, ...]] = {}
    constants: Mapping[str, str] = {}
    identifiers: Mapping[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        if not self.group:
            msgspec.structs.force_setattr(self, "group", self.name)

    @property
    def source_name(self) -> str:
        """What its events give as their source."""
        return f"Amazon {self.name}"


class Hidden(Struct, frozen=True):
    """Columns whose name has this pattern hold this field of the vault."""

    pattern: str
    field: str


class DateFormat(Struct, frozen=True):
    """Times that look like this pattern are written in this format (strftime)."""

    pattern: str
    format: str


class Book(Struct, frozen=True, rename={"datasets": "dataset", "dates": "date"}):
    """All of `datasets.toml`, the datasets in the order they are read in."""

    datasets: tuple[Dataset, ...]
    placeholders: tuple[str, ...]
    footers: tuple[str, ...]
    hidden: tuple[Hidden, ...]
    dates: tuple[DateFormat, ...]
    vocabulary: Mapping[str, Mapping[str, str]]

    def named(self, stem: str) -> Dataset | None:
        """The dataset whose files have this stem (see `members.stem`)."""
        return next((dataset for dataset in self.datasets if stem in dataset.files), None)

    def with_header(self, columns: list[str]) -> Dataset | None:
        """The dataset that can be told by its columns alone."""
        present = {column.casefold() for column in columns}
        return next(
            (
                dataset
                for dataset in self.datasets
                if dataset.header and {c.casefold() for c in dataset.header} <= present
            ),
            None,
        )


@cache
def book() -> Book:
    """The datasets whysent knows."""
    return msgspec.convert(toml_input.shipped("audit.ingest.amazon", "datasets.toml"), Book)


def vault_columns() -> dict[str, list[str]]:
    """Field of the vault → the columns of theirs that go there."""
    columns: dict[str, dict[str, None]] = {}
    for dataset in book().datasets:
        for field, names in dataset.identifiers.items():
            columns.setdefault(field, {}).update(dict.fromkeys(names))
    return {field: [*names] for field, names in sorted(columns.items())}


def tidy(cells: pl.DataFrame) -> pl.DataFrame:
    """All text without outer blanks; what only says that there is nothing is null."""
    text = pl.col(pl.String).str.strip_chars()
    absent = pl.col(pl.String).str.to_lowercase().is_in(list(book().placeholders))
    return cells.with_columns(text).with_columns(pl.when(~absent).then(pl.col(pl.String)).name.keep())


def word(column: str, vocabulary: str) -> pl.Expr:
    """Our word for theirs; null for a word we do not know."""
    words = book().vocabulary[vocabulary]
    return pl.col(column).str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.String)


def flags(cells: pl.DataFrame) -> pl.DataFrame:
    """Columns named `... (Y/N)`: `1`, `Yes`, `Y` are `true`, `0`, `No`, `N` are `false`, in every generation."""
    names = [name for name in cells.columns if name.endswith("(Y/N)")]
    return cells.with_columns(pl.coalesce(word(name, "flag"), name).alias(name) for name in names)


def moments(column: pl.Series) -> pl.Series:
    """Text → moments in UTC (µs); dates are midnight, a leap second is the second after it, all else null.

    The masks stand in `datasets.toml`; month comes before day.
    """
    text = column.str.replace(_ZONE, "").str.strip_chars().str.replace(_WEEKDAY, "${1}")
    leap = text.str.contains(_LEAP).fill_null(value=False)
    text = text.str.replace(_LEAP, "${1}:59")
    times = pl.Series(column.name, [None] * len(column), dtype=TIME)
    for written in book().dates:
        fits = text.str.contains(written.pattern).fill_null(value=False)
        if fits.any():
            parsed = _parsed(text.set(~fits, None), written.format)
            times = times.zip_with(~fits, parsed)
    return (times + leap.cast(pl.Int64).cast(pl.Duration("us")) * 1_000_000).alias(column.name)


def dates_only(column: pl.Series) -> pl.Series:
    """Whether a moment was written as a date without a time of day."""
    return column.str.contains(":").not_()


def _parsed(text: pl.Series, form: str) -> pl.Series:
    text = text.str.replace("T", " ", literal=True) if form.startswith("%Y-") else text
    if "%H" not in form and "%I" not in form:
        text, form = text + " 00:00", f"{form} %H:%M"
    parsed = text.str.to_datetime(form, time_unit="us", strict=False)
    return parsed.dt.convert_time_zone("UTC") if form.endswith("%z") else parsed.dt.replace_time_zone("UTC")
