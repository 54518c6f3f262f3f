"""Small numbers for texts: hashes told apart by an open-addressing table, in compiled code."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from audit.rules.kernel.jit import outer
from audit.rules.kernel.layout import Int32, Int64, UInt64

_SPREADING = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio (Knuth, TAOCP 3, section 6.4)."""

_SMALLEST = 1 << 10
"""Slots of the first table; a column of few different texts fits into the processor's nearest cache."""

NO_TEXT = int(pl.Series([None], dtype=pl.String).hash()[0])
"""The hash of an absent text."""


class EncodedTexts:
    """The texts of a column as numbers: `codes`, -1 where absent; `values`: the text of each number, None for one not used.

    Texts are told apart by their 64-bit hashes.
    """

    def __init__(self, texts: pl.Series) -> None:
        if texts.null_count() == texts.len():
            self.codes, firsts = np.full(texts.len(), -1, np.int32), np.zeros(0, np.int32)
        else:
            self.codes, firsts = number_keys(hashes(texts))
        self.values: list[str | None] = texts.gather(firsts).to_list()
        if None in self.values:
            self.codes[self.codes == self.values.index(None)] = -1

    def map(self, meaning: Callable[[str | None], int]) -> Int64:
        """What the text of each row means; each text is asked about once, an absent one too."""
        return np.array([*map(meaning, self.values), meaning(None)], np.int64)[self.codes]


def hashes(texts: pl.Series) -> UInt64:
    """Numbers that are equal for equal texts, and for different ones once in 2^64; not to be written to."""
    keys: UInt64 = texts.hash().to_numpy()
    return _read_only(keys)


def number_keys(keys: UInt64) -> tuple[Int32, Int32]:
    """A small number for each row, the same for the same key, in the order of appearance; and the row of each number."""
    size, row, number = _SMALLEST, 0, 0
    keys = _read_only(keys)
    codes = np.empty(keys.size, np.int32)
    firsts = np.zeros(0, np.int32)
    while True:
        firsts = np.concatenate((firsts[:number], np.zeros(size // 2 + 2 - number, np.int32)))
        table = _Table(np.zeros(size, np.uint64), np.full(size, -1, np.int32), firsts)
        if number:  # the table became too small: its keys move to a larger one
            moved = table._replace(firsts=firsts.copy())
            _number(_read_only(keys[firsts[:number]]), 0, moved, 0, np.empty(number, np.int32))
        row = _number(keys, row, table, number, codes)
        number = int(firsts[-1])
        if row == keys.size:
            return codes, firsts[:number]
        size *= 4


def as_array(column: pl.Series, dtype: type[Any]) -> Any:
    """A column without nulls as an array of its own."""
    return np.array(column.to_numpy(), dtype)


def combine(columns: list[EncodedTexts]) -> tuple[Int32, int]:
    """One number for the values of several columns of a row, -1 where one is absent; and how many there are."""
    codes, size = columns[0].codes, len(columns[0].values)
    for column in columns[1:]:
        absent = (codes < 0) | (column.codes < 0)
        pairs = codes.astype(np.int64) * len(column.values) + column.codes
        numbers, firsts = number_keys(spread(pairs))
        codes, size = np.where(absent, -1, numbers).astype(np.int32), firsts.size
    return codes, size


def spread(numbers: Int64) -> UInt64:
    """Different keys for different numbers, spread over a table."""
    keys = numbers.astype(np.uint64) * np.uint64(_SPREADING)
    return keys ^ (keys >> np.uint64(32))


def _read_only(keys: UInt64) -> UInt64:
    """The same, not to be written to, as polars gives them: the code is compiled for one of both."""
    view = keys.view()
    view.flags.writeable = False
    return view


# -- compiled ---------------------------------------------------------------------------------------------------


class _Table(NamedTuple):
    """`keys` and their `codes`, -1 where a slot is empty; their length is a power of two.

    `firsts`: the row where each code appeared first; its last entry takes how many there are.
    """

    keys: UInt64
    codes: Int32
    firsts: Int32


@outer
def _number(hashes: UInt64, begin: int, table: _Table, size: int, out: Int32) -> int:
    """Number `hashes` from row `begin` on in the order of appearance; the row where the table became half full.

    `size`: how many numbers the table holds.
    """
    keys, codes, firsts = table.keys, table.codes, table.firsts
    mask = keys.size - 1
    for row in range(begin, hashes.size):
        key = hashes[row]
        slot = key & mask
        while codes[slot] >= 0 and keys[slot] != key:
            slot = (slot + 1) & mask
        if codes[slot] < 0:
            if 2 * size >= mask:
                firsts[-1] = size
                return row
            keys[slot] = key
            codes[slot] = size
            firsts[size] = row
            size += 1
        out[row] = codes[slot]
    firsts[-1] = size
    return hashes.size


@outer
def mix_in(keys: UInt64, column: UInt64) -> None:
    """Make `keys` differ also where `column` does."""
    for row in range(keys.size):
        keys[row] = keys[row] * np.uint64(_SPREADING) + column[row]
