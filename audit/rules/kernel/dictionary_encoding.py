"""Small numbers for texts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from audit.rules.kernel import hash_table
from audit.rules.kernel.hash_table import Table
from audit.rules.kernel.layout import Int32, Int64, UInt64

_SMALLEST = 1 << 10
"""Places of the first table; a column of few different texts keeps in the processor's nearest cache."""


class Coded:
    """The texts of a column as numbers: `codes`, -1 where absent; `values`: the text of each number, None for one not used.

    Texts are told apart by their 64-bit hashes.
    """

    def __init__(self, texts: pl.Series) -> None:
        if texts.null_count() == texts.len():
            self.codes, firsts = np.full(texts.len(), -1, np.int32), np.zeros(0, np.int32)
        else:
            self.codes, firsts = numbered(hashes(texts))
        self.values: list[str | None] = texts.gather(firsts).to_list()
        if None in self.values:
            self.codes[self.codes == self.values.index(None)] = -1

    def table(self, meaning: Callable[[str | None], int]) -> Int64:
        """What each number means; the last entry, which -1 points at, is what an absent text means."""
        return np.array([*map(meaning, self.values), meaning(None)], np.int64)

    def meaning(self, meaning: Callable[[str | None], int]) -> Int64:
        """What the text of each row means."""
        return self.table(meaning)[self.codes]


def hashes(texts: pl.Series) -> UInt64:
    """Numbers that are equal for equal texts, and for others once in 2^64; not to be written to."""
    made: UInt64 = texts.hash().to_numpy()
    return _fixed(made)


NO_TEXT = int(pl.Series([None], dtype=pl.String).hash()[0])
"""The hash of an absent text."""


def numbered(keys: UInt64) -> tuple[Int32, Int32]:
    """A small number for each row, the same for the same key, in the order they are first seen; and where that is."""
    size, row, known = _SMALLEST, 0, 0
    keys = _fixed(keys)
    codes = np.empty(keys.size, np.int32)
    firsts = np.zeros(0, np.int32)
    while True:
        firsts = np.concatenate((firsts[:known], np.zeros(size // 2 + 2 - known, np.int32)))
        table = Table(np.zeros(size, np.uint64), np.full(size, -1, np.int32), firsts)
        if known:  # the table became too small: its keys move to a larger one
            moved = table._replace(firsts=firsts.copy())
            hash_table.number(_fixed(keys[firsts[:known]]), 0, moved, 0, np.empty(known, np.int32))
        row = hash_table.number(keys, row, table, known, codes)
        known = int(firsts[-1])
        if row == keys.size:
            return codes, firsts[:known]
        size *= 4


def _fixed(keys: UInt64) -> UInt64:
    """The same, not to be written to, as polars gives them: the code is compiled for one of both."""
    view = keys.view()
    view.flags.writeable = False
    return view


def of(column: pl.Series, dtype: type[Any]) -> Any:
    """A column without nulls as an array of its own."""
    return np.array(column.to_numpy(), dtype)


def together(columns: list[Coded]) -> tuple[Int32, int]:
    """One number for the values of several columns of a row, -1 where one is absent; and how many there are."""
    codes, size = columns[0].codes, len(columns[0].values)
    for column in columns[1:]:
        absent = (codes < 0) | (column.codes < 0)
        pairs = codes.astype(np.int64) * len(column.values) + column.codes
        numbers, firsts = numbered(spread(pairs))
        codes, size = np.where(absent, -1, numbers).astype(np.int32), firsts.size
    return codes, size


def spread(numbers: Int64) -> UInt64:
    """Different keys for different numbers, spread over a table."""
    made = numbers.astype(np.uint64) * np.uint64(hash_table.SPREADING)
    return made ^ (made >> np.uint64(32))
