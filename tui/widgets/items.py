"""A list of sentences: each entry wraps to the width, has a cursor and an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from textual.content import Content

BRIGHT = Style(dim=False)


@dataclass(frozen=True, slots=True)
class Item:
    """An entry: what it says, and the id that its messages carry. A `head` cannot be chosen."""

    id: str
    says: Content
    head: bool = False


class Items(OptionList, inherit_bindings=False):
    """Entries made of cleaned content; `put` replaces them and keeps the cursor on the same id. It scrolls to no side: such keys are free."""

    AREA = "list"
    BINDINGS = [*OptionList.BINDINGS, *keys.bindings(AREA)]  # noqa: RUF012 - as Textual declares it

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id, markup=False)
        self._ids: list[str] = []

    def put(self, items: Iterable[Item]) -> None:
        """Show `items` instead of what is shown."""
        entries = list(items)
        chosen = self.chosen
        self._ids = [item.id for item in entries]
        self.set_options([Option(item.says, disabled=item.head) for item in entries])
        self.highlighted = next(
            (at for at, item in enumerate(entries) if item.id == chosen and not item.head), None
        )

        if self.has_focus:
            self.on_focus()

    def render_line(self, y: int) -> Strip:
        """A line; of the entry under the cursor nothing is dim where the terminal's own colours stand on its ground."""
        strip = super().render_line(y)
        under = any(style and style.meta.get("option") == self.highlighted for _, style, _ in strip)
        if not (under and self.highlighted is not None and self.app.native_ansi_color):
            return strip
        return Strip(Segment(text, style and style + BRIGHT, control) for text, style, control in strip)

    @property
    def chosen(self) -> str | None:
        """The id of the entry under the cursor."""
        at = self.highlighted
        return self._ids[at] if at is not None and at < len(self._ids) else None

    def point_at(self, ident: str) -> bool:
        """Put the cursor on the entry of that id; whether there is one."""
        if ident in self._ids:
            self.highlighted = self._ids.index(ident)
        return ident in self._ids

    def id_at(self, index: int) -> str:
        """The id of an entry, for handlers of `OptionHighlighted` and `OptionSelected`."""
        return self._ids[index]

    def rows_in_view(self) -> Iterator[tuple[int, int]]:
        """Of each entry in view that can be chosen: the line where it begins, and its number."""
        top, room = round(self.scroll_y), self.scrollable_content_region.height
        for at in range(self.option_count):
            line = self._index_to_line.get(at)
            if line is not None and top <= line < top + room and not self.get_option_at_index(at).disabled:
                yield line - top, at

    def move_to(self, row: int) -> None:
        """Put the cursor on an entry."""
        self.highlighted = row

    def action_page_up(self) -> None:
        if self._index_to_line:  # none in a list that is empty or has no cells
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        if self._index_to_line:
            super().action_page_down()  # type: ignore[no-untyped-call]

    def on_focus(self) -> None:
        if self.highlighted is None and self.option_count:
            self.action_first()
