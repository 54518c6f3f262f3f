"""Decide the messages of whole customers with the compiled code, and the rest with the reference."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl

from audit.population.stats import Facts
from audit.rules.kernel import layout, loop
from audit.rules.kernel.encode import Encoder, KernelInput, alike, covers
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.layout import Decisions, Int8, Int32, Int64, Task, Work
from audit.rules.reference import histories
from audit.rules.reference.evaluate import Decision, judge
from audit.rules.replay import simulation
from audit.rules.replay.event_pruning import COLUMNS
from audit.rules.scopes import RuleSet

_AT_ONCE = 5_000
"""Customers that a thread decides before it takes others: some hundredths of a second."""

Progress = Callable[[int], None]
"""Is told how many messages are decided; may raise to stop."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, as arrays, a row a message; `by_reference`: the reference's decisions, of undecided customers.

    `left_over`: of each message, whether the reference decided it. `offsets`: where each customer's messages begin.
    """

    decisions: Decisions
    left_over: np.ndarray[tuple[int], np.dtype[np.bool_]]
    by_reference: list[Decision]
    offsets: Int64


def decide(
    events: EncodedEvents,
    row: Int32,
    rules: RuleSet,
    facts: Facts,
    *,
    causes: pl.DataFrame | None = None,
    detailed: bool = True,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> Decided:
    """Decide the messages that the rows `row` of `events` stand for, in order; the rest as for `decide_each`."""
    (decided,) = decide_each(
        events, row, [rules], facts, causes=causes, detailed=detailed, threads=threads, progress=progress
    )
    return decided


def decide_each(
    events: EncodedEvents,
    row: Int32,
    sets: Sequence[RuleSet],
    facts: Facts,
    *,
    causes: pl.DataFrame | None = None,
    detailed: bool = True,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[Decided]:
    """Decide the messages that the rows `row` of `events` stand for, in order, by each set of rules; all arrays but the
    rules are made once for sets that are next to each other and `alike`.

    `causes`: why each was sent, as `histories.histories` reads it. `detailed`: as for the frame of decisions, and not only
    for totals. `threads`: by default as many as there are cores.
    """
    for _, alike_sets in groupby(sets, key=alike):
        together = list(alike_sets)
        if covers(events):
            encoder = Encoder(events, row, together, facts, causes)
            for rules, kernel_input in zip(together, encoder.encode(), strict=True):
                decisions = run(kernel_input, detailed=detailed, threads=threads, progress=progress)
                decisions.undecided[encoder.unsettled] = 1
                offsets = kernel_input.messages.offsets
                yield _with_reference(decisions, offsets, events, row, rules, facts, causes)
        else:
            offsets = events.offsets(row)
            for rules in together:
                decisions = _empty(row.size, offsets.size - 1, detailed=detailed)
                decisions.undecided[:] = 1
                yield _with_reference(decisions, offsets, events, row, rules, facts, causes)


def _with_reference(
    decisions: Decisions,
    offsets: Int64,
    events: EncodedEvents,
    row: Int32,
    rules: RuleSet,
    facts: Facts,
    causes: pl.DataFrame | None,
) -> Decided:
    """What was decided, and what the reference decides of the customers that are undecided."""
    if not decisions.undecided.any():
        return Decided(decisions, np.zeros(row.size, np.bool_), [], offsets)
    left_over = np.repeat(decisions.undecided == 1, np.diff(offsets))
    decisions.counted_number[left_over] = 0
    events.select(*COLUMNS)
    messages = histories.standing(events.frame[row[left_over]])
    is_theirs = pl.col("customer_id").is_in(messages["customer_id"].unique().implode())
    customers = histories.histories(
        messages, events.frame.filter(is_theirs), rules.rules, facts, causes=causes
    )
    by_reference = [decision for history in customers for decision in judge(history, rules)]
    return Decided(decisions, left_over, by_reference, offsets)


def run(
    kernel_input: KernelInput,
    *,
    detailed: bool = True,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> Decisions:
    """Decide everything, on as many cores as there are, or `threads`; customers do not touch each other."""
    customers = kernel_input.messages.rules_of_customer.size
    decisions = _empty(kernel_input.messages.at.size, customers, detailed=detailed)
    threads = max(1, min(threads or os.cpu_count() or 1, customers // _AT_ONCE))
    parts = [_Thread(kernel_input, decisions, detailed=detailed) for _ in range(threads)]
    idle = deque(parts)

    def decide(begin: int) -> int:
        part, end = idle.popleft(), min(begin + _AT_ONCE, customers)
        part.decide(begin, end)
        idle.append(part)
        return end

    with ThreadPoolExecutor(threads) as pool:
        try:
            for end in pool.map(decide, range(0, customers, _AT_ONCE)):
                progress(int(kernel_input.messages.offsets[end]))
        finally:
            pool.shutdown(cancel_futures=True)
    return _joined(decisions, parts)


class _Thread:
    """One thread's share: its own memory, and its own list of counted rows."""

    def __init__(self, kernel_input: KernelInput, decisions: Decisions, *, detailed: bool) -> None:
        self._input = kernel_input
        self.work = _work(kernel_input, detailed=detailed)
        self.decisions = decisions._replace(counted=np.zeros(1 << 16, np.int32))
        self.messages: list[slice] = []

    def decide(self, begin: int, end: int) -> None:
        """Decide the customers `[begin, end)`."""
        data, reached = self._input, begin
        self.messages.append(slice(int(data.messages.offsets[begin]), int(data.messages.offsets[end])))
        while reached < end:
            task = Task(
                data.rules, data.traits, data.messages, data.acts, data.consents, data.zones, self.decisions, self.work
            )  # fmt: skip
            reached = loop.decide(task, reached, end)
            if reached < end:
                room = np.zeros(2 * self.decisions.counted.size, np.int32)
                room[: self.decisions.counted.size] = self.decisions.counted
                self.decisions = self.decisions._replace(counted=room)


