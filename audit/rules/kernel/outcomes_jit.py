"""Messages out of rows and what became of them, in compiled code: what `messages` and `outcomes` say over frames."""

from typing import NamedTuple

from audit.rules.kernel.jit import inner, outer
from audit.rules.kernel.layout import Int8, Int32, Int64, UInt64

OTHER, SENT, OPENED, CLICKED, COMPLAINED, ORDERED, REFUSED = range(7)
"""What a row is."""

OPEN, CLICK, CONVERSION, COMPLAINT, OPT_OUT = (1 << bit for bit in range(5))
"""What became of a message, a bit each, in the order of `totals.FLAGS`."""


class Rows(NamedTuple):
    """A row an event. `starts`: where each customer begins, and the end; `message`: the hash of its message_id.

    By `trait`: `is_a`: what it is; `by_machine`: whether a machine made it; `item` and `category`, which have rows only
    where there are orders.
    """

    starts: Int64
    at: Int64
    message: UInt64
    trait: Int32
    is_a: Int8
    by_machine: Int8
    item: Int32
    category: Int32


class Found(NamedTuple):
    """`row`: of each message that stands for it; `became`: what became of it. Room for as many as there are rows."""

    row: Int32
    became: Int8


class Slots(NamedTuple):
    """A table of messages by hash, `place` -1 where it is empty; room for twice the rows of the largest customer."""

    key: UInt64
    place: Int32


@outer
def follow(rows: Rows, found: Found, slots: Slots, no_message: int, within: int) -> int:
    """Find the messages of all customers, in order, and what became of them; how many there are.

    `no_message`: the hash of an absent message_id; `within`: how long after a click an order is its (µs).
    """
    number = 0
    for customer in range(rows.starts.size - 1):
        begin, end = rows.starts[customer], rows.starts[customer + 1]
        mask = 1
        while mask < 2 * (end - begin):
            mask *= 2
        mask -= 1
        for slot in range(mask + 1):
            slots.place[slot] = -1
        upto = _standing(rows, found, slots, mask, begin, end, number, no_message)
        _became(rows, found, slots, mask, begin, end, number, upto, no_message, within)
        number = upto
    return number


@inner
def _slot(slots: Slots, mask: int, key: int) -> int:
    """Where the key is, or would be."""
    slot = key & mask
    while slots.place[slot] >= 0 and slots.key[slot] != key:
        slot = (slot + 1) & mask
    return slot


@inner
def _standing(
    rows: Rows, found: Found, slots: Slots, mask: int, begin: int, end: int, number: int, no_message: int
) -> int:
    """The first row of each message, in order."""
    for row in range(begin, end):
        if rows.is_a[rows.trait[row]] != SENT:
            continue
        key = rows.message[row]
        if key != no_message:
            slot = _slot(slots, mask, key)
            if slots.place[slot] >= 0:
                continue
            slots.key[slot] = key
            slots.place[slot] = number
        found.row[number] = row
        found.became[number] = 0
        number += 1
    return number


@inner
def _became(
    rows: Rows, found: Found, slots: Slots, mask: int, begin: int, end: int, first: int, upto: int,
    no_message: int, within: int,
) -> None:  # fmt: skip
    newest = first - 1
    for row in range(begin, end):
        while newest + 1 < upto and found.row[newest + 1] <= row:
            newest += 1
        trait = rows.trait[row]
        is_a = rows.is_a[trait]
        if is_a == REFUSED and newest >= first:
            found.became[newest] |= OPT_OUT
        if is_a < OPENED or is_a > COMPLAINED or rows.by_machine[trait] or rows.message[row] == no_message:
            continue
        message = slots.place[_slot(slots, mask, rows.message[row])]
        if message >= 0:
            if is_a == OPENED:
                found.became[message] |= OPEN
            elif is_a == COMPLAINED:
                found.became[message] |= COMPLAINT
            elif rows.item.size and _ordered(rows, found.row[message], row, end, within):
                found.became[message] |= CLICK | CONVERSION
            else:
                found.became[message] |= CLICK


@inner
def _ordered(rows: Rows, sent: int, click: int, end: int, within: int) -> bool:
    """Whether an order of the message's item, else category, follows the click in time."""
    item, category = rows.item[rows.trait[sent]], rows.category[rows.trait[sent]]
    row, last = click + 1, rows.at[click] + within
    while row < end and rows.at[row] <= last:
        trait = rows.trait[row]
        if rows.is_a[trait] == ORDERED:
            if item >= 0 and rows.item[trait] == item:
                return True
            if item < 0 and category >= 0 and rows.category[trait] == category:
                return True
        row += 1
    return False


@outer
def zone_changes(starts: Int64, trait: Int32, zones: Int32, out: Int32) -> int:
    """Put into `out` the rows at which a customer is known to be in another zone than before; how many there are.

    `zones`: the zone of each trait, -1: none.
    """
    number = 0
    for customer in range(starts.size - 1):
        last = -1
        for row in range(starts[customer], starts[customer + 1]):
            zone = zones[trait[row]]
            if zone >= 0 and zone != last:
                last = zone
                out[number] = row
                number += 1
    return number


@outer
def places(starts: Int64, rows: Int32, out: Int64) -> None:
    """Put into `out` how many of `rows`, which ascend, lie before each of `starts`."""
    number = 0
    for customer in range(starts.size):
        while number < rows.size and rows[number] < starts[customer]:
            number += 1
        out[customer] = number


@outer
def holds(rows: Int32, keys: UInt64, key: int) -> bool:
    """Whether one of these rows has this key."""
    for row in rows:  # noqa: SIM110 - a generator cannot be compiled
        if keys[row] == key:
            return True
    return False
