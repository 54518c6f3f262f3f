"""What a format is: the files it recognises, and their rows as batches: text in canonical columns, every row accounted for."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit.privacy import scan

if TYPE_CHECKING:
    from audit.ingest.map_language import Map

REJECTED: dict[str, pl.DataType] = {"row": pl.UInt64(), "reason": pl.String(), "raw": pl.String()}
"""Rows that cannot be events: the source's row number from 1, why in plain words, the raw text (goes nowhere in clear). A
further column `byte` (UInt64) may say where in the file they begin."""

IDENTIFIERS: dict[str, pl.DataType] = {"customer_id": pl.String(), "field": pl.String(), "value": pl.String()}
"""Direct identifiers, on their way to the vault only. `field` is email, name, address, phone, ip, device_serial, user_agent,
referer or other; customer_id is the source's own id."""

LINKS: dict[str, pl.DataType] = {"row": pl.UInt64(), "same_person_id": pl.String(), "merge": pl.Boolean()}
"""Another id of a row's customer. `merge`: the source says that both are one; else the id was seen with that customer only."""

SAME_PERSON = ("same_person_id", "merges the same person")
"""The columns of rows that name another id of their customer, and say whether the source means that both are one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some or all rows of one file.

    - `path`: where they came from, members of archives as `export.zip!Orders.csv`;
    - `rows`: how many source rows this batch accounts for, `= distinct row in events + rejected + skipped`
      (a source row may make several events; a row in both `events` and `rejected` counts as rejected);
    - `events`: column `row` (UInt64, from 1) and any canonical columns, as text or already in their dtype: times
      ISO 8601 (without an offset they are read in the import's time zone), lists and `attributes` as JSON,
      booleans `true` / `false`, empty is absent; `customer_id` is the source's own id;
    - `identifiers`, `links`, `rejected`: frames as above;
    - `source`: the rows as they were read, with `row`, for what is refused later; None where `events` tells it all;
    - `time_zone`: where times without an offset are read, if not in the import's; `decimal`: the decimal sign, where a map
      says it; `distinct`: whether equal rows without an id are events of their own;
    - `held_back`: columns that nobody knows and that look like identifiers → what they look like, and how many rows have one;
      `kept`: what a map says is none, although it looks like it;
    - `joined_by_last`: a file that a map joins → keys that have several rows there which differ; the last of each was taken;
    - `skipped`: reason → rows that are of no interest; `other_kinds`: their word → events that a map keeps as `other`.
    """

    path: str
    format: str
    rows: int
    events: pl.DataFrame
    identifiers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=IDENTIFIERS))
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))
    links: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LINKS))
    skipped: Mapping[str, int] = field(default_factory=dict)
    other_kinds: Mapping[str, int] = field(default_factory=dict)
    source: pl.DataFrame | None = None
    time_zone: str | None = None
    decimal: str | None = None
    distinct: bool = False
    held_back: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    kept: Sequence[str] = ()
    joined_by_last: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """What an import was told: whose export it is, where local times are read; the bytes of a block, unless as usual; of a
    zip the files that are read, by their path, unless all are.
    """

    customer: str | None = None
    time_zone: str = "UTC"
    progress: Callable[[int, int, str], None] | None = None
    block: int | None = None
    only: Collection[str] | None = None

    def tell(self, done: int, total: int, path: str) -> None:
        """Report `done` of `total` bytes of `path`."""
        if self.progress is not None:
            self.progress(done, total, scan.scrubbed(path))


@dataclass(frozen=True, slots=True)
class Format:
    """A source we can read.

    - `name`, `title`: for `--format` and for people; `reads`: the files it takes; `gives`: kinds of events;
    - `recognises`: whether a file or folder is of this format, by what is in it;
    - `read`: its rows in batches, each complete in itself. Raises InputError;
    - `map`: what it is made of, if that is a map; `package`: the distribution it comes from, if that is another than ours;
    - `together`: the same for files and folders that are one export in several parts, where that makes a difference;
    - `vault`: field → the columns that it knows to name a person, where no map says it;
    - `members`: the files of a zip that are of this format, by their path; None where it knows a zip as a whole only;
    - `says_whose`: whether its rows name their customer; where they do not, whoever brings it does.
    """

    name: str
    title: str
    reads: str
    gives: tuple[str, ...]
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Options], Iterator[Batch]]
    together: Callable[[Sequence[Path], Options], Iterator[Batch]] | None = None
    map: "Map | None" = None
    package: str | None = None
    vault: Callable[[], Mapping[str, Sequence[str]]] = dict
    members: Callable[[Path], Collection[str]] | None = None
    says_whose: bool = True
