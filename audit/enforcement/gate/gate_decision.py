"""What the gate answers to a candidate message."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

_ENCODE = msgspec.json.Encoder().encode


class GateDecision(msgspec.Struct, frozen=True, gc=False):
    """What becomes of one candidate: `decision` is allow, stop, exempt or defer; the rest as in `simulate --decisions`.

    A deferred message names the rules that put it off, and in `next_allowed_at` when to offer it again.
    """

    decision: str
    deciding_rule: str | None = None
    failing_rules: Sequence[str] = ()
    counted: Sequence[str] = ()
    next_allowed_at: datetime | None = None
    cannot_tell: Sequence[str] = ()
    assumed: Sequence[str] = ()

    @property
    def goes_out(self) -> bool:
        """Whether it may be sent now."""
        return self.decision in {"allow", "exempt"}

    def to_json(self) -> dict[str, Any]:
        """The answer as a line of the stream has it."""
        document: dict[str, Any] = json.loads(self.text())
        return document

    def text(self) -> bytes:
        """`to_json` as compact JSON."""
        return compact(self)


def compact(value: Any) -> bytes:
    """`value` as JSON, as short as it can be written in ASCII; times end with `Z`."""
    text = _ENCODE(value)
    return text if text.isascii() else json.dumps(json.loads(text), separators=(",", ":")).encode()
