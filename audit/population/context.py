"""What is counted over all customers, handed to a derivation beside the events of its own."""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from audit.population.coverage import Coverage
from audit.population.stats import Facts
from audit.storage.manifest import Settings


@dataclass(frozen=True, slots=True)
class PopulationContext:
    """The moment asked about, and what is known of everybody.

    `campaigns` is the campaign map, one row a campaign (columns of `audit.flows.campaign_map.SCHEMA`); its
    fields are already filled into the events.
    """

    at: datetime
    coverage: Coverage
    facts: Facts
    campaigns: pl.DataFrame
    settings: Settings = field(default_factory=Settings)
