"""The kinds of rules, one class a kind: when each stops a message, what it counted, when it would pass.

One check judges the messages of one customer, in order. `at` is when a message is due; what a check knows is what
lies before that, in order.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from audit.rules import clock
from audit.rules.consents import Consents
from audit.rules.history import Act, History, Message, Place
from audit.rules.model import ENGAGEMENT, REPURCHASE, Rule
from audit.rules.purchases import Purchases
from audit.rules.scopes import per_values
from audit.rules.values import quiet_hours, zone
from audit.rules.zones import Zones


class Check(Protocol):
    """What one rule says of one customer's messages."""

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        """The event_ids that it counted, oldest first, if it stops the message; None if it lets it pass."""

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        """The earliest time from `moment` at which it would pass by what is known at `at`; None: never."""

    def cannot_tell(self, message: Message, at: datetime) -> bool:
        """Whether it lacks what it needs to judge the message."""

    def let_through(self, message: Message, at: datetime) -> None:
        """Take in that a message it counts went out at `at`."""


class _Plain:
    """What most checks have in common: they can tell, and do not count messages."""

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return False

    def let_through(self, message: Message, at: datetime) -> None:
        """Nothing is counted."""


class Consent(_Plain):
    """Stops while a no is in force and its days of grace are over; it counts the oldest such act."""

    def __init__(self, rule: Rule, history: History) -> None:
        self._grace = rule.grace_span
        self._consents = Consents(history.acts)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        refused = self._consents.refused(message, at)
        return None if refused is None or self._in_grace(refused, at) else (refused.event_id,)

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        refused = self._consents.refused(message, at)
        return moment if refused is None or self._in_grace(refused, moment) else None

    def _in_grace(self, refused: Act, moment: datetime) -> bool:
        return refused.at > clock.minus(moment, self._grace)


class Mute(_Plain):
    """Stops always."""

    def __init__(self, rule: Rule, history: History) -> None:
        pass

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:  # noqa: ARG002
        return ()

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:  # noqa: ARG002
        return None


class Sensitive:
    """Stops what a sensitive topic brought about or is about, where no consent naming that topic is in force.

    Passes, and cannot tell, where the topics of the message are not known.
    """

    def __init__(self, rule: Rule, history: History) -> None:  # noqa: ARG002
        self._consents = Consents(history.acts)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        agreed = all(self._consents.agreed(message, topic, at) for topic in message.sensitive or ())
        return None if agreed else ()

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        return moment if self.stops(message, at) is None else None

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return message.sensitive is None

    def let_through(self, message: Message, at: datetime) -> None:
        """Nothing is counted."""


class ExcludeEvent:
    """Stops what nothing but the excluded events brought about; a message without any known cause passes.

    Where nothing is said of its causes at all, it cannot tell.
    """

    def __init__(self, rule: Rule, history: History) -> None:  # noqa: ARG002
        self._excluded = frozenset(rule.events)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:  # noqa: ARG002
        return () if message.causes and self._excluded.issuperset(message.causes) else None

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        return moment if self.stops(message, at) is None else None

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return message.causes is None

    def let_through(self, message: Message, at: datetime) -> None:
        """Nothing is counted."""


class Cooldown(_Plain):
    """Stops while an agreeing `after` event lies in `(t - window, t]`."""

    def __init__(self, rule: Rule, history: History) -> None:
        self._rule = rule
        self._intervals = history.intervals
        self._after: dict[object, list[Place]] = defaultdict(list)
        for act in history.acts:
            agrees_with = self._agreement(act)
            if act.kind in rule.after and agrees_with is not None:
                self._after[agrees_with].append((act.at, act.event_id))
        self._purchases = Purchases(history.acts if rule.window == REPURCHASE else ())

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        known = self._known(message, at)
        if not known:
            return None
        first = bisect_right(known, clock.minus(at, self._window(message, at)), key=lambda place: place[0])
        return [event_id for _, event_id in known[first:]] or None

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        known = self._known(message, at)
        if not known:
            return moment
        end = clock.plus(known[-1][0], self._window(message, at))
        return None if end is None else max(moment, end)

    def _known(self, message: Message, at: datetime) -> Sequence[Place]:
        places = self._after.get(self._agreement(message), ())
        return places[: bisect_left(places, (at, message.event_id))]

    def _agreement(self, event: Message | Act) -> object:
        if self._rule.same == "nothing":
            return ()
        value: str | None = getattr(event, self._rule.same)
        if value is not None and self._rule.same == "category" and self._rule.depth is not None:
            return tuple(value.split(" > ")[: self._rule.depth])
        return value

    def _window(self, message: Message, at: datetime) -> timedelta:
        if self._rule.window != REPURCHASE:
            return self._rule.span
        own = self._purchases.interval(message, at)
        return own or self._intervals.get(message.category or "") or self._rule.fallback_span


