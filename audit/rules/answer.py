"""What the gate answers to a candidate message."""

from collections.abc import Sequence
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple

from audit.times import iso


class Answer(NamedTuple):
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
        return {
            "decision": self.decision,
            "deciding_rule": self.deciding_rule,
            "failing_rules": list(self.failing_rules),
            "counted": list(self.counted),
            "next_allowed_at": iso(self.next_allowed_at),
            "cannot_tell": list(self.cannot_tell),
            "assumed": list(self.assumed),
        }

    def text(self, at: datetime, when: str) -> str:
        """`to_json` as compact JSON; `when` is how `at` is written, which most answers repeat."""
        again = self.next_allowed_at
        written = "null" if again is None else f'"{when if again == at else iso(again)}"'
        rule = "null" if self.deciding_rule is None else quoted(self.deciding_rule)
        return (
            f'{{"decision":"{self.decision}","deciding_rule":{rule},"failing_rules":{_list(self.failing_rules)},'
            f'"counted":{_list(self.counted)},"next_allowed_at":{written},'
            f'"cannot_tell":{_list(self.cannot_tell)},"assumed":{_list(self.assumed)}}}'
        )


def _list(names: Sequence[str]) -> str:
    return f"[{','.join(map(quoted, names))}]" if names else "[]"
