"""What a derivation needs beside the events of its customers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.population.coverage import Coverage
from audit.population.stats import Facts
from audit.storage.manifest import Settings

if TYPE_CHECKING:
    from audit.flows.model import Flow
    from audit.rules.model import Rule
    from audit.segments.model import Definition
    from audit.segments.models import Models


@dataclass(frozen=True, slots=True)
class Context:
    """The moment asked about, and what is known beside the events.

    `campaigns` is the campaign map, one row a campaign (columns of `audit.flows.campaign_map.SCHEMA`); its
    fields are already filled into the events. `declared`: the rules that senders say they keep to, naming customers by
    pseudonym. `definitions`: the segment definitions of the workspace, its own and ours; empty: ours.
    `flows`: what campaigns are defined to do. `models`: what the workspace has learned, if it has.
    """

    at: datetime
    coverage: Coverage
    facts: Facts
    campaigns: pl.DataFrame
    settings: Settings = field(default_factory=Settings)
    declared: Sequence["Rule"] = ()
    definitions: "tuple[Definition, ...]" = ()
    flows: Sequence["Flow"] = ()
    models: "Models | None" = None
