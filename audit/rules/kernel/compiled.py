"""The kernel's loop: every message of whole customers, in order, against all rules of a set.

What `reference` says in plain Python, over the arrays of `layout`. What it cannot settle (a moment past the zones'
horizon, rules that leave no gap for more than a year) it marks by customer, for the reference to decide.
numba looks at this file alone to tell whether what it kept on disk still holds.
"""

from audit.rules.kernel import clocks
from audit.rules.kernel.jit import apart, inner, outer
from audit.rules.kernel.layout import (
    ACT,
    BAIL,
    CALENDAR,
    CATEGORIES,
    COOLDOWN,
    EARLIEST,
    EPOCH,
    EXEMPTED,
    FORESEES,
    FULL,
    ITEMS,
    LATEST,
    LONG_AGO,
    MUTE,
    NEVER,
    NODE,
    PUT_OFF,
    QUIET,
    ROLLING,
    STOPPED,
    USED,
    WAITING,
    ZONE,
    ZONE_ROW,
    Acts,
    Counters,
    Decided,
    Int32,
    Int64,
    Messages,
    Nodes,
    Rules,
    Work,
    Zones,
)

PATIENCE = 7 * clocks.DAY
MOST_STEPS = 800
FEW = 8
"""Up to this limit the counted are looked at from the newest back; above, from the oldest in the window on."""


@outer
def decide(
    rules: Rules, messages: Messages, acts: Acts, zones: Zones, decided: Decided, counters: Counters,
    nodes: Nodes, work: Work, begin: int, end: int,
) -> int:  # fmt: skip
    """Decide the messages of the customers `[begin, end)`; the first whose counted rows found no room, else `end`."""
    state = work.state
    for customer in range(begin, end):
        used = state[USED]
        state[EPOCH] += 1
        state[NODE] = 0
        state[ACT] = acts.first[customer]
        state[ZONE_ROW] = zones.first[customer]
        state[ZONE] = -1
        state[WAITING] = 0
        state[BAIL] = 0
        state[FULL] = 0
        upto = messages.first[customer + 1]
        position = messages.first[customer]
        while (position < upto or state[WAITING] > 0) and state[BAIL] == 0:
            if position < upto and _list_is_next(messages, work, position):
                i, at = position, messages.at[position]
                position += 1
            else:
                at = work.due[0]
                i = _pop(work.due, work.waiting, messages.rank, state)
            _one(rules, messages, acts, zones, decided, counters, nodes, work, customer, i, at)
        decided.bailed[customer] = state[BAIL]
        if state[BAIL] or state[FULL]:
            state[USED] = used
        if state[FULL]:
            return customer
    return end


@inner
def _list_is_next(messages: Messages, work: Work, position: int) -> bool:
    if work.state[WAITING] == 0:
        return True
    at, due = messages.at[position], work.due[0]
    return at < due or (at == due and messages.rank[position] < messages.rank[work.waiting[0]])


@inner
def _one(
    rules: Rules, messages: Messages, acts: Acts, zones: Zones, decided: Decided, counters: Counters,
    nodes: Nodes, work: Work, customer: int, i: int, at: int,
) -> None:  # fmt: skip
    state = work.state
    if state[ACT] < acts.first[customer + 1]:
        _catch_up_acts(rules, acts, counters, nodes, state, acts.first[customer + 1], at, messages.rank[i])
    if state[ZONE_ROW] < zones.first[customer + 1]:
        _catch_up_zones(zones, state, zones.first[customer + 1], at, messages.rank[i])
    exempt = messages.exempt[i] == 1
    scoped = 0 if exempt else messages.judging[i] & messages.named[customer]
    failing, cannot_tell, first, puts_off = 0, 0, -1, True
    for rule in range(rules.kind.size):
        if (scoped >> rule) & 1 and rules.since[rule] <= at < rules.until[rule]:
            if rules.kind[rule] >= CALENDAR and _zone(rules, messages, state, rule, i) < 0:
                cannot_tell |= 1 << rule
            if _fails(rules, messages, zones, counters, nodes, work, rule, i, at):
                failing |= 1 << rule
                puts_off = puts_off and rules.defers[rule] == 1
                if first < 0:
                    first = rule
    if cannot_tell or at != messages.at[i]:
        decided.cannot_tell[i] = cannot_tell
    if failing == 0:
        if exempt:
            decided.decision[i] = EXEMPTED
        elif at != messages.at[i]:
            decided.deciding[i] = PUT_OFF
            decided.out[i] = at
        _take_in(rules, messages, zones, counters, nodes, work, customer, i, at)
        return
    found = NEVER
    for foresees in range(0 if puts_off else 1, 1 + state[FORESEES]):
        numbers = scoped if foresees else failing
        last = LATEST if foresees else min(messages.at[i] + PATIENCE, LATEST)
        found = _earliest(rules, messages, zones, counters, nodes, work, numbers, i, at, last)
        if not foresees and found != NEVER:
            _push(work.due, work.waiting, messages.rank, state, found, i)
            return
    decided.decision[i] = STOPPED
    decided.deciding[i] = first + 1
    decided.failing[i] = failing
    decided.next_allowed[i] = found
    _keep_counted(rules, messages, zones, decided, counters, nodes, work, first, i, at)


