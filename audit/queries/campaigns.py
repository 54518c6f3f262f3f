"""The campaigns seen, mapped or not, and the flows that account for them: `whysent map`."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from audit import flows
from audit.events.document import Document
from audit.flows import campaign_map as campaigns
from audit.flows.flow_coverage import FlowEntry

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace


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
        flows=flows.flow_counts(ws.scan(), ws.flows),
    )
