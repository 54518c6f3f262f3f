"""What the table shows: a frame, read a page at a time, so that only what is on the screen becomes Python objects."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.rendering.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

PAGE = 128
"""Rows fetched at once."""

PAGES = 16
"""Pages kept."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: `name` in the frame, `label` in the header.

    `show` turns a value into text, for the rows on the screen only. A `width` of 0 is measured from a text column
    (never more than `most`); `flex` columns take what is left. `tones` names a style by what the text starts with. A
    `whole` column is not struck through with its row.
    """

    name: str
    label: str
    width: int = 0
    most: int = 40
    flex: bool = False
    right: bool = False
    show: Callable[[Any], str] = plain
    tones: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False


class Rows:
    """A frame behind a table: its length, its pages, its order."""

    def __init__(
        self, frame: pl.DataFrame, columns: tuple[Column, ...], key: str, total: int | None = None
    ) -> None:
        self.frame = frame
        self.columns = columns
        self.key = key
        self.total = frame.height if total is None else total
        self._fields = list(dict.fromkeys((key, *(column.name for column in columns))))
        self._lengths: dict[str, int] = {}
        self._pages: OrderedDict[int, list[tuple[Any, ...]]] = OrderedDict()

    def __len__(self) -> int:
        return self.frame.height

    def row(self, index: int) -> tuple[str, tuple[Any, ...]]:
        """The key and the values, one a column, of row `index`."""
        page, offset = divmod(index, PAGE)
        values = dict(zip(self._fields, self._page(page)[offset], strict=True))
        return str(values[self.key]), tuple(values[column.name] for column in self.columns)

    def _page(self, page: int) -> list[tuple[Any, ...]]:
        if page not in self._pages:
            self._pages[page] = self.frame.slice(page * PAGE, PAGE).select(self._fields).rows()
            if len(self._pages) > PAGES:
                self._pages.popitem(last=False)
        self._pages.move_to_end(page)
        return self._pages[page]

    def find(self, key: str) -> int | None:
        """The first row with that key."""
        here = (self.frame.get_column(self.key) == key).arg_true()
        return int(here[0]) if len(here) else None

    def sorted(self, column: str, *, descending: bool) -> Rows:
        """The same rows in another order; equal values keep theirs."""
        frame = self.frame.sort(column, descending=descending, nulls_last=True, maintain_order=True)
        return Rows(frame, self.columns, self.key, self.total)

    def widths(self, room: int) -> tuple[int, ...]:
        """Cells for each column in `room` cells, one blank between two; what is left goes to the flexible ones, and what these
        do not need to the measured ones that are cut at their `most`.
        """
        fixed = [0 if column.flex else column.width or self._measure(column) for column in self.columns]
        flexible = sum(column.flex for column in self.columns)
        free = max(room - sum(fixed) - len(fixed) + 1, 8 * flexible)
        spare = free - sum(self._longest(column) for column in self.columns if column.flex) if flexible else 0
        for at, column in enumerate(self.columns):
            if spare > 0 and not column.flex and not column.width:
                wider = min(self._longest(column) - fixed[at], spare)
                fixed[at], free, spare = fixed[at] + wider, free - wider, spare - wider
        share, remainder = divmod(free, flexible) if flexible else (0, 0)
        widest = next((at for at, column in enumerate(self.columns) if column.flex), 0)
        return tuple(
            share + (remainder if at == widest else 0) if column.flex else fixed[at]
            for at, column in enumerate(self.columns)
        )

    def _measure(self, column: Column) -> int:
        return min(self._longest(column), column.most)

    def _longest(self, column: Column) -> int:
        """Signs of the longest text of a column."""
        if column.name not in self._lengths:
            longest = self.frame.get_column(column.name).cast(str).str.len_chars().max()
            self._lengths[column.name] = max(
                longest if isinstance(longest, int) else 0, len(column.label) + 1
            )
        return self._lengths[column.name]
