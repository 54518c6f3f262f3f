"""The events on disk: Parquet segments, each in order, in row groups small enough to read one customer alone."""

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from audit.errors import WorkspaceError
from audit.events.schema import ORDER, SCHEMA, empty
from audit.storage import private_files

ROWS_PER_GROUP = 16_384
"""One customer of 1.5 million events is read in about 4 ms with groups of this size, and a file of them is as
small as with larger ones."""

SEGMENTS = 8
"""More segments than this are merged."""

_MAGIC = b"PAR1"
"""What a Parquet file begins and ends with."""

SEGMENT_ROWS = 4_000_000
"""A merged segment holds about this many rows, so that merging keeps to bounded memory."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of events in `ORDER`, and the first and last customer in it."""

    file: str
    rows: int
    first: str
    last: str

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return asdict(self)


def write(place: Path, events: pl.DataFrame) -> Segment:
    """Write `events` (canonical, in `ORDER`, not empty) as a new segment in the folder `place`."""
    path = private_files.reserve(place / f"{secrets.token_hex(8)}.parquet")
    with private_files.clear_errors(path):
        kept = [
            column for column in events if column.null_count() < events.height
        ]  # `_open` puts the others back
        pl.DataFrame(kept).write_parquet(path, row_group_size=ROWS_PER_GROUP, statistics=True)
    private_files.sync(path)
    customers = events["customer_id"]
    return Segment(path.name, events.height, customers[0], customers[-1])


def check(place: Path, segments: Iterable[Segment]) -> None:
    """Raises WorkspaceError where a file of events is missing or has lost its head or tail."""
    for one in segments:
        path = place / one.file
        try:
            with path.open("rb") as file:
                head = file.read(len(_MAGIC))
                file.seek(-len(_MAGIC), os.SEEK_END)
                whole = head == _MAGIC == file.read()
        except OSError as error:
            raise WorkspaceError(f"{path}: {error.strerror}; restore the workspace from a backup") from error
        if not whole:
            raise WorkspaceError(f"{path}: is damaged; restore the workspace from a backup")


def scan(place: Path, segments: Sequence[Segment]) -> pl.LazyFrame:
    """All events, in `ORDER`."""
    if not segments:
        return empty().lazy()
    ordered = sorted(segments, key=lambda one: one.first)
    frames = [_open(place, one) for one in ordered]
    disjoint = all(one.last < other.first for one, other in pairwise(ordered))
    return pl.concat(frames) if disjoint else pl.concat(frames).sort(ORDER)


def history(place: Path, segments: Iterable[Segment], customer: str) -> pl.DataFrame:
    """The events of one customer, in `ORDER`, reading only the row groups that can hold them."""
    parts = [
        _open(place, one).filter(pl.col("customer_id") == customer).collect()
        for one in segments
        if one.first <= customer <= one.last
    ]
    found = [part for part in parts if part.height]
    if not found:
        return empty()
    return found[0] if len(found) == 1 else pl.concat(found).sort(ORDER)


def keys(place: Path, segments: Iterable[Segment], wanted: pl.DataFrame) -> pl.DataFrame:
    """Those (customer_id, event_id) of `wanted` that are stored."""
    first, last = wanted["customer_id"].min(), wanted["customer_id"].max()
    known = [
        _open(place, one).select("customer_id", "event_id")
        for one in segments
        if wanted.height and not (one.last < str(first) or str(last) < one.first)
    ]
    if not known:
        return wanted.clear().select("customer_id", "event_id")
    return pl.concat(known).join(wanted.lazy(), on=["customer_id", "event_id"], how="semi").collect()


def customers(place: Path, segments: Iterable[Segment]) -> int:
    """How many customers have events."""
    columns = [_open(place, one).select("customer_id") for one in segments]
    return int(pl.concat(columns).select(pl.col("customer_id").n_unique()).collect().item()) if columns else 0


def merge(place: Path, segments: Sequence[Segment]) -> list[Segment]:
    """Write all events of `segments` anew in as few segments as bounded memory allows, one after another."""
    everything = [_open(place, one) for one in segments]
    customers = pl.concat([frame.select("customer_id") for frame in everything])
    counts = customers.group_by("customer_id").len().sort("customer_id").collect()
    parts = counts.with_columns((pl.col("len").cum_sum() // SEGMENT_ROWS).alias("part"))
    bounds = parts.group_by("part").agg(
        pl.col("customer_id").min().alias("first"), pl.col("customer_id").max().alias("last")
    )
    merged = []
    for first, last in bounds.sort("part").select("first", "last").rows():
        inside = pl.col("customer_id").is_between(pl.lit(first), pl.lit(last))
        merged.append(
            write(place, pl.concat([frame.filter(inside) for frame in everything]).sort(ORDER).collect())
        )
    return merged


def _open(place: Path, segment: Segment) -> pl.LazyFrame:
    return pl.scan_parquet(place / segment.file, schema=SCHEMA, missing_columns="insert")
