"""Frames and rules as the arrays that the compiled code reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from audit.events.purchases import ORDER, ORDER_OF, TAKEN_BACK, unsettled
from audit.events.vocabulary import KEY, is_human_expr
from audit.population.stats import Facts
from audit.rules.kernel import clocks, consent, rule_records
from audit.rules.kernel.dictionary_encoding import as_array
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.layout import (
    LONG_AGO,
    NEVER,
    TRAIT,
    Acts,
    Bool,
    ConsentActs,
    Int32,
    Int64,
    Messages,
    Records,
    Traits,
    Zones,
)
from audit.rules.kinds.cooldown import Cooldown
from audit.rules.kinds.exclude_event import ExcludeEvent
from audit.rules.kinds.mute import Mute
from audit.rules.kinds.sensitive import Sensitive
from audit.rules.kinds.sunset import Sunset
from audit.rules.model import Rule, to_dict
from audit.rules.reference.histories import reads_customers_clock
from audit.rules.reference.histories import responses as recorded_responses
from audit.rules.reference.history import known_zone
from audit.rules.scopes import RuleSet

_AHEAD = timedelta(days=400)
"""How far past the data and the longest window zones are read; what looks further is left to the reference."""
_FURTHEST = timedelta(days=3650)
_YEARS = (1800, 3000)
"""Times outside of these years are left to the reference: no log is so old, no clock so far ahead."""


@dataclass(frozen=True, slots=True)
class KernelInput:
    """Everything the compiled code reads, and how many counters it needs.

    `items`, `categories`: index of the first counter of purchases, -1 where none are counted.
    """

    rules: Records
    traits: Traits
    messages: Messages
    acts: Acts
    consents: ConsentActs
    zones: Zones
    counters: int
    items: int
    categories: int


def covers(events: EncodedEvents) -> bool:
    """Whether all times lie in years for which zones are read."""
    at = events.at
    return not at.size or (
        _seconds(_YEARS[0] + 1) * clocks.SECOND <= at.min() and at.max() < _seconds(_YEARS[1]) * clocks.SECOND
    )


def alike(rules: RuleSet) -> object:
    """Equal for sets that differ in limits and windows alone, and so read the same arrays."""
    return [
        (
            {**to_dict(rule), "limit": None, "window": None},
            isinstance(rule, Cooldown) and rule.until_repurchase,
        )
        for rule in rules.rules
    ]


class Encoder:
    """Encodes the messages that the rows `row` of `events` stand for, in order, and what decides on them.

    `sets`: of rules, all `alike`. `causes`: why each was sent, as `histories.histories` reads it.
    """

    def __init__(
        self,
        events: EncodedEvents,
        row: Int32,
        sets: Sequence[RuleSet],
        facts: Facts,
        causes: pl.DataFrame | None = None,
    ) -> None:
        self._events, self._row, self._facts = events, row, facts
        self._sets, self._set, self._rules = sets, sets[0], sets[0].rules
        self._causes = _causes_of_messages(events.frame, row, causes)
        self._cooldowns = {
            number: rule for number, rule in enumerate(self._rules) if isinstance(rule, Cooldown)
        }
        self._repurchase = any(rule.until_repurchase for rule in self._cooldowns.values())
        self._act_rows = events.rows(self._act_kinds())
        self._groups = [rule_records.groups(events, rule) for rule in self._rules]
        self._grouped = [number for number, (group, _) in enumerate(self._groups) if group.size]
        self._zone_codes: dict[str, int] = {"UTC": 0}

    def encode(self) -> Iterator[KernelInput]:
        """What decides by each set; all but the rules is the same."""
        whole_input = self._encode()
        yield whole_input
        for rules in self._sets[1:]:
            yield replace(whole_input, rules=self._records(rules.rules))

    @cached_property
    def _bases(self) -> Int64:
        """The first counter of each rule, and the first after them."""
        return np.concatenate(([0], np.cumsum([size for _, size in self._groups], dtype=np.int64)))

    def _records(self, rules: Sequence[Rule]) -> Records:
        rows = [
            self._grouped.index(number) if number in self._grouped else -1
            for number in range(len(self._groups))
        ]
        return rule_records.records(rules, rows, self._bases, self._zone_code, _response_kinds(rules))

    def _encode(self) -> KernelInput:
        counters = int(self._bases[-1])
        items, categories = (
            len(self._events.encoded(name).values) if self._repurchase else 0
            for name in ("item_id", "category")
        )
        return KernelInput(
            self._records(self._rules),
            self._traits(),
            self._messages(),
            self._acts(),
            self._consents(),
            self._zones(),
            counters + items + categories,
            counters if self._repurchase else -1,
            counters + items if self._repurchase else -1,
        )

    def _act_kinds(self) -> set[str]:
        """The kinds of acts that cooldowns and sunsets read."""
        kinds = {kind for rule in self._cooldowns.values() for kind in rule.after}
        if self._repurchase or any(isinstance(rule, Sunset) for rule in self._rules):
            kinds.add(ORDER)
        return kinds

    @cached_property
    def unsettled(self) -> Bool:
        """Of each customer, whether some of the orders that a cooldown asks for may not stand; which, the reference says."""
        events = self._events
        customers = np.zeros(events.starts.size - 1, np.bool_)
        if any(rule.reads_orders for rule in self._cooldowns.values()):
            rows = events.rows({ORDER, *TAKEN_BACK})
            acts = events.select("kind", "item_id", "item_name", "quantity")[rows]
            of_customers = rows[unsettled(acts).to_numpy()]
            customers[np.searchsorted(events.starts, of_customers, side="right") - 1] = True
        return customers

    @cached_property
    def _ranks(self) -> Int32 | None:
        """Ranks of event_ids among a customer's; None: the row does, as every message stays where it is."""
        if any(rule.on_fail == "defer" for rule in self._rules):
            ids = self._events.select("customer_id", "event_id")
            order = pl.col("event_id").rank("dense").over("customer_id")
            ranks: Int32 = as_array(ids.select(order).to_series(), np.int32)
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
            return np.full(self._events.examples.height, -1, np.int32)
        return self._events.encoded("time_zone").map(self._zone_code).astype(np.int32)

    def _zones(self) -> Zones:
        events = self._events
        rows = np.zeros(0, np.int32)
        if reads_customers_clock(self._rules):
            rows = events.zone_changes(self._zone)
        zone = self._zone[events.trait[rows]]
        begin, horizon = self._times_covered()
        tables = clocks.offset_tables(self._zone_codes, begin, horizon)
        return Zones(
            events.offsets(rows), events.at[rows], self._rank(rows), zone, *tables, horizon * clocks.SECOND
        )

    def _times_covered(self) -> tuple[int, int]:
        """Begin and end (s) of the zones' tables, by whole years, so that tables are made once."""
        at = self._events.at
        begin, end = (_moment(int(micros)) for micros in ((at.min(), at.max()) if at.size else (0, 0)))
        spans = [rule_records.span(rule) for rules in self._sets for rule in rules.rules]
        ahead = timedelta(microseconds=min(max(spans, default=0), rule_records.micros(_FURTHEST))) + _AHEAD
        return _seconds(begin.year - 1), _seconds((end + ahead).year + 2)

    # -- arrays -------------------------------------------------------------------------------------------------

    def _traits(self) -> Traits:
        events, rules = self._events, self._rules
        table: Records = np.zeros(events.examples.height, TRAIT)
        table["applies"], table["counts"], table["exempt"] = rule_records.scopes(events, self._set)
        table["undecidable"] = _undecidable(rules, events, self._causes, recorded_responses(self._facts))
        kinds = events.encoded("kind")
        table["starts"] = kinds.map(
            lambda kind: sum(1 << number for number, rule in self._cooldowns.items() if kind in rule.after)
        )
        table["is_order"] = kinds.map(lambda kind: kind == ORDER)
        table["zone"] = self._zone
        if self._repurchase:
            table["item"], table["category"] = (
                events.encoded(name).codes for name in ("item_id", "category")
            )
            table["typical"] = self._typical_intervals()
        groups = [self._groups[number][0] for number in self._grouped]
        return Traits(table, np.stack(groups) if groups else np.zeros((0, table.size), np.int32))

    def _messages(self) -> Messages:
        events, row = self._events, self._row
        return Messages(
            events.offsets(row), rule_records.rules_of_customers(events, self._set), events.at[row],
            self._rank(row), row, events.trait[row], _blocked_by(self._rules, row.size, self._causes),
            *self._responses(),
        )  # fmt: skip

    def _responses(self) -> tuple[Int64, Int32]:
        """A row for each kind of response: when the first by a human came to each message, and its rank."""
        kinds, frame, row = _response_kinds(self._rules), self._events.frame, self._row
        at = np.full((len(kinds), row.size), NEVER, np.int64)
        ranks = np.zeros((len(kinds), row.size), np.int32)
        if not kinds:
            return at, ranks
        messages = frame.select("customer_id", "message_id", "event_id")[row].select("customer_id", KEY)
        for number, kind in enumerate(kinds):
            earliest = (
                frame.select("customer_id", "event_id", "message_id", "kind", "machine", "occurred_at")
                .with_row_index("row")
                .filter((pl.col("kind") == kind) & is_human_expr())
                .select("customer_id", KEY, "occurred_at", "row")
                .unique(("customer_id", "message_key"), keep="first", maintain_order=True)
            )
            joined = messages.join(
                earliest, on=("customer_id", "message_key"), how="left", maintain_order="left"
            )
            at[number] = as_array(joined["occurred_at"].to_physical().fill_null(NEVER), np.int64)
            ranks[number] = self._rank(as_array(joined["row"].fill_null(0), np.int32))
        return at, ranks

    def _consents(self) -> ConsentActs:
        events, rows = self._events, consent.act_rows(self._events, self._rules)
        positions = events.offsets(rows), events.at[rows], self._rank(rows)
        sensitive = _sensitive_topics(self._rules, self._row.size, self._causes)
        return consent.consent_acts(events, rows, self._row, sensitive, positions)

    def _acts(self) -> Acts:
        events, rows = self._events, self._act_rows
        return Acts(
            events.offsets(rows), events.at[rows], self._rank(rows), rows, events.trait[rows], self._ordered_at()
        )  # fmt: skip

    def _ordered_at(self) -> Int64:
        """When the first row of the order came that each act belongs to."""
        rows = self._act_rows
        if not self._repurchase:
            return np.full(rows.size, LONG_AGO, np.int64)
        is_order = pl.col("kind") == ORDER
        earliest = pl.col("occurred_at").to_physical().min().over("customer_id", ORDER_OF, is_order)
        acts = self._events.select("customer_id", "occurred_at", "kind", "order_id", "event_id")[rows]
        ordered_at = acts.select(pl.when(is_order).then(earliest).otherwise(LONG_AGO)).to_series()
        micros: Int64 = as_array(ordered_at, np.int64)
        return micros

    def _typical_intervals(self) -> Int64:
        medians = dict(self._facts.intervals.drop_nulls("median").select("category", "median").rows())
        return self._events.encoded("category").map(
            lambda category: rule_records.micros(medians.get(category or "", timedelta(0)))
        )


