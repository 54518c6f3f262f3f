"""The curve: one rule at several limits or windows, the rest of the set as it is.

Each point is the replay with that rule changed. The histories are prepared once, and each customer is judged at all
points before the next.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from audit.errors import InputError, NotFoundError
from audit.population.context import PopulationContext
from audit.rules.model import Rule, from_dict, to_dict
from audit.rules.reference import histories
from audit.rules.reference.evaluate import Decision, judge
from audit.rules.replay import outcomes, simulation
from audit.rules.scopes import RuleSet

MOST_POINTS = 100
"""A curve of more points than this is a slip of the pen."""

_CHUNK = 20_000
"""Decisions of a point that are kept as Python objects before they become a frame."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curve: the rule as it was set, and the replay made with it."""

    rule: Rule
    replay: simulation.Replay

    def to_json(self) -> dict[str, Any]:
        """`limit` and `window` of the rule, then the totals of `whysent.replay/1`."""
        totals = self.replay.to_json()
        written = to_dict(self.rule)
        return {
            "limit": written.get("limit"),
            "window": written.get("window"),
            **{name: value for name, value in totals.items() if name not in {"schema", "rules"}},
        }


def document(rule_id: str, points: Iterable[Point]) -> dict[str, Any]:
    """The document `whysent.sweep/1`."""
    return {"schema": "whysent.sweep/1", "rule": rule_id, "points": [point.to_json() for point in points]}


def limits(text: str) -> list[int]:
    """The limits that `1..10` or `1,2,5` names. Raises InputError."""
    try:
        if ".." in text:
            low, high = (int(part) for part in text.split(".."))
            _refuse_many(high - low + 1)
            chosen = list(range(low, high + 1))
        else:
            chosen = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{text!r} are no limits; write 1..10 or 1,2,5") from error
    if not chosen or min(chosen) < 0:
        raise InputError(f"{text!r} are no limits; write 1..10 or 1,2,5, from 0 up")
    _refuse_many(len(chosen))
    return list(dict.fromkeys(chosen))


def windows(text: str) -> list[str]:
    """The windows that `1d,3d,7d` names. Raises InputError; whether the rule can have them, `variants` tells."""
    chosen = [part.strip() for part in text.split(",")]
    if not all(chosen):
        raise InputError(f"{text!r} are no windows; write 1d,3d,7d")
    _refuse_many(len(chosen))
    return list(dict.fromkeys(chosen))


def variants(
    rules: Iterable[Rule], rule_id: str, *, limits: Sequence[int] = (), windows: Sequence[str] = ()
) -> list[tuple[Rule, ...]]:
    """The set once for each point: the rule `rule_id` switched on, with that limit or window, the others as they are.

    Raises NotFoundError if there is no such rule, InputError if it cannot have the limit or window, if it is only
    declared, and unless exactly one of `limits` and `windows` is given.
    """
    if bool(limits) == bool(windows):
        raise InputError("a curve runs over one thing: --limits 1..10 or --windows 1d,3d,7d")
    standing = tuple(rules)
    swept = next((rule for rule in standing if rule.id == rule_id), None)
    if swept is None:
        raise NotFoundError(f"no rule {rule_id!r} in this set; `whysent rules list` names the book's")
    if swept.declared:
        raise InputError(f"rule {rule_id!r}: declared: it is the sender's and stops nothing here; no curve")
    settings: list[dict[str, Any]] = [{"limit": limit} for limit in limits]
    settings += [{"window": window} for window in windows]
    return [
        tuple(_set(rule, setting) if rule is swept else rule for rule in standing) for setting in settings
    ]


def sweep(
    events: pl.DataFrame,
    points: Sequence[Sequence[Rule]],
    rule_id: str,
    ctx: PopulationContext,
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
    progress: simulation.Progress | None = None,
) -> list[Point]:
    """Replay each set of `points` (as `variants` gives them) over the messages of `events` (whole customers, in order).

    `ids` and `causes` as for `replay.simulate`. `progress` is told decisions made of decisions to make, once a
    customer; it may raise to stop.
    """
    sets = [RuleSet(rules, ids) for rules in points]
    messages = histories.sent(events)
    all_rules = dict.fromkeys(rule for rule_set in sets for rule in rule_set.rules)
    by_point = [_Decisions() for _ in sets]
    done = 0
    histories.refuse_without(causes, all_rules)
    for history in histories.histories(messages, events, all_rules, ctx.facts, causes=causes):
        for taking_part, decisions in zip(sets, by_point, strict=True):
            decisions.add(judge(history, taking_part))
        done += len(history.messages) * len(sets)
        if progress is not None:
            progress(done, messages.height * len(sets))
    became = outcomes.of(events, messages)
    return [
        Point(
            next(rule for rule in rule_set.rules if rule.id == rule_id),
            simulation.Replay(rule_set.rules, decisions.frame(), messages, became, ctx.coverage),
        )
        for rule_set, decisions in zip(sets, by_point, strict=True)
    ]


class _Decisions:
    """The decisions of one point, most of them already in columns."""

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []
        self._loose: list[Decision] = []

    def add(self, decided: Iterable[Decision]) -> None:
        self._loose.extend(decided)
        if len(self._loose) >= _CHUNK:
            self._put_away()

    def frame(self) -> pl.DataFrame:
        self._put_away()
        return pl.concat(self._frames)

    def _put_away(self) -> None:
        self._frames.append(simulation.frame(self._loose))
        self._loose = []


def _set(rule: Rule, setting: Mapping[str, Any]) -> Rule:
    return from_dict({**to_dict(rule), "enabled": True, **setting}, version=rule.version)


def _refuse_many(points: int) -> None:
    if points > MOST_POINTS:
        raise InputError(f"a curve of {points:,} points; at most {MOST_POINTS}")
