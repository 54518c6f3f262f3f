"""The frame of decisions: what became of each message, a row each."""

from collections.abc import Sequence

import polars as pl

from audit.events.schema import TIME
from audit.rules.reference.evaluate import Decision

DECISIONS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "customer_id": pl.String(),
    "occurred_at": TIME,
    "decision": pl.String(),
    "deferred_to": TIME,
    "deciding_rule": pl.String(),
    "failing_rules": pl.List(pl.String()),
    "counted": pl.List(pl.String()),
    "cannot_tell": pl.List(pl.String()),
    "assumed": pl.List(pl.String()),
    "next_allowed_at": TIME,
}
"""The columns of `simulate --decisions`."""

DECISION = pl.Enum(["allow", "stop", "exempt"])
"""What becomes of a message, where millions are kept."""


def frame(decided: Sequence[Decision]) -> pl.DataFrame:
    """`decided` as a frame with the columns of `DECISIONS`, in the order given."""
    columns = {name: [getattr(one, name) for one in decided] for name in DECISIONS}
    return pl.DataFrame(
        {
            name: _listed(columns[name])
            if isinstance(dtype, pl.List)
            else pl.Series(columns[name], dtype=dtype)
            for name, dtype in DECISIONS.items()
        }
    )


def lists(rows: pl.Series, values: pl.Series, height: int) -> pl.Series:
    """A column of `height` lists: `values`, each in the list of its row (of `rows`, which ascend)."""
    flat = pl.DataFrame({"row": rows, "value": values})
    filled = flat.group_by("row", maintain_order=True).agg("value")
    return (
        pl.DataFrame({"row": pl.int_range(height, dtype=pl.UInt32, eager=True)})
        .join(filled, on="row", how="left", maintain_order="left")["value"]
        .fill_null([])
    )


def _listed(values: Sequence[Sequence[str]]) -> pl.Series:
    """A column of lists; one that is made of Python lists directly costs a column each."""
    rows = pl.Series([row for row, some in enumerate(values) for _ in some], dtype=pl.UInt32)
    return lists(rows, pl.Series([one for some in values for one in some], dtype=pl.String), len(values))
