"""The arrays that the compiled code reads and writes.

Moments and spans are int64 µs (UTC, since 1970); texts are small numbers, -1 where absent; a set of rules is an
int64 whose bit n stands for the rule at position n. `first[c]` is where customer c's rows begin, `first[c + 1]`
where they end. `rank` stands for the event_id in comparisons at one moment.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Int8 = NDArray[np.int8]

MUTE, COOLDOWN, ROLLING, CALENDAR, QUIET = range(5)
"""How a rule is judged: a minimum gap and a rolling cap are one thing."""

HOUR_UNIT, DAY_UNIT, WEEK_UNIT, MONTH_UNIT = range(4)

ALLOWED, STOPPED, EXEMPTED = range(3)

PUT_OFF = -1

NEVER = 1 << 62
LONG_AGO = -NEVER
EARLIEST = -62_135_596_800_000_000
"""The year 1, where calendars begin."""
LATEST = 253_402_300_799_999_999
"""The end of the year 9999, where calendars end."""


class Rules(NamedTuple):
    """A row a rule, in checking order. `base`: where its counters begin; `group`: row of the groups, -1: all together."""

    kind: Int64
    limit: Int64
    span: Int64
    since: Int64
    until: Int64
    defers: Int64
    unit: Int64
    week: Int64
    zone: Int64
    quiet_from: Int64
    quiet_to: Int64
    group: Int64
    base: Int64
    repurchase: Int64


class Messages(NamedTuple):
    """A row a message, in order. `judging`, `counting`: the rules whose scopes it satisfies; `named`: by customer.

    `typical`: everybody's interval between purchases in its category, 0: unknown.
    """

    first: Int64
    named: Int64
    at: Int64
    rank: Int32
    row: Int32
    exempt: Int8
    judging: Int64
    counting: Int64
    zone: Int32
    group: Int32
    typical: Int64
    item: Int32
    category: Int32


class Acts(NamedTuple):
    """A row an event that a cooldown asks for, in order. `starts`: the rules that it starts.

    `bought`: when its order was first seen, LONG_AGO where it is no order.
    """

    first: Int64
    at: Int64
    rank: Int32
    row: Int32
    starts: Int64
    group: Int32
    bought: Int64
    item: Int32
    category: Int32


class Zones(NamedTuple):
    """Rows at which a customer's zone changes; and of each zone, from when on it has which offset from UTC.

    `table[z]` is where zone z's offsets begin; they hold up to `horizon`.
    """

    first: Int64
    at: Int64
    rank: Int32
    zone: Int32
    table: Int64
    since: Int64
    offset: Int64
    horizon: int


class Decided(NamedTuple):
    """A row a message, all zero where there is nothing to say.

    `deciding`: the position of the rule plus one, or PUT_OFF for a message that went out later, at `out`.
    `next_allowed` is of stopped messages. `counted[begins : begins + counts]` are the event rows that the deciding
    rule counted.
    """

    decision: Int8
    out: Int64
    deciding: Int8
    failing: Int64
    cannot_tell: Int64
    next_allowed: Int64
    begins: Int64
    counts: Int32
    counted: Int32
    bailed: Int8


class Counters(NamedTuple):
    """What was counted, a row a rule and group; `epoch` tells whether it is of the customer at hand."""

    epoch: Int64
    head: Int32
    tail: Int32
    n: Int32
    median: Int64
    median_n: Int32


class Nodes(NamedTuple):
    """Chains of what was counted: `event` is its row; a calendar cap's node knows its unit in one zone."""

    at: Int64
    event: Int32
    after: Int32
    before: Int32
    zone: Int32
    unit: Int64


class Work(NamedTuple):
    """What one pass needs to remember."""

    state: Int64
    floor: Int64
    cursor: Int64
    due: Int64
    waiting: Int32
    moments: Int64


EPOCH, NODE, ACT, ZONE_ROW, ZONE, WAITING, USED, BAIL, FULL, FORESEES, ITEMS, CATEGORIES, SIZE = range(13)
"""Places in `Work.state`."""
