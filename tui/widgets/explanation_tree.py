"""The explanation of what is selected: a tree of sentences; moving through it points at the events behind each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList

from tui.rendering.explanation import Line, Sentence, lines, struck
from tui.rendering.text import content
from tui.rendering.wording import standing_name
from tui.widgets.items import Item, Items
from tui.widgets.text import Head

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.content import Content


class ExplanationTree(Vertical):
    """The head stays; the tree below it scrolls. Focus goes to the tree."""

    @dataclass
    class Pointed(Message):
        """The cursor stands on a sentence that these events are behind."""

        events: tuple[str, ...]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self._tree: tuple[Sentence, ...] = ()
        self._left_out: frozenset[str] = frozenset()
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        yield Head()
        yield Items(id="why-tree")

    def tell(self, head: Content, tree: tuple[Sentence, ...], standing: str, *, keep: bool = False) -> None:
        """Explain something else; with `keep` the cursor stays on its line."""
        self._tree = tree
        self.query_one(Head).says = head
        self.border_subtitle = content(standing_name(standing))
        self._put(keep=keep)

    def strike(self, left_out: frozenset[str]) -> None:
        """Strike through what rests on these events alone; the cursor stays."""
        if left_out != self._left_out:
            self._left_out = left_out
            self._put(keep=True)

    @property
    def events(self) -> tuple[str, ...]:
        """The events behind the sentence under the cursor."""
        index = self.query_one(Items).highlighted
        return self._lines[index].events if index is not None and index < len(self._lines) else ()

    def _put(self, *, keep: bool = False) -> None:
        items = self.query_one(Items)
        tree = struck(self._tree, self._left_out) if self._left_out else self._tree
        room = items.content_size.width - items.styles.scrollbar_size_vertical
        self._lines = list(lines(tree, max(room - 1, 20)))
        if not keep:
            items.highlighted = None
        items.put(Item(f"line-{index}", line.says) for index, line in enumerate(self._lines))

    def on_resize(self) -> None:
        if self._tree:
            self._put(keep=True)

    def focus(self, scroll_visible: bool = True) -> ExplanationTree:
        self.query_one(Items).focus(scroll_visible)
        return self

    @on(OptionList.OptionHighlighted)
    def point(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.query_one(Items).has_focus and event.option_index < len(self._lines):
            self.post_message(self.Pointed(self._lines[event.option_index].events))
