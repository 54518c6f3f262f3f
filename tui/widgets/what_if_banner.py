"""The lines on top that say what became of a decision when events are left out; as tall as what they say."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class Outcome(Widget):
    """Nothing, and not there, while nothing is left out."""

    says: reactive[Content] = reactive(Content(""), layout=True)

    def on_mount(self) -> None:
        self.display = False

    def render(self) -> Content:
        return self.says
