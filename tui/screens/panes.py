"""A screen of panes: all of them, some, or one at a time, by size; Tab goes through them at every size."""

from __future__ import annotations

from typing import ClassVar

from textual import on

from tui.screens.base import WorkScreen
from tui.widgets.pane_tabs import PaneTabs


class PaneScreen(WorkScreen):
    """`PANES`: the ids in order. `-current` is on the one in front; the style sheet decides what else shows."""

    PANES: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.pane = self.PANES[0]

    def show_pane(self, pane: str, *, focus: bool = True) -> None:
        """Bring a pane to the front."""
        self.pane = pane
        for name in self.PANES:
            self.query_one(f"#{name}").set_class(name == pane, "-current")
        for wrapper in self.query(".wrapper"):
            wrapper.set_class(bool(wrapper.query(f"#{pane}")), "-current")
        for tabs in self.query(PaneTabs):
            tabs.current = pane
        if focus:
            self.query_one(f"#{pane}").focus()

    def action_next_pane(self, step: int) -> None:
        self.show_pane(self.PANES[(self.PANES.index(self.pane) + step) % len(self.PANES)])

    @on(PaneTabs.Chosen)
    def choose_pane(self, message: PaneTabs.Chosen) -> None:
        self.show_pane(message.pane)

    def on_descendant_focus(self) -> None:
        """Whatever gets the focus brings its pane along."""
        chain = () if self.focused is None else self.focused.ancestors_with_self
        inside = next((node.id for node in chain if node.id in self.PANES), None)
        if inside is not None and inside != self.pane:
            self.show_pane(inside, focus=False)
