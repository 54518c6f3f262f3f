"""Who got a campaign, and what sets them apart: the first few facts, and the rest one key away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.widgets import Static

from tui import keys
from tui.rendering import audience
from tui.rendering.text import content
from tui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from audit.queries.audience import AudienceDocument


class AudienceDialog(Dialog[None]):
    """The audience of one campaign; `m` shows all that sets it apart, or the first few again."""

    AREA = "audience"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, campaign: str) -> None:
        super().__init__("Who got it", "counting …")
        self._campaign = campaign
        self._audience: AudienceDocument | None = None
        self._most: int | None = audience.AT_FIRST

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.ask("audience", partial(self.session.customers.audience, self._campaign), self.show_audience)

    def failed(self, group: str, reason: str) -> None:
        """A campaign of which nothing can be said says so where it would stand."""
        del group
        self.query_one(Static).update(content(reason))

    def show_audience(self, answer: AudienceDocument) -> None:
        self._audience = answer
        self.query_one(VerticalScroll).border_title = content(f"Who got {answer.campaign}")
        self._show()

    def _show(self) -> None:
        self.query_one(Static).update(content(self._page))

    @property
    def _page(self) -> str:
        return (
            ""
            if self._audience is None
            else "\n".join(audience.page(self._audience, self._most, "m: the rest"))
        )

    def action_more(self) -> None:
        self._most = None if self._most is not None else audience.AT_FIRST
        self._show()

    def action_copy(self) -> None:
        if self._audience is not None:
            self.services.copy(f"who got {self._audience.campaign}", self._page, "audience.txt")
