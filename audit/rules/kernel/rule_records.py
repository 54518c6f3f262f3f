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
from audit.rules.key_readers import quiet_hours
from audit.rules.model import ENGAGEMENT, REPURCHASE, Rule

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
_UNITS = ("1h", "1d", "1w", "1mo")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


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
        hours = [60 * one.hour + one.minute for one in quiet_hours(rule.quiet)] if rule.quiet else [0, 0]
        made[number] = (
            CALENDAR if _calendar(rule) else _KIND[rule.kind],
            _limit(rule),
            span(rule),
            _moment(rule.valid_from, LONG_AGO),
            _moment(rule.valid_until, NEVER),
            rule.on_fail == "defer",
            _UNITS.index(rule.window or "") if _calendar(rule) else 0,
            _WEEKDAYS.index(rule.week_start),
            -1 if rule.time_zone == "customer" else zone_code(rule.time_zone),
            *(60_000_000 * minutes for minutes in hours),
            groups[number],
            bases[number],
            rule.window == REPURCHASE,
            responses.index(ENGAGEMENT[rule.engagement]) if rule.kind == "sunset" else -1,
        )
    return made


def span(rule: Rule) -> int:
    """A rolling window, what a re-purchase falls back to, or the days of grace (µs)."""
    if rule.kind == "consent":
        return micros(rule.grace_span)
    if rule.window == REPURCHASE:
        return micros(rule.fallback_span)
    return 0 if rule.window is None or _calendar(rule) else micros(rule.span)


def micros(duration: timedelta) -> int:
    """A duration in µs."""
    return duration // timedelta(microseconds=1)


def _calendar(rule: Rule) -> bool:
    return rule.kind == "frequency_cap" and rule.window_kind == "calendar"


def _limit(rule: Rule) -> int:
    """How many make a cap full, or are a streak; one in a minimum gap."""
    if rule.kind == "sunset":
        return min(rule.unengaged or 1, LATEST)
    return 1 if rule.limit is None else min(rule.limit, LATEST)


def _moment(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else micros(moment - tz_offsets.EPOCH)
