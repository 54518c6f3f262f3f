"""Whether the past kept to what a sender declares: rule by rule, how much broke it, and what."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from audit.events.times import iso
from audit.findings.check_context import CheckContext
from audit.findings.checks.declared_rules import broken, of_its_classes, within
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.workspace.context import Context

WORST = 10
"""People named of those with most messages against a rule."""


def document(
    events: pl.DataFrame, rules: Iterable[Rule], context: Context, *, worst: int = WORST
) -> dict[str, Any]:
    """The document `whysent.kept/1`: `rules`, as if declared, held against all that was sent in `events`.

    `events`: whole customers, in order. What a rule cannot tell of, such as of causes, is counted apart.
    """
    checked = CheckContext(events, context)
    return {"schema": "whysent.kept/1", "rules": [_rule(rule, checked, worst) for rule in rules]}


def _rule(rule: Rule, context: CheckContext, worst: int) -> dict[str, Any]:
    judged = histories.sent(context.events).filter(within(rule) & of_its_classes(rule))
    rows = broken(rule, context)
    number = pl.col("messages").list.len()
    against = rows.filter(number > 0)
    most_first = against.sort(number, "customer_id", descending=[True, False])
    return {
        "id": rule.id,
        "title": rule.title or rule.id,
        "messages": judged.height,
        "customers": judged["customer_id"].n_unique(),
        "against": int(against["messages"].list.len().sum()),
        "customers_against": against.height,
        "cannot_tell": int(rows["unknown"].list.len().sum()),
        "first": iso(against.select(pl.col("first_at").min()).item()),
        "last": iso(against.select(pl.col("last_at").max()).item()),
        "worst": [
            {
                "customer": row["customer_id"],
                "messages": row["messages"],
                "most": row["peak"],
                "together": row["evidence"],
            }
            for row in most_first.head(worst).iter_rows(named=True)
        ],
    }