class QuietHours(_Plain):
    """Stops while the customer's clock is in the quiet hours; passes where the zone is unknown."""

    def __init__(self, rule: Rule, history: History) -> None:
        self._start, self._end = quiet_hours(rule.quiet or "")
        self._zones = Zones(rule, history)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        where = self._zones.of(message, at)
        return () if where is not None and clock.is_quiet(at, self._start, self._end, where) else None

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        where = self._zones.of(message, at)
        if where is None or not clock.is_quiet(moment, self._start, self._end, where):
            return moment
        return clock.quiet_end(moment, self._start, self._end, where)

    def cannot_tell(self, message: Message, at: datetime) -> bool:
        return self._zones.of(message, at) is None


class _Counted:
    """The messages let through that a cap counts together, in order."""

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.event_ids: list[str] = []
        self._placed: dict[ZoneInfo, dict[clock.Unit, list[str]]] = {}
        self._upto: dict[ZoneInfo, int] = defaultdict(int)

    def in_unit(self, name: clock.Unit, rule: Rule, where: ZoneInfo) -> Sequence[str]:
        """Those in one calendar unit of a zone."""
        placed = self._placed.setdefault(where, {})
        for number in range(self._upto[where], len(self.times)):
            of = clock.unit(self.times[number], rule.window or "", where, rule.week_start)
            placed.setdefault(of, []).append(self.event_ids[number])
        self._upto[where] = len(self.times)
        return placed.get(name, ())


class _Cap:
    """Counts what was let through, of the same `per` values."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._together = len(rule.per) == 1  # all of the customer's
        self._groups: dict[tuple[str | None, ...], _Counted] = defaultdict(_Counted)

    def let_through(self, message: Message, at: datetime) -> None:
        group = self._group(message)
        group.times.append(at)
        group.event_ids.append(message.event_id)

    def _group(self, message: Message) -> _Counted:
        return self._groups[() if self._together else per_values(self._rule, message)]


class RollingCap(_Cap):
    """Stops when at least `limit` counted messages lie in `(t - window, t]`; a minimum gap is a limit of one."""

    def __init__(self, rule: Rule, history: History) -> None:  # noqa: ARG002
        super().__init__(rule)
        self._limit = 1 if rule.limit is None else rule.limit
        self._span = rule.span

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        group = self._group(message)
        first = bisect_right(group.times, clock.minus(at, self._span))
        return group.event_ids[first:] if len(group.times) - first >= self._limit else None

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

    def _responded(self, event_id: str, now: Place) -> bool:
        first = self._responses.get(self._keys[event_id] or "")
        return first is not None and first < now


class CalendarCap(_Cap):
    """Stops when at least `limit` counted messages lie in the calendar unit of t; in UTC where the zone is unknown."""

    def __init__(self, rule: Rule, history: History) -> None:
        super().__init__(rule)
        self._zones = Zones(rule, history)

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

    def __init__(self, rule: Rule, history: History) -> None:
        super().__init__(replace(rule, window="1d"), history)
        self._days = rule.span // timedelta(days=1)

    def _counted(self, message: Message, at: datetime, moment: datetime) -> Sequence[str]:
        where = self._zone(message, at)
        (today,) = clock.unit(moment, "1d", where, self._rule.week_start)
        group = self._group(message)
        days = range(today - self._days + 1, today + 1)
        return [one for day in days for one in group.in_unit((day,), self._rule, where)]


def check(rule: Rule, history: History) -> Check:
    """What judges `rule` for one customer."""
    if rule.kind == "frequency_cap" and rule.window_kind != "rolling":
        return (CalendarCap if rule.window_kind == "calendar" else DaysCap)(rule, history)
    return _CHECKS[rule.kind](rule, history)


_CHECKS: dict[str, Callable[[Rule, History], Check]] = {
    "consent": Consent,
    "mute": Mute,
    "sensitive": Sensitive,
    "exclude_event": ExcludeEvent,
    "cooldown": Cooldown,
    "sunset": Sunset,
    "min_gap": RollingCap,
    "frequency_cap": RollingCap,
    "quiet_hours": QuietHours,
}
