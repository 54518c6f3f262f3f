"""A mute: nothing goes out."""

from datetime import datetime
from typing import ClassVar

from audit.rules import describe
from audit.rules.model import Rule
from audit.rules.reference.history import Blocking, Evaluator, History, Message


class Mute(Rule):
    """Blocks always."""

    kind: ClassVar = "mute"
    purpose: ClassVar = "Nothing at all goes out of what it is about."
    example: ClassVar = {"campaigns": ["spring-sale"]}
    order: ClassVar = 20
    judges_alone: ClassVar = True

    def blocks_what(self, other: Rule) -> bool:  # noqa: ARG002
        return True

    def evaluator(self, history: History) -> Evaluator:  # noqa: ARG002
        return _Always()

    def description(self) -> str:
        return f"No {describe.messages(self)}"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        return "it stops everything it is about"


class _Always(Evaluator):
    __slots__ = ()

    def blocking(self, message: Message, at: datetime) -> Blocking | None:  # noqa: ARG002
        return Blocking()

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:  # noqa: ARG002
        return None
