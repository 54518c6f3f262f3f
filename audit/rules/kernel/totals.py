"""Totals of what the kernel decided, without a text or an object for a message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from audit.population.stats import Facts
from audit.rules.kernel import dictionary_encoding, layout, outcomes, run
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.jit import outer
from audit.rules.kernel.layout import Bool, Decisions, Int8, Int32, Int64
from audit.rules.kernel.run import Decided
from audit.rules.kernel.stored_encoding import StoredEncoding
from audit.rules.reference import histories
from audit.rules.replay import simulation
from audit.rules.replay.event_pruning import texts
from audit.rules.replay.totals import FLAGS, PartTotals, Sums
from audit.rules.scopes import RuleSet

_DECISIONS, _OUTCOMES = 3, 32
"""How many decisions there are, and how many sets of outcomes."""


def of(
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    causes: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, Sums]:
    """The decisions on the messages of whole customers (columns `decision, deferred`), and what they add up to.

    `messages`: as `histories.sent` gives them, with `row`, their row in `events`. `causes`: why each was sent,
    as `histories.histories` reads it.
    """
    row = messages["row"].cast(pl.Int32).to_numpy(writable=True)
    encoded = EncodedEvents(events, texts(rules.rules))
    (part,) = Part.each(encoded, [rules], facts, causes=causes, row=row)
    arrays = part.decided.decisions
    decided = {"decision": run.names(arrays.decision), "deferred": arrays.deciding == layout.DEFERRED}
    return pl.DataFrame(decided), part.sums()


def fleet(
    frame: pl.DataFrame,
    sets: Sequence[RuleSet],
    facts: Facts,
    causes: pl.DataFrame | None = None,
    *,
    encoding: StoredEncoding | None = None,
    detailed: bool = False,
) -> list[PartTotals]:
    """The totals of whole customers by each set of rules, with the decisions if `detailed`.

    `encoding`: that of `frame`, which then needs no more columns than `event_pruning.by_row` names. Keeps to one core:
    several parts may be decided at a time.
    """
    if encoding is None:
        events = EncodedEvents(frame, texts([rule for rules in sets for rule in rules.rules]))
        row, flags = outcomes.messages(events)
    else:
        events, row, flags = encoding.events(frame), encoding.row, encoding.flags
    return [
        PartTotals(
            part.sums(),
            part.cells(flags),
            int(np.count_nonzero(np.diff(part.decided.offsets))),
            part.decisions() if detailed else None,
        )
        for part in Part.each(events, sets, facts, row=row, causes=causes, detailed=detailed, threads=1)
    ]


@dataclass(frozen=True, slots=True)
class Part:
    """What was decided of the messages of some customers: those that the rows `row` of `events`, of these traits, stand for."""

    events: EncodedEvents
    row: Int32
    trait: Int32
    decided: Decided
    rules: RuleSet

    @classmethod
    def each(
        cls,
        events: EncodedEvents,
        sets: Sequence[RuleSet],
        facts: Facts,
        *,
        row: Int32,
        causes: pl.DataFrame | None = None,
        detailed: bool = False,
        threads: int | None = None,
    ) -> Iterator["Part"]:
        """Decide by each set of rules; `causes`, `detailed` and `threads` as for `run.decide_each`."""
        trait = events.trait[row]
        decided_each = run.decide_each(
            events, row, sets, facts, causes=causes, detailed=detailed, threads=threads
        )
        for rules, decided in zip(sets, decided_each, strict=True):
            _copy_from_reference(decided, rules)
            yield cls(events, row, trait, decided, rules)

    def sums(self) -> Sums:
        """What the decisions add up to."""
        stopped = np.zeros(len(self.rules.rules), np.int64)
        affected = _affected(self.decided.offsets, self.decided.decisions, stopped)
        by_rule = {rule.id: int(n) for rule, n in zip(self.rules.rules, stopped, strict=True)}
        return Sums(by_rule, affected, self._displaced())

    def cells(self, flags: Int8) -> pl.DataFrame:
        """How many messages have the same: `decision, deferred, provider`, `FLAGS` but the last, and `n`."""
        provider = self.events.encoded("mailbox_provider")
        counts = np.zeros((len(provider.values) + 1) * _DECISIONS * 2 * _OUTCOMES, np.int64)
        _cells(self.decided.decisions, flags, self.trait, provider.codes, counts)
        cell = np.flatnonzero(counts)
        providers = pl.Series([None, *provider.values], dtype=pl.String)
        kind = cell // _OUTCOMES
        return pl.DataFrame(
            {
                "decision": run.names((kind // 2 % _DECISIONS).astype(np.int8)),
                "deferred": kind % 2 == 1,
                **{flag: (cell >> bit) % 2 == 1 for bit, flag in enumerate(FLAGS[:-1])},
                "provider": providers.gather(kind // 2 // _DECISIONS),
                "n": counts[cell],
            }
        )

    def decisions(self) -> pl.DataFrame:
        """A row a message, columns of `simulation.DECISIONS`, in order."""
        columns = self.events.select("event_id", "customer_id", "occurred_at", "message_class")
        return run.frame(self.decided, columns[self.row], self.events.frame, self.rules)

    def _displaced(self) -> pl.DataFrame:
        """Columns `by, stopped, n`: a stopped message once for each campaign that its cap counted."""
        is_cap = np.array([False, *(rule.displaces for rule in self.rules.rules), False])
        arrays, campaign = self.decided.decisions, self.events.encoded("campaign")
        size = len(campaign.values) + 1
        pairs = np.empty(arrays.counted.size, np.int64)
        columns = _Displacement(is_cap, campaign.codes, self.trait, self.events.trait[arrays.counted])
        number = _displaced(arrays, columns, np.zeros(size, np.int64), pairs)
        codes, firsts = dictionary_encoding.number_keys(dictionary_encoding.spread(pairs[:number]))
        different = pairs[firsts]
        campaigns = pl.Series([None, *campaign.values], dtype=pl.String)
        by_kernel = pl.DataFrame(
            {
                "by": campaigns.gather(different // size),
                "stopped": campaigns.gather(different % size),
                "n": pl.Series(np.bincount(codes, minlength=different.size), dtype=pl.UInt32),
            }
        )
        if not self.decided.by_reference:
            return by_kernel
        messages = histories.standing(self.events.frame[self.row[self.decided.left_over]])
        by_reference = simulation.frame(self.decided.by_reference)
        return pl.concat([by_kernel, simulation.displaced(by_reference, messages, self.rules.rules)])


def _copy_from_reference(decided: Decided, rules: RuleSet) -> None:
    """Write what the reference decided beside what the kernel did."""
    code = {"allow": layout.ALLOWED, "stop": layout.STOPPED, "exempt": layout.EXEMPTED}
    position = {rule.id: number + 1 for number, rule in enumerate(rules.rules)}
    arrays = decided.decisions
    for i, decision in zip(np.flatnonzero(decided.left_over), decided.by_reference, strict=True):
        arrays.decision[i] = code[decision.decision]
        deferred = layout.DEFERRED if decision.deferred_to else 0
        arrays.deciding[i] = position[decision.deciding_rule] if decision.deciding_rule else deferred
        arrays.counted_number[i] = 0


# -- compiled ---------------------------------------------------------------------------------------------------


class _Displacement(NamedTuple):
    """What displacement is read from. `is_cap`: of a rule, by what `deciding` says of it (the last: deferred).

    `campaign`: of each trait; `trait`: of each message; `counted`: the traits of the counted rows.
    """

    is_cap: Bool
    campaign: Int32
    trait: Int32
    counted: Int32


@outer
def _cells(decisions: Decisions, flags: Int8, trait: Int32, provider: Int32, counts: Int64) -> None:
    """Count messages by `((provider + 1) * _DECISIONS + decision) * 2 + deferred) * _OUTCOMES + flags`.

    `trait`: of each message; `provider`: of each trait.
    """
    for i in range(flags.size):
        deferred = 1 if decisions.deciding[i] == layout.DEFERRED else 0
        kind = ((provider[trait[i]] + 1) * _DECISIONS + decisions.decision[i]) * 2 + deferred
        counts[kind * _OUTCOMES + flags[i]] += 1


@outer
def _affected(offsets: Int64, decisions: Decisions, by_rule: Int64) -> int:
    """How many customers have a message that was stopped or deferred; and in `by_rule`, how many each rule stopped."""
    number = 0
    for customer in range(offsets.size - 1):
        affected = 0
        for i in range(offsets[customer], offsets[customer + 1]):
            if decisions.decision[i] == layout.STOPPED:
                by_rule[decisions.deciding[i] - 1] += 1
                affected = 1
            elif decisions.deciding[i] == layout.DEFERRED:
                affected = 1
        number += affected
    return number


@outer
def _displaced(decisions: Decisions, columns: _Displacement, counted_for: Int64, pairs: Int64) -> int:
    """Put into `pairs` each stopped message once for each campaign that its cap counted; how many there are.

    A pair is `(by + 1) * counted_for.size + stopped + 1`. `counted_for`: room for every campaign and one, zero.
    """
    number = 0
    for i in range(columns.trait.size):
        if columns.is_cap[decisions.deciding[i]]:
            begin = decisions.counted_from[i]
            for k in range(begin, begin + decisions.counted_number[i]):
                by = columns.campaign[columns.counted[k]] + 1
                if counted_for[by] != i + 1:
                    counted_for[by] = i + 1
                    pairs[number] = by * counted_for.size + columns.campaign[columns.trait[i]] + 1
                    number += 1
    return number
