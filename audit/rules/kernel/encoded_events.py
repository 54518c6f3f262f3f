"""What stands for the texts of some customers' events, whatever rules they are replayed by: small numbers, to be kept."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from audit.rules.kernel import dictionary_encoding, outcomes
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.layout import Int8, Int32, Int64
from audit.rules.replay.event_pruning import TEXTS

_NO_MESSAGE = -1


@dataclass(frozen=True, slots=True)
class Numbers:
    """A row an event: its `trait` by all of `TEXTS`; `examples` has a row of each trait.

    `starts`: where each customer begins, and the end; `row`: the rows that stand for a message, in order; `became`: what
    became of each, in bits.
    """

    starts: Int64
    trait: Int32
    examples: pl.DataFrame
    row: Int32
    became: Int8

    def columns(self, events: pl.DataFrame) -> Columns:
        """The same events, of which only those columns have to be there that are asked for row by row."""
        return Columns.numbered(events, self.starts, self.trait, self.examples)


def made(events: pl.DataFrame) -> Numbers:
    """The numbers of whole customers, in order, with all columns that a replay may read."""
    columns = Columns(events, TEXTS)
    row, became = outcomes.messages(columns)
    return Numbers(columns.starts, columns.trait, columns.examples, row, became)


def write(numbers: Numbers, rows: Path, examples: Path) -> None:
    """Write the numbers of rows into one Parquet file, the texts that they stand for into another."""
    begins = np.zeros(numbers.trait.size, np.bool_)
    begins[numbers.starts[:-1]] = True
    became = np.full(numbers.trait.size, _NO_MESSAGE, np.int8)
    became[numbers.row] = numbers.became
    pl.DataFrame({"begins": begins, "trait": numbers.trait, "became": became}).write_parquet(rows)
    numbers.examples.write_parquet(examples)


def read(rows: Path, examples: Path) -> Numbers:
    """What `write` wrote."""
    kept = pl.read_parquet(rows)
    begins, became = kept["begins"].to_numpy(), dictionary_encoding.of(kept["became"], np.int8)
    row = np.flatnonzero(became != _NO_MESSAGE).astype(np.int32)
    starts = np.concatenate((np.flatnonzero(begins), [kept.height])).astype(np.int64)
    return Numbers(
        starts, dictionary_encoding.of(kept["trait"], np.int32), pl.read_parquet(examples), row, became[row]
    )
