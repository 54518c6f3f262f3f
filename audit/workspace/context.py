"""What decisions are derived from and explained by, beside the events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit.events.messages import said
from audit.flows.model import Flow
from audit.privacy import vault_tables
from audit.rules.model import Rule
from audit.segments.model import SegmentContext

if TYPE_CHECKING:
    from audit.workspace.snapshot import Generation


@dataclass(frozen=True, slots=True)
class Context(SegmentContext):
    """`flows`: what campaigns are defined to do. `declared`: the rules that senders say they keep to, naming customers by pseudonym.

    `namesakes`: customer → the other ids that the vault knows by the same address; `said_elsewhere`: what these said, as
    `said_under_other_ids` gives it, None where there are none.
    """

    flows: Sequence[Flow] = ()
    declared: Sequence[Rule] = ()
    namesakes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said_elsewhere: pl.DataFrame | None = None


def said_under_other_ids(events: pl.LazyFrame, namesakes: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """The noes and yeses of the other ids of each customer, complaints addressed: `customer_id` is whom they concern, `other`
    whose they are; the rest of the columns are those of events.
    """
    others = sorted({other for names in namesakes.values() for other in names})
    rows = said(events.filter(pl.col("customer_id").is_in(others)))
    pairs = [(name, other) for name, names in namesakes.items() for other in names]
    concerned = pl.DataFrame(pairs, schema={"concerned": pl.String, "customer_id": pl.String}, orient="row")
    return rows.join(concerned, on="customer_id", maintain_order="left").rename(
        {"customer_id": "other", "concerned": "customer_id"}
    )


class Namesakes:
    """Whose address other ids have too, and what these said: looked up once a generation."""

    def __init__(self) -> None:
        self._known: tuple[str, Mapping[str, Sequence[str]], pl.DataFrame | None] | None = None

    def of(self, people: Path, generation: "Generation", at: datetime) -> Mapping[str, Any]:
        """The fields `namesakes` and `said_elsewhere` of a `Context`, of what was said until `at`; `people`: the vault's file."""
        if self._known is None or self._known[0] != generation.version:
            found = vault_tables.namesakes(people)
            rows = said_under_other_ids(generation.scan(), found) if found else None
            self._known = (generation.version, found, rows)
        _, others, acts = self._known
        until = None if acts is None else acts.filter(pl.col("occurred_at") <= at)
        return {"namesakes": others, "said_elsewhere": until}
