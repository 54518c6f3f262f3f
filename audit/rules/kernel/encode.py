"""Frames and rules as the arrays that the compiled code reads."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from audit.population.stats import Facts
from audit.rules.kernel import (
    consent_arrays,
    dictionary_encoding,
    outcomes_jit,
    rule_records,
    scope_masks,
    tz_offsets,
)
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.layout import (
    LONG_AGO,
    TRAIT,
    Acts,
    Int32,
    Int64,
    Messages,
    Records,
    Said,
    Traits,
    Zones,
)
from audit.rules.kinds.cooldown import Cooldown
from audit.rules.kinds.sunset import Sunset
from audit.rules.reference.histories import reads_customers_clock, responses
from audit.rules.reference.history import known_zone
from audit.rules.scopes import RuleSet

_AHEAD = timedelta(days=400)
"""How far past the data and the longest window zones are read; what looks further is left to the reference."""
_FURTHEST = timedelta(days=3650)
_YEARS = (1800, 3000)
"""What has a time outside of these years is left to the reference: no log is so old, no clock so far ahead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything the compiled code reads, and how many counters it needs (`places`)."""

    rules: Records
    traits: Traits
    messages: Messages
    acts: Acts
    said: Said
    zones: Zones
    places: int
    items: int
    categories: int


def problem(
    columns: Columns, row: Int32, rules: RuleSet, facts: Facts, causes: pl.DataFrame | None = None
) -> Problem:
    """`row`: the rows of events that stand for a message, in order.

    `causes`: why each was sent, as `prepare.histories` reads it.
    """
    return _Encoder(columns, row, rules, facts, causes).problem()


def holds(columns: Columns) -> bool:
    """Whether all times lie where zones can be read from and looked ahead in."""
    at = columns.at
    return not at.size or (
        _seconds(_YEARS[0] + 1) * 1_000_000 <= at.min() and at.max() < _seconds(_YEARS[1]) * 1_000_000
    )


class _Encoder:
    def __init__(
        self, columns: Columns, row: Int32, rules: RuleSet, facts: Facts, causes: pl.DataFrame | None
    ) -> None:
        self._columns, self._row, self._facts = columns, row, facts
        self._set, self._rules = rules, rules.rules
        self._causes = consent_arrays.caused(columns.frame, row, causes)
        self._cooldowns = {n: rule for n, rule in enumerate(self._rules) if isinstance(rule, Cooldown)}
        self._repurchase = any(rule.until_repurchase for rule in self._cooldowns.values())
        self._acts = columns.rows(self._asked())
        self._groups = [scope_masks.group(columns, rule) for rule in self._rules]
        self._grouped = [number for number, (group, _) in enumerate(self._groups) if group.size]
        self._zone_codes: dict[str, int] = {"UTC": 0}

    def problem(self) -> Problem:
        sizes = [size for _, size in self._groups]
        bases = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        items, categories = (
            len(self._columns.coded(name).values) if self._repurchase else 0
            for name in ("item_id", "category")
        )
        rows = [
            self._grouped.index(number) if number in self._grouped else -1 for number in range(len(sizes))
        ]
        made = rule_records.records(
            self._rules, rows, bases, self._zone_code, consent_arrays.responses(self._rules)
        )
        traits = self._made_traits()
        return Problem(
            made,
            traits,
            self._made_messages(),
            self._made_acts(),
            self._made_said(),
            self._made_zones(),
            int(bases[-1]) + items + categories,
            int(bases[-1]) if self._repurchase else -1,
            int(bases[-1]) + items if self._repurchase else -1,
        )

    def _asked(self) -> set[str]:
        """The kinds of acts that cooldowns and sunsets read."""
        kinds = {kind for rule in self._cooldowns.values() for kind in rule.after}
        if self._repurchase or any(isinstance(rule, Sunset) for rule in self._rules):
            kinds.add("order_completed")
        return kinds

    @cached_property
    def _ranks(self) -> Int32 | None:
        """What stands for an event_id at one moment among a customer's; None: the row, as every message keeps its place."""
        if any(rule.on_fail == "defer" for rule in self._rules):
            ids = self._columns.named("customer_id", "event_id")
            order = pl.col("event_id").rank("dense").over("customer_id")
            ranks: Int32 = dictionary_encoding.of(ids.select(order).to_series(), np.int32)
            return ranks
        return None

    def _rank(self, rows: Int32) -> Int32:
        return rows if self._ranks is None else self._ranks[rows]

    # -- zones --------------------------------------------------------------------------------------------------

    def _zone_code(self, name: str | None) -> int:
        if name is None or known_zone(name) is None:
            return -1
        return self._zone_codes.setdefault(name, len(self._zone_codes))

    @cached_property
    def _zone(self) -> Int32:
        """The zone of each trait, -1 where none is known, or asked for."""
        if not reads_customers_clock(self._rules):
            return np.full(self._columns.examples.height, -1, np.int32)
        return self._columns.coded("time_zone").meaning(self._zone_code).astype(np.int32)

    def _made_zones(self) -> Zones:
        rows = np.zeros(0, np.int32)
        if reads_customers_clock(self._rules):
            rows = np.empty(self._columns.trait.size, np.int32)
            rows = rows[
                : outcomes_jit.zone_changes(self._columns.starts, self._columns.trait, self._zone, rows)
            ]
        zone = self._zone[self._columns.trait[rows]]
        first, horizon = self._times_covered()
        tables = [tz_offsets.of(name, first, horizon) for name in self._zone_codes]
        flat = np.array([row for table in tables for row in table], np.int64) * 1_000_000
        sizes = np.cumsum([0, *map(len, tables)], dtype=np.int64)
        return Zones(
            self._columns.first(rows), self._columns.at[rows], self._rank(rows), zone, sizes, flat[:, 0].copy(),
            flat[:, 1].copy(), horizon * 1_000_000,
        )  # fmt: skip

    def _times_covered(self) -> tuple[int, int]:
        """First and last second that the zones' tables hold, by whole years, so that tables are made once."""
        at = self._columns.at
        first, last = (_moment(int(found)) for found in ((at.min(), at.max()) if at.size else (0, 0)))
        spans = [rule_records.span(rule) for rule in self._rules]
        ahead = timedelta(microseconds=min(max(spans, default=0), rule_records.micros(_FURTHEST))) + _AHEAD
        return _seconds(first.year - 1), _seconds((last + ahead).year + 2)

    # -- arrays -------------------------------------------------------------------------------------------------

    def _made_traits(self) -> Traits:
        columns, rules = self._columns, self._rules
        table: Records = np.zeros(columns.examples.height, TRAIT)
        table["judging"], table["counting"], table["exempt"] = scope_masks.scopes(columns, self._set)
        table["unsure"] = consent_arrays.unsure(rules, columns, self._causes, responses(self._facts))
        kinds = columns.coded("kind")
        table["starts"] = kinds.meaning(
            lambda kind: sum(1 << number for number, rule in self._cooldowns.items() if kind in rule.after)
        )
        table["is_order"] = kinds.meaning(lambda kind: kind == "order_completed")
        table["zone"] = self._zone
        if self._repurchase:
            table["item"], table["category"] = (columns.coded(name).codes for name in ("item_id", "category"))
            table["typical"] = self._typical()
        apart = [self._groups[number][0] for number in self._grouped]
        return Traits(table, np.stack(apart) if apart else np.zeros((0, table.size), np.int32))

    def _made_messages(self) -> Messages:
        columns, row = self._columns, self._row
        asked = consent_arrays.responses(self._rules)
        replied = consent_arrays.replied(asked, columns.frame, row, self._rank)
        return Messages(
            columns.first(row), scope_masks.named(columns, self._set), columns.at[row], self._rank(row), row,
            columns.trait[row], consent_arrays.stopping(self._rules, row.size, self._causes), *replied,
        )  # fmt: skip

    def _made_said(self) -> Said:
        row = self._columns.rows(consent_arrays.kinds(self._rules))
        places = self._columns.first(row), self._columns.at[row], self._rank(row), row
        sensitive = consent_arrays.sensitive(self._rules, self._row.size, self._causes)
        return consent_arrays.said(self._columns, row, self._row, sensitive, places)

    def _made_acts(self) -> Acts:
        columns, row = self._columns, self._acts
        return Acts(
            columns.first(row), columns.at[row], self._rank(row), row, columns.trait[row], self._bought()
        )

    def _bought(self) -> Int64:
        """When the order that each act belongs to was first seen."""
        row = self._acts
        if not self._repurchase:
            return np.full(row.size, LONG_AGO, np.int64)
        own = pl.concat_str(pl.lit("event:"), "event_id")
        named = pl.when(pl.col("order_id") != "").then("order_id").otherwise(own)
        is_order = pl.col("kind") == "order_completed"
        first = pl.col("occurred_at").to_physical().min().over("customer_id", named, is_order)
        acts = self._columns.named("customer_id", "occurred_at", "kind", "order_id", "event_id")[row]
        made: Int64 = dictionary_encoding.of(
            acts.select(pl.when(is_order).then(first).otherwise(LONG_AGO)).to_series(), np.int64
        )
        return made

    def _typical(self) -> Int64:
        known = dict(self._facts.intervals.drop_nulls("median").select("category", "median").rows())
        return self._columns.coded("category").meaning(
            lambda value: rule_records.micros(known.get(value or "", timedelta(0)))
        )


def _seconds(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _moment(micros: int) -> datetime:
    return tz_offsets.EPOCH + timedelta(microseconds=micros)
