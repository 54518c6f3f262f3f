"""A line of the record: what it holds of a line of the stream, and what of it says whether it is needed yet."""

from datetime import datetime

import msgspec

from audit.enforcement.gate.gate_decision import compact
from audit.enforcement.gate.reader import Line


class _Which(msgspec.Struct, gc=False):
    """Which event of whom it is, as the record names them."""

    customer_id: str
    occurred_at: datetime
    event_id: str
    key: str


def stored(line: Line, customer: str, answer: bytes | None = None) -> bytes:
    """What the record holds of a line: the pseudonym, which and when, what rules read, and the answer if it had one."""
    event, text = line.event, line.shape.text
    which = compact(_Which(customer, event.at, event.event_id, line.key))[:-1]
    if answer is None:
        return b"".join((which, text, b"}\n"))
    return b"".join((which, text, b',"answer":', answer, b"}\n"))


class _Answer(msgspec.Struct, gc=False):
    """That there was an answer, whatever it was."""


class Kept(msgspec.Struct, gc=False):
    """Of an entry, what says whether it is needed yet; `sealed` and `answer` are there or not."""

    customer_id: str
    key: str = ""
    event_id: str = ""
    kind: str = ""
    channel: str | None = None
    machine: bool | None = None
    sealed: str | None = None
    answer: _Answer | None = None


kept = msgspec.json.Decoder(Kept).decode
"""Reads a line of the record so."""
