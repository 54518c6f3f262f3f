"""Frames and rules as the arrays that the compiled code reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from audit.facts import Facts
from audit.rules.kernel import codes, offsets, words
from audit.rules.kernel.codes import Coded
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
    Acts,
    Int8,
    Int32,
    Int64,
    Messages,
    Records,
    Said,
    Zones,
)
from audit.rules.model import COUNTING, ENGAGEMENT, REPURCHASE, Rule
from audit.rules.prepare import CAMPAIGN, responses
from audit.rules.scopes import DEFAULT_CLASS, SCOPED, RuleSet, accepts
from audit.rules.values import quiet_hours
from audit.rules.zones import known_zone

_MICROSECOND = timedelta(microseconds=1)
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
_COLUMN = {
    "channel": "channel", "campaign": "campaign", "category": "category", "item": "item_id", "sender": "sender",
}  # fmt: skip
_AHEAD = timedelta(days=400)
"""How far past the data and the longest window zones are read; what looks further is left to the reference."""
_FURTHEST = timedelta(days=3650)
_YEARS = (1800, 3000)
"""What has a time outside of these years is left to the reference: no log is so old, no clock so far ahead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything the compiled code reads, and how many counters it needs (`places`).

    `customers`: the number of each event's customer, row by row.
    """

    rules: Records
    messages: Messages
    acts: Acts
    said: Said
    zones: Zones
    places: int
    items: int
    categories: int
    customers: Int64


def problem(
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    causes: pl.DataFrame | None = None,
) -> Problem:
    """`messages`: as `prepare.sent` gives them, with `row`, the row in `events` that stands for each.

    `causes`: why each was sent, as `prepare.histories` reads it.
    """
    return _Encoder(messages, events, rules, facts, causes).problem()


def holds(events: pl.DataFrame) -> bool:
    """Whether all times lie where zones can be read from and looked ahead in."""
    first: Any = events["occurred_at"].min()
    last: Any = events["occurred_at"].max()
    return first is None or (first.year > _YEARS[0] and last.year < _YEARS[1])


class _Encoder:
    def __init__(
        self,
        messages: pl.DataFrame,
        events: pl.DataFrame,
        rules: RuleSet,
        facts: Facts,
        causes: pl.DataFrame | None,
    ) -> None:
        self._messages, self._events, self._facts = messages, events, facts
        self._set, self._rules = rules, rules.rules
        self._causes = words.caused(messages, causes)
        self._customers = _customers(events)
        self._names = events["customer_id"].gather(np.flatnonzero(np.diff(self._customers, prepend=-1)))
        self._acts = self._acts_frame()
        self._rank = self._ranks()
        self._coded: dict[str, Coded] = {}
        self._joint: dict[tuple[str, int | None], tuple[Int32, Int32, int]] = {}
        self._zone_codes: dict[str, int] = {"UTC": 0}

    def problem(self) -> Problem:
        groups = [self._group(rule) for rule in self._rules]
        sizes = [size for _, _, size in groups]
        bases = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        repurchase = any(rule.window == REPURCHASE for rule in self._rules)
        item, category = (
            self._shared(name, None) if repurchase else (_NONE, _NONE, 0) for name in ("item", "category")
        )
        rows = [number for number, (codes_, _, _) in enumerate(groups) if codes_ is not _NONE]
        made = self._made_rules(rows, bases)
        zone = self._message_zones()
        return Problem(
            made,
            self._made_messages(groups, rows, zone, item[0], category[0]),
            self._made_acts(groups, rows, item[1], category[1]),
            self._made_said(),
            self._made_zones(),
            int(bases[-1]) + item[2] + category[2],
            int(bases[-1]) if repurchase else -1,
            int(bases[-1]) + item[2] if repurchase else -1,
            self._customers,
        )

    # -- rows ---------------------------------------------------------------------------------------------------

    def _ranks(self) -> Int32:
        """What stands for an event_id at one moment: the row, where every message keeps its place in order."""
        if any(rule.on_fail == "defer" for rule in self._rules):
            ranks: Int32 = codes.of(self._events["event_id"].rank("dense"), np.int32)
            return ranks
        return np.arange(self._events.height, dtype=np.int32)

    def _acts_frame(self) -> pl.DataFrame:
        kinds = {kind for rule in self._rules for kind in rule.after}
        if any(rule.window == REPURCHASE or rule.kind == "sunset" for rule in self._rules):
            kinds.add("order_completed")
        columns = ("row", "occurred_at", "kind", "category", "item_id", "order_id", "event_id")
        if not kinds:
            return self._events.clear().select(*columns, CAMPAIGN)
        return self._events.filter(pl.col("kind").is_in(sorted(kinds))).select(*columns, CAMPAIGN)

    def _first(self, rows: Int64 | Int32) -> Int64:
        """Where each customer's part of these event rows begins."""
        return np.searchsorted(self._customers[rows], np.arange(self._names.len() + 1)).astype(np.int64)

    # -- numbers for texts ----------------------------------------------------------------------------------------

    def _code(self, name: str) -> Coded:
        """The numbers of a message's field."""
        if name not in self._coded:
            self._coded[name] = Coded(self._messages[name])
        return self._coded[name]

    def _shared(self, name: str, depth: int | None) -> tuple[Int32, Int32, int]:
        """Numbers that a field of messages and acts share: of messages, of acts, how many."""
        if (name, depth) not in self._joint:
            column = _COLUMN[name]
            both = pl.concat([self._messages[column], self._acts[column]])
            if depth is not None:
                both = both.str.split(" > ").list.head(depth).list.join(" > ")
            made = Coded(both)
            cut = self._messages.height
            self._joint[name, depth] = (made.codes[:cut], made.codes[cut:], len(made.values))
        return self._joint[name, depth]

    def _group(self, rule: Rule) -> tuple[Int32, Int32, int]:
        """What a rule counts together, or what has to agree: of messages, of acts, how many. `_NONE`: everything."""
        if rule.kind == "cooldown" and rule.same != "nothing":
            return self._shared(rule.same, rule.depth if rule.same == "category" else None)
        per = [name for name in rule.per if name != "customer"]
        if rule.kind not in COUNTING or not per:
            return _NONE, _NONE, 1
        made, size = codes.together([self._code(_COLUMN[name]) for name in per])
        return made, _NONE, max(size, 1)

    # -- scopes -------------------------------------------------------------------------------------------------

    def _scopes(self) -> tuple[Int64, Int64, np.ndarray[tuple[int], np.dtype[np.int8]]]:
        """Of each message: the rules that judge it, those that count it, whether it is exempt."""
        within = np.full(self._messages.height, -1, np.int64)
        for name in SCOPED:
            if any(_asks(rule, name) for rule in self._rules):
                within &= self._topics() if name == "topics" else self._accepted(name)
        classes = Coded(self._messages["message_class"])
        counts = _bits(rule.kind in COUNTING for rule in self._rules)
        anyhow = _bits(rule.exempt_counts for rule in self._rules)

        def judging(value: str | None) -> int:
            return _bits((value or DEFAULT_CLASS) in rule.message_classes for rule in self._rules)

        exempt = classes.table(lambda value: (value or DEFAULT_CLASS) not in self._set.classes)
        return (
            within & classes.meaning(judging),
            within & classes.meaning(lambda value: counts & (judging(value) | anyhow)),
            exempt.astype(np.int8)[classes.codes],
        )

    def _accepted(self, name: str) -> Int64:
        return self._code(_COLUMN[name]).meaning(
            lambda value: _bits(accepts(rule, name, value) for rule in self._rules)
        )

    def _topics(self) -> Int64:
        topics = self._messages["topics"]
        named = sorted({one for rule in self._rules for one in (*rule.topics, *rule.except_topics)})
        has = {one: codes.of(topics.list.contains(one).fill_null(value=False), np.bool_) for one in named}
        made = np.zeros(topics.len(), np.int64)
        for number, rule in enumerate(self._rules):
            met = np.full(topics.len(), not rule.topics)
            for one in rule.topics:
                met |= has[one]
            for one in rule.except_topics:
                met &= ~has[one]
            made |= met.astype(np.int64) << number
        return made

    def _named(self) -> Int64:
        """Of each customer: the rules it falls under."""
        named = {one for rule in self._rules for one in (*rule.customers, *rule.except_customers)}
        if not named:
            return np.full(self._names.len(), -1, np.int64)
        return np.array(
            [sum(1 << number for number in self._set.about(name)) for name in self._names], np.int64
        )

    # -- zones --------------------------------------------------------------------------------------------------

    def _asks_customers_zone(self) -> bool:
        return any(rule.reads_clock and rule.time_zone == "customer" for rule in self._rules)

    def _zone_code(self, name: str | None) -> int:
        if name is None or known_zone(name) is None:
            return -1
        return self._zone_codes.setdefault(name, len(self._zone_codes))

    def _message_zones(self) -> Int32:
        if not self._asks_customers_zone():
            return np.full(self._messages.height, -1, np.int32)
        found: Int32 = self._event_zones[codes.of(self._messages["row"], np.int32)]
        return found

    @cached_property
    def _event_zones(self) -> Int32:
        return Coded(self._events["time_zone"]).meaning(self._zone_code).astype(np.int32)

    def _made_zones(self) -> Zones:
        rows, zone = np.zeros(0, np.int32), np.zeros(0, np.int32)
        if self._asks_customers_zone():
            everything = self._event_zones
            known = np.flatnonzero(everything >= 0)
            changes = (np.diff(everything[known], prepend=-1) != 0) | (
                np.diff(self._customers[known], prepend=-1) != 0
            )
            rows = known[changes].astype(np.int32)
            zone = everything[rows]
        first, horizon = self._times_covered()
        tables = [offsets.of(name, first, horizon) for name in self._zone_codes]
        flat = np.array([row for table in tables for row in table], np.int64) * 1_000_000
        sizes = np.cumsum([0, *map(len, tables)], dtype=np.int64)
        return Zones(
            self._first(rows), self._at(rows), self._rank[rows], zone, sizes, flat[:, 0].copy(),
            flat[:, 1].copy(), horizon * 1_000_000,
        )  # fmt: skip

    def _times_covered(self) -> tuple[int, int]:
        """First and last second that the zones' tables hold, by whole years, so that tables are made once."""
        first: Any = self._events["occurred_at"].min()
        last: Any = self._events["occurred_at"].max()
        spans = [_span(rule) for rule in self._rules]
        ahead = min(max(spans, default=0), _FURTHEST // _MICROSECOND) * _MICROSECOND + _AHEAD
        begins = first.year - 1
        ends = (last + ahead).year + 2
        return _seconds(begins), _seconds(ends)

    # -- arrays -------------------------------------------------------------------------------------------------

    def _at(self, rows: Int32) -> Int64:
        made: Int64 = codes.of(self._events["occurred_at"].gather(rows).to_physical(), np.int64)
        return made

    def _made_messages(
        self,
        groups: Sequence[tuple[Int32, Int32, int]],
        rows: Sequence[int],
        zone: Int32,
        item: Int32,
        category: Int32,
    ) -> Messages:
        row: Int32 = codes.of(self._messages["row"], np.int32)
        judging, counting, exempt = self._scopes()
        channel, recorded = self._messages["channel"], responses(self._facts)
        replied = words.replied(words.responses(self._rules), self._messages, self._events, self._rank)
        return Messages(
            self._first(row), self._named(), self._at(row), self._rank[row], row, exempt, judging, counting,
            words.stopping(self._rules, row.size, self._causes),
            words.unsure(self._rules, channel, self._causes, recorded),
            zone, _stacked([groups[number][0] for number in rows], row.size), self._typical(), item, category,
            *replied,
        )  # fmt: skip

    def _made_said(self) -> Said:
        acts = words.acts(self._events, self._rules)
        row: Int32 = codes.of(acts["row"], np.int32)
        places = self._first(row), self._at(row), self._rank[row], row
        sensitive = words.sensitive(self._rules, self._messages.height, self._causes)
        return words.said(acts, self._messages, sensitive, places)

    def _made_acts(
        self, groups: Sequence[tuple[Int32, Int32, int]], rows: Sequence[int], item: Int32, category: Int32
    ) -> Acts:
        row: Int32 = codes.of(self._acts["row"], np.int32)
        starts = Coded(self._acts["kind"]).meaning(
            lambda kind: _bits(kind in rule.after for rule in self._rules)
        )
        shared = [groups[number][1] for number in rows]
        group = _stacked([one if one.size else np.full(row.size, -1, np.int32) for one in shared], row.size)
        return Acts(
            self._first(row), self._at(row), self._rank[row], row, starts, self._breaking(), group,
            self._bought(row), item, category,
        )  # fmt: skip

    def _breaking(self) -> Int8:
        """Whether each act is an order, which breaks a streak."""
        made: Int8 = codes.of(self._acts["kind"] == "order_completed", np.int8)
        return made

    def _bought(self, row: Int32) -> Int64:
        """When the order that each act belongs to was first seen."""
        if not any(rule.window == REPURCHASE for rule in self._rules):
            return np.full(row.size, LONG_AGO, np.int64)
        own = pl.concat_str(pl.lit("event:"), "event_id")
        named = pl.when(pl.col("order_id") != "").then("order_id").otherwise(own)
        is_order = pl.col("kind") == "order_completed"
        first = pl.col("occurred_at").to_physical().min().over("customer", named, is_order)
        made: Int64 = codes.of(
            self._acts.with_columns(customer=pl.Series(self._customers[row], dtype=pl.Int64))
            .select(pl.when(is_order).then(first).otherwise(LONG_AGO))
            .to_series(),
            np.int64,
        )
        return made

    def _typical(self) -> Int64:
        if not any(rule.window == REPURCHASE for rule in self._rules):
            return np.zeros(0, np.int64)
        known = dict(self._facts.intervals.drop_nulls("median").select("category", "median").rows())
        return self._code("category").meaning(
            lambda value: known.get(value or "", timedelta(0)) // _MICROSECOND
        )

    def _made_rules(self, rows: Sequence[int], bases: Int64) -> Records:
        made: Records = np.zeros(len(self._rules), RULE)
        kinds = words.responses(self._rules)
        for number, rule in enumerate(self._rules):
            hours = [60 * one.hour + one.minute for one in quiet_hours(rule.quiet)] if rule.quiet else [0, 0]
            made[number] = (
                CALENDAR if _calendar(rule) else _KIND[rule.kind],
                _limit(rule),
                _span(rule),
                _micros(rule.valid_from, LONG_AGO),
                _micros(rule.valid_until, NEVER),
                rule.on_fail == "defer",
                _UNITS.index(rule.window or "") if _calendar(rule) else 0,
                _WEEKDAYS.index(rule.week_start),
                -1 if rule.time_zone == "customer" else self._zone_code(rule.time_zone),
                *(60_000_000 * minutes for minutes in hours),
                rows.index(number) if number in rows else -1,
                bases[number],
                rule.window == REPURCHASE,
                kinds.index(ENGAGEMENT[rule.engagement]) if rule.kind == "sunset" else -1,
            )
        return made


_NONE: Int32 = np.zeros(0, np.int32)


def _customers(events: pl.DataFrame) -> Int64:
    changes = pl.col("customer_id") != pl.col("customer_id").shift(1)
    made: Int64 = codes.of(
        events.select(changes.fill_null(value=False).cast(pl.Int64).cum_sum()).to_series(), np.int64
    )
    return made


def _stacked(rows: Sequence[Int32], width: int) -> Int32:
    return np.stack(rows).astype(np.int32) if rows else np.zeros((0, width), np.int32)


def _asks(rule: Rule, name: str) -> bool:
    scope = SCOPED[name]
    return bool(getattr(rule, scope) or getattr(rule, f"except_{scope}") or name in rule.per)


def _calendar(rule: Rule) -> bool:
    return rule.kind == "frequency_cap" and rule.window_kind == "calendar"


def _limit(rule: Rule) -> int:
    """How many make a cap full, or are a streak; one in a minimum gap."""
    if rule.kind == "sunset":
        return min(rule.unengaged or 1, LATEST)
    return 1 if rule.limit is None else min(rule.limit, LATEST)


def _span(rule: Rule) -> int:
    """A rolling window, what a re-purchase falls back to, or the days of grace (µs)."""
    if rule.kind == "consent":
        return rule.grace_span // _MICROSECOND
    if rule.window == REPURCHASE:
        return rule.fallback_span // _MICROSECOND
    return 0 if rule.window is None or _calendar(rule) else rule.span // _MICROSECOND


def _bits(flags: Iterable[object]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)


def _micros(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else (moment - offsets.EPOCH) // _MICROSECOND


def _seconds(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
