"""Times as they are written in files, to UTC: what is ambiguous or impossible on a clock is settled and flagged."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from audit.errors import InputError
from audit.events.schema import TIME

AMBIGUOUS = "ambiguous"
"""The local time occurred twice, as clocks were put back; its earlier reading is taken."""

SKIPPED = "skipped"
"""The local time never was, as clocks were put forward; it is moved on by as much as they were."""

LEAP_SECOND = "leap_second"
"""Written as second 60; taken as the second that follows :59."""

_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
)
_LEAP = re.compile(r"(:\d\d):60(?!\d)")
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Microseconds in a unit of a time that counts from 1970 (UTC)."""


def zone(name: str) -> str:
    """`name`, if it is an IANA time zone. Raises InputError."""
    from zoneinfo import available_timezones

    if name not in available_timezones():
        raise InputError(f"{name!r} is no time zone; write one such as Europe/Berlin or UTC")
    return name


def read(column: pl.Series, local: str) -> tuple[pl.Series, pl.Series]:
    """`column` (text or times) as UTC in µs, null where it is no time, and a flag (text) where it was settled.

    Text is ISO 8601; times without an offset are read in the zone `local`.
    """
    if column.dtype.is_temporal():
        return _typed(column, local)
    text = column.cast(pl.String)
    times, flags = _formats(text, local)
    unread = text.is_not_null() & times.is_null()
    if unread.any():
        times, flags = _one_by_one(text, unread, times, flags, local)
    return _possible(times), flags


def _formats(text: pl.Series, local: str) -> tuple[pl.Series, pl.Series]:
    times = pl.Series(text.name, [None], dtype=TIME).new_from_index(0, len(text))
    flags = pl.Series("flag", [None], dtype=pl.String).new_from_index(0, len(text))
    leap = text.str.contains(":60", literal=True).fill_null(value=False)
    texts = text if not leap.any() else text.set(leap, None)
    for form in _FORMATS:
        if times.null_count() == texts.null_count():
            break
        read_so = texts.str.to_datetime(form, strict=False, time_unit="us")
        if read_so.null_count() == len(read_so):
            continue
        if read_so.dtype.time_zone is None:  # type: ignore[attr-defined]
            read_so, flag = _placed(read_so, local)
            flags = _first(flags, flag)
        times = _first(times, read_so.dt.convert_time_zone("UTC"))
    return times, flags


def _placed(local_times: pl.Series, local: str) -> tuple[pl.Series, pl.Series]:
    """Wall-clock times in the zone `local`, and flags."""
    none = pl.Series("flag", [None], dtype=pl.String).new_from_index(0, len(local_times))
    if local == "UTC":
        return local_times.dt.replace_time_zone("UTC"), none
    earliest = local_times.dt.replace_time_zone(local, ambiguous="earliest", non_existent="null")
    latest = local_times.dt.replace_time_zone(local, ambiguous="latest", non_existent="null")
    flags = none.set((earliest != latest).fill_null(value=False), AMBIGUOUS)
    gap = local_times.is_not_null() & earliest.is_null()
    if gap.any():
        moved = pl.Series([_after_gap(moment, local) for moment in local_times.filter(gap)], dtype=TIME)
        earliest = earliest.dt.convert_time_zone("UTC").scatter(gap.arg_true(), moved)
        flags = flags.set(gap, SKIPPED)
    return earliest, flags


def _after_gap(moment: datetime, local: str) -> datetime:
    # A time in the gap, read with the offset from before it, is as far after the gap as it was into it.
    return moment.replace(tzinfo=ZoneInfo(local), fold=0).astimezone(UTC)


def _one_by_one(
    text: pl.Series, unread: pl.Series, times: pl.Series, flags: pl.Series, local: str
) -> tuple[pl.Series, pl.Series]:
    """Other spellings of ISO 8601, and second 60."""
    places, moments, marks = [], [], []
    for position in unread.arg_true():
        value = text[position].strip()
        leap = _LEAP.search(value)
        try:
            moment = datetime.fromisoformat(_LEAP.sub(r"\1:59", value))
        except ValueError:
            continue
        mark = LEAP_SECOND if leap else None
        if moment.tzinfo is None:
            placed, flag = _placed(pl.Series([moment], dtype=pl.Datetime("us")), local)
            moment, mark = placed.dt.convert_time_zone("UTC")[0], mark or flag[0]
        try:
            moment = moment.astimezone(UTC) + timedelta(seconds=1 if leap else 0)
        except OverflowError:
            continue
        places.append(position)
        moments.append(moment)
        marks.append(mark)
    if not places:
        return times, flags
    return (
        times.scatter(places, pl.Series(moments, dtype=TIME)),
        flags.scatter(places, pl.Series(marks, dtype=pl.String)),
    )


def _typed(column: pl.Series, local: str) -> tuple[pl.Series, pl.Series]:
    times = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
    if times.dtype.time_zone is None:  # type: ignore[attr-defined]
        placed, flags = _placed(times.cast(pl.Datetime("us")), local)
        return _possible(placed.dt.convert_time_zone("UTC")), flags
    none = pl.Series("flag", [None], dtype=pl.String).new_from_index(0, len(column))
    return _possible(times.dt.convert_time_zone("UTC").cast(TIME)), none


def epoch(text: pl.Series, unit: str) -> pl.Series:
    """Counts of one of `EPOCHS` as UTC; null where they are no number."""
    number = text.cast(pl.Float64, strict=False)
    micros = (number * EPOCHS[unit]).round().cast(pl.Int64, strict=False)
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _possible(times: pl.Series) -> pl.Series:
    """Null what no calendar of ours holds: years before 1 and after 9999."""
    inside = times.is_between(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
    return times.set(~inside.fill_null(value=True), None)


def _first(times: pl.Series, more_times: pl.Series) -> pl.Series:
    return times.zip_with(times.is_not_null(), more_times)
