"""Messages out of events and what became of them: what `histories.sent` and `replay.outcomes` give, in compiled code."""

from typing import NamedTuple

import numpy as np
import polars as pl

from audit.events.vocabulary import OPT_OUTS, is_human_expr
from audit.rules.kernel.dictionary_encoding import NO_TEXT, as_array, hashes
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.jit import inner, outer
from audit.rules.kernel.layout import Int8, Int32, Int64, UInt64
from audit.rules.reference import histories
from audit.rules.replay import outcomes
from audit.rules.replay.totals import FLAGS

OTHER, SENT, OPENED, CLICKED, COMPLAINED, ORDERED, REFUSED = range(7)
"""What a row is."""

OPEN, CLICK, CONVERSION, COMPLAINT, OPT_OUT = (1 << bit for bit in range(5))
"""What became of a message, a bit each, in the order of `totals.FLAGS`."""

_EVENT = {
    "message_sent": SENT,
    "message_opened": OPENED,
    "message_clicked": CLICKED,
    "message_complained": COMPLAINED,
    "order_completed": ORDERED,
    **dict.fromkeys(OPT_OUTS, REFUSED),
}


def messages(events: EncodedEvents) -> tuple[Int32, Int8]:
    """The rows that stand for a message, in order, and what became of each, in bits."""
    kinds, message_ids = events.encoded("kind"), hashes(events.frame["message_id"])
    event = kinds.map(lambda kind: _EVENT.get(kind or "", OTHER)).astype(np.int8)
    has_orders = "order_completed" in kinds.values and "message_clicked" in kinds.values
    empty = np.zeros(0, np.int32)
    items, categories = (
        events.encoded(name).codes if has_orders else empty for name in ("item_id", "category")
    )
    machine = as_array(events.examples.select(is_human_expr().not_()).to_series(), np.int8)
    rows = _Rows(events.starts, events.at, message_ids, events.trait, event, machine, items, categories)
    found = _Messages(np.zeros(events.frame.height, np.int32), np.zeros(events.frame.height, np.int8))
    room = 4 * int(np.diff(events.starts).max(initial=1))
    slots = _Slots(np.zeros(room, np.uint64), np.zeros(room, np.int32))
    within = int(outcomes.CONVERSION.total_seconds()) * 1_000_000
    number = _find(rows, found, slots, np.uint64(NO_TEXT), within)
    row, flags = found.row[:number], found.flags[:number]
    if not _contains(row, message_ids, np.uint64(NO_TEXT)):
        return row, flags
    return _with_absent_ids(events, row, flags)


def _with_absent_ids(events: EncodedEvents, row: Int32, flags: Int8) -> tuple[Int32, Int8]:
    """The same where messages lack an id: another's id may read like what stands for theirs, `event:...`."""
    frame = events.frame
    if not frame["message_id"].str.starts_with("event:").any():
        return row, flags
    events.select("event_id")
    sent = histories.sent(frame.with_row_index("row"))
    bits = pl.sum_horizontal(pl.col(flag).cast(pl.Int8) * (1 << bit) for bit, flag in enumerate(FLAGS[:-1]))
    became = outcomes.of(frame, sent).select(bits).to_series()
    return as_array(sent["row"], np.int32), as_array(became, np.int8)


# -- compiled ---------------------------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """A row an event. `starts`: where each customer begins, and the end; `message`: the hash of its message_id.

    By `trait`: `event`: what it is; `by_machine`: whether a machine made it; `item` and `category`, which have rows only
    where there are orders.
    """

    starts: Int64
    at: Int64
    message: UInt64
    trait: Int32
    event: Int8
    by_machine: Int8
    item: Int32
    category: Int32


class _Messages(NamedTuple):
    """`row`: of each message that stands for it; `flags`: what became of it. Room for as many as there are rows."""

    row: Int32
    flags: Int8


class _Slots(NamedTuple):
    """A table of messages by hash, `message` -1 where it is empty; room for twice the rows of the largest customer."""

    key: UInt64
    message: Int32


@outer
def _find(rows: _Rows, found: _Messages, slots: _Slots, no_message: int, within: int) -> int:
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
            slots.message[slot] = -1
        after = _collect(rows, found, slots, mask, begin, end, number, no_message)
        _flag(rows, found, slots, mask, begin, end, number, after, no_message, within)
        number = after
    return number


@inner
def _slot(slots: _Slots, mask: int, key: int) -> int:
    """Where the key is, or would be."""
    slot = key & mask
    while slots.message[slot] >= 0 and slots.key[slot] != key:
        slot = (slot + 1) & mask
    return slot


@inner
def _collect(
    rows: _Rows, found: _Messages, slots: _Slots, mask: int, begin: int, end: int, number: int, no_message: int
) -> int:  # fmt: skip
    """The first row of each message, in order."""
    for row in range(begin, end):
        if rows.event[rows.trait[row]] != SENT:
            continue
        key = rows.message[row]
        if key != no_message:
            slot = _slot(slots, mask, key)
            if slots.message[slot] >= 0:
                continue
            slots.key[slot] = key
            slots.message[slot] = number
        found.row[number] = row
        found.flags[number] = 0
        number += 1
    return number


@inner
def _flag(
    rows: _Rows, found: _Messages, slots: _Slots, mask: int, begin: int, end: int, oldest: int, after: int,
    no_message: int, within: int,
) -> None:  # fmt: skip
    """Set the flags of a customer's messages `[oldest, after)`."""
    newest = oldest - 1
    for row in range(begin, end):
        while newest + 1 < after and found.row[newest + 1] <= row:
            newest += 1
        trait = rows.trait[row]
        event = rows.event[trait]
        if event == REFUSED and newest >= oldest:
            found.flags[newest] |= OPT_OUT
        if event < OPENED or event > COMPLAINED or rows.by_machine[trait] or rows.message[row] == no_message:
            continue
        message = slots.message[_slot(slots, mask, rows.message[row])]
        if message >= 0:
            if event == OPENED:
                found.flags[message] |= OPEN
            elif event == COMPLAINED:
                found.flags[message] |= COMPLAINT
            elif rows.item.size and _ordered(rows, found.row[message], row, end, within):
                found.flags[message] |= CLICK | CONVERSION
            else:
                found.flags[message] |= CLICK


@inner
def _ordered(rows: _Rows, sent: int, click: int, end: int, within: int) -> bool:
    """Whether an order of the message's item, else category, follows the click in time."""
    item, category = rows.item[rows.trait[sent]], rows.category[rows.trait[sent]]
    row, latest = click + 1, rows.at[click] + within
    while row < end and rows.at[row] <= latest:
        trait = rows.trait[row]
        if rows.event[trait] == ORDERED:
            if item >= 0 and rows.item[trait] == item:
                return True
            if item < 0 and category >= 0 and rows.category[trait] == category:
                return True
        row += 1
    return False


@outer
def _contains(rows: Int32, keys: UInt64, key: int) -> bool:
    """Whether one of these rows has this key."""
    for row in rows:  # noqa: SIM110 - a generator cannot be compiled
        if keys[row] == key:
            return True
    return False
