"""Times as they are written in files, to UTC: what is ambiguous or impossible on a clock is settled and flagged."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from audit.errors import InputError
from audit.events.schema import TIME
from audit.ingest.values import zone_named
from audit.storage.toml_input import unknown

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

EPOCH = "epoch"
"""A time that counts from 1970 in the unit that its size gives: between these years only one of them can be meant."""

ISO = "iso"
EXCEL = "excel"
"""A time as spreadsheets keep it: days since the end of 1899, without a zone."""

UNITS = (*EPOCHS, EPOCH)
_YEARS = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_DATE = r"^\s*\d{4}-\d\d-\d\d"
_NAMED_UTC = r"(?i)\s*(?:utc|gmt)$"
_END_OF_DAY = r"(^|[^\d:.])24:00(:00([.,]0+)?)?($|[^\d:.,])"
"""24:00, which is 00:00 of the next day."""

_COUNT = r"^\s*\d{9,17}(\.\d+)?\s*$"


def refuse_unknown(form: str) -> None:
    """Raise InputError for what is neither strftime nor a word for a form of times."""
    if "%" not in form and form not in (*UNITS, EXCEL, ISO):
        raise InputError(unknown(form, (*UNITS, EXCEL, ISO)))


def zone(name: str) -> str:
    """The IANA time zone of this name, in any case. Raises InputError."""
    known = zone_named(name)
    if known is None:
        raise InputError(f"{name!r} is no time zone; write one such as Europe/Berlin or UTC")
    return known


class Times(NamedTuple):
    """A column of times as UTC in µs, null where it is none; a flag (text) where one was settled; how many had no offset."""

    values: pl.Series
    flags: pl.Series
    bare: int


def read(column: pl.Series, local: str) -> Times:
    """`column`, text in ISO 8601 or times; those without an offset are read in the zone `local`."""
    if column.dtype.is_temporal():
        return _typed(column, local)
    text = column.cast(pl.String)
    times, flags, bare = _formats(text, local)
    unread = text.is_not_null() & times.is_null()
    if unread.any() and (named := text.str.contains(_NAMED_UTC).fill_null(value=False) & unread).any():
        text = text.str.replace(_NAMED_UTC, "+00:00")
        times = _first(times, _formats(text.set(~named, None), local).values)
        unread = text.is_not_null() & times.is_null()
    if unread.any() and (ends := text.str.contains(_END_OF_DAY).fill_null(value=False) & unread).any():
        text = text.scatter(ends.arg_true(), [_next_day(value) for value in text.filter(ends)])
        moved = _formats(text.set(~ends, None), local)
        times, flags, bare = _first(times, moved.values), _first(flags, moved.flags), bare + moved.bare
        unread = text.is_not_null() & times.is_null()
    if unread.any():
        times, flags = _one_by_one(text, unread, times, flags, local)
    return Times(_possible(times), flags, bare)


def _next_day(text: str) -> str:
    """The next day at 00:00 for 24:00 of a day in ISO 8601; what is no such day as it is."""
    with suppress(ValueError, OverflowError):
        day = date.fromisoformat(text.strip()[:10]) + timedelta(days=1)
        return f"{day}{text.strip()[10:].replace('24:00', '00:00', 1)}"
    return text


def _formats(text: pl.Series, local: str) -> Times:
    bare = 0
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
            bare += int((read_so.is_not_null() & times.is_null()).sum())
            read_so, flag = _placed(read_so, local)
            flags = _first(flags, flag)
        times = _first(times, read_so.dt.convert_time_zone("UTC"))
    return Times(times, flags, bare)


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


def _typed(column: pl.Series, local: str) -> Times:
    times = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
    if times.dtype.time_zone is None:  # type: ignore[attr-defined]
        placed, flags = _placed(times.cast(pl.Datetime("us")), local)
        return Times(_possible(placed.dt.convert_time_zone("UTC")), flags, placed.count())
    none = pl.Series("flag", [None], dtype=pl.String).new_from_index(0, len(column))
    return Times(_possible(times.dt.convert_time_zone("UTC").cast(TIME)), none, 0)


def epoch(text: pl.Series, unit: str) -> pl.Series:
    """Counts of one of `EPOCHS`, or `EPOCH`, as UTC; null where they are no number, or no unit gives such a size."""
    if unit == EPOCH:
        times = [epoch(text, each) for each in EPOCHS]
        inside = [each.set(~each.is_between(*_YEARS).fill_null(value=False), None) for each in times]
        return reduce(_first, inside)
    number = text.cast(pl.Float64, strict=False)
    micros = (number * EPOCHS[unit]).round().cast(pl.Int64, strict=False)
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def counts(text: pl.Series, times: pl.Series) -> pl.Series:
    """`times` with those of `text` that are none, and a count from 1970 whose size says in which unit."""
    is_count = times.is_null() & text.str.contains(_COUNT).fill_null(value=False)
    return _first(times, epoch(text.set(~is_count, None), EPOCH)) if is_count.any() else times


NONE_FITS = "in none of the formats: "
"""Stands before what is no time."""


def written(column: pl.Series, forms: Sequence[str]) -> pl.Series:
    """Times in the first of `forms` that fits (strftime, one of `EPOCHS`, `EPOCH`, `ISO`), as times where one form fits all, else ISO 8601.

    Without any form: `ISO`, and counts by their size. What fits none stays text that is no time.
    """
    text = column.cast(pl.String)
    if not forms:
        counts = text.str.contains(_COUNT).fill_null(value=False)
        return _first(_as_iso(epoch(text.set(~counts, None), EPOCH)), text) if counts.any() else column
    left = text.set((text.str.strip_chars() == "").fill_null(value=True), None)
    read_so = left.set(left.is_not_null(), None)
    for form in forms:
        if form == ISO:
            fits = left.set(~left.str.contains(_DATE).fill_null(value=False), None)
        else:
            times = (
                epoch(left, form)
                if form in UNITS
                else _excel(left)
                if form == EXCEL
                else _strptime(left, form)
            )
            if len(forms) == 1 and times.null_count() == left.null_count():
                return times.alias(column.name)
            fits = _as_iso(times)
        read_so = _first(read_so, fits)
        left = left.set(fits.is_not_null(), None)
    return _first(read_so, NONE_FITS + left).alias(column.name)


MOST = 0.75
"""House value: a column holds times where so many of its cells do; that others do not is told."""

_LOOKED_AT = 200


def forms(column: pl.Series, candidates: Sequence[str]) -> list[str]:
    """Every form that most filled cells have, and as many as have any other; `ISO` alone where all have that."""
    filled = column.drop_nulls().head(_LOOKED_AT)
    bad = {ISO: misfits(filled, ISO)}
    if bad[ISO]:
        bad |= {form: misfits(filled, form) for form in candidates}
    least = min(bad.values())
    return [
        form for form, cells in bad.items() if cells == least and MOST * len(filled) <= len(filled) - cells
    ]


def misfits(column: pl.Series, form: str) -> int:
    """How many filled cells are no time in a form."""
    filled = column.drop_nulls().head(_LOOKED_AT)
    if form == ISO:
        return int(read(filled, "UTC").values.null_count())
    read_so = written(filled, [form])
    return 0 if read_so.dtype.is_temporal() else int(read_so.str.starts_with(NONE_FITS).sum())


def has_offset(column: pl.Series) -> bool:
    """Whether most cells say how far their time is from UTC."""
    offsets = column.drop_nulls().str.contains(r"(?i)(z|[+-]\d\d:?\d\d|gmt|utc)\s*$")
    return bool(offsets.sum() >= MOST * len(offsets))


_EXCEL_1970 = 25_569
_EXCEL_YEARS = (_EXCEL_1970 + 20 * 365, _EXCEL_1970 + 130 * 365)


def _excel(text: pl.Series) -> pl.Series:
    days = text.cast(pl.Float64, strict=False)
    days = days.set(~days.is_between(*_EXCEL_YEARS).fill_null(value=False), None)
    milliseconds = ((days - _EXCEL_1970) * 86_400_000).round().cast(pl.Int64)
    return milliseconds.cast(pl.Datetime("ms")).cast(pl.Datetime("us"))


def _strptime(text: pl.Series, form: str) -> pl.Series:
    text = text.str.strip_chars()
    times = text.str.to_datetime(form, strict=False, time_unit="us")
    ends = text.str.contains(_END_OF_DAY).fill_null(value=False) & times.is_null()
    if "%H:%M" in form and ends.any():
        began = text.set(~ends, None).str.replace("24:00", "00:00", literal=True)
        days = began.str.to_datetime(form, strict=False, time_unit="us")
        times = _first(times, days.dt.offset_by("24h"))
    return times


def _as_iso(times: pl.Series) -> pl.Series:
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if times.dtype.time_zone else ""))  # type: ignore[attr-defined]


def _possible(times: pl.Series) -> pl.Series:
    """Null what no calendar of ours holds: years before 1 and after 9999."""
    inside = times.is_between(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
    return times.set(~inside.fill_null(value=True), None)


def _first(times: pl.Series, more_times: pl.Series) -> pl.Series:
    return times.zip_with(times.is_not_null(), more_times)
