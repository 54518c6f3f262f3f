"""Whether the past kept to what a sender declares: rule by rule, how much broke it, and what."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from audit.events.times import iso
from audit.findings.check_context import Audited
from audit.findings.checks.declared_rules import broken, within
from audit.population.context import Context
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.scopes import DEFAULT_CLASS

if TYPE_CHECKING:
    from datetime import datetime

WORST = 10
"""People named of those with most messages against a rule."""


def document(
    events: pl.DataFrame, rules: Iterable[Rule], context: Context, *, worst: int = WORST
) -> dict[str, Any]:
    """The document `whysent.kept/1`: `rules`, as if declared, held against all that was sent in `events`.

    `events`: whole customers, in order. What a rule cannot tell of, such as of causes, is counted apart.
    """
    audited = Audited(events, context)
    return {"schema": "whysent.kept/1", "rules": [_kept(rule, audited, worst) for rule in rules]}


def _kept(rule: Rule, audited: Audited, worst: int) -> dict[str, Any]:
    judged = pl.col("message_class").fill_null(DEFAULT_CLASS).is_in(rule.message_classes)
    about = histories.sent(audited.events).filter(within(rule) & judged)
    rows = broken(audited.events, replace(rule, declared=True), audited)
    against = rows.filter(pl.col("messages").list.len() > 0)
    most = against.sort(pl.col("messages").list.len(), "customer_id", descending=[True, False]).head(worst)
    return {
        "id": rule.id,
        "title": rule.title or rule.id,
        "messages": about.height,
        "customers": about["customer_id"].n_unique(),
        "against": int(against["messages"].list.len().sum()),
        "customers_against": against.height,
        "cannot_tell": int(rows["unknown"].list.len().sum()),
        "first": iso(cast("datetime | None", against["first"].min())),
        "last": iso(cast("datetime | None", against["last"].max())),
        "worst": [
            {
                "customer": row["customer_id"],
                "messages": row["messages"],
                "most": row["peak"],
                "together": row["evidence"],
            }
            for row in most.iter_rows(named=True)
        ],
    }
