"""What is known when one message is to be explained: its row, the customer's history, and who reads the answer."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from audit.campaigns import pattern
from audit.context import Context
from audit.errors import NotFoundError
from audit.messages import messages
from audit.why import triggers
from audit.why.triggers import Trigger
from audit.why.words import Voice


@dataclass(frozen=True)
class Told:
    """One message of one customer: `row` is its standing row, `own` the event_ids of all its rows."""

    events: pl.DataFrame
    context: Context
    row: dict[str, Any]
    own: frozenset[str]
    voice: Voice

    @cached_property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """Rows of the history by event_id, read only when an explanation names them."""
        return {}

    def event(self, event_id: str) -> dict[str, Any]:
        """One row of the history."""
        if event_id not in self.by_id:
            self.by_id[event_id] = self.events.row(by_predicate=pl.col("event_id") == event_id, named=True)
        return self.by_id[event_id]

    @cached_property
    def stated_trigger(self) -> str | None:
        """Why the sender says it went out: the row's own trigger, or the audience it names."""
        if self.row["trigger"]:
            return str(self.row["trigger"])
        return f"segment:{self.row['segment_id']}" if self.row["segment_id"] else None

    @cached_property
    def mapped_trigger(self) -> str | None:
        """Why the campaign map says such messages go out."""
        found = mapped(self.context.campaigns, self.row)
        return None if found is None else found["trigger"]

    def acts(self, trigger: Trigger) -> pl.DataFrame:
        """The acts that satisfy `trigger` at this message, in the shape of `triggers.LIVE`."""
        return acts_at(self.events, self.row, trigger, self.stated_trigger)


def told(events: pl.DataFrame, context: Context, ident: str, voice: Voice) -> Told:
    """Find a message by message_id or by the event_id of any of its rows. Raises NotFoundError."""
    rows = events.filter(
        pl.col("kind").str.starts_with("message_")
        & ((pl.col("message_id") == ident) | (pl.col("event_id") == ident))
    )
    if rows.is_empty():
        raise NotFoundError(f"no message {ident!r} in this history; use its message_id or event_id")
    message_id = rows["message_id"][0]
    whole = (
        rows
        if message_id is None
        else events.filter(pl.col("kind").str.starts_with("message_") & (pl.col("message_id") == message_id))
    )
    standing = messages(whole)
    row = (standing if standing.height else whole).row(0, named=True)
    return Told(events, context, row, frozenset(whole["event_id"]), voice)


def acts_at(events: pl.DataFrame, row: dict[str, Any], trigger: Trigger, stated: str | None) -> pl.DataFrame:
    """The acts of every customer in `events` that satisfy `trigger` at the message `row`."""
    audience = row["segment_id"] or (
        (stated or "").partition(":")[2] or None if trigger.same == "segment" else None
    )
    message = pl.DataFrame(
        [{**{name: row[name] for name in triggers.MESSAGE}, "segment_id": audience}],
        schema={name: events.schema[name] for name in triggers.MESSAGE},
    )
    copies = events.select("customer_id").unique(maintain_order=True).join(message, how="cross")
    return triggers.acts(events, copies, trigger)


def mapped(campaigns: pl.DataFrame, row: dict[str, Any]) -> dict[str, Any] | None:
    """The campaign map's entry for a message: by its campaign_id, else by the first pattern that fits."""
    named = campaigns.filter(pl.col("campaign_id") == pl.lit(row["campaign_id"], pl.String))
    if named.height:
        return named.row(0, named=True)
    texts = [row[name] for name in ("campaign_name", "subject") if row[name]]
    for entry in campaigns.filter(pl.col("match").is_not_null()).iter_rows(named=True):
        if any(re.match(pattern(entry["match"]), text) for text in texts):
            return entry
    return None
