"""What a derivation needs beside the events of its customers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.coverage import Coverage
from audit.facts import Facts

if TYPE_CHECKING:
    from audit.flows.model import Flow
    from audit.rules.model import Rule
    from audit.segments.learned import Models
    from audit.segments.model import Definition


@dataclass(frozen=True, slots=True)
class Settings:
    """What a workspace chooses.

    `engagement` is `click` or `open`: what counts as a customer's response. `synthetic` marks invented
    data, where small numbers of people may be shown.
    """

    engagement: str = "click"
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The moment asked about, and what is known beside the events.

    `campaigns` is the campaign map, one row a campaign (columns of `audit.campaigns.SCHEMA`); its
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
