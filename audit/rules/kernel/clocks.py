"""Local clocks in compiled code: calendar units and quiet hours, out of tables of offsets.

What `clock` says, over stretches of one offset. A moment past the tables' horizon sets BAIL.
"""

from audit.rules.kernel.jit import apart, inner, nth
from audit.rules.kernel.layout import (
    BAIL,
    DAY_UNIT,
    HOUR_UNIT,
    NEVER,
    WEEK_UNIT,
    Work,
    Zones,
)

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
_OFFSETS = 1 << 20
"""More than there are seconds in the offsets of all zones together."""


@inner
def longest(kind: int) -> int:
    """A span that no calendar unit outlasts, whatever the clocks do."""
    if kind == HOUR_UNIT:
        return 2 * HOUR
    if kind == DAY_UNIT:
        return 3 * DAY
    return 9 * DAY if kind == WEEK_UNIT else 33 * DAY


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
        found = _next_start(moment + offset, kind, week) - offset
        ends = _ends(zones, zone, stretch)
        if found < ends:
            return found
        if ends == zones.horizon:
            work.state[BAIL] = 1
            return NEVER
        stretch += 1
        if _unit(ends + zones.offset[stretch], zones.offset[stretch], kind, week) != name:
            return ends
        moment = ends


@inner
def quiet(zones: Zones, work: Work, zone: int, moment: int, begins: int, ends: int) -> bool:
    """Whether the clock shows a time in `[begins, ends)` (µs of the day), which may cross midnight."""
    return _quiet(moment + zones.offset[nth(_stretch(zones, work, zone, moment))], begins, ends)


@inner
def quiet_end(zones: Zones, work: Work, zone: int, moment: int, begins: int, ends: int) -> int:
    """The first moment after `moment`, which is quiet, that is not."""
    stretch = _stretch(zones, work, zone, moment)
    while True:
        local = moment + zones.offset[stretch]
        found = moment + (ends - local) % DAY
        until = _ends(zones, zone, stretch)
        if found < until:
            return found
        if until == zones.horizon:
            work.state[BAIL] = 1
            return NEVER
        stretch += 1
        if not _quiet(until + zones.offset[stretch], begins, ends):
            return until
        moment = until


@inner
def _stretch(zones: Zones, work: Work, zone: int, moment: int) -> int:
    """The stretch of one offset that `moment` lies in; the last one found is where looking starts."""
    place = work.cursor[nth(zone)]
    while moment < zones.since[nth(place)]:
        place -= 1
    after = zones.table[nth(zone + 1)]
    while place + 1 < after and zones.since[nth(place + 1)] <= moment:
        place += 1
    work.cursor[nth(zone)] = place
    if moment >= zones.horizon:
        work.state[BAIL] = 1
    return place


@inner
def _ends(zones: Zones, zone: int, stretch: int) -> int:
    return zones.since[stretch + 1] if stretch + 1 < zones.table[zone + 1] else zones.horizon


@inner
def _quiet(local: int, begins: int, ends: int) -> bool:
    shown = local % DAY
    if begins < ends:
        return begins <= shown < ends
    return shown >= begins or shown < ends


@apart
def _unit(local: int, offset: int, kind: int, week: int) -> int:
    if kind == HOUR_UNIT:
        return (local // HOUR) * _OFFSETS + offset // SECOND
    day = local // DAY
    if kind == DAY_UNIT:
        return day
    if kind == WEEK_UNIT:
        return (day + 3 - week) // 7
    return _month(day)


@apart
def _next_start(local: int, kind: int, week: int) -> int:
    """Where the next unit begins, on the wall."""
    if kind == HOUR_UNIT:
        return (local // HOUR + 1) * HOUR
    day = local // DAY
    if kind == DAY_UNIT:
        return (day + 1) * DAY
    if kind == WEEK_UNIT:
        return (((day + 3 - week) // 7 + 1) * 7 - 3 + week) * DAY
    return _first_day(_month(day) + 1) * DAY


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
def _first_day(month: int) -> int:
    """The first day of a month as `_month` names it (days_from_civil)."""
    shifted = month - 2
    year, of_year = shifted // 12, shifted % 12
    era = year // 400
    of_era = year - era * 400
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + (153 * of_year + 2) // 5 - 719_468
