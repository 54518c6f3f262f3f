"""Quiet hours: nothing goes out at some hours of the day."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from audit.errors import InputError
from audit.rules import describe
from audit.rules.key_readers import Zone, text
from audit.rules.model import OnFail, Rule
from audit.rules.reference import clock
from audit.rules.reference.history import Blocking, Evaluator, History, Message, ZoneLookup

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@lru_cache(maxsize=1024)
def quiet_hours(hours: str) -> tuple[time, time]:
    """Start and end of `21:00-08:00`, as local times."""
    match = _HOURS.fullmatch(hours)
    if match is None:
        raise InputError(f"{hours!r} are no hours; write 21:00-08:00")
    start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if start == end:
        raise InputError(f"{hours!r} starts when it ends; a rule that always holds is a mute")
    return start, end


def _minutes(hours: str) -> set[int]:
    """The minutes of a day that lie in the hours."""
    start, end = (at.hour * 60 + at.minute for at in quiet_hours(hours))
    return {minute % (24 * 60) for minute in range(start, end if start < end else end + 24 * 60)}


def _quiet(value: Any) -> str:
    quiet_hours(text(value))
    return str(value)


@dataclass(frozen=True, kw_only=True)
class QuietHours(Rule):
    """Blocks while the customer's clock is in the quiet hours; passes where the zone is unknown."""

    on_fail: OnFail = "defer"
    quiet: Annotated[str, _quiet, "from-to: 21:00-08:00"]
    time_zone: Zone = "customer"

    kind: ClassVar = "quiet_hours"
    purpose: ClassVar = "Nothing goes out at some hours of the day."
    example: ClassVar = {"quiet": "21:00-08:00", "channels": ["push"]}
    order: ClassVar = 90
    may_defer: ClassVar = True
    judges_alone: ClassVar = True
    suppresses: ClassVar = "hours"

    def blocks_what(self, other: Rule) -> bool:
        if not isinstance(other, QuietHours) or self.time_zone != other.time_zone:
            return False
        return _minutes(self.quiet) >= _minutes(other.quiet)

    def evaluator(self, history: History) -> Evaluator:
        return _QuietClock(self, history)

    @property
    def reads_clock(self) -> bool:
        return True

    @property
    def reads_customers_clock(self) -> bool:
        return self.time_zone == "customer"

    def asks_message_alone(self, *, zone_known: bool) -> bool:
        return zone_known

    def description(self) -> str:
        start, _, end = self.quiet.partition("-")
        return f"No {describe.messages(self)} from {start} to {end}, {describe.clock(self.time_zone)}"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        return f"it was due in the quiet hours {self.quiet}"

    def passed_because(self) -> str:
        return f"it was due outside of {self.quiet}"


class _QuietClock(Evaluator):
    __slots__ = ("_clock", "_zones")

    def __init__(self, rule: QuietHours, history: History) -> None:
        self._clock = clock.quiet_clock(*quiet_hours(rule.quiet))
        self._zones = ZoneLookup(rule.time_zone, history)

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        return None if self.earliest_pass(message, at, at) == at else Blocking()

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        zone = self._zones.zone(message, at)
        return moment if zone is None else self._clock.loud_from(moment, zone)

    def undecidable(self, message: Message, at: datetime) -> bool:
        return self._zones.zone(message, at) is None
