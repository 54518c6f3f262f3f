"""Totals of what the kernel decided, without a text or an object for a message."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from audit.population.stats import Facts
from audit.rules.kernel import (
    decode,
    dictionary_encoding,
    outcomes,
    run,
    totals_jit,
)
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.encoded_events import Numbers
from audit.rules.kernel.layout import PUT_OFF, STOPPED, Int8, Int32
from audit.rules.kernel.run import Outcome
from audit.rules.reference import histories
from audit.rules.replay import decisions, simulation
from audit.rules.replay.decisions import DECISION
from audit.rules.replay.event_pruning import texts
from audit.rules.replay.totals import FLAGS
from audit.rules.scopes import RuleSet

_WORDS = pl.Series(DECISION.categories, dtype=DECISION)


def of(
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    causes: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """`decided` (columns `decision, deferred`), `by_rule`, `affected`, `displaced` of whole customers.

    `messages`: as `prepare.sent` gives them, with `row`, their row in `events`. `causes`: why each was sent,
    as `prepare.histories` reads it.
    """
    made = Part.of(
        Columns(events, texts(rules.rules)),
        rules,
        facts,
        causes=causes,
        row=messages["row"].cast(pl.Int32).to_numpy(writable=True),
    )
    decided = made.outcome.decided
    words = _WORDS.gather(pl.Series(decided.decision, dtype=pl.UInt32))
    return {
        "decided": pl.DataFrame({"decision": words, "deferred": decided.deciding == PUT_OFF}),
        **made.totals(),
    }


def fleet(
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    causes: pl.DataFrame | None = None,
    *,
    numbers: Numbers | None = None,
    told: bool = False,
) -> dict[str, Any]:
    """`cells` by provider, `by_rule, customers, affected, displaced` of whole customers, and `decisions` if they are `told`.

    `numbers`: those of `events`, which then need no more columns than `relevant.by_row` names. Keeps to one core: several
    parts may be decided at a time.
    """
    if numbers is None:
        columns = Columns(events, texts(rules.rules))
        row, became = outcomes.messages(columns)
    else:
        columns, row, became = numbers.columns(events), numbers.row, numbers.became
    made = Part.of(columns, rules, facts, row=row, causes=causes, tells=told, hands=1)
    return {
        **made.totals(),
        "cells": made.cells(became),
        "customers": made.customers,
        "decisions": made.decisions() if told else None,
    }


@dataclass(frozen=True, slots=True)
class Part:
    """What was decided of the messages of some customers: those that the rows `row` of `columns`, of these traits, stand for."""

    columns: Columns
    row: Int32
    trait: Int32
    outcome: Outcome
    rules: RuleSet

    @classmethod
    def of(
        cls,
        columns: Columns,
        rules: RuleSet,
        facts: Facts,
        *,
        row: Int32,
        causes: pl.DataFrame | None = None,
        tells: bool = False,
        hands: int | None = None,
    ) -> "Part":
        """Decide; `causes`, `tells` and `hands` as for `run.decide`."""
        outcome = run.decide(columns, row, rules, facts, causes=causes, tells=tells, hands=hands)
        _copy_others(outcome, rules)
        return cls(columns, row, columns.trait[row], outcome, rules)

    @property
    def customers(self) -> int:
        """How many people have a message."""
        return int(np.count_nonzero(np.diff(self.outcome.first)))

    def totals(self) -> dict[str, Any]:
        """`by_rule`, `affected`, `displaced`."""
        stopped = np.zeros(len(self.rules.rules), np.int64)
        affected = totals_jit.affected(self.outcome.first, self.outcome.decided, stopped)
        return {
            "by_rule": {rule.id: int(n) for rule, n in zip(self.rules.rules, stopped, strict=True)},
            "affected": affected,
            "displaced": self._displaced(),
        }

    def cells(self, became: Int8) -> pl.DataFrame:
        """How many messages became the same: `decision, deferred, provider`, `FLAGS` but the last, and `n`."""
        provider = self.columns.coded("mailbox_provider")
        size = (len(provider.values) + 1) * totals_jit.DECISIONS * 2 * totals_jit.BECAME
        counts = np.zeros(size, np.int64)
        totals_jit.cells(self.outcome.decided, became, self.trait, provider.codes, counts)
        cell = np.flatnonzero(counts)
        names = pl.Series([None, *provider.values], dtype=pl.String)
        kind = cell // totals_jit.BECAME
        return pl.DataFrame(
            {
                "decision": _WORDS.gather(kind // 2 % totals_jit.DECISIONS),
                "deferred": kind % 2 == 1,
                **{flag: (cell >> bit) % 2 == 1 for bit, flag in enumerate(FLAGS[:-1])},
                "provider": names.gather(kind // 2 // totals_jit.DECISIONS),
                "n": counts[cell],
            }
        )

    def decisions(self) -> pl.DataFrame:
        """A row a message, columns of `decisions.DECISIONS`, in order."""
        events = self.columns.frame
        shown = self.columns.named("event_id", "customer_id", "occurred_at", "message_class")[self.row]
        return decode.frame(self.outcome, shown, events, self.rules)

    def _displaced(self) -> pl.DataFrame:
        """Columns `by, stopped, n`: a stopped message once for each campaign that its cap counted."""
        caps = np.array([False, *(rule.displaces for rule in self.rules.rules), False])
        decided = self.outcome.decided
        campaigns = self.columns.coded("campaign")
        size = len(campaigns.values) + 1
        pairs = np.empty(decided.counted.size, np.int64)
        asked = totals_jit.Displacing(caps, campaigns.codes, self.trait, self.columns.trait[decided.counted])
        number = totals_jit.displaced(decided, asked, np.zeros(size, np.int64), pairs)
        numbers, firsts = dictionary_encoding.numbered(dictionary_encoding.spread(pairs[:number]))
        known = pairs[firsts]
        names = pl.Series([None, *campaigns.values], dtype=pl.String)
        own = pl.DataFrame(
            {
                "by": names.gather(known // size),
                "stopped": names.gather(known % size),
                "n": pl.Series(np.bincount(numbers, minlength=known.size), dtype=pl.UInt32),
            }
        )
        return pl.concat([own, self._displaced_by_others()]) if self.outcome.others else own

    def _displaced_by_others(self) -> pl.DataFrame:
        messages = histories.standing(self.columns.frame[self.row[self.outcome.left_over]])
        return simulation.displaced(decisions.frame(self.outcome.others), messages, self.rules.rules)


def _copy_others(outcome: Outcome, rules: RuleSet) -> None:
    """Write what the reference decided beside what the kernel did."""
    number = {"allow": 0, "stop": STOPPED, "exempt": 2}
    position = {rule.id: place + 1 for place, rule in enumerate(rules.rules)}
    decided = outcome.decided
    for place, other in zip(np.flatnonzero(outcome.left_over), outcome.others, strict=True):
        decided.decision[place] = number[other.decision]
        put_off = PUT_OFF if other.deferred_to else 0
        decided.deciding[place] = position[other.deciding_rule] if other.deciding_rule else put_off
        decided.counts[place] = 0
