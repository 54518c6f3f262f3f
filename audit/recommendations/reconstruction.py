"""What our strategies give one customer, worked out once for every question about it."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.derive import prepared
from audit.recommendations.placement_schema import ACTS, READ
from audit.recommendations.placements import strips


@dataclass(frozen=True)
class Reconstruction:
    """One customer's `events` at `context.at`, and what is recommended to them."""

    events: pl.DataFrame
    context: PopulationContext

    @cached_property
    def strips(self) -> pl.DataFrame:
        """What was shown and what we would show, as `strips` gives it."""
        return strips(self.events, self.context)

    @cached_property
    def all_acts(self) -> pl.DataFrame:
        """Every act until the moment asked about, in the columns that strategies read."""
        return self.events.filter(pl.col("occurred_at") <= self.context.at).select(ACTS)

    @property
    def acts(self) -> pl.DataFrame:
        """The acts that speak for something (see `prepared`)."""
        return self._prepared[0]

    @property
    def known(self) -> PopulationContext:
        """The context with what strategies read of the group facts, had the customer ordered what is recommended too."""
        return self._prepared[1]

    @cached_property
    def _prepared(self) -> tuple[pl.DataFrame, PopulationContext]:
        read = self.all_acts.filter(pl.col("kind").is_in(READ))
        return prepared(read, self.context, self.strips["item_id"].unique())