def _joined(decisions: Decisions, parts: list[_Thread]) -> Decisions:
    """One list of counted rows out of those of all threads."""
    before = 0
    for part in parts:
        for messages in part.messages if before else ():
            decisions.counted_from[messages] += before
        before += int(part.work.state[layout.COUNTED_USED])
    counted = [part.decisions.counted[: part.work.state[layout.COUNTED_USED]] for part in parts]
    return decisions._replace(counted=np.concatenate(counted))


def _empty(messages: int, customers: int, *, detailed: bool) -> Decisions:
    def column(dtype: type[np.generic], size: int = messages) -> Any:
        return np.zeros(size, dtype)

    details = messages if detailed else 0
    return Decisions(
        decision=column(np.int8), sent_at=column(np.int64, details), deciding=column(np.int8),
        failing=column(np.int64, details), cannot_tell=column(np.int64, details),
        next_allowed=column(np.int64, details), counted_from=column(np.int64), counted_number=column(np.int32),
        counted=column(np.int32, 0), undecided=column(np.int8, customers),
    )  # fmt: skip


def _work(data: KernelInput, *, detailed: bool) -> Work:
    messages, acts = np.diff(data.messages.offsets), np.diff(data.acts.offsets)
    most_messages, most_acts = int(messages.max(initial=0)), int(acts.max(initial=0))
    nodes = data.rules.size * messages + (data.rules.size + 2) * acts
    state = np.zeros(layout.STATE_SIZE, np.int64)
    state[layout.DETAILED], state[layout.ITEMS], state[layout.CATEGORIES] = (
        detailed,
        data.items,
        data.categories,
    )
    state[layout.HAS_DATES] = bool(
        (data.rules["since"] != layout.LONG_AGO).any() or (data.rules["until"] != layout.NEVER).any()
    )
    return Work(
        state=state,
        counters=np.zeros(data.counters, layout.COUNTER),
        nodes=np.zeros(int(nodes.max(initial=0)) + 1, layout.NODE),
        floor=np.zeros(max(data.rules.size, 1), np.int64),
        cursor=data.zones.table[:-1].copy(),
        due=np.zeros(most_messages + 1, np.int64),
        waiting=np.zeros(most_messages + 1, np.int32),
        moments=np.zeros(most_acts + 1, np.int64),
    )


