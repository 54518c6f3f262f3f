"""What each kind of rule says of a message, in compiled code."""

from audit.rules.kernel import clocks, consent, counters
from audit.rules.kernel.jit import inner, nth
from audit.rules.kernel.layout import (
    CALENDAR,
    CATEGORIES,
    CONSENT,
    COOLDOWN,
    ITEMS,
    ORDERED,
    ORDERED_RANK,
    QUIET,
    ROLLING,
    SENSITIVE,
    SUNSET,
    Task,
    Work,
)
from audit.rules.kernel.median_gap import median_gap


@inner
def stops(task: Task, rule: int, i: int, at: int) -> bool:
    """Whether the rule stops message `i`, due at `at`."""
    kind, work = task.rules[rule].kind, task.work
    if kind == ROLLING:
        if task.rules[rule].limit == 0:
            return True
        return (
            counters.full_at(work, counters.place_of(task, rule, task.messages.trait[i]))
            > at - task.rules[rule].span
        )
    if kind == COOLDOWN:
        return counters.full_at(work, counters.place_of(task, rule, task.messages.trait[i])) > at - window(
            task, rule, i
        )
    if kind == CALENDAR:
        return in_unit(task, rule, i, at)
    if kind == QUIET:
        zone = counters.zone_of(task, rule, task.messages.trait[i])
        begins, ends = task.rules[rule].quiet_from, task.rules[rule].quiet_to
        return zone >= 0 and clocks.quiet(task.zones, work, zone, at, begins, ends)
    if kind == CONSENT:
        act = consent.refused(task, i)
        return act >= 0 and task.said.at[act] <= at - task.rules[rule].span
    return stops_for_good(task, rule, i, at)


@inner
def stops_for_good(task: Task, rule: int, i: int, at: int) -> bool:
    """The same of the kinds up to SUNSET, which time alone does not let pass."""
    if task.rules[rule].kind == SUNSET:
        return _unanswered(task, rule, i, at)
    if task.rules[rule].kind == SENSITIVE:
        return not consent.agreed(task, i)
    return (task.messages.stops[i] >> rule) & 1 == 1


@inner
def in_unit(task: Task, rule: int, i: int, moment: int) -> bool:
    """Whether a calendar cap's limit of counted messages lies in the calendar unit of `moment`."""
    place, limit, work, zones = (
        counters.place_of(task, rule, task.messages.trait[i]),
        task.rules[rule].limit,
        task.work,
        task.zones,
    )
    if limit == 0 or not counters.begun(work, place):
        return limit == 0
    counter = work.counters[nth(place)]
    kind, week = task.rules[rule].unit, task.rules[rule].week
    bound = moment - clocks.longest(kind)
    if counter.full_at <= bound:
        return False
    zone = max(counters.zone_of(task, rule, task.messages.trait[i]), 0)
    unit = clocks.unit(zones, work, zone, moment, kind, week)
    if (
        zones.since[nth(work.cursor[nth(zone)])] <= bound
    ):  # no clock was shifted, so that units follow each other
        return clocks.unit(zones, work, zone, counter.full_at, kind, week) == unit
    node, n = counter.tail, 0
    while node >= 0 and n < limit and work.nodes[nth(node)].at > bound:
        if clocks.unit(zones, work, zone, work.nodes[nth(node)].at, kind, week) == unit:
            n += 1
        node = work.nodes[nth(node)].before
    return n >= limit


@inner
def _unanswered(task: Task, rule: int, i: int, at: int) -> bool:
    """Whether a sunset's streak is there, found no response, and no order came since the first of it."""
    messages, work, limit = task.messages, task.work, task.rules[rule].limit
    place = counters.place_of(task, rule, task.messages.trait[i])
    if (task.traits.table[messages.trait[i]].unsure >> rule) & 1 or not counters.begun(work, place):
        return False
    counter, nodes, state = work.counters[place], work.nodes, work.state
    if counter.n < limit:
        return False
    first = nodes[counter.full].what
    if state[ORDERED] > counter.full_at or (
        state[ORDERED] == counter.full_at and state[ORDERED_RANK] > messages.rank[first]
    ):
        return False
    response, node = task.rules[rule].response, counter.tail
    for _ in range(limit):
        sent = nodes[node].what
        replied = messages.replied[response, sent]
        if replied < at or (replied == at and messages.replied_rank[response, sent] < messages.rank[i]):
            return False
        node = nodes[node].before
    return True


@inner
def window(task: Task, rule: int, i: int) -> int:
    """A cooldown's window: fixed, or the customer's own interval, else everybody's, else the fallback."""
    if not task.rules[rule].repurchase:
        return task.rules[rule].span
    about, work, own = task.traits.table[task.messages.trait[i]], task.work, 0
    if about.item >= 0:
        own = _interval(work, work.state[ITEMS] + about.item)
    if own == 0 and about.category >= 0:
        own = _interval(work, work.state[CATEGORIES] + about.category)
    if own == 0:
        own = about.typical
    return own or task.rules[rule].span


@inner
def _interval(work: Work, place: int) -> int:
    """The median time between the purchases of one chain; 0 where there are not two."""
    if not counters.begun(work, place) or work.counters[place].n < 2:
        return 0
    counter = work.counters[place]
    if counter.median_n != counter.n:
        counter.median_n = counter.n
        counter.median = median_gap(work.nodes, work.moments, counter.tail, counter.n)
    return counter.median
