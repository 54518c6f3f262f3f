"""Flows that wait for one another's messages and so can never begin."""

from collections.abc import Sequence

from audit.errors import InputError
from audit.flows.model import Flow


def refuse_circles(flows: Sequence[Flow], file: str) -> None:
    """Raise InputError where a flow is set off by messages that, at the end, only it sets off."""
    sender = {campaign: flow.id for flow in flows for campaign in flow.campaigns}
    waits_for = {
        flow.id: sender[flow.trigger.campaign]
        for flow in flows
        if flow.trigger is not None and flow.trigger.campaign in sender
    }
    for first in waits_for:
        way = [first]
        while way[-1] in waits_for and waits_for[way[-1]] not in way:
            way.append(waits_for[way[-1]])
        if waits_for.get(way[-1]) == first:
            circle = " → ".join([*way, first])
            raise InputError(
                f"{file}: flow {first}: on.campaign: goes in a circle, so none of them ever begins: {circle}"
            )
