"""A minimum gap: some time between two messages."""

from dataclasses import dataclass
from typing import ClassVar

from audit.rules import describe
from audit.rules.key_readers import Per, Window
from audit.rules.kinds.counting import Cap, RollingWindow
from audit.rules.reference.history import Evaluator, History


@dataclass(frozen=True, kw_only=True)
class MinGap(Cap):
    """Blocks when one counted message lies in `(t - window, t]`."""

    window: Window
    per: Per = ("customer",)

    kind: ClassVar = "min_gap"
    purpose: ClassVar = "Some time passes between two messages."
    example: ClassVar = {"window": "16h", "channels": ["push"]}
    order: ClassVar = 70

    @property
    def most(self) -> int:
        return 1

    def evaluator(self, history: History) -> Evaluator:  # noqa: ARG002
        return RollingWindow(self)

    def description(self) -> str:
        return f"At least {describe.span(self.window)} between {describe.messages(self)}{self.per_words()}"

    def blocked_because(self, counted: int) -> str:
        return f"{describe.count(counted, 'message')} went out in the {describe.span(self.window)} before it"

    def passed_because(self) -> str:
        return f"nothing went out in the {describe.span(self.window)} before it"
