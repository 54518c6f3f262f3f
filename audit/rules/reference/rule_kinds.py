"""The kinds of rules, one class a kind: when each stops a message, what it counted, when it would pass.

One check judges the messages of one customer, in order. `at` is when a message is due; what a check knows is what
lies before that, in order.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from audit.rules.key_readers import quiet_hours
from audit.rules.model import REPURCHASE, Rule
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.consents import Consents
from audit.rules.reference.counting_kinds import (
    CalendarCap,
    DaysCap,
    RollingCap,
    Sunset,
)
from audit.rules.reference.history import (
    Act,
    History,
    Message,
    Place,
)
from audit.rules.reference.repurchase_interval import Purchases
from audit.rules.reference.zones import Zones


class Check(Protocol):
    """What one rule says of one customer's messages."""

    @property
    def until(self) -> datetime:
        """By what is known, it stops nothing from this moment on, whatever the message; `LATEST`: it has to be asked."""

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

    __slots__ = ()

    @property
    def until(self) -> datetime:
        return LATEST

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return False

    def let_through(self, message: Message, at: datetime) -> None:
        """Nothing is counted."""


class Consent(_Plain):
    """Stops while a no is in force and its days of grace are over; it counts the oldest such act."""

    __slots__ = ("_consents", "_grace")

    def __init__(self, rule: Rule, history: History) -> None:
        self._grace = rule.grace_span
        self._consents = Consents(history.acts)

    @property
    def until(self) -> datetime:
        return LATEST if self._consents else EARLIEST

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

    __slots__ = ()

    def __init__(self, rule: Rule, history: History) -> None:
        pass

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:  # noqa: ARG002
        return ()

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:  # noqa: ARG002
        return None


class Sensitive(_Plain):
    """Stops what a sensitive topic brought about or is about, where no consent naming that topic is in force.

    Passes, and cannot tell, where the topics of the message are not known.
    """

    __slots__ = ("_consents",)

    def __init__(self, rule: Rule, history: History) -> None:  # noqa: ARG002
        self._consents = Consents(history.acts)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        agreed = all(self._consents.agreed(message, topic, at) for topic in message.sensitive or ())
        return None if agreed else ()

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        return moment if self.stops(message, at) is None else None

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return message.sensitive is None


class ExcludeEvent(_Plain):
    """Stops what nothing but the excluded events brought about; a message without any known cause passes.

    Where nothing is said of its causes at all, it cannot tell.
    """

    __slots__ = ("_excluded",)

    def __init__(self, rule: Rule, history: History) -> None:  # noqa: ARG002
        self._excluded = frozenset(rule.events)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:  # noqa: ARG002
        return () if message.causes and self._excluded.issuperset(message.causes) else None

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        return moment if self.stops(message, at) is None else None

    def cannot_tell(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return message.causes is None


class Cooldown(_Plain):
    """Stops while an agreeing `after` event lies in `(t - window, t]`."""

    __slots__ = ("_after", "_intervals", "_purchases", "_rule", "_span")

    def __init__(self, rule: Rule, history: History) -> None:
        self._rule = rule
        self._span = None if rule.window == REPURCHASE else rule.span
        self._intervals = history.intervals
        self._after: dict[object, list[Place]] = defaultdict(list)
        for act in history.acts:
            agrees_with = self._agreement(act)
            if act.kind in rule.after and agrees_with is not None:
                self._after[agrees_with].append((act.at, act.event_id))
        self._purchases = Purchases(history.acts if rule.window == REPURCHASE else ())

    @property
    def until(self) -> datetime:
        if not self._after:
            return EARLIEST
        newest = max(places[-1][0] for places in self._after.values())
        return LATEST if self._span is None else clock.plus(newest, self._span) or LATEST

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
        places = self._after.get(self._agreement(message)) if self._after else None
        if not places:
            return ()
        return places[: bisect_left(places, (at, message.event_id))]

    def _agreement(self, event: Message | Act) -> object:
        if self._rule.same == "nothing":
            return ()
        value: str | None = getattr(event, self._rule.same)
        if value is not None and self._rule.same == "category" and self._rule.depth is not None:
            return tuple(value.split(" > ")[: self._rule.depth])
        return value

    def _window(self, message: Message, at: datetime) -> timedelta:
        if self._span is not None:
            return self._span
        own = self._purchases.interval(message, at)
        return own or self._intervals.get(message.category or "") or self._rule.fallback_span


class QuietHours(_Plain):
    """Stops while the customer's clock is in the quiet hours; passes where the zone is unknown."""

    __slots__ = ("_clock", "_zones")

    def __init__(self, rule: Rule, history: History) -> None:
        self._clock = clock.quiet_clock(*quiet_hours(rule.quiet or ""))
        self._zones = Zones(rule, history)

    def stops(self, message: Message, at: datetime) -> Sequence[str] | None:
        return None if self.passes_from(message, at, at) == at else ()

    def passes_from(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        where = self._zones.of(message, at)
        return moment if where is None else self._clock.loud_from(moment, where)

    def cannot_tell(self, message: Message, at: datetime) -> bool:
        return self._zones.of(message, at) is None


def unasked(rule: Rule) -> datetime:
    """`Check.until` of a customer of whom nothing is known."""
    return check(rule, History("", ())).until


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
