"""A generation as it was known at a moment: what was imported later is left out, what a later export replaced stands as it stood.

Group facts, maps and definitions are those of now.
"""

from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from audit.population.audience import Audiences
from audit.population.stats import Facts
from audit.storage import event_store
from audit.storage.event_store import CustomerRange
from audit.storage.manifest import Manifest
from audit.workspace.snapshot import Generation, daily_counts


class EarlierKnowledge(Generation):
    """A generation as it was known at a moment."""

    def __init__(self, path: Path, manifest: Manifest, known_at: datetime) -> None:
        super().__init__(path, manifest)
        self.known_at = self._then = known_at
        self._today = Generation(path, manifest)

    def followed_by(self, manifest: Manifest) -> Generation:
        """Another generation, read as of the same moment."""
        return EarlierKnowledge(self.path, manifest, self._then)

    @property
    def version(self) -> str:
        """Of no other generation or moment."""
        return f"{super().version}-{self._then.isoformat()}"

    @cached_property
    def at(self) -> datetime | None:
        """The newest event that was known and not later than that moment."""
        times = self._as_it_came().filter(pl.col("occurred_at") <= self._then)
        newest: datetime | None = times.select(pl.col("occurred_at").max()).collect().item()
        return newest

    @cached_property
    def daily(self) -> pl.DataFrame:
        """As of a generation."""
        return daily_counts(self._as_it_came())

    def facts(self) -> Facts:
        """Those of now."""
        return self._today.facts()

    def audiences(self) -> Audiences:
        """Those of now."""
        return self._today.audiences()

    def compare_audiences(self, *windows: timedelta, campaign: str | None = None) -> Audiences:
        """Those of now."""
        return self._today.compare_audiences(*windows, campaign=campaign)

    def has_all_facts(self) -> bool:
        """Whether those of now have been counted."""
        return self._today.has_all_facts()

    def _history(self, customer: str) -> pl.DataFrame:
        return self._as_known(customer).collect()

    def _part(self, customers: CustomerRange) -> pl.LazyFrame:
        return self._as_known().filter(pl.col("customer_id").is_between(customers.first, customers.last))

    def _as_it_came(self) -> pl.LazyFrame:
        self._check()
        return self._as_known()

    def _as_known(self, customer: str | None = None) -> pl.LazyFrame:
        replaced = [self.path / name for name in self.manifest.superseded]
        return event_store.known(self.path / "events", self.manifest.segments, replaced, self._then, customer)


def generation_of(path: Path, manifest: Manifest, known_at: datetime | None) -> Generation:
    """What the manifest names, as it is known now (None) or was known at a moment."""
    return Generation(path, manifest) if known_at is None else EarlierKnowledge(path, manifest, known_at)
