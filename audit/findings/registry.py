"""All checks, and the call that runs them over any number of whole customers."""

from collections.abc import Callable, Iterable

import polars as pl

from audit.context import Context
from audit.findings import over_frequency, repeat_after_purchase
from audit.findings.audited import Audited
from audit.findings.catalogue import Check, check
from audit.findings.shape import SCHEMA, finish, worst_first

Detect = Callable[[Audited, Check], pl.DataFrame]

CHECKS: dict[str, Detect] = {
    "repeat-after-purchase": repeat_after_purchase.detect,
    "over-frequency": over_frequency.detect,
}
"""Check → what finds it: a function of whole customers that returns a frame of `shape.FOUND`."""


def find(
    events: pl.DataFrame, ctx: Context, *, checks: Iterable[str] | None = None, names_sensitive: bool = False
) -> pl.DataFrame:
    """What the checks (all, or these) find in whole customers: a frame of `SCHEMA`, each customer's worst first.

    Sensitive topics are named in text, subject and rule only with `names_sensitive`. Raises NotFoundError for a
    check that does not exist.
    """
    audited = Audited(events, ctx)
    rows = [check(check_id) for check_id in (CHECKS if checks is None else checks)]
    made = [finish(CHECKS[row.id](audited, row), row, names_sensitive=names_sensitive) for row in rows]
    return worst_first(pl.concat([pl.DataFrame(schema=SCHEMA), *made]))
