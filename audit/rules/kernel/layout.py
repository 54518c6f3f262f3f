"""The arrays that the compiled code reads and writes.

Moments and spans are int64 µs (UTC, since 1970); texts are small numbers, -1 where absent; a set of rules is an
int64 whose bit n stands for the rule at position n. `first[c]` is where customer c's rows begin, `first[c + 1]`
where they end. `rank` stands for the event_id in comparisons at one moment. `row` is the row in the frame of events.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Int8 = NDArray[np.int8]
Bool = NDArray[np.bool_]
UInt64 = NDArray[np.uint64]
Records = NDArray[Any]
"""Rows with named fields, so that one lies together."""

FIXED, SENSITIVE, SUNSET, CONSENT, COOLDOWN, ROLLING, CALENDAR, QUIET = range(8)
"""How a rule is judged. A minimum gap and a rolling cap are one thing; what stops a message whatever came before it is
FIXED. Up to SUNSET a rule may lack what it needs to judge a message; from CALENDAR on it reads a clock."""

HOUR_UNIT, DAY_UNIT, WEEK_UNIT, MONTH_UNIT = range(4)

ALLOWED, STOPPED, EXEMPTED = range(3)

PUT_OFF = -1

NO, YES, GIVEN, WITHDRAWN = range(4)
"""What a customer said: no or yes, and of these what was a consent given, or one withdrawn."""

NEVER = 1 << 62
LONG_AGO = -NEVER
LATEST = 253_402_300_799_999_999
"""The end of the year 9999, where calendars end."""

_LONG, _SHORT = np.int64, np.int32

RULE = np.dtype(
    [
        (name, _LONG)
        for name in (
            "kind", "limit", "span", "since", "until", "defers", "unit", "week", "zone", "quiet_from", "quiet_to",
            "group", "base", "repurchase", "response",
        )
    ]
)  # fmt: skip
"""A rule, in checking order. `limit`: how many make it full (a cap), or are a streak (a sunset). `span`: its window, or
its grace. `base`: where its counters begin; `group`: row of the groups, -1: all together."""

COUNTER = np.dtype(
    [
        ("epoch", _LONG), ("full_at", _LONG),
        ("full", _SHORT), ("tail", _SHORT), ("n", _SHORT), ("median_n", _SHORT), ("median", _LONG),
    ],
    align=True,
)  # fmt: skip
"""What was counted of a rule and group; `epoch` tells whether it is of the customer at hand.

`tail` is the newest; `full` the one that makes the rule full, the `limit`th newest, and `full_at` its moment, LONG_AGO
where they are fewer.
"""

NODE_OF = np.dtype(
    [("at", _LONG), ("what", _SHORT), ("after", _SHORT), ("before", _SHORT)],
    align=True,
)  # fmt: skip
"""One of a chain of what was counted: a message, or an act."""


TRAIT = np.dtype(
    [
        ("judging", _LONG), ("counting", _LONG), ("zone", _SHORT), ("exempt", np.int8), ("is_order", np.int8),
        ("starts", _LONG), ("unsure", _LONG), ("typical", _LONG), ("item", _SHORT), ("category", _SHORT),
    ],
    align=True,
)  # fmt: skip
"""What rows have in common that are alike in every text a rule asks for; first what is asked of every message.

`judging`, `counting`: the rules whose scopes such a message satisfies; `unsure`: those that lack what they need to
judge it. `starts`: the cooldowns that such an act starts; `is_order`: whether it breaks a streak. `typical`: everybody's
interval between purchases in its category, 0: unknown.
"""


class Traits(NamedTuple):
    """`table`: TRAIT, by trait; `group`: for each rule that counts apart, what it counts together with such rows."""

    table: Records
    group: Int32


class Messages(NamedTuple):
    """A row a message, in order. `named`: by customer, the rules that it falls under.

    `stops`: the FIXED rules that stop it (without rows where there are none). `replied`: a row for each kind of response
    that a sunset asks for, when the first came, NEVER if none did; `replied_rank`: its rank.
    """

    first: Int64
    named: Int64
    at: Int64
    rank: Int32
    row: Int32
    trait: Int32
    stops: Int64
    replied: Int64
    replied_rank: Int32


class Acts(NamedTuple):
    """A row an event that a cooldown or a sunset asks for, in order.

    `bought`: when its order was first seen, LONG_AGO where it is no order.
    """

    first: Int64
    at: Int64
    rank: Int32
    row: Int32
    trait: Int32
    bought: Int64


class Said(NamedTuple):
    """A row a time that a customer said no or yes, in order; `says`: NO, YES, GIVEN or WITHDRAWN.

    And of each message what such an act is held against: `message_...`; the topics of row i are
    `topic[topics[i] : topics[i + 1]]`. Where nobody said anything, the messages' columns have no rows.
    """

    first: Int64
    at: Int64
    rank: Int32
    row: Int32
    says: Int8
    channel: Int32
    sender: Int32
    topics: Int64
    topic: Int32
    message_channel: Int32
    message_sender: Int32
    message_topics: Int64
    message_topic: Int32
    message_sensitives: Int64
    message_sensitive: Int32


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

    `deciding`: the position of the rule plus one, or PUT_OFF for a message that went out later. `counted[begins : begins +
    counts]` are the event rows that the deciding rule counted: each rule where decisions are told, else a cap's.
    Only where they are told there are rows of `out`: when it went out; `failing` and `cannot_tell`: sets of rules; and
    `next_allowed`, of stopped messages.
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


class Work(NamedTuple):
    """What one pass needs to remember. `counters`: COUNTER, `nodes`: NODE_OF."""

    state: Int64
    counters: Records
    nodes: Records
    floor: Int64
    cursor: Int64
    due: Int64
    waiting: Int32
    moments: Int64


class Task(NamedTuple):
    """Everything that the compiled code is given. `rules`: RULE, in checking order."""

    rules: Records
    traits: Traits
    messages: Messages
    acts: Acts
    said: Said
    zones: Zones
    decided: Decided
    work: Work


(
    CUSTOMER, EPOCH, NODE, ACT, SAYING, ZONE_ROW, ZONE, ORDERED, ORDERED_RANK, WAITING, USED, BAIL, FULL, TELLS,
    ITEMS, CATEGORIES, DATED, SIZE,
) = range(18)  # fmt: skip
"""Places in `Work.state`."""