# -- causes and responses ---------------------------------------------------------------------------------------


def _causes_of_messages(frame: pl.DataFrame, row: Int32, causes: pl.DataFrame | None) -> pl.DataFrame | None:
    """The causes and sensitive topics of each message, empty where none are known; None if nothing is known at all."""
    if causes is None:
        return None
    return (
        frame.select("customer_id", "event_id")[row]
        .join(
            causes.select("customer_id", "event_id", "causes", "sensitive"),
            on=("customer_id", "event_id"), how="left", maintain_order="left",
        )
        .select(pl.col("causes", "sensitive").fill_null(pl.lit([], pl.List(pl.String))))
    )  # fmt: skip


def _sensitive_topics(rules: Sequence[Rule], messages: int, causes: pl.DataFrame | None) -> pl.Series:
    """The sensitive topics of each message, where a rule asks for them; null where they are not known."""
    is_read = any(isinstance(rule, Sensitive) for rule in rules)
    if is_read and causes is not None:
        return causes["sensitive"]
    return pl.repeat(None, messages if is_read else 0, dtype=pl.List(pl.String), eager=True)


def _blocked_by(rules: Sequence[Rule], messages: int, causes: pl.DataFrame | None) -> Int64:
    """The FIXED rules that block each message: a mute, and one among whose `events` all its causes are."""
    fixed = any(isinstance(rule, Mute | ExcludeEvent) for rule in rules)
    blocked = np.zeros(messages if fixed else 0, np.int64)
    for number, rule in enumerate(rules):
        if isinstance(rule, Mute):
            blocked |= 1 << number
        elif isinstance(rule, ExcludeEvent) and causes is not None:
            is_excluded = pl.element().is_in(list(rule.events)).fill_null(value=False)
            only_excluded = causes.select(
                (pl.col("causes").list.len() > 0) & pl.col("causes").list.eval(is_excluded).list.all()
            )
            blocked |= as_array(only_excluded.to_series(), np.int64) << number
    return blocked


def _undecidable(
    rules: Sequence[Rule],
    events: EncodedEvents,
    causes: pl.DataFrame | None,
    recorded: frozenset[tuple[str, str | None]],
) -> Int64:
    """The rules that lack data to decide on a message of each trait: its causes, any response of its channel."""
    undecidable = np.zeros(events.examples.height, np.int64)
    if causes is None:
        undecidable |= sum(1 << number for number, rule in enumerate(rules) if rule.reads_causes)
    sunsets = [(number, rule.response) for number, rule in enumerate(rules) if isinstance(rule, Sunset)]
    if sunsets:
        undecidable |= events.encoded("channel").map(
            lambda channel: sum(
                1 << number for number, response in sunsets if (response, channel) not in recorded
            )
        )
    return undecidable


def _response_kinds(rules: Sequence[Rule]) -> list[str]:
    """The kinds of events that the rules take for a response."""
    return list(dict.fromkeys(rule.response for rule in rules if isinstance(rule, Sunset)))


def _seconds(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _moment(micros: int) -> datetime:
    return clocks.EPOCH + timedelta(microseconds=micros)
