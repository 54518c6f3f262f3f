"""One replay after another of the same past, as fast as somebody types.

What does not depend on the rule is made once; what depends on its kind alone is kept from one edit to the next; and
customers whose messages the rules cannot stop are not judged.
"""

import threading
from collections.abc import Iterator
from functools import reduce
from itertools import accumulate
from operator import or_
from typing import NamedTuple, Self

import polars as pl

from audit.events.vocabulary import class_expr
from audit.population.stats import PopulationContext
from audit.rules import kernel
from audit.rules.kernel import preload
from audit.rules.reference import histories
from audit.rules.reference.evaluate import judge
from audit.rules.replay import outcomes, simulation
from audit.rules.replay.event_pruning import COLUMNS, needs, relevant
from audit.rules.replay.simulation import BECAME, DECISION, Progress, frame
from audit.rules.replay.totals import FLAGS, Sums, Totals, cells
from audit.rules.scopes import RuleSet

AT_ONCE = 8_000
"""Messages that the reference decides in about a tenth of a second: a sample holds as many."""

AT_ONCE_COMPILED = 400_000
"""The same for the kernel (`tests/bench/bench_live.py`)."""

_CHUNK = 1_000
"""Messages made into objects at a time: some milliseconds in which no other thread runs."""

_SELECTIONS = 4
"""Selections of events kept, so that going back and forth between kinds of rules reads nothing again."""


class _Selection(NamedTuple):
    """The events that matter to some rules, with their `row`, and the messages among them."""

    events: pl.DataFrame
    messages: pl.DataFrame


