"""What can be done here, from the table of keys: told by the help dialog, offered by the palette."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App, SystemCommand
from textual.content import Content

from tui import keys
from tui.rendering.text import content, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.screen import Screen

KEYS, TEXT = 14, 48
"""Cells for the keys and for what they do: together what the smallest terminal has room for."""


def areas(screen: Screen[Any]) -> list[str]:
    """The areas of the key table that hold where the focus is, the nearest first."""
    chain = (screen,) if screen.focused is None else screen.focused.ancestors_with_self
    bound = [getattr(node, "AREA", "") for node in chain]
    return [*dict.fromkeys(area for area in bound if area), "app"]


def help_text(screen: Screen[Any]) -> Content:
    """The keys of the focused pane, of its screen, and those that hold everywhere."""
    return Content("\n\n").join(_section(area) for area in areas(screen))


def _section(area: str) -> Content:
    lines = [joined((keys.TITLES[area], "bold underline"))]
    for key in keys.TABLE[area]:
        text, *wrapped = content(key.help).wrap(TEXT)
        lines.append(joined((f"{keys.names(key):>{KEYS}}  ", "bold"), text))
        lines += [joined(" " * (KEYS + 2), line) for line in wrapped]
    return Content("\n").join(lines)


def commands(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """One command of the palette an action; choosing it does what its key does."""
    for area in areas(screen):
        for key in keys.TABLE[area]:
            if key.action in {"command_palette", "dismiss"}:
                continue
            focused = screen.focused if area in {"table", "list"} else None
            node = app if area == "app" or key.action.startswith("app.") else focused or screen
            yield SystemCommand(
                f"{keys.TITLES[area]}: {key.label}  ({keys.names(key)})",
                key.help,
                partial(app.run_action, key.action, node),
            )
