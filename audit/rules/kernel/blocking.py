"""What each kind of rule does with a message, in compiled code: whether it blocks, what it counted, when it lets it pass."""

from audit.rules.kernel import clocks, consent, counters, layout
from audit.rules.kernel.jit import inner, nth
from audit.rules.kernel.layout import Int32, Task

_MOST_STEPS = 800
"""Rules that leave no gap for so many steps, more than a year, are for the reference to look further into."""


@inner
def blocks(task: Task, rule: int, i: int, at: int) -> bool:
    """Whether the rule blocks message `i`, due at `at`."""
    kind, work = task.rules[rule].kind, task.work
    if kind == layout.ROLLING:
        if task.rules[rule].limit == 0:
            return True
        index = counters.counter_index(task, rule, task.messages.trait[i])
        return counters.full_at(work, index) > at - task.rules[rule].span
    if kind == layout.COOLDOWN:
        index = counters.counter_index(task, rule, task.messages.trait[i])
        return counters.full_at(work, index) > at - _cooldown(task, rule, i)
    if kind == layout.CALENDAR:
        return _unit_is_full(task, rule, i, at)
    if kind == layout.QUIET:
        zone = counters.zone_of(task, rule, task.messages.trait[i])
        begin, end = task.rules[rule].quiet_from, task.rules[rule].quiet_to
        return zone >= 0 and clocks.quiet(task.zones, work, zone, at, begin, end)
    if kind == layout.CONSENT:
        act = consent.refusal(task, i)
        return act >= 0 and task.consents.at[act] <= at - task.rules[rule].span
    return _blocks_for_good(task, rule, i, at)


@inner
def _blocks_for_good(task: Task, rule: int, i: int, at: int) -> bool:
    """The same of the kinds up to SUNSET, which time alone does not let pass."""
    if task.rules[rule].kind == layout.SUNSET:
        return _unanswered(task, rule, i, at)
    if task.rules[rule].kind == layout.SENSITIVE:
        return not consent.agreed(task, i)
    return (task.messages.blocked_by[i] >> rule) & 1 == 1


@inner
def _unit_is_full(task: Task, rule: int, i: int, moment: int) -> bool:
    """Whether a calendar cap's limit of counted messages lies in the calendar unit of `moment`."""
    limit, work, zones = task.rules[rule].limit, task.work, task.zones
    index = counters.counter_index(task, rule, task.messages.trait[i])
    if limit == 0 or not counters.is_used(work, index):
        return limit == 0
    counter = work.counters[nth(index)]
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
    """Whether a sunset's streak is complete, found no response, and no order came since it began."""
    messages, work, limit = task.messages, task.work, task.rules[rule].limit
    index = counters.counter_index(task, rule, task.messages.trait[i])
    undecidable = (task.traits.table[messages.trait[i]].undecidable >> rule) & 1
    if undecidable or not counters.is_used(work, index):
        return False
    counter, nodes, state = work.counters[index], work.nodes, work.state
    if counter.n < limit:
        return False
    begin = nodes[counter.full].source
    if state[layout.ORDERED_AT] > counter.full_at or (
        state[layout.ORDERED_AT] == counter.full_at and state[layout.ORDERED_RANK] > messages.rank[begin]
    ):
        return False
    response, node = task.rules[rule].response, counter.tail
    for _ in range(limit):
        sent = nodes[node].source
        response_at = messages.response_at[response, sent]
        if response_at < at or (
            response_at == at and messages.response_rank[response, sent] < messages.rank[i]
        ):
            return False
        node = nodes[node].before
    return True


@inner
def _cooldown(task: Task, rule: int, i: int) -> int:
    """A cooldown's window: fixed, or the customer's own interval, else everybody's, else the fallback."""
    if not task.rules[rule].repurchase:
        return task.rules[rule].span
    trait, work, interval = task.traits.table[task.messages.trait[i]], task.work, 0
    if trait.item >= 0:
        interval = counters.purchase_interval(work, work.state[layout.ITEMS] + trait.item)
    if interval == 0 and trait.category >= 0:
        interval = counters.purchase_interval(work, work.state[layout.CATEGORIES] + trait.category)
    if interval == 0:
        interval = trait.typical
    return interval or task.rules[rule].span


# -- what it counted --------------------------------------------------------------------------------------------


@inner
def write_counted(task: Task, rule: int, i: int, at: int) -> None:
    """Write down what `rule` counted when it blocked message `i`, oldest first; where there is no room, set NO_ROOM.

    Without details only what caps counted.
    """
    kind, state = task.rules[rule].kind, task.work.state
    if kind in (layout.FIXED, layout.SENSITIVE, layout.QUIET) or not (
        state[layout.DETAILED] or kind in (layout.ROLLING, layout.CALENDAR)
    ):
        return
    begin = state[layout.COUNTED_USED]
    if kind == layout.CONSENT:
        _write_row(task, task.consents.row[consent.refusal(task, i)])
    else:
        _write_chain(task, rule, i, at)
        _reverse(task.decisions.counted, begin, state[layout.COUNTED_USED])
    task.decisions.counted_from[i] = begin
    task.decisions.counted_number[i] = state[layout.COUNTED_USED] - begin


