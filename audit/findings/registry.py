"""All checks, and the call that runs them over any number of whole customers."""

from collections.abc import Callable, Iterable

import polars as pl

from audit.errors import NotFoundError
from audit.events import sensitive_topics
from audit.findings.catalogue import Check, check
from audit.findings.check_context import Audited
from audit.findings.checks import (
    after_opt_out,
    browse_pursuit,
    cart_after_purchase,
    cart_burst,
    declared_rules,
    duplicate_message,
    ignored_streak,
    life_changed,
    lookalike_segment,
    over_frequency,
    repeat_after_purchase,
    sensitive_inference,
    shared_account,
    unexplained,
    unrequested_shipment,
)
from audit.findings.schema import SCHEMA, finish, worst_first
from audit.population.context import Context

Detect = Callable[[Audited, Check], pl.DataFrame]

CHECKS: dict[str, Detect] = {
    "repeat-after-purchase": repeat_after_purchase.detect,
    "over-frequency": over_frequency.detect,
    "declared-vs-observed": declared_rules.detect,
    "duplicate-message": duplicate_message.detect,
    "ignored-streak": ignored_streak.detect,
    "cart-after-purchase": cart_after_purchase.detect,
    "cart-burst": cart_burst.detect,
    "browse-pursuit": browse_pursuit.detect,
    "shared-account": shared_account.detect,
    "after-opt-out": after_opt_out.detect,
    "unrequested-shipment": unrequested_shipment.detect,
    "life-changed": life_changed.detect,
    "sensitive-inference": sensitive_inference.detect,
    "by-likeness": lookalike_segment.detect,
    "unexplained": unexplained.detect,
}
"""Check → what finds it: a function of whole customers that returns a frame of `shape.FOUND`."""


def find(events: pl.DataFrame, ctx: Context, *, checks: Iterable[str] | None = None) -> pl.DataFrame:
    """What the checks (all, or these) find in whole customers: a frame of `SCHEMA`, each customer's worst first.

    Sensitive topics are not named; `shape.worded` names them to those who may read them. Raises NotFoundError for
    a check that does not exist.
    """
    audited = Audited(events, ctx)
    made = [_one(audited, check_id) for check_id in (CHECKS if checks is None else checks)]
    return worst_first(pl.concat([pl.DataFrame(schema=SCHEMA), *made]))


def unfinished(events: pl.DataFrame, ctx: Context, check_id: str) -> pl.DataFrame:
    """What one check finds, as it hands it over (`shape.FOUND`): enough to decide many histories."""
    return CHECKS[check_id](Audited(events, ctx), check(check_id))


def locate(events: pl.DataFrame, ctx: Context, ident: str) -> pl.DataFrame:
    """The finding of that id in one customer's events, a frame of `SCHEMA` of one row or none.

    One check after the other, the slowest last, until one has it.
    """
    audited = Audited(events, ctx)
    for check_id in sorted(CHECKS, key=lambda name: name == "after-opt-out"):
        found = _one(audited, check_id).filter(pl.col("id") == ident)
        if found.height:
            return found
    return pl.DataFrame(schema=SCHEMA)


def _one(audited: Audited, check_id: str) -> pl.DataFrame:
    row = check(check_id)
    if check_id not in CHECKS:
        raise NotFoundError(f"{check_id} makes no findings of its own; it is a source of {row.reported_as}")
    found = sensitive_topics.mapped(
        CHECKS[check_id](audited, row), "category", sensitive_topics.of_category(pl.col("category")), "_t"
    )
    return finish(found.with_columns(pl.coalesce("topic", "_t").alias("topic")), row)
