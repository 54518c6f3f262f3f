"""Who got each campaign, and what sets them apart: what is known of it, and what may be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import polars as pl

from audit.events.document import Document
from audit.events.schema import TIME

WINDOWS = (timedelta(days=30), timedelta(days=90), timedelta(days=365))
"""How far back acts are looked for: each candidate is told with the window in which it sets recipients apart best."""

FEWEST = 11
"""Shares that rest on fewer people are not told (k = 11), and of fewer nothing can be told apart."""

APART: dict[str, pl.DataType] = {
    "campaign": pl.String(), "what": pl.String(), "value": pl.String(), "level": pl.Int64(), "item_id": pl.String(),
    "recipients": pl.Int64(), "recipients_share": pl.Float64(), "others": pl.Int64(), "others_share": pl.Float64(),
    "lift": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(), "p_adjusted": pl.Float64(),
    "median_days_before": pl.Float64(), "window_days": pl.Float64(), "topic": pl.String(),
}  # fmt: skip
CAMPAIGNS: dict[str, pl.DataType] = {
    "campaign": pl.String(), "title": pl.String(), "recipients": pl.Int64(), "others": pl.Int64(), "first": TIME,
    "last": TIME, "explains": pl.Float64(),
}  # fmt: skip


class SetsApart(Document):
    """An act or a state that more of the recipients have before a message than chance gives."""

    what: str
    """bought, viewed, searched (acts), segment, profile, list (states)."""
    value: str
    """A category path, an item's name, words searched for, a segment, a value of the profile, a list."""
    level: int | None
    """How many levels its category has; null of anything else."""
    item_id: str | None
    window: str | None
    """How long before the message the act was looked for; null of a state, which holds at it."""
    recipients: int
    """How many of them have it."""
    recipients_share: float
    others: int | None
    """How many of the others; null, as all that rests on it, where that is one to ten people."""
    others_share: float | None
    lift: float | None
    """The first share over the second; null also where none of the others has it."""
    interval: tuple[float | None, float | None] | None
    """The 95 % interval of the lift; its end is null where there is none."""
    p_adjusted: float | None
    """The chance that there is such a share by luck, corrected for the number of candidates."""
    median_days_before: float
    """How long before the message recipients did it last, or have had it."""
    sensitive: bool
    topic: str | None
    """The sensitive topic that it touches."""


@dataclass(frozen=True)
class Audiences:
    """`campaigns`: one row each: `campaign, title, recipients, others, first, last, explains` (share of the recipients with
    one of `apart` at least); `apart`: what sets their recipients apart, the likeliest first.
    """

    campaigns: pl.DataFrame
    apart: pl.DataFrame

    def recipients(self, campaign: str) -> int | None:
        """How many people got a campaign; None of one that nothing is known of."""
        rows = self.campaigns.filter(pl.col("campaign") == campaign)
        return rows["recipients"][0] if rows.height else None

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """What campaigns are called, by their ids, where that is known."""
        named = self.campaigns.drop_nulls("title").filter(pl.col("title") != pl.col("campaign"))
        return dict(named.select("campaign", "title").rows())

    def sets_apart(self, campaign: str, fewest: int) -> tuple[SetsApart, ...]:
        """What sets the recipients of one campaign apart, as it may be told: shares of `fewest` people at least."""
        rows = self.tellable(fewest).filter(pl.col("campaign") == campaign)
        return tuple(_told(row, fewest) for row in rows.iter_rows(named=True))

    def tellable(self, fewest: int) -> pl.DataFrame:
        """What of `apart` may be told, and `place`: which it is of what is told of its campaign."""
        rows = self.apart.filter(pl.col("recipients") >= fewest)
        return rows.with_columns(place=pl.int_range(pl.len(), dtype=pl.UInt32).over("campaign"))


def none() -> Audiences:
    """Of no campaign anything is known."""
    return Audiences(pl.DataFrame(schema=CAMPAIGNS), pl.DataFrame(schema=APART))


def fewest_told(*, synthetic: bool) -> int:
    """The fewest people of whom shares are told, in a workspace that is synthetic or not."""
    return 1 if synthetic else FEWEST


def _told(row: dict[str, Any], fewest: int) -> SetsApart:
    untold = 0 < row["others"] < fewest
    return SetsApart(
        what=row["what"],
        value=row["value"],
        level=row["level"],
        item_id=row["item_id"],
        window=None if row["window_days"] is None else f"{row['window_days']:g}d",
        recipients=row["recipients"],
        recipients_share=round(row["recipients_share"], 6),
        others=None if untold else row["others"],
        others_share=None if untold else round(row["others_share"], 6),
        lift=None if untold else _rounded(row["lift"]),
        interval=None if untold else (_rounded(row["low"]), _rounded(row["high"])),
        p_adjusted=None if untold else row["p_adjusted"],
        median_days_before=round(row["median_days_before"], 1),
        sensitive=row["topic"] is not None,
        topic=row["topic"],
    )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 6)
