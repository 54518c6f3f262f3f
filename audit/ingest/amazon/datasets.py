"""What `datasets.toml` says, as objects: which file is which dataset, and what its columns become."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from audit.storage import toml_input


@dataclass(frozen=True)
class Dataset:
    """One kind of file of the export; the fields are explained in `datasets.toml`."""

    name: str
    files: tuple[str, ...]
    group: str
    refine: str | None = None
    needs: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    overflow: bool = False
    why_skipped: str | None = None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    identifiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def source_name(self) -> str:
        """What its events give as their source."""
        return f"Amazon {self.name}"


@dataclass(frozen=True)
class Book:
    """All of `datasets.toml`, the datasets in the order they are read in."""

    datasets: tuple[Dataset, ...]
    placeholders: tuple[str, ...]
    footers: tuple[str, ...]
    hidden: tuple[tuple[re.Pattern[str], str], ...]
    dates: tuple[tuple[str, str], ...]
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
    raw = toml_input.shipped("audit.ingest.amazon", "datasets.toml")
    return Book(
        datasets=tuple(_dataset(entry) for entry in raw["dataset"]),
        placeholders=tuple(raw["placeholders"]),
        footers=tuple(raw["footers"]),
        hidden=tuple((re.compile(entry["pattern"]), entry["field"]) for entry in raw["hidden"]),
        dates=tuple((entry["pattern"], entry["format"]) for entry in raw["date"]),
        vocabulary=raw["vocabulary"],
    )


def _dataset(raw: dict[str, Any]) -> Dataset:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    for part in ("columns", "identifiers"):
        values[part] = {name: tuple(names) for name, names in raw.get(part, {}).items()}
    return Dataset(**{"group": raw["name"], **values})
