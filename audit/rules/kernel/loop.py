"""The kernel's loop: every message of whole customers, in order, against all rules of a set.

What `reference` says in plain Python, over the arrays of `layout`. What it cannot settle (a moment past the zones'
horizon, rules that leave no gap for more than a year) it marks by customer, for the reference to decide.
"""

from typing import Any

from audit.rules.kernel import (
    blocks,
    clocks,
    counted_rows,
    counters,
    deferral_heap,
    next_allowed,
)
from audit.rules.kernel.jit import inner, nth, outer, sources
from audit.rules.kernel.layout import (
    ACT,
    BAIL,
    CALENDAR,
    CUSTOMER,
    EPOCH,
    EXEMPTED,
    FULL,
    LATEST,
    LONG_AGO,
    NEVER,
    NODE,
    ORDERED,
    PUT_OFF,
    SAYING,
    STOPPED,
    SUNSET,
    TELLS,
    USED,
    WAITING,
    ZONE,
    ZONE_ROW,
    Messages,
    Task,
    Work,
)

PATIENCE = 7 * clocks.DAY


def _made_of(digest: int) -> Any:
    @outer
    def decide(task: Task, begin: int, end: int) -> int:
        state = task.work.state
        for customer in range(begin, end):
            used = state[USED]
            _start(task, customer)
            _customer(task, task.messages.first[customer], task.messages.first[customer + 1])
            task.decided.bailed[customer] = state[BAIL]
            if state[BAIL] or state[FULL]:
                state[USED] = used
            if state[FULL]:
                return customer
        return end if digest else begin

    return decide


decide = _made_of(sources())
"""Decide the messages of the customers `[begin, end)`; the first whose counted rows found no room, else `end`."""


@inner
def _start(task: Task, customer: int) -> None:
    state = task.work.state
    state[CUSTOMER] = customer
    state[EPOCH] += 1
    state[NODE] = 0
    state[ACT] = task.acts.first[customer]
    state[SAYING] = task.said.first[customer]
    state[ZONE_ROW] = task.zones.first[customer]
    state[ZONE] = -1
    state[ORDERED] = LONG_AGO
    state[WAITING] = 0
    state[BAIL] = 0
    state[FULL] = 0


@inner
def _customer(task: Task, position: int, upto: int) -> None:
    messages, work, state = task.messages, task.work, task.work.state
    while (position < upto or state[WAITING] > 0) and state[BAIL] == 0:
        if position < upto and _list_is_next(messages, work, position):
            i, at = position, messages.at[position]
            position += 1
        else:
            at = work.due[0]
            i = deferral_heap.pop(work.due, work.waiting, messages.rank, state)
        counters.catch_up(task, at, messages.rank[i])
        if task.traits.table[nth(messages.trait[i])].exempt:
            task.decided.decision[i] = EXEMPTED
        elif not _passes(task, i, at):
            continue
        counters.let_through(task, i, at)


@inner
def _list_is_next(messages: Messages, work: Work, position: int) -> bool:
    if work.state[WAITING] == 0:
        return True
    at, due = messages.at[position], work.due[0]
    return at < due or (at == due and messages.rank[position] < messages.rank[work.waiting[0]])


@inner
def _passes(task: Task, i: int, at: int) -> bool:
    """Whether the message goes out now; if not, it is stopped, or put off."""
    messages, decided, tells = task.messages, task.decided, task.work.state[TELLS]
    scoped = task.traits.table[nth(messages.trait[i])].judging & messages.named[task.work.state[CUSTOMER]]
    failing, first, puts_off = _failing(task, scoped & counters.named(task, at), i, at)
    if failing == 0:
        if at != messages.at[i]:
            decided.deciding[i] = PUT_OFF
            if tells:
                decided.out[i] = at
        return True
    found = NEVER
    for foresees in range(0 if puts_off else 1, 1 + tells):
        numbers = scoped if foresees else failing
        last = LATEST if foresees else min(messages.at[i] + PATIENCE, LATEST)
        found = next_allowed.earliest(task, numbers, i, at, last)
        if not foresees and found != NEVER:
            deferral_heap.push(task.work.due, task.work.waiting, messages.rank, task.work.state, found, i)
            return False
    decided.decision[i] = STOPPED
    decided.deciding[i] = first + 1
    if tells:
        decided.failing[i] = failing
        decided.next_allowed[i] = found
    counted_rows.keep_counted(task, first, i, at)
    return False


@inner
def _failing(task: Task, scoped: int, i: int, at: int) -> tuple[int, int, bool]:
    """The rules among `scoped` that stop the message, the first of them, and whether all put it off.

    Totals ask for no more than the first, once it is known that it is not put off.
    """
    rules, tells = task.rules, task.work.state[TELLS]
    failing, cannot_tell, first, puts_off = 0, 0, -1, True
    for rule in range(rules.size):
        if (scoped >> rule) & 1:
            if tells:
                cannot_tell |= _unsure(task, rule, i) << rule
            if blocks.stops(task, rule, i, at):
                failing |= 1 << rule
                puts_off = puts_off and rules[rule].defers == 1
                if first < 0:
                    first = rule
                if not (tells or puts_off):
                    break
    if tells and (cannot_tell or at != task.messages.at[i]):
        task.decided.cannot_tell[i] = cannot_tell
    return failing, first, puts_off


@inner
def _unsure(task: Task, rule: int, i: int) -> int:
    """1 if the rule lacks what it needs to judge the message."""
    if task.rules[rule].kind >= CALENDAR:
        return 1 if counters.zone_of(task, rule, task.messages.trait[i]) < 0 else 0
    return (
        (task.traits.table[task.messages.trait[i]].unsure >> rule) & 1
        if task.rules[rule].kind <= SUNSET
        else 0
    )
