"""The two lines on top of every screen: where one is, and what the data covers."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.text import content, joined


class Heading(Widget):
    """`left` and `right` of the first line; the coverage line below, wrapped rather than cut."""

    left: reactive[Content] = reactive(Content(""), layout=True)
    right: reactive[Content] = reactive(Content(""), layout=True)
    below: reactive[Content] = reactive(Content(""), layout=True)

    def say(self, left: object, right: object, below: object) -> None:
        """Fill the heading from plain values."""
        self.left = joined((left, "bold"))
        self.right = content(right)
        self.below = content(below, "dim")

    def render(self) -> Content:
        room = self.content_size.width or self.size.width
        gap = max(room - self.left.cell_length - self.right.cell_length, 1)
        first = joined(self.left, " " * gap, self.right) if len(self.right) else self.left
        return joined(first, "\n", self.below) if len(self.below) else first
