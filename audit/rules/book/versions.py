"""Versions of rules: what each was, from when on it is in force, and when that was written down.

A version is in force from `effective` on, until a version of the same rule that was written later is in force. So at
a moment V, as known at a moment R, of the versions recorded by R and effective by V the one written last holds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from audit.errors import InputError, WorkspaceError
from audit.events.times import iso, parse_iso
from audit.rules.model import Rule, from_dict
from audit.rules.scopes import RuleSet

if TYPE_CHECKING:
    from sqlite_utils import Database

REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a rule: what it was, or was before it was removed. Times are UTC.

    `recorded_at`: when it was written; `effective`: from when on it is in force; `approved_by`: the second person, and
    `proposal` the number of what they approved, where there is one.
    """

    change: int
    action: str
    undoes: int | None
    state: str
    rule: Rule
    author: str
    recorded_at: datetime
    effective: datetime
    note: str
    approved_by: str | None = None
    proposal: int | None = None

    @property
    def stands(self) -> Rule | None:
        """The rule; None from where it is removed."""
        return None if self.state == REMOVED else self.rule

    @property
    def judges_from(self) -> datetime:
        """From when on it could judge anything: in force, and written down."""
        return max(self.recorded_at, self.effective)

    @property
    def corrects_the_past(self) -> bool:
        """Whether it is in force from before it was written."""
        return self.effective < self.recorded_at


_COLUMNS = (
    "change", "action", "undoes", "state", "body", "version", "author", "recorded_at", "effective", "note",
    "approved_by", "proposal",
)  # fmt: skip


def read(db: "Database", path: Path) -> list[Version]:
    """Every version, in the order written. Raises WorkspaceError if one of the file `path` cannot be read."""
    rows = db.conn.execute(f"select {', '.join(_COLUMNS)} from versions order by seq")  # noqa: S608 - constants
    try:
        return [_version(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    except (ValueError, InputError) as error:
        raise WorkspaceError(
            f"{path}: a rule in it cannot be read: {error}; restore it from a backup"
        ) from error


def _version(row: dict[str, Any]) -> Version:
    rule = from_dict(json.loads(row.pop("body")), version=row.pop("version"))
    moments = {name: parse_iso(row[name]) for name in ("recorded_at", "effective")}
    return Version(**{**row, **moments, "rule": rule})


def not_before(versions: Sequence[Version], now: datetime) -> datetime:
    """Now, though not before what was recorded last: a clock that was set back hides no change."""
    return max([now, *(version.recorded_at for version in versions[-1:])])


def heads(versions: Iterable[Version]) -> dict[str, Rule]:
    """The rules by the version written last, in the order of their creation: what a change builds on."""
    newest = {version.rule.id: version for version in versions}
    return {rule_id: rule for rule_id, version in newest.items() if (rule := version.stands) is not None}


def standing(versions: Iterable[Version], valid_at: datetime, recorded_at: datetime) -> tuple[Rule, ...]:
    """The rules that stood at `valid_at` as known at `recorded_at`, switched on or off, in the order of their creation."""
    in_force: dict[str, Version | None] = {}
    for version in versions:
        if version.recorded_at <= recorded_at:
            in_force.setdefault(version.rule.id, None)
            if version.effective <= valid_at:
                in_force[version.rule.id] = version
    return tuple(rule for version in in_force.values() if version and (rule := version.stands) is not None)


def coming(versions: Sequence[Version], now: datetime) -> list[Version]:
    """The versions that are written and will be in force later than `now`, the soonest first."""
    later: list[Version] = []
    until: dict[str, datetime] = {}
    for version in reversed(versions):
        end = until.get(version.rule.id)
        if version.effective > now and (end is None or version.effective < end):
            later.append(version)
        until[version.rule.id] = version.effective if end is None else min(end, version.effective)
    return sorted(later, key=lambda version: version.effective)


def describe(version: Version) -> str:
    """Who made a version, and when, in words."""
    note = f" ({version.note})" if version.note else ""
    return (
        f"{version.author} made {version.rule.id!r} version {version.rule.version} ({version.action}) "
        f"at {iso(version.recorded_at)}{note}"
    )


# -- the rules as they stood at each moment, as one set for a replay ----------------------------------------------


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


def in_force(versions: Iterable[Version], now: datetime) -> tuple[RulePeriod, ...]:
    """The rules that judge at `now`, in the order in which they were made, each since when it judges as it does.

    A version that differs in nothing but title and note goes on where the one before it stopped.
    """
    judging: dict[str, RulePeriod] = {}
    for period in stood(versions):
        earlier = judging.get(period.rule.id)
        goes_on = earlier is not None and earlier.until == period.since and _same(earlier.rule, period.rule)
        since = earlier.since if earlier is not None and goes_on else period.since
        since = max(since, period.rule.valid_from or since)
        judging[period.rule.id] = period._replace(since=since)
    return tuple(
        period
        for period in judging.values()
        if period.until is None and period.since <= now and not _over(period.rule, now)
    )


def _same(rule: Rule, other: Rule) -> bool:
    """Whether two rules judge alike."""
    return replace(rule, title="", note="") == replace(other, title="", note="")


def _over(rule: Rule, now: datetime) -> bool:
    return rule.valid_until is not None and rule.valid_until <= now


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
    """The set that judges each message by the rules in force at its time, as the book knew them then.

    Every version that was switched on takes part from the moment it was recorded and in force until a version of its rule
    is that was recorded later.
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
