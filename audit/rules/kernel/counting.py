"""What is known before a message, in compiled code: the chains of what was counted, acts, words, zones."""

from audit.rules.kernel import clocks
from audit.rules.kernel.jit import inner
from audit.rules.kernel.layout import (
    ACT,
    CALENDAR,
    CATEGORIES,
    CUSTOMER,
    EPOCH,
    ITEMS,
    LONG_AGO,
    NODE,
    ORDERED,
    ORDERED_RANK,
    SAYING,
    ZONE,
    ZONE_ROW,
    Task,
    Work,
)


@inner
def catch_up(task: Task, at: int, rank: int) -> None:
    """Take in what lies before `(at, rank)` in order."""
    state = task.work.state
    following = state[CUSTOMER] + 1
    if state[ACT] < task.acts.first[following]:
        _acts(task, task.acts.first[following], at, rank)
    if state[SAYING] < task.said.first[following]:
        _words(task, task.said.first[following], at, rank)
    if state[ZONE_ROW] < task.zones.first[following]:
        _zones(task, task.zones.first[following], at, rank)


@inner
def _acts(task: Task, upto: int, at: int, rank: int) -> None:
    rules, acts, work, state = task.rules, task.acts, task.work, task.work.state
    j = state[ACT]
    while j < upto and (acts.at[j] < at or (acts.at[j] == at and acts.rank[j] < rank)):
        for rule in range(rules.size):
            if (acts.starts[j] >> rule) & 1:
                group = acts.group[rules[rule].group, j] if rules[rule].group >= 0 else 0
                if group >= 0:
                    _count(_added(work, acts.at[j], j), work, rules[rule].base + group, 1)
        if acts.is_order[j]:
            state[ORDERED] = acts.at[j]
            state[ORDERED_RANK] = acts.rank[j]
        if acts.bought[j] != LONG_AGO and state[ITEMS] >= 0:
            if acts.item[j] >= 0:
                _count(_added(work, acts.bought[j], j), work, state[ITEMS] + acts.item[j], 1)
            if acts.category[j] >= 0:
                _count(_added(work, acts.bought[j], j), work, state[CATEGORIES] + acts.category[j], 1)
        j += 1
    state[ACT] = j


@inner
def _words(task: Task, upto: int, at: int, rank: int) -> None:
    said, state = task.said, task.work.state
    j = state[SAYING]
    while j < upto and (said.at[j] < at or (said.at[j] == at and said.rank[j] < rank)):
        j += 1
    state[SAYING] = j


@inner
def _zones(task: Task, upto: int, at: int, rank: int) -> None:
    zones, state = task.zones, task.work.state
    j = state[ZONE_ROW]
    while j < upto and (zones.at[j] < at or (zones.at[j] == at and zones.rank[j] < rank)):
        state[ZONE] = zones.zone[j]
        j += 1
    state[ZONE_ROW] = j


@inner
def let_through(task: Task, i: int, at: int) -> None:
    """Take in that message `i` went out at `at`."""
    rules, work = task.rules, task.work
    numbers = task.messages.counting[i] & task.messages.named[work.state[CUSTOMER]]
    for rule in range(rules.size):
        if (numbers >> rule) & 1 and rules[rule].since <= at < rules[rule].until:
            number = _added(work, at, i)
            if rules[rule].kind == CALENDAR:
                zone = max(zone_of(task, rule, i), 0)
                node = work.nodes[number]
                node.zone = zone
                node.unit = clocks.unit(task.zones, work, zone, at, rules[rule].unit, rules[rule].week)
            _count(number, work, place_of(task, rule, i), rules[rule].limit)


@inner
def place_of(task: Task, rule: int, i: int) -> int:
    """Where the counter of the message's group is; -1 where it agrees with nothing."""
    if task.rules[rule].group < 0:
        return task.rules[rule].base
    group = task.messages.group[task.rules[rule].group, i]
    return task.rules[rule].base + group if group >= 0 else -1


@inner
def zone_of(task: Task, rule: int, i: int) -> int:
    """The zone that a rule reads the clock in; -1 where it is not known."""
    if task.rules[rule].zone >= 0:
        return task.rules[rule].zone
    return task.messages.zone[i] if task.messages.zone[i] >= 0 else task.work.state[ZONE]


@inner
def begun(work: Work, place: int) -> bool:
    """Whether anything was counted there."""
    return place >= 0 and work.counters[place].epoch == work.state[EPOCH]


@inner
def _added(work: Work, at: int, what: int) -> int:
    number = work.state[NODE]
    work.state[NODE] = number + 1
    node = work.nodes[number]
    node.at = at
    node.what = what
    return number


@inner
def _count(number: int, work: Work, place: int, limit: int) -> None:
    """Put a node at the end of a chain."""
    counter, nodes = work.counters[place], work.nodes
    if counter.epoch == work.state[EPOCH]:
        nodes[number].before = counter.tail
        nodes[counter.tail].after = number
        counter.n += 1
        if counter.n > limit:
            counter.full = nodes[counter.full].after
    else:
        nodes[number].before = -1
        counter.epoch = work.state[EPOCH]
        counter.full_at = LONG_AGO
        counter.full = number
        counter.n = 1
        counter.median_n = 0
    counter.tail = number
    if counter.n >= limit:
        counter.full_at = nodes[counter.full].at
