"""Who got each campaign, and what sets them apart: what is known of it, and what may be told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import msgspec
import polars as pl

from audit.events import sensitive_topics
from audit.events.document import Document
from audit.events.schema import TIME
from audit.events.vocabulary import campaign_expr

WINDOWS = (timedelta(days=30), timedelta(days=90), timedelta(days=365))
"""How far back acts are looked for: each candidate is told with the window in which it sets recipients apart best."""

FEWEST = 11
"""Shares that rest on fewer people are not told (k = 11), and of fewer nothing can be told apart."""

STATES = (
    "segment_entered",
    "segment_snapshot",
    "segment_left",
    "profile_updated",
    "subscribed",
    "unsubscribed",
)
"""The kinds that begin or end a state: in a segment, a value of the profile, on a list."""

FIELD = "field"
"""What it is to have a field in the profile: no candidate by itself, but whom its values are compared among."""

_LONGEST = 60
"""House value: a longer value of the profile is a text, not a value that many share."""

APART: dict[str, pl.DataType] = {
    "campaign": pl.String(), "what": pl.String(), "value": pl.String(), "level": pl.Int64(), "item_id": pl.String(),
    "recipients": pl.Int64(), "recipients_share": pl.Float64(), "others": pl.Int64(), "others_share": pl.Float64(),
    "breadth_of": pl.String(), "breadth_days": pl.Float64(), "kinds": pl.Int64(), "others_kinds": pl.Int64(), "others_alike": pl.Float64(),
    "holds": pl.Boolean(), "lift": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(), "p_adjusted": pl.Float64(),
    "median_days_before": pl.Float64(), "window_days": pl.Float64(), "topic": pl.String(),
}  # fmt: skip
CAMPAIGNS: dict[str, pl.DataType] = {
    "campaign": pl.String(), "title": pl.String(), "recipients": pl.Int64(), "others": pl.Int64(), "first": TIME,
    "last": TIME, "explains": pl.Float64(),
}  # fmt: skip


class AtEqualBreadth(Document):
    """Whether recipients differ too from those of the others who do as many different things, who do each of them more often."""

    act: str
    """bought, viewed or searched: what is counted, by its categories (where there is none by items or words)."""
    window: str
    """How long before the message it is counted, no longer than such acts are known."""
    kinds: int
    """Half of the recipients do so many different ones or more."""
    others_kinds: int
    """Half of the others do so many or more."""
    others_share: float | None
    """The share of the others, were they as many in each fifth of the recipients by that number (direct standardisation)."""
    holds: bool | None
    """False: it comes of the recipients doing more different things; null: not to be told, as too few others do as many."""


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
    """How long before the message the act was looked for, no longer than such acts are known; null of a state, which holds at it."""
    recipients: int
    """How many of them have it."""
    recipients_share: float
    others: int | None
    """How many of the others; null, as all that rests on it, where that is one to ten people."""
    others_share: float | None
    at_equal_breadth: AtEqualBreadth | None
    """Null of a segment and a list, which the sender decides."""
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

    @property
    def is_breadth(self) -> bool:
        """Whether the recipients have it more often only because they do more different things."""
        return self.at_equal_breadth is not None and self.at_equal_breadth.holds is False


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

    def telling(self, fewest: int) -> pl.DataFrame:
        """What of `tellable` does not come of the recipients doing more different things alone."""
        return self.tellable(fewest).filter(pl.col("holds").fill_null(value=True))


def none() -> Audiences:
    """Of no campaign anything is known."""
    return Audiences(pl.DataFrame(schema=CAMPAIGNS), pl.DataFrame(schema=APART))


def sent_of_campaigns(messages: pl.LazyFrame) -> pl.DataFrame:
    """The messages sent of some campaign."""
    columns = ("customer_id", "occurred_at", "campaign_name", "channel", "sender", "list_id", "topics")
    sent = messages.filter(kind="message_sent").select(*columns, campaign_expr().alias("campaign"))
    return sent.drop_nulls("campaign").collect()


def no_longer_than_known(
    apart: pl.DataFrame, campaigns: pl.DataFrame, events: pl.LazyFrame, acts: Mapping[str, str]
) -> pl.DataFrame:
    """`apart`, its windows no longer than from the first act that is known to a campaign's last message.

    The same acts lie in them. `events`: all that are known; `acts`: kinds, and what one of them did.
    """
    act = pl.col("kind").replace_strict(acts, default=None).alias("what")
    begun = events.group_by(act).agg(pl.col("occurred_at").min().alias("begins")).collect()
    rows = apart.join(campaigns.select("campaign", "last"), on="campaign", maintain_order="left")
    days_known = (
        (pl.col("last") - pl.col("begins")).dt.total_seconds() / timedelta(days=1).total_seconds()
    ).ceil()
    for done, days in (("what", "window_days"), ("breadth_of", "breadth_days")):
        rows = rows.join(begun, left_on=done, right_on="what", how="left", maintain_order="left")
        rows = rows.with_columns(pl.min_horizontal(days, days_known).alias(days)).drop("begins")
    return rows.select(*APART)


def topic_of_candidate() -> pl.Expr:
    """The sensitive topic that a candidate touches."""
    of_value = (sensitive_topics.of_query(pl.col("value")), sensitive_topics.of_segment(pl.col("value")))
    return pl.coalesce(sensitive_topics.of_category(pl.col("path")), *of_value)


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
        at_equal_breadth=_at_equal_breadth(row, untold=untold),
        lift=None if untold else _rounded(row["lift"]),
        interval=None if untold else (_rounded(row["low"]), _rounded(row["high"])),
        p_adjusted=None if untold else row["p_adjusted"],
        median_days_before=round(row["median_days_before"], 1),
        sensitive=row["topic"] is not None,
        topic=row["topic"],
    )


def _at_equal_breadth(row: dict[str, Any], *, untold: bool) -> AtEqualBreadth | None:
    if row["breadth_of"] is None:
        return None
    return AtEqualBreadth(
        act=row["breadth_of"],
        window=f"{row['breadth_days']:g}d",
        kinds=row["kinds"],
        others_kinds=row["others_kinds"],
        others_share=None if untold else _rounded(row["others_alike"]),
        holds=row["holds"],
    )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 6)


def states(events: pl.LazyFrame) -> pl.DataFrame:
    """Rows `customer_id, event_id, what, value, slot, since, until` (µs; null: it has not ended): what began each state.

    `slot`: what has one value at a time, such as a field of the profile; that somebody has the field is a state too (`FIELD`).
    """
    columns = ("customer_id", "occurred_at", "event_id", "kind", "segment_id", "list_id", "attributes")
    rows = events.filter(pl.col("kind").is_in(STATES)).select(columns).collect()
    rows = rows.with_columns(at=pl.col("occurred_at").to_physical())
    begins = ~pl.col("kind").is_in(["segment_left", "unsubscribed"])
    named = [
        rows.drop_nulls(name).select(
            "customer_id", "at", "event_id", begins.alias("begins"), what=pl.lit(what), value=name, slot=name
        )
        for what, name in (("segment", "segment_id"), ("list", "list_id"))
    ]
    profiles = _profiles(rows.filter(kind="profile_updated"))
    parts = [*named, profiles, profiles.with_columns(what=pl.lit(FIELD), value="slot")]
    slot = ("customer_id", "what", "slot")
    return (
        pl.concat(
            [
                part.select("customer_id", "what", "slot", "value", "at", "event_id", "begins")
                for part in parts
            ]
        )
        .sort(*slot, "at", "event_id")
        .with_columns(until=pl.col("at").shift(-1).over(slot))
        .filter("begins")
        .select("customer_id", "event_id", "what", "value", "slot", "until", since="at")
    )


def _profiles(rows: pl.DataFrame) -> pl.DataFrame:
    """A row for each value that an update of the profile states."""
    texts = rows["attributes"].drop_nulls().unique()
    stated = [(text, name, f"{name}: {value}") for text in texts for name, value in _values(text)]
    schema = {"attributes": pl.String, "slot": pl.String, "value": pl.String}
    values = pl.DataFrame(stated, schema=schema, orient="row")
    return rows.join(values, on="attributes").with_columns(what=pl.lit("profile"), begins=pl.lit(value=True))


def _values(attributes: str) -> Iterator[tuple[str, str]]:
    """The values in a JSON object that many people can share."""
    try:
        stated = msgspec.json.decode(attributes)
    except msgspec.DecodeError:  # a text of the source's that is none of ours
        return
    for name, value in stated.items() if isinstance(stated, dict) else ():
        if isinstance(value, str | int | bool) and 0 < len(str(value)) <= _LONGEST:
            yield name, str(value)