# -- what is known ----------------------------------------------------------------------------------------------


@inner
def _catch_up_acts(
    rules: Rules, acts: Acts, counters: Counters, nodes: Nodes, state: Int64, upto: int, at: int, rank: int
) -> None:
    """Take in the acts that lie before `(at, rank)` in order."""
    j = state[ACT]
    while j < upto and (acts.at[j] < at or (acts.at[j] == at and acts.rank[j] < rank)):
        for rule in range(rules.kind.size):
            if (acts.starts[j] >> rule) & 1:
                group = acts.group[rules.group[rule], j] if rules.group[rule] >= 0 else 0
                if group >= 0:
                    _count(counters, nodes, state, rules.base[rule] + group, acts.at[j], acts.row[j], -1, 0)
        if acts.bought[j] != LONG_AGO and state[ITEMS] >= 0:
            if acts.item[j] >= 0:
                _count(
                    counters, nodes, state, state[ITEMS] + acts.item[j], acts.bought[j], acts.row[j], -1, 0
                )
            if acts.category[j] >= 0:
                place = state[CATEGORIES] + acts.category[j]
                _count(counters, nodes, state, place, acts.bought[j], acts.row[j], -1, 0)
        j += 1
    state[ACT] = j


@inner
def _catch_up_zones(zones: Zones, state: Int64, upto: int, at: int, rank: int) -> None:
    j = state[ZONE_ROW]
    while j < upto and (zones.at[j] < at or (zones.at[j] == at and zones.rank[j] < rank)):
        state[ZONE] = zones.zone[j]
        j += 1
    state[ZONE_ROW] = j


@inner
def _count(
    counters: Counters, nodes: Nodes, state: Int64, place: int, at: int, event: int, zone: int, unit: int
) -> None:
    node = state[NODE]
    state[NODE] = node + 1
    nodes.at[node] = at
    nodes.event[node] = event
    if zone >= 0:
        nodes.zone[node] = zone
        nodes.unit[node] = unit
    if counters.epoch[place] == state[EPOCH]:
        nodes.before[node] = counters.tail[place]
        nodes.after[counters.tail[place]] = node
    else:
        counters.epoch[place] = state[EPOCH]
        counters.n[place] = 0
        counters.median_n[place] = 0
        nodes.before[node] = -1
    if counters.n[place] == 0:
        counters.head[place] = node
    counters.tail[place] = node
    counters.n[place] += 1


@inner
def _take_in(
    rules: Rules, messages: Messages, zones: Zones, counters: Counters, nodes: Nodes, work: Work,
    customer: int, i: int, at: int,
) -> None:  # fmt: skip
    counting = messages.counting[i] & messages.named[customer]
    for rule in range(rules.kind.size):
        if (counting >> rule) & 1 and rules.since[rule] <= at < rules.until[rule]:
            zone, unit = -1, 0
            if rules.kind[rule] == CALENDAR:
                zone = max(_zone(rules, messages, work.state, rule, i), 0)
                unit = clocks.unit(zones, work, zone, at, rules.unit[rule], rules.week[rule])
            place = _place(rules, messages, rule, i)
            _count(counters, nodes, work.state, place, at, messages.row[i], zone, unit)


