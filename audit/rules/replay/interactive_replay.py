"""One replay after another of the same past, as fast as somebody types.

What does not depend on the rule is made once; what depends on its kind alone is kept from one edit to the next; and
customers whose messages the rules cannot stop are not judged.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import reduce
from itertools import accumulate
from operator import or_
from typing import Any, NamedTuple, Self

import polars as pl

from audit.population.context import Context
from audit.rules import kernel
from audit.rules.kernel import preload
from audit.rules.model import READING_CAUSES, Rule
from audit.rules.reference import histories
from audit.rules.reference.consents import NO
from audit.rules.reference.evaluate import judge
from audit.rules.replay import outcomes, simulation
from audit.rules.replay.decisions import DECISION, frame
from audit.rules.replay.event_pruning import COLUMNS, needs, relevant
from audit.rules.replay.simulation import Progress
from audit.rules.replay.totals import (
    FLAGS,
    Totals,
    cells,
    most_first,
)
from audit.rules.scopes import DEFAULT_CLASS, RuleSet

AT_ONCE = 8_000
"""Messages that the reference decides in about a tenth of a second: a sample holds as many."""

AT_ONCE_COMPILED = 400_000
"""The same for the kernel (`tests/bench/bench_live.py`)."""

_CHUNK = 1_000
"""Messages made into objects at a time: some milliseconds in which no other thread runs."""

_KEPT = 4
"""Choices of events kept, so that going back and forth between kinds of rules reads nothing again."""

_LONGEST = {
    "1h": timedelta(hours=2),
    "1d": timedelta(days=3),
    "1w": timedelta(days=10),
    "1mo": timedelta(days=35),
}
"""A calendar window → a time in which it lies, whatever the clocks do."""


class _Kept(NamedTuple):
    """The events that matter to some rules, with their `row`, and the messages among them."""

    events: pl.DataFrame
    messages: pl.DataFrame


class Prepared:
    """A past made ready to be replayed again and again; `of` makes one.

    `messages`: how many were sent; `customers`: to how many people. Rules as they stood at each moment are not for it.
    """

    def __init__(
        self, events: pl.DataFrame, messages: pl.DataFrame, became: pl.DataFrame, ctx: Context
    ) -> None:
        self._events, self._sent, self._became, self._ctx = events, messages, became, ctx
        self._kept: dict[tuple[object, ...], _Kept] = {}
        self._choosing = threading.Lock()
        self.messages = messages.height
        self.customers = messages["customer_id"].n_unique()

    @classmethod
    def of(cls, events: pl.DataFrame, ctx: Context) -> Self:
        """`events` are those of whole customers, in order; `ctx` is what is known beside them."""
        read = events.select(COLUMNS)
        messages = histories.sent(read)
        return cls(read, messages, outcomes.of(read, messages).select(FLAGS), ctx)

    def sample(self, messages: int = AT_ONCE) -> "Prepared":
        """About so many messages: those of every so-many-th customer. Pseudonyms are random, so is the choice."""
        every = max(1, -(-self.messages // messages))
        chosen = self._sent["customer_id"].unique(maintain_order=True).gather_every(every)
        own = pl.col("customer_id").is_in(chosen.implode())
        mine = self._sent.select(own).to_series()
        return Prepared(
            self._events.filter(own), self._sent.filter(mine), self._became.filter(mine), self._ctx
        )

    def takes_long(self, rules: RuleSet, *, causes: pl.DataFrame | None = None) -> bool:
        """Whether `rules` take longer to replay than somebody who types waits."""
        if _compiled(rules):
            return self.messages > AT_ONCE_COMPILED
        kept = self._choice(rules)
        return kept.messages.filter(_concerned(kept, rules, causes)).height > AT_ONCE

    def replay(
        self, rules: RuleSet, *, causes: pl.DataFrame | None = None, progress: Progress | None = None
    ) -> Totals:
        """The totals that `replay.simulate` gives; `causes` and `progress` as there."""
        histories.refuse_without(causes, rules.rules)
        kept = self._choice(rules)
        if _compiled(rules):
            from audit.rules.kernel import totals

            made = totals.of(kept.messages, kept.events, rules, self._ctx.facts, causes)
        else:
            made = _by_reference(kept, rules, self._ctx, causes, progress)
        return Totals(
            rules.rules,
            cells(made["decided"].hstack(self._became)),
            {rule.id: made["by_rule"].get(rule.id, 0) for rule in rules.rules},
            self.customers,
            made["affected"],
            most_first(made["displaced"]),
            self._ctx.coverage,
        )

    def _choice(self, rules: RuleSet) -> _Kept:
        asked = needs(rules.rules)
        with self._choosing:
            if asked not in self._kept:
                if len(self._kept) >= _KEPT:
                    self._kept.pop(next(iter(self._kept)))
                events = relevant(self._events, rules.rules).with_row_index("row")
                self._kept[asked] = _Kept(events, histories.sent(events))
            return self._kept[asked]


def _compiled(rules: RuleSet) -> bool:
    return preload.is_ready() and kernel.knows(rules)


def _by_reference(
    kept: _Kept, rules: RuleSet, ctx: Context, causes: pl.DataFrame | None, progress: Progress | None
) -> dict[str, Any]:
    """`decided, by_rule, affected, displaced`, as the kernel's `sums.of` gives them."""
    concerned = kept.messages.select(_concerned(kept, rules, causes)).to_series()
    judged = kept.messages.filter(concerned)
    decided, stops, done = [], [], 0
    for messages, events in _chunks(judged, kept.events):
        made = [
            decision
            for history in histories.histories(messages, events, rules.rules, ctx.facts, causes=causes)
            for decision in judge(history, rules)
        ]
        touched = [one for one in made if one.decision == "stop" or one.deferred_to is not None]
        decided.append(
            _columns([one.decision for one in made], [one.deferred_to is not None for one in made])
        )
        stops.append(frame(touched))
        done += len(made)
        if progress is not None:
            progress(done, judged.height)
    touched_ = pl.concat([frame([]), *stops])
    return {
        "decided": _with_the_rest(kept.messages, concerned, pl.concat([_columns([], []), *decided]), rules),
        "by_rule": dict(touched_.drop_nulls("deciding_rule").group_by("deciding_rule").len().rows()),
        "affected": touched_["customer_id"].n_unique(),
        "displaced": simulation.displaced(touched_, kept.messages, rules.rules),
    }


