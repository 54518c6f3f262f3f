"""When a message would pass, in compiled code."""

from audit.rules.kernel import (
    blocks,
    clocks,
    consent,
    counters,
)
from audit.rules.kernel.jit import inner
from audit.rules.kernel.layout import (
    BAIL,
    CALENDAR,
    CONSENT,
    COOLDOWN,
    LATEST,
    LONG_AGO,
    NEVER,
    QUIET,
    ROLLING,
    Task,
)

_MOST_STEPS = 800
"""Rules that leave no gap for so many steps, more than a year, are for the reference to look further into."""


@inner
def earliest(task: Task, numbers: int, i: int, at: int, last: int) -> int:
    """The earliest moment from `at` at which all of these rules pass; NEVER if there is none up to `last`."""
    rules, work = task.rules, task.work
    for rule in range(rules.size):
        if (numbers >> rule) & 1:
            work.floor[rule] = _floor(task, rule, i, at)
    moment, steps = at, 0
    while True:
        before, steps = moment, steps + 1
        for rule in range(rules.size):
            if (numbers >> rule) & 1 and rules[rule].since <= moment < rules[rule].until:
                found = _from(task, rule, i, moment)
                if rules[rule].until != NEVER:
                    found = min(found, rules[rule].until)
                moment = found
        if moment == before or moment > last or work.state[BAIL]:
            return moment if moment <= last else NEVER
        if steps >= _MOST_STEPS:
            work.state[BAIL] = 1
            return NEVER


@inner
def _from(task: Task, rule: int, i: int, moment: int) -> int:
    """The first moment from `moment` at which a rule passes."""
    kind, floor = task.rules[rule].kind, task.work.floor[rule]
    if kind == CONSENT:
        return moment if moment < floor else NEVER
    if kind >= CALENDAR and floor != NEVER:
        return _free(task, rule, i, moment)
    return max(moment, floor)


@inner
def _floor(task: Task, rule: int, i: int, at: int) -> int:
    """The moment that a rule without a clock waits for; LONG_AGO if for nothing, NEVER if it always stops.

    Of a consent the moment from which on it stops.
    """
    kind, limit = task.rules[rule].kind, task.rules[rule].limit
    if kind == CONSENT:
        act = consent.refused(task, i)
        return task.said.at[act] + task.rules[rule].span if act >= 0 else NEVER
    if kind < CONSENT:
        return NEVER if blocks.stops_for_good(task, rule, i, at) else LONG_AGO
    if kind in (ROLLING, CALENDAR) and limit == 0:
        return NEVER
    if kind >= CALENDAR:
        return LONG_AGO
    place = counters.place_of(task, rule, task.messages.trait[i])
    if not counters.begun(task.work, place) or task.work.counters[place].full_at == LONG_AGO:
        return LONG_AGO
    span = blocks.window(task, rule, i) if kind == COOLDOWN else task.rules[rule].span
    end = task.work.counters[place].full_at + span
    return end if end <= LATEST else NEVER


@inner
def _free(task: Task, rule: int, i: int, moment: int) -> int:
    """The first moment from `moment` at which a rule that reads the clock passes."""
    rules, zones, work = task.rules, task.zones, task.work
    zone = counters.zone_of(task, rule, task.messages.trait[i])
    if rules[rule].kind == QUIET:
        begins, ends = rules[rule].quiet_from, rules[rule].quiet_to
        if zone < 0 or not clocks.quiet(zones, work, zone, moment, begins, ends):
            return moment
        return clocks.quiet_end(zones, work, zone, moment, begins, ends)
    while moment != NEVER and blocks.in_unit(task, rule, i, moment):
        moment = clocks.unit_end(zones, work, max(zone, 0), moment, rules[rule].unit, rules[rule].week)
    return moment
