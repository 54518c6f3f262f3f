"""A field whose text is harmless however it got there: typed, pasted or put there from the data."""

from __future__ import annotations

from textual.widgets import Input

from tui.rendering.text import plain


class CleanInput(Input):
    """As `Input`, with every value cleaned."""

    def validate_value(self, value: str) -> str:
        return plain(value)
