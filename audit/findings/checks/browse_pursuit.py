"""Followed by messages long after a single look."""

from datetime import timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import Audited, newest_before, with_area
from audit.findings.schema import (
    ABOUT,
    amount,
    day,
    found,
    rules,
    words,
)

_AREA = 2
_BY = ["customer_id", "area"]


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Messages triggered by a look or a search, too many or too long after the last act in the area.

    The trigger is what the sender states, else what the campaign map knows of the campaign. An area is the first
    two levels of a category. What follows an order is repeat-after-purchase.
    """
    limits = check.thresholds
    asked = audited.mailings.filter(
        pl.col("known_trigger").is_in(limits["triggers"]), pl.col("category").is_not_null()
    )
    acts = with_area(audited.acts_of(asked).drop_nulls("category"), _AREA)
    rows = newest_before(with_area(asked, _AREA), acts, _BY, ["kind"])
    followed = rows.filter((pl.col("act_kind") != "order_completed").fill_null(value=False))
    nth = pl.int_range(1, pl.len() + 1).over(*_BY, "act_id")
    long_after = pl.col("occurred_at") - pl.col("act_at") > timedelta(days=limits["days"])
    return _findings(followed.filter((nth >= limits["messages"]) | long_after))


def _findings(late: pl.DataFrame) -> pl.DataFrame:
    rows = late.group_by(_BY, maintain_order=True).agg(
        pl.len().alias("count"),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.col("event_id").alias("messages"),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        day(pl.col("act_at").max()).alias("since"),
        pl.col("category").last(),
    )
    text = pl.format(
        "{} about {} though nothing was done about it since {}.",
        amount(pl.col("channel")),
        pl.lit(ABOUT),
        "since",
    )
    return found(
        rows.with_columns(
            pl.lit("followed").alias("case"),
            pl.col("area").alias("subject"),
            words(pl.col("area")).alias("about"),
            text.alias("text"),
            pl.col("cause").list.concat("messages").alias("evidence"),
            rules(rows, ("customer_id", "area"), _rule),
        )
    )


def _rule(customer: str, area: str) -> dict[str, Any]:
    return {
        "id": f"not-followed-{area}-{customer}",
        "kind": "mute",
        "title": f"Nothing about {area} to {customer}",
        "categories": [area],
        "customers": [customer],
    }
