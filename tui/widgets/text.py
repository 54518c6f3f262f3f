"""Text on screens: the heading, the verdict, lines that say something in full, and fields that take text without signs of control."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from tui.rendering.text import content, joined, plain
from tui.rendering.wording import SEVERITIES

if TYPE_CHECKING:
    from textual.binding import ActiveBinding
    from textual.events import Click, MouseEvent, MouseMove
    from textual.geometry import Size

    from tui.session.view_models import Verdict


class TextBlock(Widget):
    """Shows `says`, wrapped."""

    says: reactive[Content] = reactive(Content(""), layout=True)

    def render(self) -> Content:
        return self.says


class Peek(TextBlock):
    """The status line: the row under the cursor, in full. What its screen says of it, and before that every cell that its table
    had to cut; `-empty` where that is nothing.
    """

    cut: reactive[tuple[str, ...]] = reactive((), layout=True)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id, classes="-empty")
        self._teller: Widget | None = None

    def tell(self, table: Widget, cut: tuple[str, ...]) -> None:
        """Tell what `table` had to cut: the one that has the focus, else the first that tells."""
        if table.has_focus or self._teller in {None, table}:
            self._teller, self.cut = table, cut

    def watch_cut(self) -> None:
        self.set_class(not self.render(), "-empty")

    def watch_says(self) -> None:
        self.watch_cut()

    def render(self) -> Content:
        missing = [text for text in self.cut if text not in self.says.plain]
        return content(" · ").join([*map(content, missing), *([self.says] if self.says else [])])


class Head(TextBlock):
    """What is explained."""


class WhatIfBanner(TextBlock):
    """What became of a decision when events are left out; not there while nothing is."""

    def on_mount(self) -> None:
        self.display = False


class Heading(Widget):
    """The two lines on top of every screen: `left` and `right` of the first; the coverage line below, wrapped, not cut.

    Where `right` has no room it stands before the coverage, and what stands there for a while takes no more lines than that.
    """

    left: reactive[Content] = reactive(Content(""), layout=True)
    right: reactive[Content] = reactive(Content(""), layout=True)
    below: reactive[Content] = reactive(Content(""), layout=True)
    meanwhile: reactive[str] = reactive("", layout=True)
    """What stands below as long as it holds."""

    def say(self, left: object, right: object, below: object) -> None:
        """Fill the heading from plain values."""
        self.left = joined((left, "bold"))
        self.right = content(right)
        self.below = content(below, "dim")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        del container, viewport
        return max(len(self._says(below, width).wrap(width)) for below in self._all_below())

    def render(self) -> Content:
        return self._says(self._all_below()[-1], self.content_size.width or self.size.width)

    def _all_below(self) -> tuple[Content, ...]:
        return (self.below, content(self.meanwhile, "dim")) if self.meanwhile else (self.below,)

    def _says(self, below: Content, room: int) -> Content:
        gap = room - self.left.cell_length - self.right.cell_length
        if not len(self.right):
            line = self.left
        elif gap > 0:
            line = joined(self.left, " " * gap, self.right)
        else:
            line, below = self.left, joined(self.right, (" · ", "dim"), below)
        return joined(line, "\n", below) if len(below) else line


class KeyLine(Widget):
    """The keys that work here, in the last line of a screen, as many as there is room for; a click on one presses it.

    One widget: Textual's own footer makes one a key, and all of them anew wherever the focus goes, which was a third of
    what a press of a key costs.
    """

    ALLOW_SELECT = False
    pointed: reactive[str] = reactive("")
    """The key under the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self._placed: list[tuple[range, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def render(self) -> Content:
        active = self.screen.active_bindings.values()
        palette = next((at for at in active if at.binding.key == self.app.COMMAND_PALETTE_BINDING), None)
        last = [joined(("▏", "$foreground 20%"), self._key(palette))] if palette else []
        room = self.size.width - sum(piece.cell_length for piece in last)
        by_action: dict[str, ActiveBinding] = {}
        for at in active:
            if at.binding.show:
                by_action.setdefault(at.binding.action, at)
        self._placed, line, begin = [], [], 0
        for at in sorted(by_action.values(), key=lambda at: at.binding.action == "app.explain_keys"):
            piece = self._key(at)
            if begin + piece.cell_length > room:
                break
            self._placed.append((range(begin, begin + piece.cell_length), at.binding.key))
            line.append(piece)
            begin += piece.cell_length
        if palette:
            self._placed.append((range(room, self.size.width), palette.binding.key))
        return joined(*line, " " * (room - begin), *last)

    def _key(self, active: ActiveBinding) -> Content:
        dim = "" if active.enabled else " dim"
        dim += " underline" if active.binding.key == self.pointed else ""
        focused, binding = self.screen.focused, active.binding
        if focused is not None and focused.check_consume_key(
            "q", "q"
        ):  # a letter is text there: another key is left
            binding = replace(binding, key_display=None)
        display = self.app.get_key_display(binding)
        return joined(
            (f" {display} ", f"bold $footer-key-foreground{dim}"),
            (f"{active.binding.description} ", f"$footer-description-foreground{dim}"),
        )

    def _key_at(self, event: MouseEvent) -> str:
        return next((key for cells, key in self._placed if event.x in cells), "")

    def on_click(self, event: Click) -> None:
        if key := self._key_at(event):
            self.app.simulate_key(key)

    def on_mouse_move(self, event: MouseMove) -> None:
        self.pointed = self._key_at(event)

    def on_leave(self) -> None:
        self.pointed = ""


class CleanInput(Input):
    """As `Input`, with every value cleaned."""

    def validate_value(self, value: str) -> str:
        return plain(value)


class VerdictBlock(Widget):
    """As tall as what it says: the verdict is wrapped, never cut."""

    verdict: reactive[Verdict | None] = reactive(None, layout=True)

    def watch_verdict(self, verdict: Verdict | None) -> None:
        for name in ("high", "medium", "low"):
            self.set_class(verdict is not None and verdict.severity == name, f"-{name}")

    def render(self) -> Content:
        if self.verdict is None:
            return content("reading …", "dim")
        return says(self.verdict)


def says(verdict: Verdict) -> Content:
    """The verdict in at most four sentences, each on its own line."""
    sign = SEVERITIES.get(verdict.severity, "") if verdict.severity else "✓ nothing found"
    lines = [
        joined((sign, "bold"), (f"  {verdict.text}" if verdict.severity else f": {verdict.text}", "bold"))
    ]
    lines += [content(part) for part in (verdict.causes, verdict.ends) if part]
    if verdict.remedy:
        lines.append(joined(("→ ", "bold"), verdict.remedy))
    return Content("\n").join(lines)