@inner
def _write_chain(task: Task, rule: int, i: int, at: int) -> None:
    rules, work, zones = task.rules, task.work, task.zones
    kind, index = rules[rule].kind, counters.counter_index(task, rule, task.messages.trait[i])
    if not counters.is_used(work, index):
        return
    bound, remaining, unit, zone = at - rules[rule].span, work.counters[index].n, 0, 0
    if kind == layout.COOLDOWN:
        bound = at - _cooldown(task, rule, i)
    elif kind == layout.CALENDAR:
        bound = at - clocks.longest(rules[rule].unit)
        zone = max(counters.zone_of(task, rule, task.messages.trait[i]), 0)
        unit = clocks.unit(zones, work, zone, at, rules[rule].unit, rules[rule].week)
    elif kind == layout.SUNSET:
        bound, remaining = work.counters[index].full_at - 1, rules[rule].limit
    node = work.counters[index].tail
    while remaining > 0 and work.nodes[node].at > bound and work.state[layout.NO_ROOM] == 0:
        source = work.nodes[node].source
        if kind == layout.COOLDOWN:
            _write_row(task, task.acts.row[source])
        elif kind != layout.CALENDAR or unit == clocks.unit(
            zones, work, zone, work.nodes[node].at, rules[rule].unit, rules[rule].week
        ):
            _write_row(task, task.messages.row[source])
        node = work.nodes[node].before
        remaining -= 1


@inner
def _write_row(task: Task, row: int) -> None:
    used = task.work.state[layout.COUNTED_USED]
    if used == task.decisions.counted.size:
        task.work.state[layout.NO_ROOM] = 1
        return
    task.decisions.counted[used] = row
    task.work.state[layout.COUNTED_USED] = used + 1


@inner
def _reverse(rows: Int32, begin: int, end: int) -> None:
    low, high = begin, end - 1
    while low < high:
        rows[low], rows[high] = rows[high], rows[low]
        low += 1
        high -= 1


# -- when it lets it pass ---------------------------------------------------------------------------------------


@inner
def earliest_pass(task: Task, rule_set: int, i: int, at: int, latest: int) -> int:
    """The earliest moment from `at` at which all of these rules pass; NEVER if there is none up to `latest`."""
    rules, work = task.rules, task.work
    for rule in range(rules.size):
        if (rule_set >> rule) & 1:
            work.floor[rule] = _floor(task, rule, i, at)
    moment, steps = at, 0
    while True:
        before, steps = moment, steps + 1
        for rule in range(rules.size):
            if (rule_set >> rule) & 1 and rules[rule].since <= moment < rules[rule].until:
                passes = _pass_from(task, rule, i, moment)
                if rules[rule].until != layout.NEVER:
                    passes = min(passes, rules[rule].until)
                moment = passes
        if moment == before or moment > latest or work.state[layout.UNDECIDED]:
            return moment if moment <= latest else layout.NEVER
        if steps >= _MOST_STEPS:
            work.state[layout.UNDECIDED] = 1
            return layout.NEVER


@inner
def _pass_from(task: Task, rule: int, i: int, moment: int) -> int:
    """The first moment from `moment` at which a rule passes."""
    kind, floor = task.rules[rule].kind, task.work.floor[rule]
    if kind == layout.CONSENT:
        return moment if moment < floor else layout.NEVER
    if kind >= layout.CALENDAR and floor != layout.NEVER:
        return _clock_pass_from(task, rule, i, moment)
    return max(moment, floor)


@inner
def _floor(task: Task, rule: int, i: int, at: int) -> int:
    """The moment that a rule without a clock waits for; LONG_AGO if for nothing, NEVER if it always blocks.

    Of a consent the moment from which on it blocks.
    """
    kind, limit = task.rules[rule].kind, task.rules[rule].limit
    if kind == layout.CONSENT:
        act = consent.refusal(task, i)
        return task.consents.at[act] + task.rules[rule].span if act >= 0 else layout.NEVER
    if kind < layout.CONSENT:
        return layout.NEVER if _blocks_for_good(task, rule, i, at) else layout.LONG_AGO
    if kind in (layout.ROLLING, layout.CALENDAR) and limit == 0:
        return layout.NEVER
    if kind >= layout.CALENDAR:
        return layout.LONG_AGO
    index = counters.counter_index(task, rule, task.messages.trait[i])
    if not counters.is_used(task.work, index) or task.work.counters[index].full_at == layout.LONG_AGO:
        return layout.LONG_AGO
    span = _cooldown(task, rule, i) if kind == layout.COOLDOWN else task.rules[rule].span
    end = task.work.counters[index].full_at + span
    return end if end <= layout.LATEST else layout.NEVER


@inner
def _clock_pass_from(task: Task, rule: int, i: int, moment: int) -> int:
    """The first moment from `moment` at which a rule that reads the clock passes."""
    rules, zones, work = task.rules, task.zones, task.work
    zone = counters.zone_of(task, rule, task.messages.trait[i])
    if rules[rule].kind == layout.QUIET:
        begin, end = rules[rule].quiet_from, rules[rule].quiet_to
        if zone < 0 or not clocks.quiet(zones, work, zone, moment, begin, end):
            return moment
        return clocks.quiet_end(zones, work, zone, moment, begin, end)
    while moment != layout.NEVER and _unit_is_full(task, rule, i, moment):
        moment = clocks.unit_end(zones, work, max(zone, 0), moment, rules[rule].unit, rules[rule].week)
    return moment