@inner
def _place(rules: Rules, messages: Messages, rule: int, i: int) -> int:
    """Where the counter of the message's group is; -1 where it agrees with nothing."""
    if rules.group[rule] < 0:
        return rules.base[rule]
    group = messages.group[rules.group[rule], i]
    return rules.base[rule] + group if group >= 0 else -1


@inner
def _zone(rules: Rules, messages: Messages, state: Int64, rule: int, i: int) -> int:
    if rules.zone[rule] >= 0:
        return rules.zone[rule]
    return messages.zone[i] if messages.zone[i] >= 0 else state[ZONE]


# -- what each kind says ----------------------------------------------------------------------------------------


@inner
def _fails(
    rules: Rules, messages: Messages, zones: Zones, counters: Counters, nodes: Nodes, work: Work,
    rule: int, i: int, at: int,
) -> bool:  # fmt: skip
    kind = rules.kind[rule]
    if kind == ROLLING:
        if rules.limit[rule] == 0:
            return True
        place = _place(rules, messages, rule, i)
        return _filled_by(counters, nodes, work.state, place, rules.limit[rule], at - rules.span[rule]) >= 0
    if kind == COOLDOWN:
        place = _place(rules, messages, rule, i)
        if place < 0 or counters.epoch[place] != work.state[EPOCH]:
            return False
        bound = at - _window(rules, messages, counters, nodes, work, rule, i)
        return nodes.at[counters.tail[place]] > max(bound, EARLIEST)
    if kind == CALENDAR:
        return _in_unit(rules, messages, zones, counters, nodes, work, rule, i, at, rules.limit[rule])
    if kind == QUIET:
        zone = _zone(rules, messages, work.state, rule, i)
        return zone >= 0 and clocks.quiet(zones, work, zone, at, rules.quiet_from[rule], rules.quiet_to[rule])
    return True


@inner
def _filled_by(counters: Counters, nodes: Nodes, state: Int64, place: int, limit: int, bound: int) -> int:
    """Of the counted after `bound`, which never goes back, the `limit`th newest; -1 if they are fewer."""
    if counters.epoch[place] != state[EPOCH]:
        return -1
    bound = max(bound, EARLIEST)
    if limit <= FEW:
        node = counters.tail[place]
        for _ in range(limit - 1):
            if node >= 0:
                node = nodes.before[node]
        return node if node >= 0 and nodes.at[node] > bound else -1
    n, head = counters.n[place], counters.head[place]
    while n > 0 and nodes.at[head] <= bound:
        head = nodes.after[head]
        n -= 1
    counters.n[place] = n
    counters.head[place] = head
    if n < limit:
        return -1
    for _ in range(n - limit):
        head = nodes.after[head]
    return head


@inner
def _in_unit(
    rules: Rules, messages: Messages, zones: Zones, counters: Counters, nodes: Nodes, work: Work,
    rule: int, i: int, moment: int, limit: int,
) -> bool:  # fmt: skip
    """Whether at least `limit` counted lie in the calendar unit of `moment`."""
    place = _place(rules, messages, rule, i)
    if limit == 0 or counters.epoch[place] != work.state[EPOCH]:
        return limit == 0
    zone = max(_zone(rules, messages, work.state, rule, i), 0)
    kind, week = rules.unit[rule], rules.week[rule]
    unit = clocks.unit(zones, work, zone, moment, kind, week)
    node, n = counters.tail[place], 0
    bound = moment - clocks.longest(kind)
    calm = zones.since[work.cursor[zone]] <= bound  # no clock was shifted, so that units follow each other
    while node >= 0 and n < limit and nodes.at[node] > bound:
        if clocks.unit_of(zones, work, nodes, node, zone, kind, week) == unit:
            n += 1
        elif calm:
            break
        node = nodes.before[node]
    return n >= limit


