"""The curve: one rule at several limits or windows, the rest of the set as it is; and the curve as something to draw.

Each point is the replay with that rule changed. The histories are prepared once, and each customer is judged at all
points before the next. What is drawn is plain values, made from the document of the sweep: what the rule stops and what
is lost, point by point, with intervals and an axis.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, isclose, log10
from typing import Any, Literal

import polars as pl

from audit.errors import InputError, NotFoundError
from audit.events.times import duration
from audit.population.stats import PopulationContext
from audit.rules.kinds.cooldown import REPURCHASE
from audit.rules.kinds.frequency_cap import CALENDAR
from audit.rules.model import Rule, from_dict, to_dict
from audit.rules.reference import histories
from audit.rules.reference.evaluate import Decision, judge
from audit.rules.replay import outcomes, simulation
from audit.rules.replay.outcomes import Rate, share
from audit.rules.replay.totals import RuleVersion, SweepDocument, SweepPoint, Totals
from audit.rules.scopes import RuleSet

MOST_POINTS = 100
"""A curve of more points than this is a slip of the pen."""

_CHUNK = 20_000
"""Decisions of a point that are kept as Python objects before they become a frame."""

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def document(rule_id: str, points: Iterable[Totals]) -> SweepDocument:
    """The document of a curve: what the replays add up to with the rule `rule_id` as it was set at each point."""
    swept, beside = list[SweepPoint](), dict[str, RuleVersion]()
    for totals in points:
        swept += [totals.point(rule) for rule in totals.rules if rule.id == rule_id]
        beside |= {
            rule.id: RuleVersion(id=rule.id, version=rule.version)
            for rule in totals.rules
            if rule.takes_part and rule.id != rule_id
        }
    return SweepDocument(rule=rule_id, points=tuple(swept), beside=tuple(beside.values()))


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
        raise InputError(
            f"rule {rule_id!r}: declared: it is the sender's and stops nothing here; name a rule of your own"
        )
    settings: list[dict[str, Any]] = [{"limit": limit} for limit in limits]
    settings += [{"window": window} for window in windows]
    return [
        tuple(_set(rule, setting) if rule is swept else rule for rule in standing) for setting in settings
    ]


def sweep(
    events: pl.DataFrame,
    points: Sequence[Sequence[Rule] | RuleSet],
    ctx: PopulationContext,
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
    progress: simulation.Progress | None = None,
) -> list[simulation.Replay]:
    """Replay each set of `points` (as `variants` gives them) over the messages of `events` (whole customers, in order).

    `ids` and `causes` as for `replay.simulate`. `progress` is told decisions made of decisions to make, once a
    customer; it may raise to stop.
    """
    sets = [rules if isinstance(rules, RuleSet) else RuleSet(rules, ids) for rules in points]
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
        simulation.Replay(rule_set.rules, decisions.frame(), messages, became, ctx.coverage)
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
        raise InputError(f"a curve of {points:,} points; at most {MOST_POINTS}; name fewer")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: at each point `counts` of `among`, their share, and its 95 % interval (None: unknown)."""

    id: str
    title: str
    counts: tuple[int, ...]
    among: tuple[int, ...]
    shares: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def known(self) -> bool:
        """Whether any point of it is known."""
        return any(rate is not None for rate in self.shares)


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a sweep, in its order: `labels` are the limits or windows (`by`) at which the rule was tried."""

    rule: str
    by: str
    labels: tuple[str, ...]
    messages: int
    customers: int
    series: tuple[Series, ...]

    @property
    def drawn(self) -> tuple[Series, ...]:
        """The lines of which anything is known."""
        return tuple(series for series in self.series if series.known)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Marks for the axis of shares, from 0 past the highest end of an interval, at most to 1."""
        highest = max((end for series in self.drawn for end in series.high if end is not None), default=0.0)
        return ticks(highest, most=1.0)


def curve(document: SweepDocument) -> Curve:
    """What is drawn of a sweep.

    Its lines: messages stopped, of all; and of what followed on messages that were judged, what followed on those that
    would have been stopped: responses, and orders after one. A line of which the data holds nothing is unknown.
    """
    points = document.points
    by_window = len({point.window for point in points}) > 1 or points[0].limit is None
    return Curve(
        document.rule,
        "window" if by_window else "limit",
        tuple(str(point.window if by_window else point.limit) for point in points),
        points[0].messages,
        points[0].customers,
        (
            _series("stopped", "messages stopped", ((point.stopped, point.messages) for point in points)),
            _series("responses", "responses lost", (_lost(point, "response") for point in points)),
            _series("orders", "orders lost", (_lost(point, "order") for point in points)),
        ),
    )


