"""The events on disk: Parquet segments, each in order, in row groups small enough to read one customer alone."""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path

import polars as pl

from audit.errors import WorkspaceError
from audit.events.schema import ORDER, SCHEMA, TIME, empty
from audit.storage import private_files

ROWS_PER_GROUP = 16_384
"""One customer of 1.5 million events is read in about 4 ms with groups of this size, and a file of them is as
small as with larger ones."""

RUNS = 6
"""More runs than this beside the largest, or more small segments, are folded: whoever reads everybody merges runs anew."""

_FEW = 100_000
"""A segment of fewer events is small, and so many in other runs than the largest are merged without being noticed."""

_SMALL = 4
"""Runs are small beside one of so many times their rows: it is not written anew for them."""

_MAGIC = b"PAR1"
"""What a Parquet file begins and ends with."""

SEGMENT_ROWS = 1_000_000
"""A merged segment holds about this many rows, so that merging keeps to bounded memory."""


STORED: dict[str, pl.DataType] = {**SCHEMA, "imported_at": TIME}
"""What is kept of an event: when it came in too (UTC), null where an older program took it in."""

SUPERSEDED: dict[str, pl.DataType] = {**STORED, "superseded_at": TIME}
"""What is kept of an event that a later export replaced."""

_IDENTITY = ["customer_id", "event_id"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of events in `ORDER`, and the first and last customer in it."""

    file: str
    rows: int
    first: str
    last: str


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """`events` in `ORDER`; customers are sorted as numbers, and ids are compared of those events alone that share a customer's moment."""
    names = pl.Enum(events["customer_id"].unique().sort())
    by = ["customer", "occurred_at"]
    placed = events.select(
        pl.col("customer_id").cast(names).to_physical().alias("customer"),
        "occurred_at",
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("place"),
    ).sort(by)
    same_as_before = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in by)
    is_tied = (same_as_before | same_as_before.shift(-1)).fill_null(value=False)
    tied = placed.with_row_index("row").filter(is_tied)
    if tied.height:
        untied = tied.with_columns(events["event_id"].gather(tied["place"])).sort(*by, "event_id")
        placed = placed.with_columns(placed["place"].scatter(tied["row"], untied["place"]))
    return events[placed["place"]]


def write(folder: Path, events: pl.DataFrame) -> Segment:
    """Write `events` (canonical or as `STORED`, in `ORDER`, not empty) as a new segment in `folder`."""
    held = [
        column for column in events if column.null_count() < events.height
    ]  # `_open` puts the others back
    path = folder / f"{secrets.token_hex(8)}.parquet"
    private_files.write_parquet(path, pl.DataFrame(held), row_group_size=ROWS_PER_GROUP, statistics=True)
    customers = events["customer_id"]
    return Segment(path.name, events.height, customers[0], customers[-1])


def check(folder: Path, segments: Iterable[Segment]) -> None:
    """Raises WorkspaceError where a file of events is missing or has lost its head or tail."""
    for segment in segments:
        path = folder / segment.file
        try:
            with path.open("rb") as file:
                head = file.read(len(_MAGIC))
                file.seek(-len(_MAGIC), os.SEEK_END)
                intact = head == _MAGIC == file.read()
        except OSError as error:
            raise WorkspaceError(f"{path}: {error.strerror}; restore the workspace from a backup") from error
        if not intact:
            raise WorkspaceError(f"{path}: is damaged; restore the workspace from a backup")


def check_columns(folder: Path, segments: Iterable[Segment]) -> None:
    """Raises WorkspaceError where a file of events holds another column than this program writes, or one of another type."""
    for segment in segments:
        path = folder / segment.file
        try:
            columns = pl.read_parquet_schema(path)
        except pl.exceptions.ComputeError as error:
            raise WorkspaceError(f"{path}: is damaged; restore the workspace from a backup") from error
        for name, dtype in columns.items():
            if STORED.get(name) != dtype:
                raise WorkspaceError(
                    f"{path}: column {name} is not as whysent writes it; restore the workspace from a backup"
                )


def scan(folder: Path, segments: Sequence[Segment]) -> pl.LazyFrame:
    """All events, in `ORDER`."""
    if not segments:
        return empty().lazy()
    return _in_order(folder, segments).select(list(SCHEMA))


