"""A frame of events as arrays of numbers, each made when it is first asked for.

Rows that are alike in every text that rules and totals ask for have one *trait*, a small number: whatever a text
means is then worked out once a trait, of which there are few, and looked up by row.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from audit.events.vocabulary import COMPLAINT, KEY
from audit.rules.kernel import dictionary_encoding
from audit.rules.kernel.dictionary_encoding import EncodedTexts
from audit.rules.kernel.jit import outer
from audit.rules.kernel.layout import Int32, Int64
from audit.rules.reference.histories import CAMPAIGN
from audit.rules.replay.event_pruning import MissingColumn


class EncodedEvents:
    """`frame`: whole customers, in order, with the columns that `event_pruning.columns` names, or more; `texts`: the columns
    that make a trait, as `event_pruning.texts` names them.
    """

    def __init__(self, frame: pl.DataFrame, texts: Sequence[str]) -> None:
        self.frame, self._texts = frame, texts
        self._encoded: dict[str, EncodedTexts] = {}
        self._complained: tuple[Int32, Int32] | None = None

    @classmethod
    def from_traits(
        cls,
        frame: pl.DataFrame,
        starts: Int64,
        trait: Int32,
        examples: pl.DataFrame,
        complained: tuple[Int32, Int32],
    ) -> "EncodedEvents":
        """The same where traits are known, and what `complained_about` gives: `frame` needs no column but those asked
        for row by row.
        """
        events = cls(frame, examples.columns)
        events.starts, events.trait, events.examples = starts, trait, examples
        events._complained = complained
        return events

    def select(self, *names: str) -> pl.DataFrame:
        """These columns of the frame; raises MissingColumn where one was not read."""
        if any(name not in self.frame.columns for name in names):
            raise MissingColumn
        return self.frame.select(names)

    @cached_property
    def starts(self) -> Int64:
        """The row where each customer begins, and the end."""
        keys = dictionary_encoding.hashes(self.frame["customer_id"])
        changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        return np.concatenate(([0] if keys.size else [], changes, [keys.size])).astype(np.int64)

    @cached_property
    def at(self) -> Int64:
        """When each happened (µs)."""
        micros: Int64 = self.frame["occurred_at"].to_physical().to_numpy(writable=True)
        return micros

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
        keys = np.zeros(self.frame.height, np.uint64)
        for column in self.frame.select(self._texts):
            if column.null_count() < column.len():
                dictionary_encoding.mix_in(keys, dictionary_encoding.hashes(column))
        return dictionary_encoding.number_keys(keys)

    def encoded(self, name: str) -> EncodedTexts:
        """A column's texts as numbers, by trait; `campaign` is what rules call a campaign."""
        if name not in self._encoded:
            texts = self.examples.select(CAMPAIGN if name == "campaign" else name)
            self._encoded[name] = EncodedTexts(texts.to_series())
        return self._encoded[name]

    def rows(self, kinds: Iterable[str]) -> Int32:
        """The rows of these kinds."""
        kinds = frozenset(kinds)
        if not kinds:
            return np.zeros(0, np.int32)
        is_kind = self.encoded("kind").map(lambda kind: kind in kinds).astype(np.bool_)
        return np.flatnonzero(is_kind[self.trait]).astype(np.int32)

    def complained_about(self, messages: Int32) -> tuple[Int32, Int32]:
        """The rows of complaints about messages that are known, ascending, and the row of the message of each.

        `messages`: the rows that stand for all messages.
        """
        if self._complained is None:
            self._complained = self._find_complained(messages)
        return self._complained

    def _find_complained(self, messages: Int32) -> tuple[Int32, Int32]:
        complaints = self.rows((COMPLAINT,))
        if not complaints.size:
            return complaints, complaints
        customer_of_complaint, customer = (
            np.searchsorted(self.starts, rows, side="right") for rows in (complaints, messages)
        )
        candidates = messages[np.isin(customer, customer_of_complaint)]
        ids = self.select("customer_id", "message_id")
        found = ids[complaints].with_columns(complaint=complaints).drop_nulls("message_id")
        sent = ids[candidates].with_columns(row=candidates)
        if found["message_id"].str.starts_with("event:").any():  # of a message without an id
            own = self.select("event_id")[candidates].to_series()
            sent = sent.with_columns(own.alias("event_id")).with_columns(KEY.alias("message_id"))
        pairs = found.join(sent, on=("customer_id", "message_id"), maintain_order="left")
        return pairs["complaint"].to_numpy(), pairs["row"].to_numpy()

    def offsets(self, rows: Int32) -> Int64:
        """Where each customer's part of these rows, which ascend, begins; and the end."""
        offsets = np.empty(self.starts.size, np.int64)
        _offsets(self.starts, rows, offsets)
        return offsets

    def zone_changes(self, zones: Int32) -> Int32:
        """The rows at which a customer's zone is another than before. `zones`: of each trait, -1: none."""
        rows = np.empty(self.trait.size, np.int32)
        return rows[: _zone_changes(self.starts, self.trait, zones, rows)]

    @property
    def customers(self) -> pl.Series:
        """The name of each customer."""
        return self.select("customer_id").to_series().gather(self.starts[:-1])


@outer
def _offsets(starts: Int64, rows: Int32, out: Int64) -> None:
    """Put into `out` how many of `rows`, which ascend, lie before each of `starts`."""
    number = 0
    for customer in range(starts.size):
        while number < rows.size and rows[number] < starts[customer]:
            number += 1
        out[customer] = number


@outer
def _zone_changes(starts: Int64, trait: Int32, zones: Int32, out: Int32) -> int:
    """Put into `out` the rows at which a customer's zone changes; how many there are."""
    number = 0
    for customer in range(starts.size - 1):
        before = -1
        for row in range(starts[customer], starts[customer + 1]):
            zone = zones[trait[row]]
            if zone >= 0 and zone != before:
                before = zone
                out[number] = row
                number += 1
    return number
