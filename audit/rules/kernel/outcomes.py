"""Messages out of events and what became of them, as numbers: what `prepare.sent` and `outcomes.of` give."""

import numpy as np
import polars as pl

from audit.rules.kernel import dictionary_encoding, outcomes_jit
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.layout import Int8, Int32
from audit.rules.kernel.outcomes_jit import Found, Rows, Slots
from audit.rules.kinds.consent import NO
from audit.rules.reference import histories
from audit.rules.replay import outcomes
from audit.rules.replay.totals import FLAGS

_IS_A = {
    "message_sent": outcomes_jit.SENT,
    "message_opened": outcomes_jit.OPENED,
    "message_clicked": outcomes_jit.CLICKED,
    "message_complained": outcomes_jit.COMPLAINED,
    "order_completed": outcomes_jit.ORDERED,
    **dict.fromkeys(NO, outcomes_jit.REFUSED),
}


def messages(columns: Columns) -> tuple[Int32, Int8]:
    """The rows that stand for a message, in order, and what became of each, in bits.

    What `prepare.sent` and `outcomes.of` give, as numbers.
    """
    kinds, hashes = columns.coded("kind"), dictionary_encoding.hashes(columns.frame["message_id"])
    is_a = kinds.meaning(lambda kind: _IS_A.get(kind or "", outcomes_jit.OTHER)).astype(np.int8)
    nobody = np.zeros(0, np.int32)
    ordered = "order_completed" in kinds.values and "message_clicked" in kinds.values
    items, categories = (columns.coded(name).codes if ordered else nobody for name in ("item_id", "category"))
    machine = dictionary_encoding.of(columns.examples["machine"].fill_null(value=False), np.int8)
    rows = Rows(columns.starts, columns.at, hashes, columns.trait, is_a, machine, items, categories)
    height = columns.frame.height
    found = Found(np.zeros(height, np.int32), np.zeros(height, np.int8))
    room = 4 * int(np.diff(columns.starts).max(initial=1))
    slots = Slots(np.zeros(room, np.uint64), np.zeros(room, np.int32))
    within = int(outcomes.CONVERSION.total_seconds()) * 1_000_000
    number = outcomes_jit.follow(rows, found, slots, np.uint64(dictionary_encoding.NO_TEXT), within)
    row, became = found.row[:number], found.became[:number]
    if not outcomes_jit.holds(row, hashes, np.uint64(dictionary_encoding.NO_TEXT)):
        return row, became
    return _apart(columns, row, became)


def _apart(columns: Columns, row: Int32, became: Int8) -> tuple[Int32, Int8]:
    """The same, where one message's id may read like what stands for the id of a message without one."""
    events = columns.frame
    if not events["message_id"].str.starts_with("event:").any():
        return row, became
    columns.named("event_id")
    messages = histories.sent(events.with_row_index("row"))
    flags = outcomes.of(events, messages).select(
        pl.sum_horizontal(pl.col(flag).cast(pl.Int8) * (1 << bit) for bit, flag in enumerate(FLAGS[:-1]))
    )
    return dictionary_encoding.of(messages["row"], np.int32), dictionary_encoding.of(
        flags.to_series(), np.int8
    )
