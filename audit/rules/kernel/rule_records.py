"""Rules as the records that the compiled code reads."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from audit.rules.kernel import tz_offsets
from audit.rules.kernel.layout import (
    CALENDAR,
    CONSENT,
    COOLDOWN,
    FIXED,
    LATEST,
    LONG_AGO,
    NEVER,
    QUIET,
    ROLLING,
    RULE,
    SENSITIVE,
    SUNSET,
    Int64,
    Records,
)
from audit.rules.kinds.consent import Consent
from audit.rules.kinds.cooldown import Cooldown
from audit.rules.kinds.counting import Cap
from audit.rules.kinds.frequency_cap import CALENDAR as UNITS
from audit.rules.kinds.frequency_cap import FrequencyCap
from audit.rules.kinds.quiet_hours import QuietHours, quiet_hours
from audit.rules.kinds.sunset import Sunset
from audit.rules.model import Rule
from audit.rules.reference.clock import WEEKDAYS

_KIND = {
    "consent": CONSENT,
    "mute": FIXED,
    "sensitive": SENSITIVE,
    "exclude_event": FIXED,
    "cooldown": COOLDOWN,
    "sunset": SUNSET,
    "min_gap": ROLLING,
    "frequency_cap": ROLLING,
    "quiet_hours": QUIET,
}


def records(
    rules: Sequence[Rule],
    groups: Sequence[int],
    bases: Int64,
    zone_code: Callable[[str], int],
    responses: Sequence[str],
) -> Records:
    """A RULE for each rule. `groups`: the row of its groups, -1: all together; `bases`: where its counters begin."""
    made: Records = np.zeros(len(rules), RULE)
    for number, rule in enumerate(rules):
        quiet = quiet_hours(rule.quiet) if isinstance(rule, QuietHours) else ()
        hours = [60 * time.hour + time.minute for time in quiet] or [0, 0]
        unit, week_start = _unit(rule)
        made[number] = (
            _KIND[rule.kind] if unit is None else CALENDAR,
            _limit(rule),
            span(rule),
            _moment(rule.valid_from, LONG_AGO),
            _moment(rule.valid_until, NEVER),
            rule.on_fail == "defer",
            unit or 0,
            week_start,
            zone_code(rule.time_zone)
            if isinstance(rule, FrequencyCap | QuietHours) and rule.time_zone != "customer"
            else -1,
            *(60_000_000 * minutes for minutes in hours),
            groups[number],
            bases[number],
            isinstance(rule, Cooldown) and rule.until_repurchase,
            responses.index(rule.response) if isinstance(rule, Sunset) else -1,
        )
    return made


def span(rule: Rule) -> int:
    """A rolling window, what a re-purchase falls back to, or the days of grace (µs)."""
    if isinstance(rule, Consent):
        return micros(rule.grace_span)
    if isinstance(rule, Cooldown) or (isinstance(rule, Cap) and rule.rolling):
        return micros(rule.span)
    return 0


def micros(duration: timedelta) -> int:
    """A duration in µs."""
    return duration // timedelta(microseconds=1)


def _unit(rule: Rule) -> tuple[int | None, int]:
    """The calendar unit of a cap (None: it has none), and the day that its weeks begin on, as numbers."""
    if not isinstance(rule, FrequencyCap):
        return None, 0
    return None if rule.rolling else UNITS.index(rule.window), WEEKDAYS.index(rule.week_start)


def _limit(rule: Rule) -> int:
    """How many make a cap full, or are a streak; one in a minimum gap."""
    if isinstance(rule, Sunset):
        return min(rule.unengaged, LATEST)
    return min(rule.most, LATEST) if isinstance(rule, Cap) else 1


def _moment(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else micros(moment - tz_offsets.EPOCH)
