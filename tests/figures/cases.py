"""Customers whose texts are read: their findings, and their events in plain Python."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from audit import findings
from audit.flows import campaign_map
from audit.population.stats import Facts
from audit.queries.findings_documents import Finding, findings_of
from audit.rules.model import to_dict
from audit.workspace.context import Context
from audit.workspace.workspace import Workspace
from fixtures import demo
from tests import build
from tests.figures.history import History


@dataclass(frozen=True)
class Case:
    """One customer: what was found, and the events it was found in."""

    findings: tuple[Finding, ...]
    history: History
    facts: Facts

    @cached_property
    def names(self) -> set[str]:
        """What things are called in this customer's data."""
        return self.history.names


def cases(ws: Workspace | None, events: pl.DataFrame | None = None) -> list[Case]:
    """Every customer of a workspace, or of events of the demo's."""
    if ws is not None:
        return list(cases_of(ws.events(), ws.context()))
    assert events is not None
    campaigns = demo.demo_campaigns()
    mapped = campaign_map.fill(events.lazy(), campaigns).collect()
    return list(cases_of(mapped, build.context(mapped, campaigns=campaigns)))


def cases_of(events: pl.DataFrame, context: Context) -> Iterator[Case]:
    """Every customer of events in a context."""
    found = findings.find(events, context)
    triggers = dict(context.campaigns.select("campaign_id", "trigger").drop_nulls("campaign_id").rows())
    declared = {rule.id: to_dict(rule) for rule in context.declared}
    for (customer,), own in events.group_by("customer_id", maintain_order=True):
        rows = findings_of(found.filter(pl.col("customer") == customer))
        yield Case(rows, History(own, triggers, context.at, declared), context.facts)
