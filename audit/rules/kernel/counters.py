"""A customer's state before a message, in compiled code: chains of counted messages, acts, consent acts, zones."""

from audit.rules.kernel import layout
from audit.rules.kernel.clocks import DAY
from audit.rules.kernel.jit import apart, inner, nth
from audit.rules.kernel.layout import Int64, Records, Task, Work


@inner
def catch_up(task: Task, at: int, rank: int) -> None:
    """Take in everything that lies before `(at, rank)` in order."""
    state = task.work.state
    following = state[layout.CUSTOMER] + 1
    if state[layout.NEXT_ACT] < task.acts.offsets[following]:
        _acts(task, task.acts.offsets[following], at, rank)
    if state[layout.NEXT_CONSENT] < task.consents.offsets[following]:
        _consents(task, task.consents.offsets[following], at, rank)
    if state[layout.NEXT_ZONE_ROW] < task.zones.offsets[following]:
        _zones(task, task.zones.offsets[following], at, rank)


@inner
def _acts(task: Task, end: int, at: int, rank: int) -> None:
    rules, acts, work, state = task.rules, task.acts, task.work, task.work.state
    traits = task.traits.table
    j, node = state[layout.NEXT_ACT], state[layout.NODES_USED]
    while j < end and (acts.at[j] < at or (acts.at[j] == at and acts.rank[j] < rank)):
        trait = acts.trait[j]
        for rule in range(rules.size):
            if (traits[trait].starts >> rule) & 1:
                index = counter_index(task, rule, trait)
                if index >= 0:
                    _append(work, node, acts.at[j], j, index, 1)
                    node += 1
        if traits[trait].is_order:
            state[layout.ORDERED_AT] = acts.at[j]
            state[layout.ORDERED_RANK] = acts.rank[j]
        if acts.ordered_at[j] != layout.LONG_AGO and state[layout.ITEMS] >= 0:
            if traits[trait].item >= 0:
                _append(work, node, acts.ordered_at[j], j, state[layout.ITEMS] + traits[trait].item, 1)
                node += 1
            if traits[trait].category >= 0:
                _append(
                    work, node, acts.ordered_at[j], j, state[layout.CATEGORIES] + traits[trait].category, 1
                )
                node += 1
        j += 1
    state[layout.NODES_USED] = node
    state[layout.NEXT_ACT] = j


@inner
def _consents(task: Task, end: int, at: int, rank: int) -> None:
    consents, state = task.consents, task.work.state
    j = state[layout.NEXT_CONSENT]
    while j < end and (consents.at[j] < at or (consents.at[j] == at and consents.rank[j] < rank)):
        j += 1
    state[layout.NEXT_CONSENT] = j


@inner
def _zones(task: Task, end: int, at: int, rank: int) -> None:
    zones, state = task.zones, task.work.state
    j = state[layout.NEXT_ZONE_ROW]
    while j < end and (zones.at[j] < at or (zones.at[j] == at and zones.rank[j] < rank)):
        state[layout.ZONE] = zones.zone[j]
        j += 1
    state[layout.NEXT_ZONE_ROW] = j


@inner
def record_sent(task: Task, i: int, at: int) -> None:
    """Count message `i`, which went out at `at`."""
    rules, work, trait = task.rules, task.work, task.messages.trait[i]
    counting = task.traits.table[nth(trait)].counts & rules_in_force(task, at)
    node = work.state[layout.NODES_USED]
    for rule in range(rules.size):
        if (counting >> rule) & 1:
            _append(work, node, at, i, counter_index(task, rule, trait), rules[rule].limit)
            node += 1
    work.state[layout.NODES_USED] = node


@inner
def rules_in_force(task: Task, at: int) -> int:
    """The rules that the customer at hand falls under, and that are valid at `at`."""
    rules = task.messages.rules_of_customer[task.work.state[layout.CUSTOMER]]
    return rules & _valid(task.rules, at) if task.work.state[layout.HAS_DATES] else rules


