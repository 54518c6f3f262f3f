"""The explanation of what is selected: a tree of sentences; moving through it points at the events behind each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import OptionList

from tui.explanation import Line, Sentence, lines
from tui.text import content
from tui.widgets.items import Item, Items

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Head(Widget):
    """What is explained, wrapped."""

    says: reactive[Content] = reactive(Content(""), layout=True)

    def render(self) -> Content:
        return self.says


class Why(Vertical):
    """The head stays; the tree below it scrolls. Focus goes to the tree."""

    @dataclass
    class Pointed(Message):
        """The cursor stands on a sentence that these events are behind."""

        events: tuple[str, ...]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self._tree: tuple[Sentence, ...] = ()
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        yield Head()
        yield Items(id="why-tree")

    def tell(self, head: Content, tree: tuple[Sentence, ...], standing: str) -> None:
        """Explain something else."""
        self._tree = tree
        self.query_one(Head).says = head
        self.border_subtitle = content(standing.replace("_", " "))
        self._put()

    def _put(self) -> None:
        items = self.query_one(Items)
        self._lines = list(lines(self._tree, max(items.scrollable_content_region.width - 1, 20)))
        items.highlighted = None
        items.put(Item(f"line-{at}", line.says) for at, line in enumerate(self._lines))

    def on_resize(self) -> None:
        if self._tree:
            self._put()

    def focus(self, scroll_visible: bool = True) -> Why:
        self.query_one(Items).focus(scroll_visible)
        return self

    @on(OptionList.OptionHighlighted)
    def point(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.query_one(Items).has_focus and event.option_index < len(self._lines):
            self.post_message(self.Pointed(self._lines[event.option_index].events))
