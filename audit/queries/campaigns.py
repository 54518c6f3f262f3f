"""The campaigns seen, mapped or not, and the flows that account for them: `whysent map`."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit.events.document import Document
from audit.flows import campaign_map as campaigns

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace
from collections.abc import Iterable

import polars as pl

from audit.events.messages import sent_messages
from audit.flows.eligibility import MESSAGE, audience, eligible_acts, gives_message, reads
from audit.flows.model import Flow


class FlowEntry(Document):
    """A flow, and how far its definition accounts for its messages."""

    id: str
    title: str
    campaigns: tuple[str, ...]
    trigger: str | None
    list: str | None
    segment: str | None
    steps: tuple[str, ...]
    asks_for: str | None
    source: str | None
    messages: int
    """Distinct messages sent."""
    given: int
    """Those of them that its definition gives."""


def flow_counts(events: pl.LazyFrame, flows: Iterable[Flow]) -> tuple[FlowEntry, ...]:
    """An entry for each flow, in their order."""
    return tuple(_entry(flow, *_counted(events, flow)) for flow in flows)


def _counted(events: pl.LazyFrame, flow: Flow) -> tuple[int, int]:
    kinds, columns = reads(flow)
    sent = events.filter(pl.col("kind") == "message_sent", flow.belongs())
    messages = sent_messages(sent.select("customer_id", "kind", "message_id", *MESSAGE).collect())
    whose = messages.select("customer_id").unique().lazy()
    behind = events.filter(pl.col("kind").is_in(kinds)).select(columns)
    history = behind.join(whose, on="customer_id", how="semi", maintain_order="left").collect()
    outside = audience(history, messages, flow).filter(~pl.col("holds")).select("customer_id", "message")
    all_of_them = messages.select("customer_id", pl.col("event_id").alias("message"))
    inside = all_of_them.join(outside, on=["customer_id", "message"], how="anti")
    if flow.trigger is not None:
        rows = eligible_acts(history, messages, flow).filter(gives_message())
        inside = inside.join(rows, on=["customer_id", "message"], how="semi")
    return messages.height, inside.height


def _entry(flow: Flow, messages: int, given_by_it: int) -> FlowEntry:
    return FlowEntry(
        id=flow.id,
        title=flow.title,
        campaigns=tuple(flow.campaigns),
        trigger=None if flow.trigger is None else flow.trigger.id,
        list=flow.list_id,
        segment=flow.segment,
        steps=tuple(step.name for step in flow.steps),
        asks_for=flow.asks_for,
        source=flow.source,
        messages=messages,
        given=given_by_it,
    )


class CampaignEntry(Document):
    """A campaign of which messages were sent."""

    campaign_id: str | None
    campaign_name: str | None
    channel: str | None
    messages: int
    """Distinct messages."""
    customers: int
    first: datetime
    last: datetime
    mapped: bool
    """Whether the campaign map says anything of it."""


class CampaignMap(Document, schema="whysent.map/1"):
    """The campaigns seen, the largest first, and the flows of the workspace."""

    campaigns: tuple[CampaignEntry, ...]
    mapped: int
    unmapped: int
    entries: int
    """Entries of the campaign map."""
    flows: tuple[FlowEntry, ...]


def campaign_map(ws: "Workspace") -> CampaignMap:
    """The campaigns seen, and of each flow how many of its messages its definition gives."""
    rows = campaigns.volumes(ws.scan(), ws.campaigns)
    mapped = int(rows["mapped"].sum())
    return CampaignMap(
        campaigns=msgspec.convert(rows.to_dicts(), tuple[CampaignEntry, ...]),
        mapped=mapped,
        unmapped=rows.height - mapped,
        entries=ws.campaigns.height,
        flows=flow_counts(ws.scan(), ws.flows),
    )
