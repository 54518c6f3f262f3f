"""One line that names the panes and shows which one is in front; a click brings another one there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.text import content, joined

if TYPE_CHECKING:
    from textual import events
    from textual.content import Content


class PaneTabs(Widget):
    """`panes`: (id, label) pairs; `current`: the id in front."""

    panes: reactive[tuple[tuple[str, str], ...]] = reactive(())
    current: reactive[str] = reactive("")

    @dataclass
    class Chosen(Message):
        """A pane was asked for."""

        pane: str

    def render(self) -> Content:
        parts = [
            content(f" {label} ", "reverse bold" if pane == self.current else "")
            for pane, label in self.panes
        ]
        return joined(("│", "dim")).join(parts)

    def on_click(self, event: events.Click) -> None:
        left = 0
        for pane, label in self.panes:
            right = left + content(label).cell_length + 3
            if left <= event.x < right:
                self.post_message(self.Chosen(pane))
            left = right
