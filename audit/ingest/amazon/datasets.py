"""What `datasets.toml` says, as objects: which file is which dataset, and what its columns become."""

from collections.abc import Mapping
from functools import cache

import msgspec
from msgspec import Struct

from audit.storage import toml_input


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
