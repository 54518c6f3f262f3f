"""What is known before a message, in compiled code: the chains of what was counted, acts, words, zones."""

from audit.rules.kernel.jit import apart, inner, nth
from audit.rules.kernel.layout import (
    ACT,
    CATEGORIES,
    CUSTOMER,
    DATED,
    EPOCH,
    ITEMS,
    LONG_AGO,
    NODE,
    ORDERED,
    ORDERED_RANK,
    SAYING,
    ZONE,
    ZONE_ROW,
    Records,
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
    traits = task.traits.table
    j, number = state[ACT], state[NODE]
    while j < upto and (acts.at[j] < at or (acts.at[j] == at and acts.rank[j] < rank)):
        trait = acts.trait[j]
        for rule in range(rules.size):
            if (traits[trait].starts >> rule) & 1:
                place = place_of(task, rule, trait)
                if place >= 0:
                    _count(work, number, acts.at[j], j, place, 1)
                    number += 1
        if traits[trait].is_order:
            state[ORDERED] = acts.at[j]
            state[ORDERED_RANK] = acts.rank[j]
        if acts.bought[j] != LONG_AGO and state[ITEMS] >= 0:
            if traits[trait].item >= 0:
                _count(work, number, acts.bought[j], j, state[ITEMS] + traits[trait].item, 1)
                number += 1
            if traits[trait].category >= 0:
                _count(work, number, acts.bought[j], j, state[CATEGORIES] + traits[trait].category, 1)
                number += 1
        j += 1
    state[NODE] = number
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
    rules, work, trait = task.rules, task.work, task.messages.trait[i]
    numbers = task.traits.table[nth(trait)].counting & named(task, at)
    number = work.state[NODE]
    for rule in range(rules.size):
        if (numbers >> rule) & 1:
            _count(work, number, at, i, place_of(task, rule, trait), rules[rule].limit)
            number += 1
    work.state[NODE] = number


@inner
def named(task: Task, at: int) -> int:
    """The rules that the customer at hand falls under, and that hold at `at`."""
    numbers = task.messages.named[task.work.state[CUSTOMER]]
    return numbers & _valid(task.rules, at) if task.work.state[DATED] else numbers


@apart
def _valid(rules: Records, at: int) -> int:
    found = 0
    for rule in range(rules.size):
        if rules[rule].since <= at < rules[rule].until:
            found |= 1 << rule
    return found


@inner
def place_of(task: Task, rule: int, trait: int) -> int:
    """Where the counter of what rows with this trait count together is; -1 where they agree with nothing."""
    if task.rules[rule].group < 0:
        return task.rules[rule].base
    group = task.traits.group[nth(task.rules[rule].group), nth(trait)]
    return task.rules[rule].base + group if group >= 0 else -1


@inner
def zone_of(task: Task, rule: int, trait: int) -> int:
    """The zone that a rule reads the clock in, of a message with this trait; -1 where it is not known."""
    if task.rules[rule].zone >= 0:
        return task.rules[rule].zone
    zone = task.traits.table[nth(trait)].zone
    return zone if zone >= 0 else task.work.state[ZONE]


@inner
def begun(work: Work, place: int) -> bool:
    """Whether anything was counted there."""
    return place >= 0 and work.counters[nth(place)].epoch == work.state[EPOCH]


@inner
def full_at(work: Work, place: int) -> int:
    """When what was counted there became so much that its rule is full; LONG_AGO if it is not."""
    counter = work.counters[nth(max(place, 0))]
    found = counter.full_at if counter.epoch == work.state[EPOCH] else LONG_AGO
    return found if place >= 0 else LONG_AGO


@inner
def _count(work: Work, number: int, at: int, what: int, place: int, limit: int) -> None:
    """Put a node at the end of a chain."""
    counter, nodes = work.counters[nth(place)], work.nodes
    n, tail, full = counter.n, counter.tail, counter.full
    if counter.epoch != work.state[EPOCH]:
        n, tail = 0, -1
    node = nodes[nth(number)]
    node.at = at
    node.what = what
    node.before = tail
    n += 1
    if limit <= 1:
        full = number
        counter.full_at = at
    else:
        if n == 1:
            full = number
        else:
            nodes[nth(tail)].after = number
            if n > limit:
                full = nodes[nth(full)].after
        counter.full_at = nodes[nth(full)].at if n >= limit else LONG_AGO
    counter.epoch = work.state[EPOCH]
    counter.full = full
    counter.tail = number
    counter.n = n
    counter.median_n = 0
