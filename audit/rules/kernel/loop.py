"""The kernel's loop: every message of whole customers, in order, against all rules of a set.

What `reference` says in plain Python, over the arrays of `layout`. What it cannot settle (a moment past the zones'
horizon, rules that leave no gap for more than a year) it marks by customer, for the reference to decide.
"""

from typing import Any

from audit.rules.kernel import blocking, clocks, consent, counters, layout
from audit.rules.kernel.jit import apart, inner, nth, outer, sources
from audit.rules.kernel.layout import Int32, Int64, Messages, Task, Work

PATIENCE = 7 * clocks.DAY
"""A message waits no longer than this for rules that defer it (µs)."""


def _closing_over(digest: int) -> Any:
    @outer
    def decide(task: Task, begin: int, end: int) -> int:
        state = task.work.state
        for customer in range(begin, end):
            used = state[layout.COUNTED_USED]
            _start(task, customer)
            _customer(task, task.messages.offsets[customer], task.messages.offsets[customer + 1])
            task.decisions.undecided[customer] = state[layout.UNDECIDED]
            if state[layout.UNDECIDED] or state[layout.NO_ROOM]:
                state[layout.COUNTED_USED] = used
            if state[layout.NO_ROOM]:
                return customer
        return end if digest else begin

    return decide


decide = _closing_over(sources())
"""Decide the messages of the customers `[begin, end)`; the customer whose counted rows found no room, else `end`."""


@inner
def _start(task: Task, customer: int) -> None:
    state = task.work.state
    state[layout.CUSTOMER] = customer
    state[layout.EPOCH] += 1
    state[layout.NODES_USED] = 0
    state[layout.NEXT_ACT] = task.acts.offsets[customer]
    state[layout.NEXT_CONSENT] = task.consents.offsets[customer]
    state[layout.NEXT_ZONE_ROW] = task.zones.offsets[customer]
    state[layout.ZONE] = -1
    state[layout.ORDERED_AT] = layout.LONG_AGO
    state[layout.WAITING] = 0
    state[layout.UNDECIDED] = 0
    state[layout.NO_ROOM] = 0


@inner
def _customer(task: Task, position: int, end: int) -> None:
    messages, work, state = task.messages, task.work, task.work.state
    while (position < end or state[layout.WAITING] > 0) and state[layout.UNDECIDED] == 0:
        if position < end and _comes_before_deferred(messages, work, position):
            i, at = position, messages.at[position]
            position += 1
        else:
            at = work.due[0]
            i = _pop_deferred(work.due, work.waiting, messages.rank, state)
        counters.catch_up(task, at, messages.rank[i])
        if task.traits.table[nth(messages.trait[i])].exempt:
            task.decisions.decision[i] = layout.EXEMPTED
        elif not _passes(task, i, at):
            continue
        counters.record_sent(task, i, at)


@inner
def _comes_before_deferred(messages: Messages, work: Work, position: int) -> bool:
    if work.state[layout.WAITING] == 0:
        return True
    at, due = messages.at[position], work.due[0]
    return at < due or (at == due and messages.rank[position] < messages.rank[work.waiting[0]])


@inner
def _passes(task: Task, i: int, at: int) -> bool:
    """Whether the message goes out now; if not, it is stopped, or deferred."""
    messages, decisions, detailed = task.messages, task.decisions, task.work.state[layout.DETAILED]
    applying = (
        task.traits.table[nth(messages.trait[i])].applies
        & messages.rules_of_customer[task.work.state[layout.CUSTOMER]]
    )
    failing, deciding, defers = _failing(task, applying & counters.rules_in_force(task, at), i, at)
    if failing == 0:
        if at != messages.at[i]:
            decisions.deciding[i] = layout.DEFERRED
            if detailed:
                decisions.sent_at[i] = at
        return True
    passes = layout.NEVER
    for foresees in range(0 if defers else 1, 1 + detailed):
        rule_set = applying if foresees else failing
        latest = layout.LATEST if foresees else min(messages.at[i] + PATIENCE, layout.LATEST)
        passes = blocking.earliest_pass(task, rule_set, i, at, latest)
        if not foresees and passes != layout.NEVER:
            _push_deferred(task.work.due, task.work.waiting, messages.rank, task.work.state, passes, i)
            return False
    decisions.decision[i] = layout.STOPPED
    decisions.deciding[i] = deciding + 1
    if detailed:
        decisions.failing[i] = failing
        decisions.next_allowed[i] = passes
    blocking.write_counted(task, deciding, i, at)
    return False


@inner
def _failing(task: Task, rule_set: int, i: int, at: int) -> tuple[int, int, bool]:
    """The rules among `rule_set` that block the message, the deciding one, and whether all defer it.

    Without details it stops at the deciding rule, once it is known that the message is not deferred.
    """
    rules, detailed = task.rules, task.work.state[layout.DETAILED]
    failing, cannot_tell, deciding, defers = 0, 0, -1, True
    for rule in range(rules.size):
        if (rule_set >> rule) & 1:
            if detailed:
                cannot_tell |= _undecidable(task, rule, i) << rule
            if blocking.blocks(task, rule, i, at):
                failing |= 1 << rule
                defers = defers and rules[rule].defers == 1
                if deciding < 0:
                    deciding = rule
                if not (detailed or defers):
                    break
    if detailed and (cannot_tell or at != task.messages.at[i]):
        task.decisions.cannot_tell[i] = cannot_tell
    return failing, deciding, defers


@inner
def _undecidable(task: Task, rule: int, i: int) -> int:
    """1 if the rule lacks data to decide on the message."""
    if task.rules[rule].kind >= layout.CALENDAR:
        return 1 if counters.zone_of(task, rule, task.messages.trait[i]) < 0 else 0
    if task.rules[rule].kind == layout.CONSENT:
        return consent.lacks_list(task, i)
    if task.rules[rule].kind > layout.SUNSET:
        return 0
    return (task.traits.table[task.messages.trait[i]].undecidable >> rule) & 1


# -- deferred messages: a heap, the earliest on top, ties by rank -----------------------------------------------


@inner
def _is_sooner(due: Int64, waiting: Int32, rank: Int32, a: int, b: int) -> bool:
    return due[a] < due[b] or (due[a] == due[b] and rank[waiting[a]] < rank[waiting[b]])


@inner
def _swap(due: Int64, waiting: Int32, a: int, b: int) -> None:
    due[a], due[b] = due[b], due[a]
    waiting[a], waiting[b] = waiting[b], waiting[a]


@apart
def _push_deferred(due: Int64, waiting: Int32, rank: Int32, state: Int64, at: int, i: int) -> None:
    """Put message `i` off to `at`."""
    index = state[layout.WAITING]
    state[layout.WAITING] = index + 1
    due[index], waiting[index] = at, i
    while index > 0 and _is_sooner(due, waiting, rank, index, (index - 1) // 2):
        _swap(due, waiting, index, (index - 1) // 2)
        index = (index - 1) // 2


@apart
def _pop_deferred(due: Int64, waiting: Int32, rank: Int32, state: Int64) -> int:
    """Take the earliest message away; its index."""
    earliest = waiting[0]
    size = state[layout.WAITING] - 1
    state[layout.WAITING] = size
    due[0], waiting[0] = due[size], waiting[size]
    index = 0
    while True:
        least = index
        for child in (2 * index + 1, 2 * index + 2):
            if child < size and _is_sooner(due, waiting, rank, child, least):
                least = child
        if least == index:
            return earliest
        _swap(due, waiting, index, least)
        index = least
