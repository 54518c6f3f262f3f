"""The palette: every action of the table of keys that holds on the screen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand

from tui import keys
from tui.screens.help import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.dom import DOMNode
    from textual.screen import Screen

    from tui.app import WhysentApp


def commands(app: WhysentApp, screen: Screen[Any]) -> Iterator[SystemCommand]:
    """One command an action; choosing it does what its key does."""
    for place in places(screen, screen.focused):
        for key in keys.TABLE[place]:
            if key.action in {"command_palette", "dismiss"}:
                continue
            node = app if place == "app" or key.action.startswith("app.") else _bearer(screen, place)
            yield SystemCommand(
                f"{keys.TITLES[place]}: {key.label}  ({keys.names(key)})",
                key.help,
                partial(app.run_action, key.action, node),
            )


def _bearer(screen: Screen[Any], place: str) -> DOMNode:
    focused = screen.focused
    return focused if focused is not None and place in {"table", "list"} else screen
