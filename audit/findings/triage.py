"""Who is worst off: one row a customer."""

import polars as pl

from audit.events.messages import messages
from audit.events.schema import TIME
from audit.findings.catalogue import VERDICTS
from audit.findings.registry import find
from audit.findings.schema import severity_rank, worded
from audit.workspace.context import Context

SCHEMA: dict[str, pl.DataType] = {
    "customer": pl.String(),
    "severity": pl.String(),
    "headline": pl.String(),
    "events": pl.UInt32(),
    "messages": pl.UInt32(),
    "findings": pl.UInt32(),
    "last": TIME,
}
"""The columns of whysent.customers/1. `severity` and `headline` are null where nothing was found; `findings`
leaves out what cannot be told."""


def triage(
    events: pl.DataFrame, ctx: Context, listed: pl.DataFrame | None = None, *, names_sensitive: bool = False
) -> pl.DataFrame:
    """One row a customer of `events`, worst first: by the severity, verdict and number of messages of the
    worst finding, then the number of findings and messages, then pseudonym.

    `listed`: the findings where the caller has them already, as `find` gives them. Headlines name sensitive topics
    only with `names_sensitive`.
    """
    findings = worded(find(events, ctx) if listed is None else listed, names_sensitive=names_sensitive)
    worst = (
        findings.filter(pl.col("verdict") != "cannot_tell")
        .group_by("customer", maintain_order=True)
        .agg(
            pl.col("severity").first(),
            pl.col("text").first().alias("headline"),
            pl.len().alias("findings"),
            pl.col("count").first().alias("_count"),
            pl.col("verdict").first().cast(pl.Enum(VERDICTS)).alias("_verdict"),
        )
    )
    counts = messages(events).group_by("customer_id").len("messages")
    rank = severity_rank().alias("_rank")
    return (
        events.group_by(pl.col("customer_id"))
        .agg(pl.len().alias("events"), pl.col("occurred_at").max().alias("last"))
        .join(counts, on="customer_id", how="left")
        .rename({"customer_id": "customer"})
        .join(worst, on="customer", how="left")
        .with_columns(rank)
        .sort(
            "_rank", "_verdict", "_count", "findings", "messages", "customer",
            descending=[False, False, True, True, True, False], nulls_last=True,
        )
        .with_columns(pl.col("messages", "findings").fill_null(0))
        .select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    )  # fmt: skip
