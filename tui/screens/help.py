"""What the keys do where the focus is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.content import Content

from tui import keys
from tui.rendering.text import content, joined
from tui.screens.dialogs import TextDialog

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget


def places(screen: Screen[Any], focused: Widget | None) -> list[str]:
    """The places of the key table that hold where the focus is, the nearest first."""
    chain = (screen,) if focused is None else focused.ancestors_with_self
    bound = [getattr(node, "PLACE", "") for node in chain]
    return [*dict.fromkeys(place for place in bound if place), "app"]


KEYS, TEXT = 14, 48
"""Cells for the keys and for what they do: together what the smallest terminal has room for."""


class HelpDialog(TextDialog):
    """The keys of the focused pane, of its screen, and those that hold everywhere."""

    def __init__(self, where: list[str]) -> None:
        super().__init__("Keys here", Content("\n\n").join(_section(place) for place in where))


def _section(place: str) -> Content:
    lines = [joined((keys.TITLES[place], "bold underline"))]
    for key in keys.TABLE[place]:
        first, *rest = content(key.help).wrap(TEXT)
        lines.append(joined((f"{keys.names(key):>{KEYS}}  ", "bold"), first))
        lines += [joined(" " * (KEYS + 2), more) for more in rest]
    return Content("\n").join(lines)
