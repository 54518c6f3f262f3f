"""In a segment, and mailed because of it, without one act of one's own that supports it."""

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.schema import ABOUT, day, several
from audit.findings.segment_findings import found_segments, with_messages
from audit.findings.unsupported_decisions import lone_segments


def detect(audited: Audited, _: Check) -> pl.DataFrame:
    """Logged segments that no act of the customer supports, where the data would hold such acts."""
    rows = with_messages(lone_segments(audited), audited)
    text = pl.format(
        'In the segment "{}" since {} without one act of their own; {} because of it.',
        pl.lit(ABOUT), day(pl.col("occurred_at")), several(pl.col("count"), "message"),
    )  # fmt: skip
    return found_segments(rows.with_columns(pl.lit("likeness").alias("case"), text.alias("text")))
