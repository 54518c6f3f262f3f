"""Which zone a rule reads the clock in."""

from bisect import bisect_left
from datetime import datetime
from operator import attrgetter
from zoneinfo import ZoneInfo

from audit.errors import InputError
from audit.rules.key_readers import zone
from audit.rules.model import Rule
from audit.rules.reference.history import History, Message


class Zones:
    """The zone a rule reads the clock in: fixed, or the customer's where it is known."""

    __slots__ = ("_fixed", "_rows")

    def __init__(self, rule: Rule, history: History) -> None:
        self._fixed = None if rule.time_zone == "customer" else zone(rule.time_zone)
        self._rows = history.zones

    def of(self, message: Message, at: datetime) -> ZoneInfo | None:
        """The message's own, else that of the newest row before it in order that has one; None if unknown."""
        if self._fixed is not None:
            return self._fixed
        own = _ZONES.get(message.time_zone)
        if own is None:
            own = known_zone(message.time_zone)
        if own is not None or not self._rows:
            return own
        newest = bisect_left(self._rows, (at, message.event_id), key=attrgetter("at", "event_id")) - 1
        return known_zone(self._rows[newest].time_zone) if newest >= 0 else None


_ZONES: dict[str | None, ZoneInfo | None] = {}


def known_zone(name: str | None) -> ZoneInfo | None:
    """The zone of a name found in data; None where there is no such zone."""
    if name is None:
        return None
    if name not in _ZONES:
        try:
            _ZONES[name] = zone(name)
        except InputError:
            _ZONES[name] = None
    return _ZONES[name]
