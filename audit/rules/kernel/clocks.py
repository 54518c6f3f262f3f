"""Local clocks: tables of UTC offsets, and in compiled code the calendar units and quiet hours read out of them.

The compiled part says what `reference.clock` says, over stretches of one offset. A moment past the tables' horizon sets
UNDECIDED.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from audit.rules.kernel import layout
from audit.rules.kernel.jit import apart, inner, nth
from audit.rules.kernel.layout import Int64, Work, Zones
from audit.rules.key_readers import zone as read_zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
_DAY_SECONDS = 86_400
_OFFSETS = 1 << 20
"""More than there are seconds in the offsets of all zones together."""


def offset_tables(zones: Iterable[str], begin: int, end: int) -> tuple[Int64, Int64, Int64]:
    """`Zones.table, since, offset` of these zones over `[begin, end]` (s since 1970)."""
    tables = [_offsets(zone, begin, end) for zone in zones]
    flat = np.array([row for table in tables for row in table], np.int64) * SECOND
    sizes = np.cumsum([0, *map(len, tables)], dtype=np.int64)
    return sizes, flat[:, 0].copy(), flat[:, 1].copy()


@lru_cache(maxsize=1024)
def _offsets(zone: str, begin: int, end: int) -> Sequence[tuple[int, int]]:
    """From when on in `[begin, end]` which offset holds (both in s), the first row at `begin`.

    Asked once a day: a shift that is taken back within the same day would be missed; no zone has had one.
    """
    rules = read_zone(zone)

    def offset(second: int) -> int:
        shift = (EPOCH + timedelta(seconds=second)).astimezone(rules).utcoffset()
        return int((shift or timedelta(0)).total_seconds())

    table = [(begin, offset(begin))]
    for day in range(begin + _DAY_SECONDS, end + _DAY_SECONDS, _DAY_SECONDS):
        if offset(day) != table[-1][1]:
            low, high = day - _DAY_SECONDS, day
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == table[-1][1] else (low, middle)
            table.append((high, offset(high)))
    return tuple(table)


@inner
def longest(kind: int) -> int:
    """A span that no calendar unit outlasts, whatever the clocks do."""
    if kind == layout.HOUR_UNIT:
        return 2 * HOUR
    if kind == layout.DAY_UNIT:
        return 3 * DAY
    return 9 * DAY if kind == layout.WEEK_UNIT else 33 * DAY


@inner
def unit(zones: Zones, work: Work, zone: int, moment: int, kind: int, week: int) -> int:
    """The calendar unit that `moment` lies in."""
    offset = zones.offset[nth(_stretch(zones, work, zone, moment))]
    return _unit(moment + offset, offset, kind, week)


@inner
def unit_end(zones: Zones, work: Work, zone: int, moment: int, kind: int, week: int) -> int:
    """The first moment after `moment` that lies in another unit."""
    stretch = _stretch(zones, work, zone, moment)
    name = _unit(moment + zones.offset[stretch], zones.offset[stretch], kind, week)
    while True:
        offset = zones.offset[stretch]
        next_start = _next_start(moment + offset, kind, week) - offset
        stretch_end = _stretch_end(zones, zone, stretch)
        if next_start < stretch_end:
            return next_start
        if stretch_end == zones.horizon:
            work.state[layout.UNDECIDED] = 1
            return layout.NEVER
        stretch += 1
        if _unit(stretch_end + zones.offset[stretch], zones.offset[stretch], kind, week) != name:
            return stretch_end
        moment = stretch_end


@inner
def quiet(zones: Zones, work: Work, zone: int, moment: int, begin: int, end: int) -> bool:
    """Whether the clock shows a time in `[begin, end)` (µs of the day), which may cross midnight."""
    return _quiet(moment + zones.offset[nth(_stretch(zones, work, zone, moment))], begin, end)


@inner
def quiet_end(zones: Zones, work: Work, zone: int, moment: int, begin: int, end: int) -> int:
    """The first moment after `moment`, which is quiet, that is not."""
    stretch = _stretch(zones, work, zone, moment)
    while True:
        local = moment + zones.offset[stretch]
        quiet_until = moment + (end - local) % DAY
        stretch_end = _stretch_end(zones, zone, stretch)
        if quiet_until < stretch_end:
            return quiet_until
        if stretch_end == zones.horizon:
            work.state[layout.UNDECIDED] = 1
            return layout.NEVER
        stretch += 1
        if not _quiet(stretch_end + zones.offset[stretch], begin, end):
            return stretch_end
        moment = stretch_end


@inner
def _stretch(zones: Zones, work: Work, zone: int, moment: int) -> int:
    """The stretch of one offset that `moment` lies in; the search starts at the stretch used last."""
    stretch = work.cursor[nth(zone)]
    while moment < zones.since[nth(stretch)]:
        stretch -= 1
    after = zones.table[nth(zone + 1)]
    while stretch + 1 < after and zones.since[nth(stretch + 1)] <= moment:
        stretch += 1
    work.cursor[nth(zone)] = stretch
    if moment >= zones.horizon:
        work.state[layout.UNDECIDED] = 1
    return stretch


@inner
def _stretch_end(zones: Zones, zone: int, stretch: int) -> int:
    return zones.since[stretch + 1] if stretch + 1 < zones.table[zone + 1] else zones.horizon


@inner
def _quiet(local: int, begin: int, end: int) -> bool:
    time = local % DAY
    if begin < end:
        return begin <= time < end
    return time >= begin or time < end


@apart
def _unit(local: int, offset: int, kind: int, week: int) -> int:
    if kind == layout.HOUR_UNIT:
        return (local // HOUR) * _OFFSETS + offset // SECOND
    day = local // DAY
    if kind == layout.DAY_UNIT:
        return day
    if kind == layout.WEEK_UNIT:
        return (day + 3 - week) // 7
    return _month(day)


@apart
def _next_start(local: int, kind: int, week: int) -> int:
    """The local time at which the next unit begins."""
    if kind == layout.HOUR_UNIT:
        return (local // HOUR + 1) * HOUR
    day = local // DAY
    if kind == layout.DAY_UNIT:
        return (day + 1) * DAY
    if kind == layout.WEEK_UNIT:
        return (((day + 3 - week) // 7 + 1) * 7 - 3 + week) * DAY
    return _month_start(_month(day) + 1) * DAY


@inner
def _month(day: int) -> int:
    """Months since the year 0 (Howard Hinnant, chrono-compatible low-level date algorithms, civil_from_days)."""
    days = day + 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    return (year + era * 400) * 12 + (5 * of_year + 2) // 153 + 2


@inner
def _month_start(month: int) -> int:
    """The first day of a month as `_month` numbers it (days_from_civil)."""
    shifted = month - 2
    year, of_year = shifted // 12, shifted % 12
    era = year // 400
    of_era = year - era * 400
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + (153 * of_year + 2) // 5 - 719_468
