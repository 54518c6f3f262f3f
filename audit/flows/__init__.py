"""Flows: what a campaign is defined to do, and which of its messages that definition gives.

The shop's own definitions stand beside the campaign map; what we mean by a trigger's name stands in `triggers.toml`.
"""

from audit.flows.model import FLOWS, Flow, from_json, of_campaign, of_trigger, read, shipped, to_json

__all__ = [
    "FLOWS",
    "Flow",
    "from_json",
    "of_campaign",
    "of_trigger",
    "read",
    "shipped",
    "to_json",
]
