"""Events left out: nothing goes out that rests on them alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

import polars as pl

from audit.errors import InputError
from audit.rules import describe
from audit.rules.key_readers import names
from audit.rules.kinds.sensitive import caused
from audit.rules.model import Rule
from audit.rules.reference.history import Blocking, Evaluator, History, Message


def _event_ids(value: Any) -> tuple[str, ...]:
    event_ids = names(value)
    if not event_ids:
        raise InputError("is empty; name at least one event_id")
    return event_ids


@dataclass(frozen=True, kw_only=True)
class ExcludeEvent(Rule):
    """Blocks what nothing but the excluded events (`events`: event_ids) brought about; a message without any known cause passes.

    Where nothing is said of its causes at all, it cannot tell.
    """

    events: Annotated[tuple[str, ...], _event_ids, "event ids; name the customer too"]

    kind: ClassVar = "exclude_event"
    purpose: ClassVar = (
        "Nothing goes out that rests on certain events alone, such as an order that was a gift."
    )
    example: ClassVar = {"events": ["o-1841"], "customers": ["1007"]}
    order: ClassVar = 40
    reads_causes: ClassVar = True
    judges_alone: ClassVar = True
    suppresses: ClassVar = "messages by what brought them about"

    def blocks_what(self, other: Rule) -> bool:
        return isinstance(other, ExcludeEvent) and set(self.events) >= set(other.events)

    def evaluator(self, history: History) -> Evaluator:  # noqa: ARG002
        return _ExcludedEvents(self)

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        return caused(causes, "causes")

    def description(self) -> str:
        named = describe.count(len(self.events), "named event")
        return f"No {describe.messages(self)} brought about by nothing but {named}"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        return "it rests on nothing but events that are left out"

    def passed_because(self) -> str:
        return "it does not rest on the events that are left out alone"


class _ExcludedEvents(Evaluator):
    __slots__ = ("_excluded",)

    def __init__(self, rule: ExcludeEvent) -> None:
        self._excluded = frozenset(rule.events)

    def blocking(self, message: Message, at: datetime) -> Blocking | None:  # noqa: ARG002
        return Blocking() if message.causes and self._excluded.issuperset(message.causes) else None

    def undecidable(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return message.causes is None
