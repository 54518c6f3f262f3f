"""One message that is to be explained: its row, the customer's history, and the definitions that can account for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from audit.errors import NotFoundError
from audit.events.messages import messages, sent_messages
from audit.events.vocabulary import (
    OPT_INS,
    SCOPE,
    may_bear_on_expr,
    no_in_force,
    says_no_expr,
    with_addresses,
)
from audit.flows import Flow, campaign_map, eligibility, of_campaign, of_trigger
from audit.flows.eligibility import MESSAGE
from audit.flows.triggers import named
from audit.why import data_sufficiency
from audit.why.wording import Wording
from audit.workspace.context import Context

EVER = timedelta(days=36_500)
"""A window that holds everything."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """Which definitions can account for a message, by what its sender and the campaign map state.

    `campaign_flow`: what its campaign is defined to do. `flow_for_stated_reason`: what the sender's stated reason is
    checked by: the campaign's flow where it meets it, else our definition of the word. `deriving_flow`: what can give the
    message where the sender states nothing: its flow, else the trigger that the map names. `states_reason`: the sender
    states a reason that is checked, or quoted as none of ours. `to_list`: by these words it goes to everybody on a list.
    """

    campaign_flow: Flow | None
    flow_for_stated_reason: Flow | None
    deriving_flow: Flow | None
    states_reason: bool
    to_list: bool


def definitions(stated_trigger: str | None, mapped_trigger: str | None, campaign: Flow | None) -> Definitions:
    """The definitions for a message for which the sender and the map state these triggers, of a campaign with this flow."""
    by_sender, by_map = named(stated_trigger), named(mapped_trigger)
    stated = deriving = None
    if stated_trigger is not None:
        if campaign is not None and campaign.meets(stated_trigger, by_sender):
            stated = campaign
        elif by_sender is not None and not by_sender.broadcast:
            stated = of_trigger(by_sender)
    if campaign is not None:
        deriving = campaign if campaign.trigger is not None else None
    elif by_map is not None and not by_map.broadcast:
        deriving = of_trigger(by_map)
    return Definitions(
        campaign,
        stated,
        deriving,
        states_reason=stated_trigger is not None and (stated is not None or by_sender is None),
        to_list=any(trigger is not None and trigger.broadcast for trigger in (by_sender, by_map))
        or (campaign is not None and campaign.trigger is None),
    )


@dataclass(frozen=True)
class MessageContext:
    """One message of one customer: `row` is the row that stands for it, `event_ids` those of all its rows.

    `events`: the customer's history.
    """

    events: pl.DataFrame
    context: Context
    row: dict[str, Any]
    event_ids: frozenset[str]
    wording: Wording

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return {}

    @cached_property
    def _eligible_acts(self) -> dict[Flow, pl.DataFrame]:
        return {}

    @property
    def sent_at(self) -> datetime:
        """When the message was sent (UTC)."""
        at: datetime = self.row["occurred_at"]
        return at

    def event(self, event_id: str) -> dict[str, Any]:
        """One row of the history, read when an explanation first names it."""
        if event_id not in self._rows:
            self._rows[event_id] = self.events.row(by_predicate=pl.col("event_id") == event_id, named=True)
        return self._rows[event_id]

    @cached_property
    def stated_trigger(self) -> str | None:
        """Why the sender says it went out: the row's own trigger, or the audience it names."""
        if self.row["trigger"]:
            return str(self.row["trigger"])
        return f"segment:{self.row['segment_id']}" if self.row["segment_id"] else None

    @cached_property
    def mapped_trigger(self) -> str | None:
        """Why the campaign map says such messages go out."""
        names = ("kind", "campaign_id", "campaign_name", "subject")
        row = self._frame(names).lazy()
        entry = campaign_map.with_entries(row, self.context.campaigns).collect().item(0, "_entry")
        trigger: str | None = None if entry is None else self.context.campaigns.item(entry, "trigger")
        return trigger

    @cached_property
    def definitions(self) -> Definitions:
        """Which definitions can account for it."""
        campaign = of_campaign(self.context.flows, self.row)
        return definitions(self.stated_trigger, self.mapped_trigger, campaign)

    def eligible_acts(self, flow: Flow) -> pl.DataFrame:
        """The acts that could have set this message off under `flow`, in the shape of `flows.eligibility.ELIGIBLE`."""
        if flow not in self._eligible_acts:
            acts = eligibility.eligible_acts(self.events, self.messages(flow), flow)
            self._eligible_acts[flow] = acts.filter(pl.col("message") == self.row["event_id"])
        return self._eligible_acts[flow]

    def quiet_unknown(self, flow: Flow) -> str | None:
        """Where `flow` asks for quiet before the message: why the data cannot tell of it, in words; None where it can."""
        trigger = flow.trigger
        if trigger is None or not trigger.quiet:
            return None
        since = self.sent_at - trigger.quiet_for
        return data_sufficiency.unknown_in_words(self.context.coverage, trigger.quiet, since, self.sent_at)

    def audience(self, flow: Flow) -> pl.DataFrame:
        """Whom `flow` goes to, at this message, in the shape of `flows.eligibility.AUDIENCE`."""
        conditions = eligibility.audience(self.events, self.messages(flow), flow)
        return conditions.filter(pl.col("message") == self.row["event_id"])

    def messages(self, flow: Flow) -> pl.DataFrame:
        """The message itself, and those of `flow` before it that decide whether the flow gives it."""
        audience = self.row["segment_id"]
        if flow.trigger is not None and flow.trigger.same == "segment":
            audience = audience or (self.stated_trigger or "").partition(":")[2] or None
        row = self._frame(("customer_id", *MESSAGE), segment_id=audience)
        if not flow.own:
            return row
        at = self.sent_at
        before = sent_messages(self.events.filter(pl.col("occurred_at") <= at)).filter(
            flow.belongs(), pl.col("event_id") != self.row["event_id"]
        )
        if flow.trigger is None:  # only the one before it matters, and what came in the same instant
            deciding = pl.concat(
                [before.filter(pl.col("occurred_at") < at).tail(1), before.filter(occurred_at=at)]
            )
        else:  # and only those that an act which can still count could have set off
            deciding = before.filter(pl.col("occurred_at") > at - flow.trigger.window)
        return pl.concat([deciding.select(row.columns), row]).sort("occurred_at", "event_id")

    def _frame(self, columns: Sequence[str], **changed: str | None) -> pl.DataFrame:
        row = {name: self.row[name] for name in columns} | changed
        return pl.DataFrame([row], schema={name: self.events.schema[name] for name in columns})

    def list_act(self, kinds: tuple[str, ...], list_id: str | None, at: datetime) -> dict[str, Any] | None:
        """The newest act of `kinds` (noes or yeses) up to `at` that bears on the message, as one of this list, or may."""
        of_message = {**self.row, "list_id": list_id}
        said = self._said(at).filter(pl.col("kind").is_in(kinds))
        scopes = said.select(
            *(pl.col(name).alias(f"act_{name}") for name in SCOPE),
            *(pl.lit(of_message[name], self.events.schema[name]).alias(name) for name in SCOPE),
        )
        acts = said.filter(scopes.select(may_bear_on_expr()).to_series())
        return acts.row(-1, named=True) if acts.height else None

    @property
    def said_no(self) -> bool:
        """Whether a no that bears on the message is in force at the moment asked about."""
        return no_in_force(self._said(self.context.at).iter_rows(named=True), self.row)

    def _said(self, at: datetime) -> pl.DataFrame:
        """The noes and yeses up to `at`."""
        says = pl.col("kind").is_in(OPT_INS) | says_no_expr()
        return self.events.filter(says, pl.col("occurred_at") <= at)


def message_context(events: pl.DataFrame, context: Context, ident: str, wording: Wording) -> MessageContext:
    """Find a message by message_id or by the event_id of any of its rows. Raises NotFoundError."""
    rows = events.filter(
        pl.col("kind").str.starts_with("message_")
        & ((pl.col("message_id") == ident) | (pl.col("event_id") == ident))
    )
    if rows.is_empty():
        raise NotFoundError(
            f"no message {ident!r} in this history; use its message_id or event_id: `whysent audit CUSTOMER --json` names those "
            "of findings, `e` on the customer's screen writes all"
        )
    message_id = rows["message_id"][0]
    if message_id is not None:
        rows = events.filter(
            pl.col("kind").str.starts_with("message_") & (pl.col("message_id") == message_id)
        )
    sent = messages(rows)
    row = (sent if sent.height else rows).row(0, named=True)
    placed = with_addresses(events, sent_messages(events))
    return MessageContext(placed, context, row, frozenset(rows["event_id"]), wording)


def order(row: Mapping[str, Any]) -> tuple[datetime, str]:
    """The order of the house: by time, then event_id as text."""
    return row["occurred_at"], row["event_id"]
