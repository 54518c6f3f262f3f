"""At which limits or windows a rule's curve is drawn: its own, and what somebody would try next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.errors import InputError
from audit.events.times import duration
from audit.rules.kinds.cooldown import REPURCHASE
from audit.rules.kinds.frequency_cap import CALENDAR
from audit.rules.model import to_dict

if TYPE_CHECKING:
    from audit.rules.model import Rule

MOST = 8
"""Points that stand beside each other in a pane half as wide as a terminal of 120 cells."""

WINDOWS = ("1h", "4h", "8h", "16h", "1d", "2d", "3d", "5d", "7d", "14d", "28d", "60d", "90d", "180d", "365d")
"""Windows that people try; the rule's own is put among them."""


def axes(rule: Rule) -> tuple[str, ...]:
    """What its curve can run over: `limit`, `window` or both. Raises InputError if the rule has neither."""
    axes = tuple(key for key in ("limit", "window") if key in to_dict(rule))
    if not axes:
        raise InputError(f"no curve: a {rule.kind.replace('_', ' ')} rule has neither a limit nor a window")
    return axes


def limits(rule: Rule) -> tuple[int, ...]:
    """Limits around the rule's own."""
    current: int = to_dict(rule)["limit"]
    lowest = 0 if current == 0 else max(1, current - MOST // 2)
    return tuple(range(lowest, lowest + MOST))


def windows(rule: Rule) -> tuple[str, ...]:
    """Windows around the rule's own, in order; of a cooldown that waits for the re-purchase, that one last."""
    window: str = to_dict(rule)["window"]
    if "window_kind" in to_dict(rule):
        return CALENDAR
    if window == REPURCHASE:
        return (*WINDOWS[-MOST + 1 :], REPURCHASE)
    by_length = {duration(name): name for name in WINDOWS} | {duration(window): window}
    ordered = [by_length[length] for length in sorted(by_length)]
    lowest = max(0, min(ordered.index(window) - MOST // 2, len(ordered) - MOST))
    return tuple(ordered[lowest : lowest + MOST])
