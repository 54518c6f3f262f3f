"""Clocks for rules: calendar units and quiet hours in a zone, and windows that may reach past the calendar.

Every moment in and out is an aware datetime in UTC, to the microsecond. Local time is what a clock on the wall
shows, so days of 23 and 25 hours and zones that shift by half an hour need no special case: a unit is found by
asking the clock, and its end by looking for the first moment that is outside.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from audit.events.vocabulary import LONGEST_UNIT

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
TICK = timedelta(microseconds=1)

_DAY = timedelta(days=1)
_NO_ZONE_BEFORE, _NO_ZONE_AFTER = EARLIEST + 4 * _DAY, LATEST - 4 * _DAY
"""Beyond these a calendar may not hold what a clock on the wall shows."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Unit = tuple[int, ...]
"""What names a calendar unit in a zone: an hour with its offset, a day, a week's first day, a month."""


def minus(moment: datetime, span: timedelta) -> datetime:
    """`moment - span`, or the beginning of the calendar."""
    try:
        return moment - span
    except OverflowError:
        return EARLIEST


def plus(moment: datetime, span: timedelta) -> datetime | None:
    """`moment + span`, or None past the end of the calendar."""
    try:
        return moment + span
    except OverflowError:
        return None


def unit(moment: datetime, window: str, zone: ZoneInfo, week_start: str) -> Unit:
    """The calendar unit (`1h`, `1d`, `1w` or `1mo`) that `moment` lies in."""
    local = _local(moment, zone)
    if window == "1h":
        offset = local.utcoffset() or timedelta(0)
        return local.year, local.month, local.day, local.hour, int(offset.total_seconds())
    if window == "1d":
        return (local.toordinal(),)
    if window == "1w":
        return (_week(local, week_start),)
    return local.year, local.month


def unit_end(moment: datetime, window: str, zone: ZoneInfo, week_start: str) -> datetime | None:
    """The first moment after `moment` that lies in another calendar unit; None past the end of the calendar."""
    name = unit(moment, window, zone, week_start)

    def inside(at: datetime) -> bool:
        return unit(at, window, zone, week_start) == name

    try:
        end = _next_start(_local(moment, zone), window, week_start).astimezone(UTC)
        if moment < end and not inside(end) and inside(end - TICK):
            return end
        return _first_without(inside, moment, moment + LONGEST_UNIT[window])
    except (OverflowError, ValueError):
        return None


def is_quiet(moment: datetime, start: time, end: time, zone: ZoneInfo) -> bool:
    """Whether the clock in `zone` shows a time in `[start, end)`, which may cross midnight."""
    local = _local(moment, zone).time()
    return start <= local < end if start < end else local >= start or local < end


class QuietClock:
    """The hours `[start, end)` on the clocks of all zones."""

    __slots__ = ("_end", "_newest", "_start")

    def __init__(self, start: time, end: time) -> None:
        self._start, self._end = start, end
        self._newest: dict[ZoneInfo, tuple[datetime, datetime, bool]] = {}

    def loud_from(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment from `moment` on that is not quiet; None past the end of the calendar."""
        since, until, quiet = self._newest.get(zone, _NO_HOURS)
        if since <= moment < until:  # most often it is asked for much the same time
            return until if quiet else moment
        return self._from_edges(moment, zone)

    def _from_edges(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        start, end = self._start, self._end
        if not _NO_ZONE_BEFORE <= moment < _NO_ZONE_AFTER:
            return _quiet_end(moment, start, end, zone) if is_quiet(moment, start, end, zone) else moment
        edges = _quiet_edges(moment.toordinal(), start, end, zone)
        upcoming = bisect_right(edges, moment)
        if 0 < upcoming < len(edges):
            self._newest[zone] = (edges[upcoming - 1], edges[upcoming], bool(upcoming % 2))
        return edges[upcoming] if upcoming % 2 else moment


_NO_HOURS = (LATEST, EARLIEST, False)


@lru_cache(maxsize=1024)
def quiet_clock(start: time, end: time) -> QuietClock:
    """The clock of some quiet hours, the same for everybody."""
    return QuietClock(start, end)


@lru_cache(maxsize=65_536)
def _quiet_edges(day: int, start: time, end: time, zone: ZoneInfo) -> Sequence[datetime]:
    """When the quiet hours of a day in UTC begin and end, in turn: from its first moment on, if that is quiet."""
    at = datetime.combine(date.fromordinal(day), time(0), UTC)
    over = at + _DAY
    quiet = is_quiet(at, start, end, zone)
    edges = [at] if quiet else []
    while at < over:
        edge = _quiet_end(at, start, end, zone) if quiet else _quiet_end(at, end, start, zone)
        assert edge is not None
        edges.append(edge)
        at, quiet = edge, not quiet
    return edges


def _quiet_end(moment: datetime, start: time, end: time, zone: ZoneInfo) -> datetime | None:
    """The first moment after `moment`, which is quiet, that is not; None past the end of the calendar."""

    def quiet(at: datetime) -> bool:
        return is_quiet(at, start, end, zone)

    try:
        ends = (
            datetime.combine(_local(moment, zone) + days * _DAY, end, zone).replace(fold=fold).astimezone(UTC)
            for days in (0, 1, 2)
            for fold in (0, 1)
        )
        quiet_until = next(at for at in ends if at > moment and not quiet(at))
    except OverflowError:
        return None
    shift = _shift(moment, quiet_until, zone)
    return quiet_until if shift is None or quiet(shift) else shift


def _shift(moment: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """When the clock is put forward or back in `(moment, until]`; None if it is not."""
    offset = moment.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == offset:
        return None
    return _first_without(lambda at: at.astimezone(zone).utcoffset() == offset, moment, until)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:  # the first and last hours of the calendar
        return moment


def _week(local: date, week_start: str) -> int:
    return local.toordinal() - (local.weekday() - WEEKDAYS.index(week_start)) % 7


def _next_start(local: datetime, window: str, week_start: str) -> datetime:
    if window == "1h":
        return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC) + timedelta(hours=1)
    if window == "1d":
        start_day = local.date() + _DAY
    elif window == "1w":
        start_day = date.fromordinal(_week(local, week_start) + 7)
    else:
        start_day = date(local.year + local.month // 12, local.month % 12 + 1, 1)
    return datetime.combine(start_day, time(0), local.tzinfo)


def _first_without(holds: Callable[[datetime], bool], low: datetime, high: datetime) -> datetime:
    """The first moment in `(low, high]` where `holds`, true at `low` and false at `high`, no longer does."""
    while high - low > TICK:
        middle = low + (high - low) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
