"""The same cap as a sender would keep it: window, zone, channels and classes by the sender's semantics."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from audit.events.times import duration
from audit.rules.kinds.counting import Cap
from audit.rules.kinds.frequency_cap import FrequencyCap
from audit.rules.model import SCOPES, Rule, from_dict, keys, to_dict
from audit.rules.vendor_semantics.catalogue import Preset

_DAY = timedelta(days=1)
_UNITS = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}
_ROLLING = {"1h": "1h", "1d": "1d", "1w": "7d", "1mo": "30d"}
"""A calendar window → the rolling one nearest to it; a month is taken for 30 days."""

_CALENDAR = {"1h": "a clock hour", "1d": "a calendar day", "1w": "a calendar week", "1mo": "a calendar month"}

_MONTHS = range(28, 32)
"""Rolling windows of so many days are taken for a month: months are that long."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A rule, and the one the sender would keep in its place.

    `rule` is None where it has none, and `no_equivalent` says why. A rule that is no cap stands as it is. A `window_kind` of
    `days` (that many calendar days, today the last of them) is a preset's alone: no rule file can say it. `notes`: what
    was taken for granted.
    """

    exact: Rule
    rule: Rule | None
    no_equivalent: str = ""
    notes: tuple[str, ...] = ()

    @property
    def distance(self) -> int:
        """How many keys differ; more than there are where the sender has none."""
        if self.rule is None:
            return len(SCOPES) + len(keys(self.exact.kind))
        exact, there = to_dict(self.exact), to_dict(self.rule)
        return sum(exact.get(key) != there.get(key) for key in {*exact, *there} - {"kind"})

    @property
    def text(self) -> str:
        """What becomes of the rule, in words."""
        if self.rule is None:
            return f"not at all: {self.no_equivalent}; what it stops is let through there"
        if self.rule == self.exact:
            return "as it stands"
        exact, carried_out = (
            cap_text(rule) if isinstance(rule, Cap) else "" for rule in (self.exact, self.rule)
        )
        dropped = [name for name in self.exact.message_classes if name not in self.rule.message_classes]
        without = f", {' and '.join(dropped)} messages left out" if dropped else ""
        return (
            f"{exact}, the same there{without}"
            if exact == carried_out
            else f"{exact} → {carried_out}{without}"
        )


class _Cannot(Exception):  # noqa: N818
    """The sender has no such cap."""


def translate(rule: Rule, preset: Preset, *, zone: str | None = None) -> Translation:
    """`rule` as the sender of `preset` would carry it out.

    `zone`: what the sender's account is set to, where its periods are in that zone; else the rule's own, else UTC.
    Raises InputError if there is no such zone.
    """
    if not isinstance(rule, Cap):
        return Translation(rule, rule)
    notes: list[str] = []
    try:
        window = _WINDOWS[preset.semantics.counting](rule, preset)
        document = {**_base(rule, preset), **window}
        if window["window_kind"] == "calendar":
            document["week_start"] = preset.semantics.week_start
        if window["window_kind"] != "rolling":
            document["time_zone"] = _zone(rule, preset, zone, notes)
    except _Cannot as reason:
        return Translation(rule, None, str(reason))
    return Translation(rule, _rule(document, rule), notes=tuple(notes))


def _base(rule: Cap, preset: Preset) -> dict[str, Any]:
    """Everything but the window: limit, channels, classes, and what becomes of a message over the limit."""
    semantics = preset.semantics
    limit = rule.most
    if limit == 0:
        raise _Cannot("a limit of 0 is no cap; it stops everything, as a mute does")
    if semantics.most is not None and limit > semantics.most:
        raise _Cannot(f"{preset.title} lets {_messages(semantics.most)} pass in a window, not {limit}")
    classes = [name for name in rule.message_classes if not semantics.classes or name in semantics.classes]
    if not classes:
        raise _Cannot(f"{preset.title} caps no {_or(rule.message_classes)} messages")
    per = dict.fromkeys((*rule.per, "channel") if semantics.channels == "apart" else rule.per)
    rule_keys = {
        key: value for key, value in to_dict(rule).items() if key not in {"window_kind", "week_start"}
    }
    return {
        **rule_keys,
        "kind": "frequency_cap",
        "limit": limit,
        "message_classes": classes,
        "per": list(per),
        "on_fail": semantics.when_full,
    }


def _rule(document: dict[str, Any], rule: Rule) -> Rule:
    days = document["window_kind"] == "days"
    translated = from_dict(
        {**document, "window_kind": "rolling" if days else document["window_kind"]}, version=rule.version
    )
    return (
        replace(translated, window_kind="days")
        if days and isinstance(translated, FrequencyCap)
        else translated
    )


def _zone(rule: Cap, preset: Preset, zone: str | None, notes: list[str]) -> str:
    if preset.semantics.zone != "account":
        return preset.semantics.zone
    if (
        zone is None
        and isinstance(rule, FrequencyCap)
        and rule.reads_clock
        and not rule.reads_customers_clock
    ):
        return rule.time_zone
    if zone is None:
        notes.append(f"{preset.title} counts in the zone of the account; it is not named, and taken for UTC")
    return zone or "UTC"


def _rolling(rule: Cap, preset: Preset) -> dict[str, Any]:
    """A window that ends at the message: the rule's own length, where the sender offers it."""
    unit = _unit(rule)
    window = rule.window if rule.rolling else _ROLLING[rule.window]
    offered = preset.semantics.offers
    if offered and window not in offered:
        window = _ROLLING[unit] if unit else window
    if offered and window not in offered:
        raise _Cannot(f"{preset.title} counts over {_or(offered)}, not over {rule.window}")
    return {"window": window, "window_kind": "rolling"}


