"""Whether the past kept to what a sender declares: rule by rule, how much broke it, and what."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

import polars as pl

from audit.events.document import Document
from audit.findings.check_context import CheckContext
from audit.findings.checks.declared_rules import broken, of_its_classes, within
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.workspace.context import Context

WORST = 10
"""People named of those with most messages against a rule."""


class Offended(Document):
    """Somebody with messages against a rule."""

    customer: str
    messages: tuple[str, ...]
    """Those against it (event_ids)."""
    most: int
    """The most messages that came together."""
    together: tuple[str, ...]
    """Those, as an example."""


class RuleCompliance(Document):
    """A declared rule held against what was sent."""

    id: str
    title: str
    messages: int
    """Those that it is about."""
    customers: int
    against: int
    """Those of them that went out against it."""
    customers_against: int
    cannot_tell: int
    first: datetime | None
    last: datetime | None
    worst: tuple[Offended, ...]
    """The people with most messages against it."""


class Compliance(Document, schema="whysent.kept/1"):
    """Whether the past kept to what a sender declares, rule by rule."""

    rules: tuple[RuleCompliance, ...]


def document(
    events: pl.DataFrame, rules: Iterable[Rule], context: Context, *, worst: int = WORST
) -> Compliance:
    """`rules`, as if declared, held against all that was sent in `events`.

    `events`: whole customers, in order. What a rule cannot tell of, such as of causes, is counted apart.
    """
    checked = CheckContext(events, context)
    return Compliance(rules=tuple(_rule(rule, checked, worst) for rule in rules))


def _rule(rule: Rule, context: CheckContext, worst: int) -> RuleCompliance:
    judged = histories.sent(context.events).filter(within(rule) & of_its_classes(rule))
    rows = broken(rule, context)
    number = pl.col("messages").list.len()
    against = rows.filter(number > 0)
    messages = against.select("customer_id", event_id="messages").explode("event_id")
    against_at = judged.join(messages, on=["customer_id", "event_id"], how="semi")["occurred_at"]
    most_first = against.sort(number, "customer_id", descending=[True, False])
    return RuleCompliance(
        id=rule.id,
        title=rule.title or rule.id,
        messages=judged.height,
        customers=judged["customer_id"].n_unique(),
        against=messages.height,
        customers_against=against.height,
        cannot_tell=int(rows["unknown"].list.len().sum()),
        first=cast("datetime | None", against_at.min()),
        last=cast("datetime | None", against_at.max()),
        worst=tuple(
            Offended(
                customer=row["customer_id"],
                messages=tuple(row["messages"]),
                most=row["peak"],
                together=tuple(row["evidence"]),
            )
            for row in most_first.head(worst).iter_rows(named=True)
        ),
    )
