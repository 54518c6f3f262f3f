"""Sensitive topics: nothing goes out that one brought about, or that is about one, without a consent that names it."""

from datetime import datetime
from typing import ClassVar

import polars as pl

from audit.rules import describe
from audit.rules.kinds.consent import CONSENT_ACTS, CONSENT_COLUMNS, Consents
from audit.rules.model import ActsRead, Rule
from audit.rules.reference.history import Blocking, Evaluator, History, Message


class Sensitive(Rule):
    """Blocks what a sensitive topic brought about or is about, where no consent naming that topic is in force.

    Passes, and cannot tell, where the topics of the message are not known.
    """

    kind: ClassVar = "sensitive"
    purpose: ClassVar = "Nothing goes out that touches a sensitive topic the customer did not agree to."
    example: ClassVar = {}
    order: ClassVar = 30
    reads_causes: ClassVar = True
    judges_alone: ClassVar = True
    suppresses: ClassVar = "messages by what brought them about"
    columns: ClassVar = CONSENT_COLUMNS
    row_columns: ClassVar = frozenset({"topics"})

    def evaluator(self, history: History) -> Evaluator:
        return _SensitiveTopics(history)

    def acts_read(self) -> tuple[ActsRead, ...]:
        return (CONSENT_ACTS,)

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        return caused(causes, "sensitive")

    def description(self) -> str:
        return (
            f"No {describe.messages(self)} brought about by a sensitive topic, or about one, "
            "without a consent that names it"
        )

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        return "it touches a sensitive topic, and no consent to it is in force"

    def passed_because(self) -> str:
        return "it touches no sensitive topic that the customer did not consent to"


class _SensitiveTopics(Evaluator):
    __slots__ = ("_consents",)

    def __init__(self, history: History) -> None:
        self._consents = Consents(history.acts)

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        agreed = all(self._consents.agreed(message, topic, at) for topic in message.sensitive or ())
        return None if agreed else Blocking()

    def undecidable(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        return message.sensitive is None


def caused(causes: pl.DataFrame | None, column: str) -> pl.Expr:
    """Of messages, whether any message of their customer has something in `column`; true where no causes are told."""
    if causes is None:
        return pl.lit(value=True)
    customers = causes.filter(pl.col(column).list.len() > 0)["customer_id"]
    return pl.col("customer_id").is_in(customers.unique().implode())
