"""A table of any length: only the lines on the screen are ever made.

A million rows cost what a page costs. The frame stays a frame (`tui.widgets.table_data`); a line is drawn when it
comes into view and kept while it may be needed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import keys
from tui.rendering.text import content, line, number, plain
from tui.widgets.text import Peek

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual import events

    from tui.widgets.table_data import Column, Rows

SIGNS = {
    "out": "✗",
    "gone": "-",
    "new": "+",
    "evidence": "»",
    "missing": "!",
    "stopped": "✗",
    "deferred": "→",
    "seen": "✓",
}
"""Marks of a row and the sign that stands before it, so that none hangs on colour alone."""

_WHOLE = Style(strike=False)


class Table(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows with a heading, a cursor and marks. Set `rows` with `show`."""

    AREA = "table"
    BINDINGS = keys.bindings(AREA)
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head", "table--hover", "table--cursor", "table--cursor-away", "table--dim", "table--high", "table--medium", "table--low",
        *(f"table--{mark}" for mark in SIGNS),
    }  # fmt: skip
    DEFAULT_CLASSES = "-ansi-scrollbar"
    DEFAULT_CSS = """
    Table { overflow-x: hidden; }
    """

    cursor: reactive[int] = reactive(0)
    pointed: reactive[int | None] = reactive(None)
    """The row under the mouse."""

    @dataclass
    class Moved(Message):
        """The cursor stands on another row."""

        table: Table
        key: str

        @property
        def control(self) -> Table:
            return self.table

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Table.Moved) and message.table is self.table

    @dataclass
    class Opened(Message):
        """A row was opened with Enter or a click on the row of the cursor."""

        table: Table
        key: str

        @property
        def control(self) -> Table:
            return self.table

    def __init__(self, *, id: str | None = None, empty: str = "nothing here") -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self.rows: Rows | None = None
        self.marks: Mapping[str, str] = {}
        self.empty = empty
        self._sorting: tuple[str, bool] | None = None
        self._widths: tuple[int, ...] = ()
        self._room = 0
        self._strips: LRUCache[tuple[int, bool, bool, bool], Strip] = LRUCache(512)

    # -- what it shows -------------------------------------------------------------------------------------------

    def show(self, rows: Rows, *, keep: str | None = None) -> None:
        """Show `rows`, with the cursor on the row of key `keep` if it is there, else on the first."""
        self.rows = rows
        self._lay_out()
        at = rows.find(keep) if keep is not None else None
        self.cursor = at or 0
        self.scroll_to_row(self.cursor)
        self._count()
        self._tell()

    def mark(self, marks: Mapping[str, str]) -> None:
        """Mark rows by key: one of `SIGNS`."""
        self.marks = marks
        self._redraw()

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self.rows.row(self.cursor)[0] if self.rows is not None and len(self.rows) else None

    def point_at(self, key: str) -> bool:
        """Bring the row of that key into view; the cursor stays. False if there is none."""
        at = self.rows.find(key) if self.rows is not None else None
        if at is not None:
            self.scroll_to_row(at)
        return at is not None

    def go_to(self, key: str) -> bool:
        """Put the cursor on the row of that key. False if there is none."""
        at = self.rows.find(key) if self.rows is not None else None
        if at is not None:
            self.cursor = at
        return at is not None

    def rows_in_view(self) -> Iterator[tuple[int, int]]:
        """Of each row in view: its line below the heading, and its number."""
        top, count = round(self.scroll_y), 0 if self.rows is None else len(self.rows)
        last = min(top + self.scrollable_content_region.height - 1, count)
        return ((index - top + 1, index) for index in range(top, last))

    def move_to(self, row: int) -> None:
        """Put the cursor on a row."""
        self.cursor = row

    def scroll_to_row(self, index: int) -> None:
        """Scroll, without animation, as little as needed to see the row."""
        room = max(self.scrollable_content_region.height - 1, 1)
        top = round(self.scroll_y)
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False, force=True)

    # -- drawing -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        if self.rows is not None:
            width = self.scrollable_content_region.width
            self._fit(width)
            self.virtual_size = Size(width, len(self.rows) + 1)
        self._redraw()

    def _fit(self, width: int) -> None:
        """Columns for so many cells; a scrollbar that comes or goes changes them without a resize."""
        assert self.rows is not None
        self._room, self._widths = width, self.rows.widths(max(width - 2, 0))
        self._strips.clear()
        self.call_later(self._show_whole)

    def _show_whole(self) -> None:
        """Have what the row under the cursor lacks room for stand on the screen's status line."""
        for peek in self.screen.query(Peek):
            peek.tell(self, tuple(self.cut()))

    def cut(self) -> Iterator[str]:
        """What the row under the cursor had to be cut of, whole."""
        if self.rows is not None and len(self.rows) and self.display and self._room:
            _, values = self.rows.row(self.cursor)
            for value, cells, column in zip(values, self._widths, self.rows.columns, strict=True):
                text = plain(column.show(value))
                if cell_len(text) > cells:
                    yield text

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()
        self.scroll_to_row(self.cursor)

    def on_focus(self) -> None:
        self._show_whole()

    def on_hide(self) -> None:
        self._show_whole()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = round(self.scroll_y) + y - 1
        if self.rows is not None and width != self._room:
            self._fit(width)
        if self.rows is None or not len(self.rows) or y == 0 or index >= len(self.rows):
            return self._other_line(y, width)
        here = (index, index == self.cursor, self.has_focus, index == self.pointed)
        if here not in self._strips:
            self._strips[here] = self._row_line(index, width)
        return self._strips[here]

    def _other_line(self, y: int, width: int) -> Strip:
        if self.rows is None or not self._widths:
            return Strip.blank(width, self.rich_style)
        if y == 0:
            style = self.get_component_rich_style("table--head")
            labels = [self._label(column) for column in self.rows.columns]
            return Strip([Segment(self._joined(labels), style)]).adjust_cell_length(width, style)
        if y == 1 and not len(self.rows):
            return Strip(
                [Segment(line(f"  {self.empty}", width), self.get_component_rich_style("table--dim"))]
            )
        return Strip.blank(width, self.rich_style)

    def _label(self, column: Column) -> str:
        if self._sorting is None or self._sorting[0] != column.name:
            return column.label
        return f"{column.label}{'▾' if self._sorting[1] else '▴'}"

    def _joined(self, labels: list[str]) -> str:
        assert self.rows is not None
        cells = zip(labels, self._widths, self.rows.columns, strict=True)
        return "  " + " ".join(line(label, width, right=column.right) for label, width, column in cells)

    def _row_line(self, index: int, width: int) -> Strip:
        assert self.rows is not None
        key, values = self.rows.row(index)
        mark = self.marks.get(key, "")
        base = self._row_style(index, mark)
        segments = [Segment(f"{SIGNS.get(mark, ' ')} ", base)]
        for value, cells, column in zip(values, self._widths, self.rows.columns, strict=True):
            text = column.show(value)
            tone = next((tone for sign, tone in column.tones.items() if text.startswith(sign)), "")
            style = base + self._tone(tone) if tone and index != self.cursor else base
            style += _WHOLE if column.whole else Style.null()
            segments += [Segment(line(text, cells, right=column.right), style), Segment(" ", base)]
        return Strip(segments).adjust_cell_length(width, base)

    def _row_style(self, index: int, mark: str) -> Style:
        style = self.rich_style + self._tone(mark) if mark else self.rich_style
        if index == self.cursor:
            style += self._tone("cursor" if self.has_focus else "cursor-away")
        elif index == self.pointed:
            style += self._tone("hover")
        return style

    def _tone(self, name: str) -> Style:
        return self.get_component_rich_style(f"table--{name}", partial=True)

    # -- moving --------------------------------------------------------------------------------------------------

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self.rows) - 1)) if self.rows is not None and len(self.rows) else 0

    def watch_cursor(self, before: int, now: int) -> None:
        self._redraw_rows(before, now)
        self.scroll_to_row(now)
        self._count()
        self._show_whole()
        if before != now:
            self._tell()

    def _redraw_rows(self, *rows: int | None) -> None:
        for index in rows:
            if index is not None:
                self.refresh(Region(0, index - round(self.scroll_y) + 1, self.size.width, 1))

    def _tell(self) -> None:
        if (key := self.key) is not None:
            self.post_message(self.Moved(self, key))

    def _count(self) -> None:
        if self.rows is None:
            return
        at, count, total = self.cursor + 1 if len(self.rows) else 0, len(self.rows), self.rows.total
        more = f" · {number(total)} in all" if total != count else ""
        self.border_subtitle = content(f"{number(at)} of {number(count)}{more}")

    def action_down(self) -> None:
        self.cursor += 1

    def action_up(self) -> None:
        self.cursor -= 1

    def action_page_down(self) -> None:
        self.cursor += max(self.scrollable_content_region.height - 2, 1)

    def action_page_up(self) -> None:
        self.cursor -= max(self.scrollable_content_region.height - 2, 1)

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = len(self.rows) - 1 if self.rows is not None else 0

    def action_open(self) -> None:
        if (key := self.key) is not None:
            self.post_message(self.Opened(self, key))

    def action_sort(self) -> None:
        if self.rows is None:
            return
        names = [column.name for column in self.rows.columns]
        at = names.index(self._sorting[0]) + 1 if self._sorting else 0
        self._sort(names[at % len(names)])

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if self.rows is None or offset is None:
            return
        if offset.y == 0:
            self._sort_at(offset.x)
            return
        index = round(self.scroll_y) + offset.y - 1
        if index < len(self.rows):
            again, self.cursor = index == self.cursor, index
            if again and event.chain > 1:
                self.action_open()

    def watch_pointed(self, before: int | None, now: int | None) -> None:
        self._redraw_rows(before, now)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        offset = event.get_content_offset(self)
        index = None if offset is None or offset.y == 0 else round(self.scroll_y) + offset.y - 1
        count = len(self.rows) if self.rows is not None else 0
        self.pointed = index if index is not None and index < count else None

    def on_leave(self) -> None:
        self.pointed = None

    # -- sorting, outside the event loop -----------------------------------------------------------------------------

    def _sort_at(self, x: int) -> None:
        assert self.rows is not None
        start = 2
        for width, column in zip(self._widths, self.rows.columns, strict=True):
            if start <= x <= start + width:
                self._sort(column.name)
            start += width + 1

    def _sort(self, name: str) -> None:
        assert self.rows is not None
        rows, keep = self.rows, self.key
        descending = self._sorting == (name, False)
        self._sorting = (name, descending)

        def work() -> None:
            self.post_message(self.Sorted(self, rows, rows.sorted(name, descending=descending), keep))

        self.run_worker(work, thread=True, exclusive=True, group="sort")

    @dataclass
    class Sorted(Message):
        """The rows came back in the order asked for."""

        table: Table
        before: Rows
        rows: Rows
        keep: str | None

    def on_table_sorted(self, message: Sorted) -> None:
        message.stop()
        if message.before is self.rows:
            self.show(message.rows, keep=message.keep)
