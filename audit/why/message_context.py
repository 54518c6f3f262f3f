"""What is known when one message is to be explained: its row, the customer's history, and who reads the answer."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from audit import flows
from audit.errors import NotFoundError
from audit.events.messages import messages, sent_messages
from audit.flows import Flow
from audit.flows import eligibility as flow_given
from audit.flows.campaign_map import pattern
from audit.flows.eligibility import MESSAGE
from audit.flows.triggers import Trigger, named
from audit.population.context import Context
from audit.why import data_sufficiency
from audit.why.wording import Voice

EVER = timedelta(days=36_500)
"""A window that holds everything."""


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

    @cached_property
    def flow(self) -> Flow | None:
        """What the message's campaign is defined to do."""
        return flows.of_campaign(self.context.flows, self.row)

    @cached_property
    def checked_by(self) -> Flow | None:
        """What the sender's stated reason is checked by: the flow where it meets it, else our definition of the word."""
        return chosen(self.flow, self.stated_trigger)

    @cached_property
    def given_by(self) -> Flow | None:
        """What can give the message where the sender states nothing: its flow, else the trigger that the map names."""
        if self.flow is not None:
            return self.flow if self.flow.trigger is not None else None
        trigger = named(self.mapped_trigger)
        return None if trigger is None or trigger.broadcast else flows.of_trigger(trigger)

    def given(self, flow: Flow) -> pl.DataFrame:
        """The acts that could have set this message off under `flow`, in the shape of `flows.given.GIVEN`."""
        if flow.id not in self._given:
            made = flow_given.given(self.events, self.messages(flow), flow)
            self._given[flow.id] = made.filter(pl.col("message") == self.row["event_id"])
        return self._given[flow.id]

    @cached_property
    def _given(self) -> dict[str, pl.DataFrame]:
        return {}

    def audience(self, flow: Flow) -> pl.DataFrame:
        """Whom `flow` goes to, at this message, in the shape of `flows.given.AUDIENCE`."""
        made = flow_given.audience(self.events, self.messages(flow), flow)
        return made.filter(pl.col("message") == self.row["event_id"])

    def messages(self, flow: Flow) -> pl.DataFrame:
        """The message itself, and those of `flow` before it that decide whether the flow gives it."""
        audience = self.row["segment_id"]
        if flow.trigger is not None and flow.trigger.same == "segment":
            audience = audience or (self.stated_trigger or "").partition(":")[2] or None
        row = pl.DataFrame(
            [{name: self.row[name] for name in ("customer_id", *MESSAGE)} | {"segment_id": audience}],
            schema={name: self.events.schema[name] for name in ("customer_id", *MESSAGE)},
        )
        if not flow.own:
            return row
        at = self.row["occurred_at"]
        before = sent_messages(self.events.filter(pl.col("occurred_at") <= at)).filter(
            flow.belongs(), pl.col("event_id") != self.row["event_id"]
        )
        if flow.trigger is None:  # only the one before it matters, and what came in the same instant
            others = pl.concat(
                [before.filter(pl.col("occurred_at") < at).tail(1), before.filter(occurred_at=at)]
            )
        else:  # and only those that an act which can still count could have set off
            others = before.filter(pl.col("occurred_at") > at - flow.trigger.window)
        return pl.concat([others.select(row.columns), row]).sort("occurred_at", "event_id")

    def list_act(self, kinds: tuple[str, ...], list_id: str | None, at: datetime) -> dict[str, Any] | None:
        """The newest act of `kinds` up to `at` that bears on the message's list, channel and sender."""
        row = {**self.row, "list_id": list_id}
        bears = [
            pl.col(name).is_null() | (pl.col(name) == row[name])
            for name in ("list_id", "channel", "sender")
            if row[name]
        ]
        found = self.events.filter(pl.col("kind").is_in(kinds), pl.col("occurred_at") <= at, *bears)
        return found.row(-1, named=True) if found.height else None

    def could_know(self, trigger: Trigger) -> bool | None:
        """False where the data would hold an act of `trigger` before this message; None where it would not."""
        at = self.row["occurred_at"]
        known, _ = data_sufficiency.unaccounted(self.context.coverage, trigger.kinds, at - trigger.window, at)
        return False if known else None

    def holds_kinds(self, condition: str) -> bool:
        """Whether the data holds any word of who is on a list or in a segment."""
        kinds = {"list": flow_given.YES, "segment": flow_given.IN}.get(condition, ())
        return any(kind in self.context.coverage.kinds for kind in kinds)


def chosen(flow: Flow | None, stated: str | None) -> Flow | None:
    """The definition that a stated reason is held against; None of what we do not know, and of what goes to a list."""
    trigger = named(stated)
    if flow is not None and flow.meets(stated, trigger):
        return flow
    return None if trigger is None or trigger.broadcast else flows.of_trigger(trigger)


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


def mapped(campaigns: pl.DataFrame, row: dict[str, Any]) -> dict[str, Any] | None:
    """The campaign map's entry for a message: by its campaign_id, else by the first pattern that fits."""
    by_id = campaigns.filter(pl.col("campaign_id") == pl.lit(row["campaign_id"], pl.String))
    if by_id.height:
        return by_id.row(0, named=True)
    texts = [row[name] for name in ("campaign_name", "subject") if row[name]]
    for entry in campaigns.filter(pl.col("match").is_not_null()).iter_rows(named=True):
        if any(re.match(pattern(entry["match"]), text) for text in texts):
            return entry
    return None
