"""Small numbers for texts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from audit.rules.kernel.layout import Int32, Int64


class Coded:
    """The texts of a column as numbers: `codes`, -1 where absent; `values`: the text of each number.

    Of two columns put together, `head` is the first `cut` rows, `tail` the others.
    """

    def __init__(self, texts: pl.Series, *, cut: int = 0) -> None:
        made = texts.cast(pl.Categorical(pl.Categories.random()))
        known = made.unique().drop_nulls()
        order = known.to_physical()
        self.values: list[str] = known.gather(order.arg_sort()).cast(pl.String).to_list()
        self.codes: Int32 = of(made.to_physical().cast(pl.Int32).fill_null(-1), np.int32)
        self.head, self.tail = self.codes[:cut], self.codes[cut:]

    def table(self, meaning: Callable[[str | None], int]) -> Int64:
        """What each number means; the last entry, which -1 points at, is what an absent text means."""
        return np.array([*map(meaning, self.values), meaning(None)], np.int64)

    def meaning(self, meaning: Callable[[str | None], int]) -> Int64:
        """What the text of each row means."""
        return self.table(meaning)[self.codes]


def of(column: pl.Series, dtype: type[Any]) -> Any:
    """A column without nulls as an array of its own."""
    return np.array(column.to_numpy(), dtype)


def together(columns: list[Coded]) -> tuple[Int32, int]:
    """One number for the values of several columns of a row, -1 where one is absent; and how many there are."""
    codes, size = columns[0].codes, len(columns[0].values)
    for column in columns[1:]:
        absent = (codes < 0) | (column.codes < 0)
        pairs = codes.astype(np.int64) * len(column.values) + column.codes
        found, numbered = np.unique(pairs, return_inverse=True)
        codes, size = np.where(absent, -1, numbered).astype(np.int32), found.size
    return codes, size
