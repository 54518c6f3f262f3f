"""A frame of events as numbers, each when it is first asked for.

Rows that are alike in every text that rules and totals ask for have one *trait*, a small number: whatever a text
means is then worked out once a trait, of which there are few, and looked up by row.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from audit.rules.kernel import dictionary_encoding, hash_table, outcomes_jit
from audit.rules.kernel.dictionary_encoding import Coded
from audit.rules.kernel.layout import Int32, Int64
from audit.rules.reference.histories import CAMPAIGN
from audit.rules.replay.event_pruning import MissingColumn


class Columns:
    """`frame`: whole customers, in order, with the columns that `relevant.columns` names, or more; `texts`: those that make
    a trait, as `relevant.texts` names them.
    """

    def __init__(self, frame: pl.DataFrame, texts: Sequence[str]) -> None:
        self.frame, self._texts = frame, texts
        self._coded: dict[str, Coded] = {}

    @classmethod
    def numbered(cls, frame: pl.DataFrame, starts: Int64, trait: Int32, examples: pl.DataFrame) -> "Columns":
        """The same where numbers are known: `frame` needs no column but those asked for row by row."""
        made = cls(frame, examples.columns)
        made.starts, made.trait, made.examples = starts, trait, examples
        return made

    def named(self, *names: str) -> pl.DataFrame:
        """These columns of the frame; raises MissingColumn where one was not read."""
        if any(name not in self.frame.columns for name in names):
            raise MissingColumn
        return self.frame.select(names)

    @cached_property
    def starts(self) -> Int64:
        """The row where each customer begins, and the end."""
        keys = dictionary_encoding.hashes(self.frame["customer_id"])
        begins = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        first = [0] if keys.size else []
        return np.concatenate((first, begins, [keys.size])).astype(np.int64)

    @cached_property
    def at(self) -> Int64:
        """When each happened (µs)."""
        made: Int64 = self.frame["occurred_at"].to_physical().to_numpy(writable=True)
        return made

    @cached_property
    def trait(self) -> Int32:
        """The trait of each row."""
        return self._traits[0]

    @cached_property
    def examples(self) -> pl.DataFrame:
        """A row of each trait, with the columns that make it."""
        return self.frame.select(self._texts)[self._traits[1]]

    @cached_property
    def _traits(self) -> tuple[Int32, Int32]:
        varying = [one for one in self.frame.select(self._texts) if one.null_count() < one.len()]
        keys = np.zeros(self.frame.height, np.uint64)
        for column in varying:
            hash_table.join(keys, dictionary_encoding.hashes(column))
        return dictionary_encoding.numbered(keys)

    def coded(self, name: str) -> Coded:
        """The numbers of a column's texts, by trait; `campaign` is what rules call a campaign."""
        if name not in self._coded:
            said = self.examples.select(CAMPAIGN) if name == "campaign" else self.examples.select(name)
            self._coded[name] = Coded(said.to_series())
        return self._coded[name]

    def rows(self, kinds: Iterable[str]) -> Int32:
        """The rows of these kinds."""
        wanted = frozenset(kinds)
        if not wanted:
            return np.zeros(0, np.int32)
        chosen = self.coded("kind").meaning(lambda kind: kind in wanted).astype(np.bool_)
        return np.flatnonzero(chosen[self.trait]).astype(np.int32)

    def first(self, rows: Int32) -> Int64:
        """Where each customer's part of these rows, which ascend, begins; and the end."""
        made = np.empty(self.starts.size, np.int64)
        outcomes_jit.places(self.starts, rows, made)
        return made

    @property
    def customers(self) -> pl.Series:
        """The name of each customer."""
        return self.named("customer_id").to_series().gather(self.starts[:-1])
