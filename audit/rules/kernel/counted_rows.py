"""What a deciding rule counted, written down in compiled code."""

from audit.rules.kernel import (
    blocks,
    clocks,
    consent,
    counters,
)
from audit.rules.kernel.jit import inner
from audit.rules.kernel.layout import (
    CALENDAR,
    CONSENT,
    COOLDOWN,
    FIXED,
    FULL,
    QUIET,
    ROLLING,
    SENSITIVE,
    SUNSET,
    TELLS,
    USED,
    Int32,
    Task,
)


@inner
def keep_counted(task: Task, rule: int, i: int, at: int) -> None:
    """Write down what `rule` counted when it stopped message `i`, oldest first; where there is no room, set FULL.

    Totals ask for what caps counted alone.
    """
    kind, state = task.rules[rule].kind, task.work.state
    if kind in (FIXED, SENSITIVE, QUIET) or not (state[TELLS] or kind in (ROLLING, CALENDAR)):
        return
    begins = state[USED]
    if kind == CONSENT:
        _keep(task, task.said.row[consent.refused(task, i)])
    else:
        _keep_chain(task, rule, i, at)
        _turn(task.decided.counted, begins, state[USED])
    task.decided.begins[i] = begins
    task.decided.counts[i] = state[USED] - begins


@inner
def _keep_chain(task: Task, rule: int, i: int, at: int) -> None:
    rules, work, zones = task.rules, task.work, task.zones
    kind, place = rules[rule].kind, counters.place_of(task, rule, task.messages.trait[i])
    if not counters.begun(work, place):
        return
    bound, left, unit, zone = at - rules[rule].span, work.counters[place].n, 0, 0
    if kind == COOLDOWN:
        bound = at - blocks.window(task, rule, i)
    elif kind == CALENDAR:
        bound = at - clocks.longest(rules[rule].unit)
        zone = max(counters.zone_of(task, rule, task.messages.trait[i]), 0)
        unit = clocks.unit(zones, work, zone, at, rules[rule].unit, rules[rule].week)
    elif kind == SUNSET:
        bound, left = work.counters[place].full_at - 1, rules[rule].limit
    node = work.counters[place].tail
    while left > 0 and work.nodes[node].at > bound and work.state[FULL] == 0:
        what = work.nodes[node].what
        if kind == COOLDOWN:
            _keep(task, task.acts.row[what])
        elif kind != CALENDAR or unit == clocks.unit(
            zones, work, zone, work.nodes[node].at, rules[rule].unit, rules[rule].week
        ):
            _keep(task, task.messages.row[what])
        node = work.nodes[node].before
        left -= 1


@inner
def _keep(task: Task, row: int) -> None:
    used = task.work.state[USED]
    if used == task.decided.counted.size:
        task.work.state[FULL] = 1
        return
    task.decided.counted[used] = row
    task.work.state[USED] = used + 1


@inner
def _turn(rows: Int32, begin: int, end: int) -> None:
    low, high = begin, end - 1
    while low < high:
        rows[low], rows[high] = rows[high], rows[low]
        low += 1
        high -= 1
