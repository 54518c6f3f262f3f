"""The numbers that stand for the texts of some customers' events, whatever rules they are replayed by: kept on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from audit.rules.kernel import outcomes
from audit.rules.kernel.dictionary_encoding import as_array
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.layout import Int8, Int32, Int64
from audit.rules.replay.event_pruning import TEXTS

_NO_MESSAGE = -1


@dataclass(frozen=True, slots=True)
class StoredEncoding:
    """A row an event: its `trait` by all of `TEXTS`; `examples` has a row of each trait.

    `starts`: where each customer begins, and the end; `row`: the rows that stand for a message, in order; `flags`: what
    became of each message, in bits; `complained`: the rows of complaints and those of their messages.
    """

    starts: Int64
    trait: Int32
    examples: pl.DataFrame
    row: Int32
    flags: Int8
    complained: tuple[Int32, Int32]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "StoredEncoding":
        """Encode whole customers, in order, with all columns that a replay may read."""
        events = EncodedEvents(frame, TEXTS)
        row, flags = outcomes.messages(events)
        return cls(events.starts, events.trait, events.examples, row, flags, events.complained_about(row))

    @classmethod
    def read(cls, rows: Path, examples: Path) -> "StoredEncoding":
        """What `write` wrote."""
        frame = pl.read_parquet(rows)
        begins, flags = frame["begins"].to_numpy(), as_array(frame["became"], np.int8)
        row = np.flatnonzero(flags != _NO_MESSAGE).astype(np.int32)
        starts = np.concatenate((np.flatnonzero(begins), [frame.height])).astype(np.int64)
        back = as_array(frame["complained"], np.int32)
        complaints = np.flatnonzero(back).astype(np.int32)
        return cls(
            starts,
            as_array(frame["trait"], np.int32),
            pl.read_parquet(examples),
            row,
            flags[row],
            (complaints, complaints - back[complaints]),
        )

    def write(self, rows: Path, examples: Path) -> None:
        """Write the numbers into one Parquet file, the texts that they stand for into another."""
        begins = np.zeros(self.trait.size, np.bool_)
        begins[self.starts[:-1]] = True
        flags = np.full(self.trait.size, _NO_MESSAGE, np.int8)
        flags[self.row] = self.flags
        back = np.zeros(self.trait.size, np.int32)
        complaints, of_message = self.complained
        back[complaints] = complaints - of_message
        columns = {"begins": begins, "trait": self.trait, "became": flags, "complained": back}
        pl.DataFrame(columns).write_parquet(rows)
        self.examples.write_parquet(examples)

    def events(self, frame: pl.DataFrame) -> EncodedEvents:
        """The same events, of which only those columns have to be there that are asked for row by row."""
        return EncodedEvents.from_traits(frame, self.starts, self.trait, self.examples, self.complained)
