"""The arrays that the compiled code reads and writes.

Moments and spans are int64 µs (UTC, since 1970); texts are small numbers, -1 where absent; a set of rules is an
int64 whose bit n stands for the rule at position n. `offsets[c]` is where customer c's rows begin, `offsets[c + 1]`
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
"""Rows with fields that have names, so that a row lies together in memory."""

FIXED, SENSITIVE, SUNSET, CONSENT, COOLDOWN, ROLLING, CALENDAR, QUIET = range(8)
"""How a rule decides. A minimum gap and a rolling cap are one; FIXED blocks a message whatever came before it.
Up to SUNSET a rule may lack data to decide on a message; from CALENDAR on it reads a clock."""

HOUR_UNIT, DAY_UNIT, WEEK_UNIT, MONTH_UNIT = range(4)

ALLOWED, STOPPED, EXEMPTED = range(3)

DEFERRED = -1

OPT_OUT, OPT_IN, CONSENT_GIVEN, CONSENT_WITHDRAWN = range(4)
"""What a consent act says."""

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
"""A rule, in checking order. `limit`: how many messages make a cap full, or a sunset's streak. `span`: the window, or the
days of grace. `base`: index of its first counter; `group`: row of `Traits.group`, -1: all messages count together."""

COUNTER = np.dtype(
    [
        ("epoch", _LONG), ("full_at", _LONG),
        ("full", _SHORT), ("tail", _SHORT), ("n", _SHORT), ("median_n", _SHORT), ("median", _LONG),
    ],
    align=True,
)  # fmt: skip
"""What a rule counted in one group. `epoch`: the customer that it was counted for; `n`: how many nodes.

`tail` is the newest node; `full` the one that makes the rule full, the `limit`th newest, and `full_at` its moment,
LONG_AGO where there are fewer. `median`: of the gaps between `median_n` purchases.
"""

NODE = np.dtype(
    [("at", _LONG), ("source", _SHORT), ("after", _SHORT), ("before", _SHORT)],
    align=True,
)  # fmt: skip
"""One counted message or act in a counter's chain; `source`: its index among the messages, or acts."""


TRAIT = np.dtype(
    [
        ("applies", _LONG), ("counts", _LONG), ("zone", _SHORT), ("exempt", np.int8), ("is_order", np.int8),
        ("starts", _LONG), ("undecidable", _LONG), ("typical", _LONG), ("item", _SHORT), ("category", _SHORT),
    ],
    align=True,
)  # fmt: skip
"""What rows with the same texts share; the fields that every message needs come first.

`applies`, `counts`: the rules that decide on, and that count, such a message; `undecidable`: those that lack data to
decide. `starts`: the cooldowns that such an act starts; `is_order`: whether it breaks a streak. `typical`: the median
time between purchases in its category over all customers, 0: unknown.
"""


class Traits(NamedTuple):
    """`table`: TRAIT, a row a trait; `group`: a row for each rule that counts in groups: the group of each trait."""

    table: Records
    group: Int32


class Messages(NamedTuple):
    """A row a message, in order. `rules_of_customer`: of each customer, the rules that it falls under.

    `blocked_by`: the FIXED rules that block it (without rows where there are none). `response_at`: a row for each kind of
    response that a sunset asks for: when the first came, NEVER if none did; `response_rank`: its rank.
    """

    offsets: Int64
    rules_of_customer: Int64
    at: Int64
    rank: Int32
    row: Int32
    trait: Int32
    blocked_by: Int64
    response_at: Int64
    response_rank: Int32


class Acts(NamedTuple):
    """A row an event that a cooldown or a sunset asks for, in order.

    `ordered_at`: when the first row of its order came, LONG_AGO where it is no order.
    """

    offsets: Int64
    at: Int64
    rank: Int32
    row: Int32
    trait: Int32
    ordered_at: Int64


class ConsentActs(NamedTuple):
    """A row a no or a yes, in order; `stance`: OPT_OUT, OPT_IN, CONSENT_GIVEN or CONSENT_WITHDRAWN.

    The topics of act j are `topic[topics[j] : topics[j + 1]]`. `message_...`: the same of each message; they have no
    rows where there are no acts.
    """

    offsets: Int64
    at: Int64
    rank: Int32
    row: Int32
    stance: Int8
    channel: Int32
    sender: Int32
    list_id: Int32
    topics: Int64
    topic: Int32
    message_channel: Int32
    message_sender: Int32
    message_list: Int32
    message_topics: Int64
    message_topic: Int32
    message_sensitives: Int64
    message_sensitive: Int32


class Zones(NamedTuple):
    """Rows at which a customer's zone changes; and the UTC offsets of each zone over time.

    `table[z] : table[z + 1]` are zone z's rows of `since` (from when on) and `offset`; they hold up to `horizon`.
    """

    offsets: Int64
    at: Int64
    rank: Int32
    zone: Int32
    table: Int64
    since: Int64
    offset: Int64
    horizon: int


class Decisions(NamedTuple):
    """A row a message, zero where nothing applies; `undecided`: by customer, 1 where the reference has to decide.

    `deciding`: the position of the rule plus one, or DEFERRED for a message that went out later. `counted[counted_from :
    counted_from + counted_number]` are the event rows that the deciding rule counted: of every rule where details are
    asked for, else of caps. Only with details there are rows of `sent_at`: when a deferred message went out; `failing`
    and `cannot_tell`: sets of rules; and `next_allowed`, of stopped messages.
    """

    decision: Int8
    sent_at: Int64
    deciding: Int8
    failing: Int64
    cannot_tell: Int64
    next_allowed: Int64
    counted_from: Int64
    counted_number: Int32
    counted: Int32
    undecided: Int8


class Work(NamedTuple):
    """Memory of one thread. `state`: single numbers; `counters`: COUNTER; `nodes`: NODE; `floor`: by rule, see `blocking`.

    `cursor`: by zone, the stretch used last; `due`, `waiting`: the heap of deferred messages; `moments`: for medians.
    """

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
    consents: ConsentActs
    zones: Zones
    decisions: Decisions
    work: Work


(
    CUSTOMER, EPOCH, NODES_USED, NEXT_ACT, NEXT_CONSENT, NEXT_ZONE_ROW, ZONE, ORDERED_AT, ORDERED_RANK, WAITING,
    COUNTED_USED, UNDECIDED, NO_ROOM, DETAILED, ITEMS, CATEGORIES, HAS_DATES, STATE_SIZE,
) = range(18)  # fmt: skip
"""Positions in `Work.state`. ITEMS, CATEGORIES: index of the first counter of purchases, -1: none are counted."""
