"""The checks that count what was let through: caps, minimum gaps, sunsets."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from audit.rules.key_readers import zone
from audit.rules.model import ENGAGEMENT, Rule
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.history import History, Message, Place
from audit.rules.reference.zones import Zones
from audit.rules.scopes import per_values


class _Counted:
    """The messages let through that a cap counts together, in order."""

    __slots__ = ("_placed", "_upto", "event_ids", "times")

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.event_ids: list[str] = []
        self._placed: dict[ZoneInfo, dict[clock.Unit, list[str]]] = {}
        self._upto: dict[ZoneInfo, int] = {}

    def in_unit(self, name: clock.Unit, rule: Rule, where: ZoneInfo) -> Sequence[str]:
        """Those in one calendar unit of a zone."""
        placed = self._placed.setdefault(where, {})
        for number in range(self._upto.get(where, 0), len(self.times)):
            of = clock.unit(self.times[number], rule.window or "", where, rule.week_start)
            placed.setdefault(of, []).append(self.event_ids[number])
        self._upto[where] = len(self.times)
        return placed.get(name, ())


class _Cap:
    """Counts what was let through, of the same `per` values."""

    __slots__ = ("_all", "_groups", "_rule")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._all = _Counted() if len(rule.per) == 1 else None  # together, whatever they are
        self._groups: dict[tuple[str | None, ...], _Counted] = {}

    def let_through(self, message: Message, at: datetime) -> None:
        group = self._all or self._group(message)
        group.times.append(at)
        group.event_ids.append(message.event_id)

    def _ends(self, limit: int, span: timedelta) -> datetime:
        """When no window of `span` holds `limit` of them any more, where all are counted together."""
        if self._all is None or limit == 0:
            return LATEST
        times = self._all.times
        if len(times) < limit:
            return EARLIEST
        try:
            return times[-limit] + span
        except OverflowError:
            return LATEST

    def _group(self, message: Message) -> _Counted:
        if self._all is not None:
            return self._all
        values = per_values(self._rule, message)
        group = self._groups.get(values)
        if group is None:
            group = self._groups[values] = _Counted()
        return group


class RollingCap(_Cap):
    """Stops when at least `limit` counted messages lie in `(t - window, t]`; a minimum gap is a limit of one."""

    __slots__ = ("_limit", "_span")

    def __init__(self, rule: Rule, history: History) -> None:  # noqa: ARG002
        super().__init__(rule)
        self._limit = 1 if rule.limit is None else rule.limit
        self._span = rule.span

    @property
    def until(self) -> datetime:
        return self._ends(self._limit, self._span)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        group = self._all or self._group(message)
        times, limit, since = group.times, self._limit, clock.minus(at, self._span)
        if len(times) < limit or (limit and times[-limit] <= since):
            return None
        return group.event_ids[bisect_right(times, since) :]

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:  # noqa: ARG002
        times = self._group(message).times
        if self._limit == 0:
            return None
        if len(times) < self._limit:
            return moment
        free = clock.plus(times[-self._limit], self._span)
        return None if free is None else max(moment, free)

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return False


class Sunset(_Cap):
    """Stops when the last `unengaged` counted messages found no response, and no order came since the first of them.

    Passes, and cannot tell, where the workspace holds no such response of the message's channel at all.
    """

    __slots__ = ("_asked", "_keys", "_orders", "_recorded", "_response", "_responses")

    def __init__(self, rule: Rule, history: History) -> None:
        super().__init__(rule)
        self._asked = rule.unengaged or 1
        self._response = ENGAGEMENT[rule.engagement]
        self._recorded = history.recorded
        self._keys: dict[str, str | None] = {}
        self._responses: dict[str, Place] = {}
        for act in history.acts:
            if act.kind == self._response and act.message_key is not None and act.machine is not True:
                self._responses.setdefault(act.message_key, (act.at, act.event_id))
        self._orders: list[Place] = [
            (act.at, act.event_id) for act in history.acts if act.kind == "order_completed"
        ]

    @property
    def until(self) -> datetime:
        return EARLIEST if self._all and len(self._all.times) < self._asked else LATEST

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        group = self._group(message)
        streak = group.event_ids[-self._asked :]
        if len(streak) < self._asked or self.cannot_tell(message, at):
            return None
        now = (at, message.event_id)
        began = (group.times[-self._asked], streak[0])
        ordered = bisect_left(self._orders, now) > bisect_right(self._orders, began)
        return None if ordered or any(self._responded(one, now) for one in streak) else streak

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        return moment if self.stops(message, at) is None else None

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return (self._response, message.channel) not in self._recorded

    def let_through(self, message: Message, at: datetime) -> None:
        super().let_through(message, at)
        self._keys[message.event_id] = message.message_key

    def streaks(self) -> Iterator[str]:
        """The event_ids that it may count from now on."""
        for group in [self._all] if self._all else self._groups.values():
            yield from group.event_ids[-self._asked :]

    def _responded(self, event_id: str, now: Place) -> bool:
        first = self._responses.get(self._keys[event_id] or "")
        return first is not None and first < now


class CalendarCap(_Cap):
    """Stops when at least `limit` counted messages lie in the calendar unit of t; in UTC where the zone is unknown."""

    __slots__ = ("_zones",)

    def __init__(self, rule: Rule, history: History) -> None:
        super().__init__(rule)
        self._zones = Zones(rule, history)

    @property
    def until(self) -> datetime:
        return self._ends(self._rule.limit or 0, clock.longest(self._rule.window or ""))

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        counted = self._counted(message, at, at)
        return tuple(counted) if len(counted) >= (self._rule.limit or 0) else None

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        if not self._rule.limit:
            return None
        later: datetime | None = moment
        while later is not None and len(self._counted(message, at, later)) >= self._rule.limit:
            later = clock.unit_end(
                later, self._rule.window or "", self._zone(message, at), self._rule.week_start
            )
        return later

    def cannot_tell(self, message: Message, at: datetime) -> bool:
        return self._zones.of(message, at) is None

    def _counted(self, message: Message, at: datetime, moment: datetime) -> Sequence[str]:
        where = self._zone(message, at)
        name = clock.unit(moment, self._rule.window or "", where, self._rule.week_start)
        return self._group(message).in_unit(name, self._rule, where)

    def _zone(self, message: Message, at: datetime) -> ZoneInfo:
        return self._zones.of(message, at) or zone("UTC")


class DaysCap(CalendarCap):
    """Stops when at least `limit` counted messages lie on the day of t and the days before it, so many together.

    Only senders count so; no rule file can say it (`presets`).
    """

    __slots__ = ("_days",)

    def __init__(self, rule: Rule, history: History) -> None:
        super().__init__(replace(rule, window="1d"), history)
        self._days = rule.span // timedelta(days=1)

    @property
    def until(self) -> datetime:
        return LATEST

    def _counted(self, message: Message, at: datetime, moment: datetime) -> Sequence[str]:
        where = self._zone(message, at)
        (today,) = clock.unit(moment, "1d", where, self._rule.week_start)
        group = self._group(message)
        days = range(today - self._days + 1, today + 1)
        return [one for day in days for one in group.in_unit((day,), self._rule, where)]