# -- the frame of decisions -------------------------------------------------------------------------------------


def frame(decided: Decided, messages: pl.DataFrame, events: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """A row a message, columns of `simulation.DECISIONS`, in the order of `messages`."""
    arrays = decided.decisions
    stopped, deferred = (
        pl.Series(arrays.decision == layout.STOPPED),
        pl.Series(arrays.deciding == layout.DEFERRED),
    )
    deferred_to = pl.when(deferred).then(_moments(arrays.sent_at))
    next_allowed = pl.when(pl.Series(arrays.next_allowed != layout.NEVER)).then(_moments(arrays.next_allowed))
    by_kernel = messages.select("event_id", "customer_id", "occurred_at").with_columns(
        decision=names(arrays.decision).cast(pl.String),
        deferred_to=deferred_to,
        deciding_rule=_rule_ids(arrays.deciding, rules),
        failing_rules=_rule_lists(arrays.failing, rules),
        counted=_counted(arrays, events["event_id"]),
        cannot_tell=_rule_lists(arrays.cannot_tell, rules),
        assumed=_assumed(messages["message_class"]),
        next_allowed_at=pl.when(stopped)
        .then(next_allowed)
        .otherwise(pl.coalesce(deferred_to, "occurred_at")),
    )
    if not decided.by_reference:
        return by_kernel
    left_over = pl.Series(decided.left_over)
    row = pl.int_range(messages.height, dtype=pl.UInt32, eager=True).alias("row")
    parts = [
        by_kernel.with_columns(row).filter(~left_over),
        simulation.frame(decided.by_reference).with_columns(row.filter(left_over)),
    ]
    return pl.concat(parts).sort("row").drop("row")


def names(decisions: Int8) -> pl.Series:
    """`allow`, `stop` or `exempt` for each number."""
    enum = simulation.DECISION
    return pl.Series(enum.categories, dtype=enum).gather(pl.Series(decisions, dtype=pl.UInt32))


def _moments(micros: Int64) -> pl.Series:
    return pl.Series(micros).cast(simulation.DECISIONS["deferred_to"])


def _rule_ids(deciding: Int8, rules: RuleSet) -> pl.Series:
    ids = pl.Series([None, *(rule.id for rule in rules.rules)], dtype=pl.String)
    return ids.gather(pl.Series(deciding).clip(0).cast(pl.UInt32))


def _rule_lists(sets: Int64, rules: RuleSet) -> pl.Series:
    """Lists of rule ids for sets of rules, of which there are few different ones."""
    sets_column = pl.DataFrame({"set": sets})
    different = sets_column["set"].unique()
    lists = [
        [rule.id for number, rule in enumerate(rules.rules) if rule_set >> number & 1]
        for rule_set in different
    ]
    ids = pl.DataFrame({"set": different, "ids": pl.Series(lists, dtype=pl.List(pl.String))})
    return sets_column.join(ids, on="set", how="left", maintain_order="left")["ids"]


def _counted(arrays: Decisions, event_ids: pl.Series) -> pl.Series:
    """The ids of the counted events, as a list a message."""
    numbers = arrays.counted_number.astype(np.int64)
    message = np.repeat(np.arange(numbers.size), numbers)
    begins = np.cumsum(numbers) - numbers
    rows = arrays.counted[arrays.counted_from[message] + np.arange(message.size) - begins[message]]
    return simulation.lists(
        pl.Series(message, dtype=pl.UInt32), event_ids.gather(pl.Series(rows, dtype=pl.UInt32)), numbers.size
    )


def _assumed(classes: pl.Series) -> pl.Series:
    nothing, message_class = pl.Series([[]], dtype=pl.List(pl.String)), pl.Series([["message_class"]])
    return pl.select(
        pl.when(classes.is_null() | (classes == "")).then(pl.lit(message_class)).otherwise(pl.lit(nothing))
    ).to_series()
