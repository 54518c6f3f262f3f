"""A frequency cap: at most so many messages in a window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from audit.events.vocabulary import LONGEST_UNIT
from audit.rules import describe
from audit.rules.key_readers import Flag, Per, Window, Zone, number, one_of, zone
from audit.rules.kinds.counting import Cap, Counter, RollingWindow
from audit.rules.reference import clock
from audit.rules.reference.clock import LATEST
from audit.rules.reference.history import Blocking, Evaluator, History, Message, ZoneLookup

_IN_A = {"1h": "clock hour", "1d": "calendar day", "1w": "calendar week", "1mo": "calendar month"}
_SAME = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}

CALENDAR = tuple(_SAME)
"""The windows that a calendar cap may have."""


@dataclass(frozen=True, kw_only=True)
class FrequencyCap(Cap):
    """Blocks when at least `limit` counted messages lie in `(t - window, t]`, or in the calendar hour, day, week or month of t.

    A `window_kind` of `days` (so many calendar days, today the last of them) is how some senders count; no rule file can
    say it (`vendor_semantics`).
    """

    limit: Annotated[int, number(0), "messages"]
    window: Window
    window_kind: Annotated[str, one_of("rolling", "calendar"), "rolling, or calendar with 1h 1d 1w 1mo"] = (
        "rolling"
    )
    time_zone: Zone = "customer"
    week_start: Annotated[str, one_of(*clock.WEEKDAYS), "first day of a calendar week"] = "monday"
    per: Per = ("customer",)
    exempt_counts: Flag = False

    kind: ClassVar = "frequency_cap"
    purpose: ClassVar = "At most so many messages go out in some time."
    example: ClassVar = {"limit": 3, "window": "7d", "channels": ["email"], "except_campaigns": ["cart"]}
    order: ClassVar = 80
    displaces: ClassVar = True

    @property
    def most(self) -> int:
        return self.limit

    @property
    def rolling(self) -> bool:
        return self.window_kind == "rolling"

    @property
    def counts_other_classes(self) -> bool:
        return self.exempt_counts

    @property
    def reads_clock(self) -> bool:
        return not self.rolling

    @property
    def reads_customers_clock(self) -> bool:
        return self.reads_clock and self.time_zone == "customer"

    @property
    def within(self) -> timedelta:
        if self.window_kind == "calendar":
            return LONGEST_UNIT[self.window]
        return self.span if self.rolling else self.span + LONGEST_UNIT["1d"]

    def contradiction(self) -> tuple[str, str] | None:
        if self.window_kind != "calendar":
            return super().contradiction()
        if self.window not in CALENDAR:
            return "window", f"{self.window!r} is no calendar window; one of {', '.join(CALENDAR)}"
        return None

    def _window_holds(self, other: Cap) -> bool:
        keys = ("window_kind", "window", "time_zone", "week_start")
        return super()._window_holds(other) or (
            isinstance(other, FrequencyCap) and all(getattr(self, key) == getattr(other, key) for key in keys)
        )

    def without_effect(self) -> Mapping[str, str]:
        if not self.limit:
            keys = ("window", "window_kind", "time_zone", "week_start", "exempt_counts")
            return dict.fromkeys(keys, "a limit of 0 stops all, whenever it goes out")
        rolling = {"time_zone": "counts only where window_kind is calendar"} if self.rolling else {}
        weekly = not self.rolling and self.window == "1w"
        return rolling | ({} if weekly else {"week_start": "counts only in a calendar week"})

    def evaluator(self, history: History) -> Evaluator:
        if self.rolling:
            return RollingWindow(self)
        return (_CalendarUnit if self.window_kind == "calendar" else _CalendarDays)(self, history)

    @property
    def wording(self) -> str:
        if not self.limit:
            return "frequency_cap_zero"
        one = "_one" if self.limit == 1 else ""
        narrow = self.campaigns or self.categories or self.items or self.topics
        return f"{self.kind}{one}{'_of_kind' if narrow else ''}"

    def description(self) -> str:
        if self.limit == 0:
            named = f" that name their {' and '.join(sorted(self.counted_per))}" if self.counted_per else ""
            return f"No {describe.messages(self)}{named}"
        messages = describe.messages(self, one=self.limit == 1)
        text = f"At most {self.limit} {messages} {self._in_window()}{self.per_words()}"
        classes = "; messages of other classes count too, though it lets them pass"
        return text + classes if self.exempt_counts else text

    def blocked_because(self, counted: int) -> str:
        count = describe.count(counted, "message")
        return f"{count} had gone out in {self._window_before()}, and {self.limit} may"

    def passed_because(self) -> str:
        return f"fewer than {self.limit} went out in {self._window_before()}"

    def _in_window(self) -> str:
        if self.rolling:
            return f"in any {describe.span(self.window)}"
        if self.window_kind == "days":
            return f"in any {self.window.removesuffix('d')} calendar days, {describe.clock(self.time_zone)}"
        starts = f" from {self.week_start.capitalize()}" if self.window == "1w" else ""
        return f"in a {_IN_A[self.window]}{starts}, {describe.clock(self.time_zone)}"

    def _window_before(self) -> str:
        if self.window_kind == "days":
            return f"the last {self.window.removesuffix('d')} calendar days"
        if self.window_kind == "calendar":
            return f"the same calendar {_SAME[self.window]}"
        return f"the {describe.span(self.window)} before it"


class _CalendarUnit(Counter):
    """Counts in the calendar unit of t; in UTC where the zone is unknown."""

    __slots__ = ("_cap", "_zones")

    def __init__(self, rule: FrequencyCap, history: History) -> None:
        super().__init__(rule)
        self._cap = rule
        self._zones = ZoneLookup(rule.time_zone, history)

    @property
    def idle_from(self) -> datetime:
        return self._full_until(self._cap.limit, LONGEST_UNIT[self._cap.window])

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        counted = self._counted(message, at, at)
        return Blocking(tuple(counted)) if len(counted) >= self._cap.limit else None

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        cap = self._cap
        if not cap.limit:
            return None
        later: datetime | None = moment
        while later is not None and len(self._counted(message, at, later)) >= cap.limit:
            later = clock.unit_end(later, self._unit, self._zone(message, at), cap.week_start)
        return later

    def undecidable(self, message: Message, at: datetime) -> bool:
        return self._zones.zone(message, at) is None

    @property
    def _unit(self) -> str:
        return self._cap.window

    def _counted(self, message: Message, at: datetime, moment: datetime) -> Sequence[str]:
        zone, cap = self._zone(message, at), self._cap
        unit = clock.unit(moment, cap.window, zone, cap.week_start)
        return self._group(message).in_unit(unit, cap.window, zone, cap.week_start)

    def _zone(self, message: Message, at: datetime) -> ZoneInfo:
        return self._zones.zone(message, at) or zone("UTC")


class _CalendarDays(_CalendarUnit):
    """Counts on the day of t and the days before it, so many together."""

    __slots__ = ("_days",)

    def __init__(self, rule: FrequencyCap, history: History) -> None:
        super().__init__(rule, history)
        self._days = rule.span // timedelta(days=1)

    @property
    def idle_from(self) -> datetime:
        return LATEST

    @property
    def _unit(self) -> str:
        return "1d"

    def _counted(self, message: Message, at: datetime, moment: datetime) -> Sequence[str]:
        zone, week_start = self._zone(message, at), self._cap.week_start
        (today,) = clock.unit(moment, "1d", zone, week_start)
        group = self._group(message)
        days = range(today - self._days + 1, today + 1)
        return [message_id for day in days for message_id in group.in_unit((day,), "1d", zone, week_start)]