def _columns(decision: list[str], deferred: list[bool]) -> pl.DataFrame:
    return pl.DataFrame(
        {"decision": pl.Series(decision, dtype=DECISION), "deferred": pl.Series(deferred, dtype=pl.Boolean)}
    )


def _with_the_rest(
    messages: pl.DataFrame, concerned: pl.Series, decided: pl.DataFrame, rules: RuleSet
) -> pl.DataFrame:
    """The decisions on all messages: those that no rule can stop pass, or are exempt."""
    name = pl.when(pl.col("message_class") != "").then("message_class").otherwise(pl.lit(DEFAULT_CLASS))
    passes = pl.when(name.is_in(sorted(rules.classes))).then(pl.lit("allow")).otherwise(pl.lit("exempt"))
    placed = messages.select(
        passes.cast(DECISION).alias("decision"),
        pl.lit(value=False).alias("deferred"),
        pl.int_range(pl.len()).alias("place"),
    )
    rest = placed.filter(~concerned)
    own = decided.with_columns(placed["place"].filter(concerned))
    return pl.concat([rest, own]).sort("place").drop("place")


def _chunks(messages: pl.DataFrame, events: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """`messages` and the `events` of the same customers, some whole customers at a time."""
    theirs = events.filter(pl.col("customer_id").is_in(messages["customer_id"].unique().implode()))
    of_messages, of_events = (_cuts(one["customer_id"]) for one in (messages, theirs))
    begin = 0
    for customer, cut in enumerate(of_messages):
        if cut - of_messages[begin] >= _CHUNK or (customer == len(of_messages) - 1 and customer > begin):
            yield messages[of_messages[begin] : cut], theirs[of_events[begin] : of_events[customer]]
            begin = customer


def _cuts(customers: pl.Series) -> list[int]:
    """Where each customer begins, and the end."""
    return [0, *accumulate(customers.rle().struct.field("len"))]


def _concerned(kept: _Kept, rules: RuleSet, causes: pl.DataFrame | None) -> pl.Expr:
    """Of the messages, in order: whether their customer has any that a rule could stop if all before it went out."""
    return reduce(or_, (_reaches(rule, kept, causes) for rule in rules.rules), pl.lit(value=False))


def _reaches(rule: Rule, kept: _Kept, causes: pl.DataFrame | None) -> pl.Expr:
    if rule.kind in {"consent", "cooldown"}:
        kinds = NO if rule.kind == "consent" else rule.after
        return _of(kept.events.filter(pl.col("kind").is_in(kinds)))
    if rule.kind in READING_CAUSES and causes is not None:
        return _of(
            causes.filter(pl.col("sensitive" if rule.kind == "sensitive" else "causes").list.len() > 0)
        )
    if rule.kind == "sunset":
        return pl.len().over("customer_id") > (rule.unengaged or 1)
    if rule.kind in {"min_gap", "frequency_cap"}:
        window = _LONGEST[rule.window or ""] if rule.window_kind == "calendar" else rule.span
        if rule.window_kind == "days":
            window += _LONGEST["1d"]
        at = pl.col("occurred_at")
        room = at - at.shift(1 if rule.limit is None else rule.limit)
        return (room < window).any().over("customer_id")
    return pl.lit(value=True)


def _of(rows: pl.DataFrame) -> pl.Expr:
    return pl.col("customer_id").is_in(rows["customer_id"].unique().implode())