def history(folder: Path, segments: Iterable[Segment], customer: str) -> pl.DataFrame:
    """The events of one customer, in `ORDER`, reading only the row groups that can hold them."""
    parts = [
        _open(folder, segment).select(list(SCHEMA)).filter(pl.col("customer_id") == customer).collect()
        for segment in segments
        if segment.first <= customer <= segment.last
    ]
    frames = [part for part in parts if part.height]
    if not frames:
        return empty()
    return frames[0] if len(frames) == 1 else pl.concat(frames).sort(ORDER)


def known(
    folder: Path, segments: Iterable[Segment], superseded: Iterable[Path], at: datetime, customer: str | None
) -> pl.LazyFrame:
    """The events (of one customer) as they were known at a moment, in `ORDER`: without what came in later, and with what was replaced later
    as it stood.
    """
    stands = [_open(folder, segment) for segment in segments]
    stood = [pl.scan_parquet(file, schema=SUPERSEDED, missing_columns="insert") for file in superseded]
    versions = pl.concat([pl.LazyFrame(schema=SUPERSEDED), *stood, *stands], how="diagonal")
    if customer is not None:
        versions = versions.filter(pl.col("customer_id") == customer)
    there = pl.col("imported_at").fill_null(at) <= at
    until = pl.col("superseded_at")
    return (
        versions.filter(there & (until.is_null() | (until > at)))
        .sort(until, nulls_last=True, maintain_order=True)
        .unique(_IDENTITY, keep="first", maintain_order=True)
        .select(list(SCHEMA))
        .sort(ORDER)
    )


def keys(folder: Path, segments: Iterable[Segment], identities: pl.DataFrame) -> pl.DataFrame:
    """Those (customer_id, event_id) of `identities` that are stored."""
    least, most = identities["customer_id"].min(), identities["customer_id"].max()
    stored = [
        _open(folder, segment).select(_IDENTITY)
        for segment in segments
        if identities.height and not (segment.last < str(least) or str(most) < segment.first)
    ]
    if not stored:
        return identities.clear().select(_IDENTITY)
    return pl.concat(stored).join(identities.lazy(), on=_IDENTITY, how="semi").collect()


def stored(folder: Path, segments: Iterable[Segment], identities: pl.DataFrame) -> pl.DataFrame:
    """The events of `identities` (customer_id, event_id) that are stored, as `STORED`, the newest last."""
    parts = [_open(folder, segment) for segment in segments]
    if not parts or identities.is_empty():
        return pl.DataFrame(schema=STORED)
    return pl.concat(parts).join(identities.lazy(), on=_IDENTITY, how="semi", maintain_order="left").collect()


def without(
    folder: Path, segments: Sequence[Segment], replaced: Sequence[tuple[int, pl.DataFrame]]
) -> list[Segment]:
    """The segments, those written anew that hold what was replaced: of each `(n, identities)`, the first n no longer do."""
    remaining = []
    for place, segment in enumerate(segments):
        gone = [identities for upto, identities in replaced if place < upto]
        if not gone or keys(folder, [segment], pl.concat(gone)).is_empty():
            remaining.append(segment)
            continue
        left = _open(folder, segment).join(
            pl.concat(gone).lazy(), on=_IDENTITY, how="anti", maintain_order="left"
        )
        events = left.collect()
        remaining += [write(folder, events)] if events.height else []
    return remaining


def customers(folder: Path, segments: Iterable[Segment], persons: Mapping[str, str]) -> int:
    """How many customers have events; `persons`: id → whom it belongs to, of those that are not a customer of their own."""
    columns = [_open(folder, segment).select("customer_id") for segment in segments]
    if not columns:
        return 0
    ids = pl.concat(columns).unique().select(pl.col("customer_id").replace(persons).n_unique())
    return int(ids.collect().item())


@dataclass(frozen=True, slots=True)
class CustomerRange:
    """Customers in order, from the first to the last, and how many events they have."""

    first: str
    last: str
    rows: int


