"""A frame of events as numbers, each column when it is first asked for."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import polars as pl

from audit.rules.kernel import codes
from audit.rules.kernel.codes import Coded
from audit.rules.kernel.layout import Int32, Int64
from audit.rules.prepare import CAMPAIGN


class Columns:
    """`frame`: whole customers, in order. `starts`: the row where each customer begins, and the end."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._coded: dict[str, Coded] = {}

    @cached_property
    def starts(self) -> Int64:
        """The row where each customer begins, and the end."""
        keys = codes.hashes(self.frame["customer_id"])
        begins = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        first = [0] if keys.size else []
        return np.concatenate((first, begins, [keys.size])).astype(np.int64)

    @cached_property
    def at(self) -> Int64:
        """When each happened (µs)."""
        made: Int64 = codes.of(self.frame["occurred_at"].to_physical(), np.int64)
        return made

    def coded(self, name: str) -> Coded:
        """The numbers of a column's texts; `campaign` is what rules call a campaign."""
        if name not in self._coded:
            texts = self.frame.select(CAMPAIGN).to_series() if name == "campaign" else self.frame[name]
            self._coded[name] = Coded(texts)
        return self._coded[name]

    def rows(self, kinds: Iterable[str]) -> Int32:
        """The rows of these kinds."""
        wanted = frozenset(kinds)
        if not wanted:
            return np.zeros(0, np.int32)
        chosen = self.coded("kind").table(lambda kind: kind in wanted).astype(np.bool_)
        return np.flatnonzero(chosen[self.coded("kind").codes]).astype(np.int32)

    def first(self, rows: Int32) -> Int64:
        """Where each customer's part of these rows, which ascend, begins; and the end."""
        return np.searchsorted(rows, self.starts).astype(np.int64)

    @property
    def customers(self) -> pl.Series:
        """The name of each customer."""
        return self.frame["customer_id"].gather(self.starts[:-1])
