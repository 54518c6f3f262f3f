"""Several panes: all of them, some, or one at a time, by size; and the line of tabs that names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.text import content, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual import events
    from textual.content import Content


class PaneTabs(Widget):
    """One line that names panes and shows which one is in front; a click brings another one there."""

    labels: reactive[tuple[str, ...]] = reactive(())
    current: reactive[str] = reactive("")
    pointed: reactive[str] = reactive("")

    @dataclass
    class Chosen(Message):
        """A pane was asked for."""

        pane: str

    def __init__(self, *panes: str, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self.panes = panes
        self.set_reactive(PaneTabs.current, panes[0])

    def render(self) -> Content:
        parts = [
            content(
                f" {label} ",
                "reverse bold" if pane == self.current else "underline" if pane == self.pointed else "",
            )
            for pane, label in zip(self.panes, self.labels, strict=False)
        ]
        return joined(("│", "dim")).join(parts)

    def places(self) -> Iterator[tuple[int, str]]:
        """Where the name of each pane begins."""
        start = 0
        for pane, label in zip(self.panes, self.labels, strict=False):
            yield start, pane
            start += content(label).cell_length + 3

    def _pane_at(self, event: events.MouseEvent) -> str:
        offset = event.get_content_offset(self)
        begun = [pane for start, pane in self.places() if offset is not None and start <= offset.x]
        return begun[-1] if begun else ""

    def on_click(self, event: events.Click) -> None:
        if pane := self._pane_at(event):
            self.post_message(self.Chosen(pane))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.pointed = self._pane_at(event)

    def on_leave(self) -> None:
        self.pointed = ""


class Panes(Vertical):
    """Holds the panes of the ids `panes`, and their tabs.

    `-current` is on the pane in front; the style sheet decides what else shows. Panes in a `.wrapper` may share one
    place: `-side-current` is on the one that was in front last.
    """

    def __init__(self, *panes: str) -> None:
        super().__init__()
        self.panes = panes
        self.front = panes[0]

    def bring(self, pane: str, *, focus: bool = True) -> None:
        """Bring a pane to the front."""
        self.front = pane
        for name in self.panes:
            self.query_one(f"#{name}").set_class(name == pane, "-current")
        for wrapper in self.query(".wrapper"):
            inside = [name for name in self.panes if wrapper.query(f"#{name}")]
            wrapper.set_class(pane in inside, "-current")
            if pane in inside or not wrapper.query(".-side-current"):
                for name in inside:
                    side = pane if pane in inside else inside[0]
                    wrapper.query_one(f"#{name}").set_class(name == side, "-side-current")
        for tabs in self.query(PaneTabs):
            if pane in tabs.panes:
                tabs.current = pane
        if focus:
            self.query_one(f"#{pane}").focus()

    def bring_next(self, step: int) -> None:
        """Bring the pane to the front that comes `step` panes later."""
        self.bring(self.panes[(self.panes.index(self.front) + step) % len(self.panes)])

    def label(self, labels: Mapping[str, str], titles: Mapping[str, str] | None = None) -> None:
        """Name the panes in their tabs and on their borders; `titles` of borders that say something else."""
        for tabs in self.query(PaneTabs):
            tabs.labels = tuple(labels[pane] for pane in tabs.panes)
        for pane, title in {**labels, **(titles or {})}.items():
            self.query_one(f"#{pane}").border_title = content(title)

    @on(PaneTabs.Chosen)
    def bring_chosen(self, message: PaneTabs.Chosen) -> None:
        self.bring(message.pane)

    def on_descendant_focus(self) -> None:
        """Whatever gets the focus brings its pane along."""
        focused = self.screen.focused
        chain = () if focused is None else focused.ancestors_with_self
        inside = next((node.id for node in chain if node.id in self.panes), None)
        if inside is not None and inside != self.front:
            self.bring(inside, focus=False)