@inner
def _window(
    rules: Rules, messages: Messages, counters: Counters, nodes: Nodes, work: Work, rule: int, i: int
) -> int:
    """A cooldown's window: fixed, or the customer's own interval, else everybody's, else the fallback."""
    if not rules.repurchase[rule]:
        return rules.span[rule]
    own = 0
    if messages.item[i] >= 0:
        own = _interval(counters, nodes, work, work.state[ITEMS] + messages.item[i])
    if own == 0 and messages.category[i] >= 0:
        own = _interval(counters, nodes, work, work.state[CATEGORIES] + messages.category[i])
    if own == 0:
        own = messages.typical[i]
    return own or rules.span[rule]


@inner
def _interval(counters: Counters, nodes: Nodes, work: Work, place: int) -> int:
    """The median time between the purchases of one chain; 0 where there are not two."""
    n = counters.n[place]
    if counters.epoch[place] != work.state[EPOCH] or n < 2:
        return 0
    if counters.median_n[place] != n:
        counters.median_n[place] = n
        counters.median[place] = _median_gap(nodes.at, nodes.before, work.moments, counters.tail[place], n)
    return counters.median[place]


@apart
def _median_gap(at: Int64, before: Int32, moments: Int64, node: int, n: int) -> int:
    for k in range(n):
        moments[k] = at[node]
        node = before[node]
    _sort(moments, n)
    gaps = 0
    for k in range(1, n):
        if moments[k] != moments[k - 1]:
            moments[gaps] = moments[k] - moments[k - 1]
            gaps += 1
    if gaps == 0:
        return 0
    _sort(moments, gaps)
    both = moments[(gaps - 1) // 2] + moments[gaps // 2]
    half = both >> 1
    return half + 1 if both & 1 and half & 1 else half


@apart
def _sort(moments: Int64, n: int) -> None:
    """Sort the first `n` by ever smaller gaps (Ciura, FCT 2001, for the gaps)."""
    for gap in (17_000, 7_500, 3_300, 1_750, 701, 301, 132, 57, 23, 10, 4, 1):
        for k in range(gap, n):
            value, place = moments[k], k
            while place >= gap and moments[place - gap] > value:
                moments[place] = moments[place - gap]
                place -= gap
            moments[place] = value


@inner
def _keep_counted(
    rules: Rules, messages: Messages, zones: Zones, decided: Decided, counters: Counters, nodes: Nodes,
    work: Work, rule: int, i: int, at: int,
) -> None:  # fmt: skip
    """Write down what the deciding rule counted, oldest first."""
    kind, state = rules.kind[rule], work.state
    if kind in (MUTE, QUIET):
        return
    place = _place(rules, messages, rule, i)
    if counters.epoch[place] != state[EPOCH]:
        return
    bound, unit, zone = at - rules.span[rule], 0, 0
    if kind == COOLDOWN:
        bound = at - _window(rules, messages, counters, nodes, work, rule, i)
    if kind == CALENDAR:
        bound = at - clocks.longest(rules.unit[rule])
        zone = max(_zone(rules, messages, state, rule, i), 0)
        unit = clocks.unit(zones, work, zone, at, rules.unit[rule], rules.week[rule])
    begins, used = state[USED], state[USED]
    node = counters.tail[place]
    while node >= 0 and nodes.at[node] > max(bound, EARLIEST):
        if kind != CALENDAR or unit == clocks.unit_of(
            zones, work, nodes, node, zone, rules.unit[rule], rules.week[rule]
        ):
            if used == decided.counted.size:
                state[FULL] = 1
                return
            decided.counted[used] = nodes.event[node]
            used += 1
        node = nodes.before[node]
    _turn(decided.counted, begins, used)
    decided.begins[i] = begins
    decided.counts[i] = used - begins
    state[USED] = used


@inner
def _turn(rows: Int32, begin: int, end: int) -> None:
    low, high = begin, end - 1
    while low < high:
        rows[low], rows[high] = rows[high], rows[low]
        low += 1
        high -= 1


# -- when it would pass -----------------------------------------------------------------------------------------


@inner
def _earliest(
    rules: Rules, messages: Messages, zones: Zones, counters: Counters, nodes: Nodes, work: Work,
    numbers: int, i: int, at: int, last: int,
) -> int:  # fmt: skip
    """The earliest moment from `at` at which all of these rules pass; NEVER if there is none up to `last`."""
    for rule in range(rules.kind.size):
        if (numbers >> rule) & 1:
            work.floor[rule] = _floor(rules, messages, counters, nodes, work, rule, i, at)
    moment, steps = at, 0
    while True:
        before, steps = moment, steps + 1
        for rule in range(rules.kind.size):
            if (numbers >> rule) & 1 and rules.since[rule] <= moment < rules.until[rule]:
                found = max(moment, work.floor[rule])
                if rules.kind[rule] >= CALENDAR and found != NEVER:
                    found = _free(rules, messages, zones, counters, nodes, work, rule, i, moment)
                if rules.until[rule] != NEVER:
                    found = min(found, rules.until[rule])
                moment = found
        if moment == before or moment > last or work.state[BAIL]:
            return moment if moment <= last else NEVER
        if steps >= MOST_STEPS:
            work.state[BAIL] = 1
            return NEVER


@inner
def _floor(
    rules: Rules, messages: Messages, counters: Counters, nodes: Nodes, work: Work, rule: int, i: int, at: int
) -> int:
    """The moment that a rule without a clock waits for; LONG_AGO if for nothing, NEVER if it always stops."""
    kind = rules.kind[rule]
    if kind == MUTE or (kind in (ROLLING, CALENDAR) and rules.limit[rule] == 0):
        return NEVER
    if kind not in (ROLLING, COOLDOWN):
        return LONG_AGO
    place = _place(rules, messages, rule, i)
    if place < 0 or counters.epoch[place] != work.state[EPOCH]:
        return LONG_AGO
    if kind == COOLDOWN:
        end = nodes.at[counters.tail[place]] + _window(rules, messages, counters, nodes, work, rule, i)
        return end if end <= LATEST else NEVER
    node = _filled_by(counters, nodes, work.state, place, rules.limit[rule], at - rules.span[rule])
    if node < 0:
        return LONG_AGO
    end = nodes.at[node] + rules.span[rule]
    return end if end <= LATEST else NEVER


@inner
def _free(
    rules: Rules, messages: Messages, zones: Zones, counters: Counters, nodes: Nodes, work: Work,
    rule: int, i: int, moment: int,
) -> int:  # fmt: skip
    """The first moment from `moment` at which a rule that reads the clock passes."""
    zone = _zone(rules, messages, work.state, rule, i)
    if rules.kind[rule] == QUIET:
        begins, ends = rules.quiet_from[rule], rules.quiet_to[rule]
        if zone < 0 or not clocks.quiet(zones, work, zone, moment, begins, ends):
            return moment
        return clocks.quiet_end(zones, work, zone, moment, begins, ends)
    limit = rules.limit[rule]
    while moment != NEVER and _in_unit(rules, messages, zones, counters, nodes, work, rule, i, moment, limit):
        moment = clocks.unit_end(zones, work, max(zone, 0), moment, rules.unit[rule], rules.week[rule])
    return moment


# -- messages put off, the earliest on top ----------------------------------------------------------------------


@inner
def _sooner(due: Int64, waiting: Int32, rank: Int32, one: int, other: int) -> bool:
    return due[one] < due[other] or (due[one] == due[other] and rank[waiting[one]] < rank[waiting[other]])


@inner
def _swap(due: Int64, waiting: Int32, one: int, other: int) -> None:
    due[one], due[other] = due[other], due[one]
    waiting[one], waiting[other] = waiting[other], waiting[one]


@apart
def _push(due: Int64, waiting: Int32, rank: Int32, state: Int64, at: int, i: int) -> None:
    place = state[WAITING]
    state[WAITING] = place + 1
    due[place], waiting[place] = at, i
    while place > 0 and _sooner(due, waiting, rank, place, (place - 1) // 2):
        _swap(due, waiting, place, (place - 1) // 2)
        place = (place - 1) // 2


@apart
def _pop(due: Int64, waiting: Int32, rank: Int32, state: Int64) -> int:
    found = waiting[0]
    last = state[WAITING] - 1
    state[WAITING] = last
    due[0], waiting[0] = due[last], waiting[last]
    place = 0
    while True:
        least = place
        for child in (2 * place + 1, 2 * place + 2):
            if child < last and _sooner(due, waiting, rank, child, least):
                least = child
        if least == place:
            return found
        _swap(due, waiting, place, least)
        place = least