def parts(
    folder: Path, segments: Sequence[Segment], rows: int, persons: Mapping[str, str] | None = None
) -> list[CustomerRange]:
    """Parts of about `rows` events, never cutting through a customer; `persons` as in `customers`."""
    if not segments:
        return []
    customers = pl.concat([_open(folder, segment).select("customer_id") for segment in segments])
    customers = customers.with_columns(pl.col("customer_id").replace(persons or {}))
    counts = customers.group_by("customer_id").len().sort("customer_id")
    numbered = counts.with_columns((pl.col("len").cum_sum() // rows).alias("part"))
    bounds = numbered.group_by("part", maintain_order=True)
    ends = bounds.agg(
        pl.col("customer_id").first().alias("first"),
        pl.col("customer_id").last().alias("last"),
        pl.col("len").sum(),
    )
    return [CustomerRange(*row) for row in ends.select("first", "last", "len").collect().rows()]


def part(folder: Path, segments: Iterable[Segment], customers: CustomerRange) -> pl.LazyFrame:
    """The events of these customers, in `ORDER`."""
    inside = pl.col("customer_id").is_between(pl.lit(customers.first), pl.lit(customers.last))
    frames = [
        _open(folder, segment).filter(inside)
        for segment in segments
        if segment.first <= customers.last and customers.first <= segment.last
    ]
    return (
        frames[0] if len(frames) == 1 else pl.concat(frames).sort(ORDER)
    )  # so few are sorted sooner than merged


def runs(segments: Iterable[Segment]) -> list[list[Segment]]:
    """The segments in few runs, the largest first; those of a run follow each other, and no customer is in two of them."""
    chains: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda segment: segment.first):
        before = next((chain for chain in chains if chain[-1].last < segment.first), None)
        if before is None:
            chains.append([segment])
        else:
            before.append(segment)
    return sorted(chains, key=_rows, reverse=True)


def folded(folder: Path, segments: Sequence[Segment]) -> list[Segment]:
    """The segments; where there are too many runs, written anew: the small ones into one, or all where they are no longer small."""
    largest, *others = runs(segments) or [[]]
    base = [segment for segment in largest if segment.rows >= _FEW]
    appended = [segment for segment in segments if segment not in base]
    small = len([segment for segment in segments if segment.rows < _FEW])
    if max(len(others), small - 1) <= RUNS and _rows(appended) <= max(_FEW, _rows(base) // _SMALL):
        return list(segments)
    if _rows(appended) * _SMALL > _rows(base):
        return merge(folder, segments)
    return [*base, *merge(folder, appended)]


def merge(folder: Path, segments: Sequence[Segment]) -> list[Segment]:
    """Write all events of `segments` anew in as few segments as bounded memory allows, one after another."""
    return [
        write(folder, part(folder, segments, customers).collect())
        for customers in parts(folder, segments, SEGMENT_ROWS)
    ]


def _in_order(folder: Path, segments: Iterable[Segment]) -> pl.LazyFrame:
    """All events of the segments, which are not none, in `ORDER`: runs are merged, the small ones first."""
    frames = (pl.concat([_open(folder, segment) for segment in run]) for run in reversed(runs(segments)))
    return reduce(lambda smaller, larger: larger.merge_sorted(smaller, ORDER), frames)


def _rows(segments: Iterable[Segment]) -> int:
    return sum(segment.rows for segment in segments)


_opened: dict[Path, None] = {}
"""The files of events that this process has opened: what polars says of a damaged one does not name it."""


def damage(paths: Iterable[Path] | None = None) -> str | None:
    """What is said of the first of some files of events of which a part cannot be read; without `paths` of those opened in this process."""
    path = next((path for path in (_opened if paths is None else paths) if not _is_sound(path)), None)
    return None if path is None else f"{path}: is damaged; restore the workspace from a backup"


def _is_sound(path: Path) -> bool:
    try:
        for column in pl.read_parquet_schema(path):
            pl.read_parquet(path, columns=[column])
    except FileNotFoundError:  # written anew elsewhere meanwhile
        return True
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    return True


def _open(folder: Path, segment: Segment) -> pl.LazyFrame:
    _opened[folder / segment.file] = None
    return pl.scan_parquet(folder / segment.file, schema=STORED, missing_columns="insert")
