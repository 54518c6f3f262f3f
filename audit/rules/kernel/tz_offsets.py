"""Tables of a zone's offsets from UTC, out of the time-zone database that Python reads."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from audit.rules.key_readers import zone

_DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def of(name: str, first: int, last: int) -> Sequence[tuple[int, int]]:
    """From when on `[first, last]` (s since 1970) which offset (s) holds in a zone, the first from `first` on.

    Asked once a day: a shift that is taken back within the same day would be missed; no zone has had one.
    """
    where = zone(name)

    def offset(second: int) -> int:
        shown = (EPOCH + timedelta(seconds=second)).astimezone(where).utcoffset()
        return int((shown or timedelta(0)).total_seconds())

    found = [(first, offset(first))]
    for day in range(first + _DAY, last + _DAY, _DAY):
        if offset(day) != found[-1][1]:
            low, high = day - _DAY, day
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == found[-1][1] else (low, middle)
            found.append((high, offset(high)))
    return tuple(found)
