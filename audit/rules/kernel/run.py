"""Decide the messages of whole customers with the compiled code, and what it leaves over with the reference."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from audit.population.stats import Facts
from audit.rules.kernel import encode, loop
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.encode import Problem
from audit.rules.kernel.layout import (
    CATEGORIES,
    COUNTER,
    DATED,
    ITEMS,
    LONG_AGO,
    NEVER,
    NODE_OF,
    SIZE,
    TELLS,
    USED,
    Decided,
    Int32,
    Int64,
    Task,
    Work,
)
from audit.rules.reference import histories as prepare
from audit.rules.reference.evaluate import Decision, judge
from audit.rules.replay.event_pruning import COLUMNS
from audit.rules.scopes import RuleSet

_AT_ONCE = 5_000
"""Customers that a thread decides before it takes others: some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, as arrays, a row a message; of customers left over, `others` holds the reference's decisions.

    `left_over`: row by row, whether the reference decided it. `first`: where each customer's messages begin.
    """

    decided: Decided
    left_over: np.ndarray[tuple[int], np.dtype[np.bool_]]
    others: list[Decision]
    first: Int64


def decide(
    columns: Columns,
    row: Int32,
    rules: RuleSet,
    facts: Facts,
    *,
    causes: pl.DataFrame | None = None,
    tells: bool = True,
    hands: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Decide the messages that the rows `row` of `columns` stand for, in order.

    `causes`: why each was sent, as `prepare.histories` reads it. `tells`: whether decisions are told, and not only
    added up. `hands`: how many threads decide, by default as many as there are cores. `progress` is told how many messages
    are decided; it may raise.
    """
    if encode.holds(columns):
        made = encode.problem(columns, row, rules, facts, causes)
        first = made.messages.first
        decided = pass_over(made, tells=tells, hands=hands, progress=progress)
    else:
        first = columns.first(row)
        decided = _empty(row.size, first.size - 1, tells=tells)
        decided.bailed[:] = 1
    if not decided.bailed.any():
        return Outcome(decided, np.zeros(row.size, np.bool_), [], first)
    left_over = np.repeat(decided.bailed == 1, np.diff(first))
    decided.counts[left_over] = 0
    columns.named(*COLUMNS)
    messages = prepare.standing(columns.frame[row[left_over]])
    theirs = columns.frame.filter(pl.col("customer_id").is_in(messages["customer_id"].unique().implode()))
    histories = prepare.histories(messages, theirs, rules.rules, facts, causes=causes)
    others = [one for history in histories for one in judge(history, rules)]
    return Outcome(decided, left_over, others, first)


def pass_over(
    made: Problem,
    *,
    tells: bool = True,
    hands: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Decided:
    """Decide everything, on as many cores as there are, or `hands`; customers do not touch each other."""
    customers = made.messages.named.size
    decided = _empty(made.messages.at.size, customers, tells=tells)
    hands = max(1, min(hands or os.cpu_count() or 1, customers // _AT_ONCE))
    parts = [_Part(made, decided, tells=tells) for _ in range(hands)]
    resting = deque(parts)

    def decide(begin: int) -> int:
        part, end = resting.popleft(), min(begin + _AT_ONCE, customers)
        part.decide(begin, end)
        resting.append(part)
        return end

    with ThreadPoolExecutor(hands) as pool:
        try:
            for end in pool.map(decide, range(0, customers, _AT_ONCE)):
                progress(int(made.messages.first[end]))
        finally:
            pool.shutdown(cancel_futures=True)
    return _joined(decided, parts)


class _Part:
    """One thread's share: its own memory, and its own list of what was counted."""

    def __init__(self, made: Problem, decided: Decided, *, tells: bool) -> None:
        self._made = made
        self.work = _work(made, tells=tells)
        self.decided = decided._replace(counted=np.zeros(1 << 16, np.int32))
        self.mine: list[slice] = []

    def decide(self, begin: int, end: int) -> None:
        """Decide the customers `[begin, end)`."""
        made, reached = self._made, begin
        self.mine.append(slice(int(made.messages.first[begin]), int(made.messages.first[end])))
        while reached < end:
            task = Task(
                made.rules,
                made.traits,
                made.messages,
                made.acts,
                made.said,
                made.zones,
                self.decided,
                self.work,
            )
            reached = loop.decide(task, reached, end)
            if reached < end:
                room = np.zeros(2 * self.decided.counted.size, np.int32)
                room[: self.decided.counted.size] = self.decided.counted
                self.decided = self.decided._replace(counted=room)


def _joined(decided: Decided, parts: list[_Part]) -> Decided:
    """One list of what was counted out of those of all parts."""
    before = 0
    for part in parts:
        for rows in part.mine if before else ():
            decided.begins[rows] += before
        before += int(part.work.state[USED])
    counted = [part.decided.counted[: part.work.state[USED]] for part in parts]
    return decided._replace(counted=np.concatenate(counted))


def _empty(messages: int, customers: int, *, tells: bool) -> Decided:
    def column(dtype: type[np.generic], size: int = messages) -> Any:
        return np.zeros(size, dtype)

    told = messages if tells else 0
    return Decided(
        decision=column(np.int8), out=column(np.int64, told), deciding=column(np.int8),
        failing=column(np.int64, told), cannot_tell=column(np.int64, told), next_allowed=column(np.int64, told),
        begins=column(np.int64), counts=column(np.int32), counted=column(np.int32, 0),
        bailed=column(np.int8, customers),
    )  # fmt: skip


def _work(made: Problem, *, tells: bool) -> Work:
    most = int(np.diff(made.messages.first).max(initial=0))
    state = np.zeros(SIZE, np.int64)
    state[TELLS], state[ITEMS], state[CATEGORIES], state[USED] = tells, made.items, made.categories, 0
    state[DATED] = bool((made.rules["since"] != LONG_AGO).any() or (made.rules["until"] != NEVER).any())
    return Work(
        state=state,
        counters=np.zeros(made.places, COUNTER),
        nodes=np.zeros(_most_nodes(made), NODE_OF),
        floor=np.zeros(max(made.rules.size, 1), np.int64),
        cursor=made.zones.table[:-1].copy(),
        due=np.zeros(most + 1, np.int64),
        waiting=np.zeros(most + 1, np.int32),
        moments=np.zeros(int(np.diff(made.acts.first).max(initial=0)) + 1, np.int64),
    )


def _most_nodes(made: Problem) -> int:
    """As many as the customer with the most of them may need."""
    rules, sent, done = made.rules.size, np.diff(made.messages.first), np.diff(made.acts.first)
    return int((rules * sent + (rules + 2) * done).max(initial=0)) + 1


def bits(mask: int, rules: RuleSet) -> list[str]:
    """The ids of the rules that a number stands for, in checking order."""
    return [rule.id for number, rule in enumerate(rules.rules) if mask >> number & 1]


def counted_rows(decided: Decided) -> tuple[Int64, Int64]:
    """What was counted, flat: the message's row and the event's row, messages in order."""
    counts = decided.counts.astype(np.int64)
    of = np.repeat(np.arange(counts.size), counts)
    starts = np.cumsum(counts) - counts
    places = decided.begins[of] + np.arange(of.size) - starts[of]
    return of, decided.counted[places].astype(np.int64)
