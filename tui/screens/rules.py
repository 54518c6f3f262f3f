"""Rules: what would this rule do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Footer

from tui import keys
from tui.screens.base import WorkScreen
from tui.widgets.heading import Heading

if TYPE_CHECKING:
    from textual.app import ComposeResult


class RulesScreen(WorkScreen):
    """The book, the form, the replay."""

    PLACE = "rules"
    BINDINGS = keys.bindings(PLACE)
    unsaved = False

    def compose(self) -> ComposeResult:
        yield Heading()
        yield Footer()