def ticks(highest: float, *, count: int = 5, most: float | None = None) -> tuple[float, ...]:
    """About so many round marks from 0 to `highest` or just past it; none is above `most`."""
    if highest <= 0:
        return (0.0, 1.0) if most is None else (0.0, most)
    rough = highest / count
    tens = 10.0 ** floor(log10(rough))
    step = next(tens * factor for factor in _STEPS if tens * factor >= rough * (1 - 1e-9))
    marks = [0.0]
    while marks[-1] < highest * (1 - 1e-9):
        marks.append(round(len(marks) * step, 12))
    if most is not None and marks[-1] > most:
        marks[-1] = most
    return tuple(marks)


def percent(value: float | None, *, step: float | None = None) -> str:
    """A share as people read it: as fine as marks `step` apart need it, or else as it needs itself."""
    if value is None:
        return "unknown"
    return f"{figure(value, step=step)} %"


def figure(value: float, *, step: float | None = None) -> str:
    """`percent` without its sign."""
    if step is not None:
        digits = next((places for places in range(4) if isclose(round(100 * step, places), 100 * step)), 4)
    else:
        digits = 1 if value >= 0.01 or value == 0 else 2 if value >= 0.001 else 3
    return f"{100 * value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval of a share in per cent, such as `1.7–3.1`."""
    return "" if low is None or high is None else f"{figure(low)}–{figure(high)}"


def sentences(drawing: Curve) -> list[str]:
    """The chart in words, a sentence a line of it: where it starts and ends."""
    start, end = drawing.labels[0], drawing.labels[-1]
    lines = []
    for series in drawing.series:
        if not series.known:
            lines.append(f"{series.title.capitalize()}: unknown, this data holds none.")
        elif len(drawing.labels) == 1:
            lines.append(f"{series.title.capitalize()}: {_share_at(series, 0)} at {drawing.by} {start}.")
        else:
            lines.append(
                f"{series.title.capitalize()}: from {_share_at(series, 0)} at {drawing.by} {start} to {_share_at(series, -1)} at {end}."
            )
    return lines


def _share_at(series: Series, point: int) -> str:
    return f"{percent(series.shares[point])} ({series.counts[point]:,} of {series.among[point]:,})"


def _lost(point: SweepPoint, name: Literal["response", "order"]) -> tuple[int, int]:
    """What followed on stopped messages, of all that followed on judged ones; of none where it is not recorded."""
    stopped: Rate = getattr(point.rates.stopped, name)
    passed: Rate = getattr(point.rates.let_through, name)
    return stopped.n, stopped.n + passed.n


def _series(id_: str, title: str, counted: Iterable[tuple[int, int]]) -> Series:
    rates = [share(count, among) for count, among in counted]
    return Series(
        id_,
        title,
        tuple(rate.n for rate in rates),
        tuple(rate.among for rate in rates),
        tuple(rate.rate for rate in rates),
        tuple(rate.low for rate in rates),
        tuple(rate.high for rate in rates),
    )


MOST_POINTS_DRAWN = 8
"""Points that stand beside each other in a pane half as wide as a terminal of 120 cells."""

WINDOWS = ("1h", "4h", "8h", "16h", "1d", "2d", "3d", "5d", "7d", "14d", "28d", "60d", "90d", "180d", "365d")
"""Windows that people try; the rule's own is put among them."""


def axes(rule: Rule) -> tuple[str, ...]:
    """What its curve can run over: `limit`, `window` or both. Raises InputError if the rule has neither."""
    axes = tuple(key for key in ("limit", "window") if key in to_dict(rule))
    if not axes:
        raise InputError(
            f"no curve: a {rule.kind.replace('_', ' ')} rule has neither a limit nor a window; name a rule that has"
        )
    return axes


def limits_around(rule: Rule) -> tuple[int, ...]:
    """Limits around the rule's own."""
    current: int = to_dict(rule)["limit"]
    lowest = 0 if current == 0 else max(1, current - MOST_POINTS_DRAWN // 2)
    return tuple(range(lowest, lowest + MOST_POINTS_DRAWN))


def windows_around(rule: Rule) -> tuple[str, ...]:
    """Windows around the rule's own, in order; of a cooldown that waits for the re-purchase, that one last."""
    window: str = to_dict(rule)["window"]
    if "window_kind" in to_dict(rule):
        return CALENDAR
    if window == REPURCHASE:
        return (*WINDOWS[-MOST_POINTS_DRAWN + 1 :], REPURCHASE)
    by_length = {duration(name): name for name in WINDOWS} | {duration(window): window}
    ordered = [by_length[length] for length in sorted(by_length)]
    lowest = max(0, min(ordered.index(window) - MOST_POINTS_DRAWN // 2, len(ordered) - MOST_POINTS_DRAWN))
    return tuple(ordered[lowest : lowest + MOST_POINTS_DRAWN])
