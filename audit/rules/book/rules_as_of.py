"""The rules as they stood in the book at each moment, as one set for a replay.

Every version that was switched on takes part from the moment it was recorded and in force until a version of its rule
is that was recorded later. So each message is judged by the rules in force at its time, as the book knew them then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from audit.rules.book.versions import Version
from audit.rules.model import Rule
from audit.rules.scopes import RuleSet


class RulePeriod(NamedTuple):
    """A version of a rule, and when it was the one in force: `since ≤ t < until`; None: to this day."""

    rule: Rule
    since: datetime
    until: datetime | None


def stood(versions: Iterable[Version]) -> list[RulePeriod]:
    """The versions that were switched on and not declared, from every version of a book, oldest first.

    In the order in which their rules were made, those of one rule one after the other.
    """
    by_rule: dict[str, list[Version]] = {}
    for version in versions:
        by_rule.setdefault(version.rule.id, []).append(version)
    return [
        period
        for line in by_rule.values()
        for period in _line(line)
        if period.until is None or period.since < period.until
    ]


def _line(versions: Sequence[Version]) -> list[RulePeriod]:
    """The versions of one rule, oldest first, each until one that was recorded later judges."""
    periods: list[RulePeriod] = []
    until: datetime | None = None
    for version in reversed(versions):
        since = version.judges_from
        if version.state == "enabled" and version.rule.takes_part:
            periods.append(RulePeriod(version.rule, since, until))
        until = since if until is None else min(since, until)
    return periods[::-1]


def rule_set(versions: Iterable[Version], ids: Mapping[str, str] | None = None) -> RuleSet:
    """The set that judges each message by the rules as they stood at its time.

    `versions`: every version of a book, oldest first (`Book.history()` reversed); `ids` as in `RuleSet`. A cap that
    was changed goes on counting: messages count that were in its scope as it stood at their own time.
    """
    standing = stood(versions)

    def classes(at: datetime) -> set[str]:
        return {
            name
            for period in standing
            if period.since <= at and (period.until is None or at < period.until)
            for name in period.rule.message_classes
        }

    clipped = [cut for period in standing if (cut := _clipped(period)) is not None]
    return RuleSet(clipped, ids, classes_at=classes)


def _clipped(period: RulePeriod) -> Rule | None:
    """The rule, valid only while it stood; None where it never was valid then."""
    rule = period.rule
    since = max(period.since, rule.valid_from) if rule.valid_from else period.since
    ends = [moment for moment in (period.until, rule.valid_until) if moment]
    until = min(ends, default=None)
    if until is not None and since >= until:
        return None
    return replace(rule, valid_from=since, valid_until=until)