def _calendar(rule: Cap, preset: Preset) -> dict[str, Any]:
    """A calendar period as long as the rule's window."""
    unit = _unit(rule)
    if unit not in preset.semantics.offers:
        offered = [f"the {_UNITS[period]}" for period in preset.semantics.offers]
        raise _Cannot(f"{preset.title} counts by {_or(offered)}, not over {rule.window}")
    return {"window": unit, "window_kind": "calendar"}


def _days(rule: Cap, preset: Preset) -> dict[str, Any]:
    """So many calendar days, today the last of them; rolling where the window is shorter than a day."""
    if not rule.rolling and rule.window == "1d":
        return {"window": "1d", "window_kind": "calendar"}
    window = rule.window if rule.rolling else _ROLLING[rule.window]
    span = duration(window)
    longest = preset.semantics.longest
    if longest is not None and span > duration(longest):
        raise _Cannot(f"{preset.title} counts over {longest} at most, not over {rule.window}")
    if span < _DAY:
        return {"window": window, "window_kind": "rolling"}
    if span % _DAY:
        raise _Cannot(f"{preset.title} counts by whole days from one day on, not over {rule.window}")
    days = span // _DAY
    return {"window": f"{days}d", "window_kind": "calendar" if days == 1 else "days"}


_WINDOWS: dict[str, Callable[[Cap, Preset], dict[str, Any]]] = {
    "rolling": _rolling,
    "calendar": _calendar,
    "days": _days,
}


def _unit(rule: Cap) -> str | None:
    """The calendar period that a window is as long as, or None."""
    if not rule.rolling:
        return rule.window
    if rule.span % _DAY == timedelta(0) and rule.span // _DAY in _MONTHS:
        return "1mo"
    return next((unit for unit in ("1h", "1d", "1w") if duration(unit) == rule.span), None)


def _messages(number: int) -> str:
    return "one message" if number == 1 else f"{number} messages"


def _or(words: tuple[str, ...] | list[str]) -> str:
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def cap_text(rule: Cap) -> str:
    """Such as `3 in 7d`, or `3 in 7 calendar days, customer's zone, each channel by itself`."""
    parts = [f"{rule.most} in {rule.window}"]
    if isinstance(rule, FrequencyCap) and rule.reads_clock:
        if rule.window_kind == "days":
            parts = [f"{rule.most} in {rule.window.removesuffix('d')} calendar days"]
        else:
            parts = [f"{rule.most} {_CALENDAR[rule.window]}"]
            parts += [f"from {rule.week_start.capitalize()}"] if rule.window == "1w" else []
        parts.append("customer's zone" if rule.reads_customers_clock else rule.time_zone)
    parts += [f"each {' and '.join(rule.counted_per)} by itself"] if rule.counted_per else []
    parts += ["put off when full"] if rule.on_fail == "defer" else []
    return ", ".join(parts)
