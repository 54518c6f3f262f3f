"""What kinds share that count the messages let through."""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from audit.events.times import duration
from audit.rules.key_readers import Per, Window
from audit.rules.kinds.cooldown import NOT_ROLLING, REPURCHASE
from audit.rules.model import Rule
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.history import Blocking, Evaluator, Message
from audit.rules.scopes import per_values


class CountingRule(Rule):
    """A rule that counts what was let through, together per customer and what else `per` names."""

    per: Per

    counts: ClassVar = True

    @cached_property
    def counted_per(self) -> tuple[str, ...]:
        return tuple(field for field in self.per if field != "customer")

    @property
    def apart_by_channel(self) -> bool:
        return "channel" in self.per

    def per_words(self) -> str:
        """What is counted together, beside the customer."""
        return (
            f", each {' and '.join(sorted(self.counted_per))} counted by itself" if self.counted_per else ""
        )


class Cap(CountingRule):
    """A rule that holds the number of messages in a window to a limit, and reads nothing but messages."""

    window: Window

    may_defer: ClassVar = True

    @property
    @abstractmethod
    def most(self) -> int:
        """The messages that may go out in a window."""

    @property
    def rolling(self) -> bool:
        """Whether the window ends at each message, rather than with a day, a week or a month of the calendar."""
        return True

    @property
    def span(self) -> timedelta:
        """The length of a rolling window."""
        return duration(self.window)

    @property
    def within(self) -> timedelta:
        """A time in which a window lies, whatever the clocks do."""
        return self.span

    def contradiction(self) -> tuple[str, str] | None:
        if self.window == REPURCHASE:
            text = "only a cooldown can last until the re-purchase; write 30m, 16h, 7d or 4w"
            return "window", text
        return ("window", NOT_ROLLING) if self.window == "1mo" else None

    def blocks_what(self, other: Rule) -> bool:
        if (
            not isinstance(other, Cap)
            or self.most > other.most
            or self.counts_other_classes < other.counts_other_classes
        ):
            return False
        return not self.most or self._window_holds(other)

    def _window_holds(self, other: "Cap") -> bool:
        """Whether every window of another cap lies in one of its own."""
        return self.rolling and self.span >= other.within

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        at = pl.col("occurred_at")
        return (at - at.shift(self.most) < self.within).any().over("customer_id")

    @property
    def lookback(self) -> timedelta | None:
        return self.within


class CountedMessages:
    """The messages let through that a rule counts together, in order."""

    __slots__ = ("_by_unit", "_placed", "event_ids", "times")

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.event_ids: list[str] = []
        self._by_unit: dict[ZoneInfo, dict[clock.Unit, list[str]]] = {}
        self._placed: dict[ZoneInfo, int] = {}

    def in_unit(self, unit: clock.Unit, window: str, zone: ZoneInfo, week_start: str) -> Sequence[str]:
        """Those in one calendar unit of a zone, of the units that `window` names."""
        by_unit = self._by_unit.setdefault(zone, {})
        for number in range(self._placed.get(zone, 0), len(self.times)):
            unit_of_message = clock.unit(self.times[number], window, zone, week_start)
            by_unit.setdefault(unit_of_message, []).append(self.event_ids[number])
        self._placed[zone] = len(self.times)
        return by_unit.get(unit, ())


class Counter(Evaluator):
    """Counts what was let through, of the same `per` values."""

    __slots__ = ("_all", "_groups", "_rule")

    def __init__(self, rule: CountingRule) -> None:
        self._rule = rule
        self._all = None if rule.counted_per else CountedMessages()  # together, whatever they are
        self._groups: dict[tuple[str | None, ...], CountedMessages] = {}

    def record_sent(self, message: Message, at: datetime) -> None:
        group = self._all or self._group(message)
        group.times.append(at)
        group.event_ids.append(message.event_id)

    def _full_until(self, limit: int, span: timedelta) -> datetime:
        """When no window of `span` holds `limit` of them any more, where all are counted together."""
        if self._all is None or limit == 0:
            return LATEST
        times = self._all.times
        if len(times) < limit:
            return EARLIEST
        return clock.plus(times[-limit], span) or LATEST

    def _group(self, message: Message) -> CountedMessages:
        if self._all is not None:
            return self._all
        values = per_values(self._rule, message)
        group = self._groups.get(values)
        if group is None:
            group = self._groups[values] = CountedMessages()
        return group


class RollingWindow(Counter):
    """Blocks when at least as many counted messages as may go out lie in `(t - window, t]`."""

    __slots__ = ("_limit", "_span")

    def __init__(self, rule: Cap) -> None:
        super().__init__(rule)
        self._limit = rule.most
        self._span = rule.span

    @property
    def idle_from(self) -> datetime:
        return self._full_until(self._limit, self._span)

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        group = self._all or self._group(message)
        times, limit, since = group.times, self._limit, clock.minus(at, self._span)
        if len(times) < limit or (limit and times[-limit] <= since):
            return None
        return Blocking(group.event_ids[bisect_right(times, since) :])

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:  # noqa: ARG002
        times = self._group(message).times
        if self._limit == 0:
            return None
        if len(times) < self._limit:
            return moment
        free = clock.plus(times[-self._limit], self._span)
        return None if free is None else max(moment, free)
