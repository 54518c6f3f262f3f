"""A sunset: after some messages in a row without a response, nothing more goes out."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

import polars as pl

from audit.events.vocabulary import is_human
from audit.rules import describe
from audit.rules.key_readers import Per, number, one_of
from audit.rules.kinds.counting import Counter, CountingRule
from audit.rules.model import ActsRead, Rule
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.history import Blocking, Evaluator, History, Message, Place
from audit.rules.scopes import same_messages

ENGAGEMENT = {"click": "message_clicked", "open": "message_opened"}
"""What a sunset may take for a response, and the kind of event that shows it."""


@dataclass(frozen=True, kw_only=True)
class Sunset(CountingRule):
    """Blocks when the last `unengaged` counted messages found no response, and no order came since the first of them.

    Passes, and cannot tell, where the workspace holds no such response of the message's channel at all.
    """

    per: Per = ("customer",)
    unengaged: Annotated[int, number(1), "messages in a row"]
    engagement: Annotated[str, one_of(*ENGAGEMENT), "what counts as a response: click open"] = "click"

    kind: ClassVar = "sunset"
    purpose: ClassVar = "After some messages in a row that found no response, nothing more goes out."
    example: ClassVar = {"unengaged": 12, "channels": ["email"]}
    order: ClassVar = 60
    columns: ClassVar = frozenset({"channel", "event_id"})
    row_columns: ClassVar = frozenset({"customer_id", "event_id", "message_id", "kind", "machine"})

    @property
    def response(self) -> str:
        """The kind of event that it takes for a response."""
        return ENGAGEMENT[self.engagement]

    @property
    def may_be_undecidable(self) -> bool:
        return True

    def blocks_what(self, other: Rule) -> bool:
        if not isinstance(other, Sunset) or self.engagement != other.engagement:
            return False
        return self.unengaged <= other.unengaged and same_messages(self, other)

    def evaluator(self, history: History) -> Evaluator:
        return _Streak(self, history)

    def acts_read(self) -> tuple[ActsRead, ...]:
        return ActsRead(("order_completed",), "last"), ActsRead((self.response,))

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        return pl.len().over("customer_id") > self.unengaged

    @property
    def lookback(self) -> timedelta | None:
        return None

    def description(self) -> str:
        answer = {"click": "a click", "open": "an open"}[self.engagement]
        streak = f"{self.unengaged} in a row without {answer} and without an order"
        return f"No further {describe.messages(self)} after {streak}{self.per_words()}"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        if self.unengaged == 1:
            streak = f"no {self.engagement} by a person is recorded on the last message"
        else:
            streak = f"no {self._responses()} are recorded on the last {self.unengaged} messages"
        return f"{streak}, and no order came in between"

    def passed_because(self) -> str:
        return f"one of the last {self.unengaged} messages found a response, an order came, or fewer went out"

    def lacking(self) -> str:
        return f"this data holds no {self._responses()} of the message's channel at all"

    def _responses(self) -> str:
        return f"{self.engagement}s by people"


class _Streak(Counter):
    __slots__ = ("_length", "_message_keys", "_orders", "_recorded", "_response", "_responses")

    def __init__(self, rule: Sunset, history: History) -> None:
        super().__init__(rule)
        self._length = rule.unengaged
        self._response = rule.response
        self._recorded = history.recorded
        self._message_keys: dict[str, str | None] = {}
        self._responses: dict[str, Place] = {}
        for act in history.acts:
            if act.kind == self._response and act.message_key is not None and is_human(act.machine):
                self._responses.setdefault(act.message_key, (act.at, act.event_id))
        self._orders: list[Place] = [
            (act.at, act.event_id) for act in history.acts if act.kind == "order_completed"
        ]

    @property
    def idle_from(self) -> datetime:
        return EARLIEST if self._all and len(self._all.times) < self._length else LATEST

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        group = self._group(message)
        streak = group.event_ids[-self._length :]
        if len(streak) < self._length or self.undecidable(message, at):
            return None
        now = (at, message.event_id)
        began = (group.times[-self._length], streak[0])
        ordered = bisect_left(self._orders, now) > bisect_right(self._orders, began)
        responded = ordered or any(self._responded(event_id, now) for event_id in streak)
        return None if responded else Blocking(streak)

    def undecidable(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return (self._response, message.channel) not in self._recorded

    def record_sent(self, message: Message, at: datetime) -> None:
        super().record_sent(message, at)
        self._message_keys[message.event_id] = message.message_key

    def streak_messages(self) -> Iterator[str]:
        for group in [self._all] if self._all else self._groups.values():
            yield from group.event_ids[-self._length :]

    def _responded(self, event_id: str, now: Place) -> bool:
        earliest = self._responses.get(self._message_keys[event_id] or "")
        return earliest is not None and earliest < now