@apart
def _valid(rules: Records, at: int) -> int:
    valid = 0
    for rule in range(rules.size):
        if rules[rule].since <= at < rules[rule].until:
            valid |= 1 << rule
    return valid


@inner
def counter_index(task: Task, rule: int, trait: int) -> int:
    """The counter of the group that rows with this trait belong to; -1 where they belong to none."""
    if task.rules[rule].group < 0:
        return task.rules[rule].base
    group = task.traits.group[nth(task.rules[rule].group), nth(trait)]
    return task.rules[rule].base + group if group >= 0 else -1


@inner
def zone_of(task: Task, rule: int, trait: int) -> int:
    """The zone in which a rule reads the clock of a message with this trait; -1 where it is not known."""
    if task.rules[rule].zone >= 0:
        return task.rules[rule].zone
    zone = task.traits.table[nth(trait)].zone
    return zone if zone >= 0 else task.work.state[layout.ZONE]


@inner
def is_used(work: Work, index: int) -> bool:
    """Whether a counter counted anything of the customer at hand."""
    return index >= 0 and work.counters[nth(index)].epoch == work.state[layout.EPOCH]


@inner
def full_at(work: Work, index: int) -> int:
    """When a counter got so much that its rule is full; LONG_AGO if it is not."""
    counter = work.counters[nth(max(index, 0))]
    moment = counter.full_at if counter.epoch == work.state[layout.EPOCH] else layout.LONG_AGO
    return moment if index >= 0 else layout.LONG_AGO


@inner
def _append(work: Work, node: int, at: int, source: int, index: int, limit: int) -> None:
    """Put a node at the end of a counter's chain."""
    counter, nodes = work.counters[nth(index)], work.nodes
    n, tail, full = counter.n, counter.tail, counter.full
    if counter.epoch != work.state[layout.EPOCH]:
        n, tail = 0, -1
    record = nodes[nth(node)]
    record.at = at
    record.source = source
    record.before = tail
    n += 1
    if limit <= 1:
        full = node
        counter.full_at = at
    else:
        if n == 1:
            full = node
        else:
            nodes[nth(tail)].after = node
            if n > limit:
                full = nodes[nth(full)].after
        counter.full_at = nodes[nth(full)].at if n >= limit else layout.LONG_AGO
    counter.epoch = work.state[layout.EPOCH]
    counter.full = full
    counter.tail = node
    counter.n = n
    counter.median_n = 0


@inner
def purchase_interval(work: Work, index: int) -> int:
    """The median time between the purchases of one chain; 0 where there are not two."""
    if not is_used(work, index) or work.counters[index].n < 2:
        return 0
    counter = work.counters[index]
    if counter.median_n != counter.n:
        counter.median_n = counter.n
        counter.median = _median_gap(work.nodes, work.moments, counter.tail, counter.n)
    return counter.median


@apart
def _median_gap(nodes: Records, moments: Int64, node: int, n: int) -> int:
    """Of the `n` orders of the chain that ends at `node`, those of a day one purchase; 0 where all are; half µs round to even."""
    for k in range(n):
        moments[k] = nodes[node].at
        node = nodes[node].before
    _sort(moments, n)
    gaps, last = 0, moments[0]
    for k in range(1, n):
        moment = moments[k]
        if moment // DAY != last // DAY:
            moments[gaps] = moment - last
            gaps, last = gaps + 1, moment
    if gaps == 0:
        return 0
    _sort(moments, gaps)
    middle_pair = moments[(gaps - 1) // 2] + moments[gaps // 2]
    half = middle_pair >> 1
    return half + 1 if middle_pair & 1 and half & 1 else half


@apart
def _sort(moments: Int64, n: int) -> None:
    """Sort the first `n` by ever smaller gaps (Ciura, FCT 2001, for the gaps)."""
    for gap in (17_000, 7_500, 3_300, 1_750, 701, 301, 132, 57, 23, 10, 4, 1):
        for k in range(gap, n):
            moment, index = moments[k], k
            while index >= gap and moments[index - gap] > moment:
                moments[index] = moments[index - gap]
                index -= gap
            moments[index] = moment