class PreparedReplay:
    """A past made ready to be replayed again and again; `of` makes one.

    `messages`: how many were sent; `customers`: to how many people. Rules as they stood at each moment are not for it.
    """

    def __init__(
        self, events: pl.DataFrame, messages: pl.DataFrame, became: pl.DataFrame, ctx: PopulationContext
    ) -> None:
        self._events, self._sent, self._became, self._ctx = events, messages, became, ctx
        self._selections: dict[tuple[object, ...], _Selection] = {}
        self._selecting = threading.Lock()
        self.messages = messages.height
        self.customers = messages["customer_id"].n_unique()

    @classmethod
    def of(cls, events: pl.DataFrame, ctx: PopulationContext) -> Self:
        """`events` are those of whole customers, in order; `ctx` is what is known beside them."""
        replayed = events.select(COLUMNS)
        messages = histories.sent(replayed)
        return cls(replayed, messages, outcomes.of(replayed, messages).select(FLAGS), ctx)

    def sample(self, messages: int = AT_ONCE) -> "PreparedReplay":
        """About so many messages: those of every so-many-th customer. Pseudonyms are random, so is the choice."""
        step = max(1, -(-self.messages // messages))
        customers = self._sent["customer_id"].unique(maintain_order=True).gather_every(step)
        sampled = pl.col("customer_id").is_in(customers.implode())
        of_messages = self._sent.select(sampled).to_series()
        return PreparedReplay(
            self._events.filter(sampled),
            self._sent.filter(of_messages),
            self._became.filter(of_messages),
            self._ctx,
        )

    def takes_long(self, rules: RuleSet, *, causes: pl.DataFrame | None = None) -> bool:
        """Whether `rules` take longer to replay than somebody who types waits."""
        if _compiled(rules):
            return self.messages > AT_ONCE_COMPILED
        selection = self._selection(rules)
        return selection.messages.filter(_could_block(selection, rules, causes)).height > AT_ONCE

    def replay(
        self, rules: RuleSet, *, causes: pl.DataFrame | None = None, progress: Progress | None = None
    ) -> Totals:
        """The totals that `replay.simulate` gives; `causes` and `progress` as there."""
        histories.refuse_without(causes, rules.rules)
        selection = self._selection(rules)
        if _compiled(rules):
            from audit.rules.kernel import totals

            decided, sums = totals.of(selection.messages, selection.events, rules, self._ctx.facts, causes)
        else:
            decided, sums = _by_reference(selection, rules, self._ctx, causes, progress)
        became = cells(decided.hstack(self._became))
        return Totals(rules.rules, became, self.customers, sums, self._ctx.coverage)

    def _selection(self, rules: RuleSet) -> _Selection:
        needed = needs(rules.rules)
        with self._selecting:
            if needed not in self._selections:
                if len(self._selections) >= _SELECTIONS:
                    self._selections.pop(next(iter(self._selections)))
                events = relevant(self._events, rules.rules).with_row_index("row")
                self._selections[needed] = _Selection(events, histories.sent(events))
            return self._selections[needed]


def _compiled(rules: RuleSet) -> bool:
    return preload.is_ready() and kernel.knows(rules)


def _by_reference(
    selection: _Selection,
    rules: RuleSet,
    ctx: PopulationContext,
    causes: pl.DataFrame | None,
    progress: Progress | None,
) -> tuple[pl.DataFrame, Sums]:
    """As the kernel's `totals.of`."""
    could_block = selection.messages.select(_could_block(selection, rules, causes)).to_series()
    judged = selection.messages.filter(could_block)
    decided, touched, done = [frame([]).select(BECAME)], [frame([])], 0
    for messages, events in _chunks(judged, selection.events):
        decisions = [
            decision
            for history in histories.histories(messages, events, rules.rules, ctx.facts, causes=causes)
            for decision in judge(history, rules)
        ]
        decided.append(
            pl.DataFrame(
                {
                    "decision": pl.Series([decision.decision for decision in decisions], dtype=DECISION),
                    "deferred": [decision.deferred_to is not None for decision in decisions],
                }
            )
        )
        touched.append(frame([d for d in decisions if d.decision == "stop" or d.deferred_to is not None]))
        done += len(decisions)
        if progress is not None:
            progress(done, judged.height)
    became = _with_unjudged(selection.messages, could_block, pl.concat(decided), rules)
    return became, simulation.sums(pl.concat(touched), selection.messages, rules.rules)


def _with_unjudged(
    messages: pl.DataFrame, judged: pl.Series, decided: pl.DataFrame, rules: RuleSet
) -> pl.DataFrame:
    """The decisions on all messages: those that no rule can stop pass, or are exempt."""
    name = class_expr()
    passes = pl.when(name.is_in(sorted(rules.classes))).then(pl.lit("allow")).otherwise(pl.lit("exempt"))
    passing = messages.select(
        passes.cast(DECISION).alias("decision"),
        pl.lit(value=False).alias("deferred"),
        pl.int_range(pl.len()).alias("number"),
    )
    numbered = decided.with_columns(passing["number"].filter(judged))
    return pl.concat([passing.filter(~judged), numbered]).sort("number").drop("number")


def _chunks(messages: pl.DataFrame, events: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """`messages` and the `events` of the same customers, some whole customers at a time."""
    recipients = messages["customer_id"].unique().implode()
    of_recipients = events.filter(pl.col("customer_id").is_in(recipients))
    of_messages, of_events = _cuts(messages["customer_id"]), _cuts(of_recipients["customer_id"])
    begin = 0
    for customer, cut in enumerate(of_messages):
        if cut - of_messages[begin] >= _CHUNK or (customer == len(of_messages) - 1 and customer > begin):
            yield messages[of_messages[begin] : cut], of_recipients[of_events[begin] : of_events[customer]]
            begin = customer


def _cuts(customers: pl.Series) -> list[int]:
    """Where each customer begins, and the end."""
    return [0, *accumulate(customers.rle().struct.field("len"))]


def _could_block(selection: _Selection, rules: RuleSet, causes: pl.DataFrame | None) -> pl.Expr:
    """Of the messages, in order: whether their customer has any that a rule could stop if all before it went out."""
    conditions = (rule.could_block(selection.events, causes) for rule in rules.rules)
    return reduce(or_, conditions, pl.lit(value=False))
