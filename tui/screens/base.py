"""What every screen shares: its size class, its panes, and a look at whether what it shows still stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import Screen

from tui.core_access import AsksCore
from tui.widgets.panes import Panes

if TYPE_CHECKING:
    from textual import events

    from tui.session.view_models import Opening

LAYOUTS = ("-small", "-medium", "-large")


LOOK_AGAIN = 3.0
"""House value: seconds after which a screen looks whether another program changed what it shows."""


def layout_for(width: int, height: int) -> str:
    """Which of the three designed layouts fits a terminal."""
    if width >= 150 and height >= 40:
        return "-large"
    return "-medium" if width >= 110 and height >= 30 else "-small"


class WorkScreen(Screen[None], AsksCore):
    """A screen over the open workspace; one with panes composes `Panes`."""

    AUTO_FOCUS: ClassVar[str | None] = None

    def __init__(self) -> None:
        super().__init__(
            classes=layout_for(*self.app.size)
        )  # the size of the first paint: no second one is needed
        self._data_version: str | None = None

    def on_mount(self) -> None:
        self.set_interval(LOOK_AGAIN, self._look_again)

    def opened(self, opening: Opening) -> None:
        """The workspace is open."""

    def _look_again(self) -> None:
        if self.is_current and not self.asking("data version"):
            self.on_screen_resume()

    def on_screen_resume(self) -> None:
        """Look whether what is shown still stands; another screen or program may have changed it."""
        if self.services.opening is not None:
            self.ask("data version", self.session.data_version, self._note_data_version)

    def own_change(self) -> None:
        """What is shown is asked for anew by who changed it here: the next look tells of nothing."""
        self._data_version = None

    def _note_data_version(self, version: str) -> None:
        before, self._data_version = self._data_version, version
        if before not in {None, version}:
            self.outdated()

    def outdated(self) -> None:
        """What is shown does not stand any more: ask again."""

    @property
    def unsaved(self) -> bool:
        """Whether leaving would lose an edit."""
        return False

    def on_resize(self, event: events.Resize) -> None:
        layout = layout_for(event.size.width, event.size.height)
        if not self.has_class(layout):
            self.update_classes({name: name == layout for name in LAYOUTS})
        self.relaid()

    def relaid(self) -> None:
        """The size of the screen, and maybe its layout, has changed."""

    # -- panes -----------------------------------------------------------------------------------------------------

    @property
    def pane(self) -> str:
        """The pane in front."""
        return self.query_one(Panes).front

    def show_pane(self, pane: str, *, focus: bool = True) -> None:
        """Bring a pane to the front."""
        self.query_one(Panes).bring(pane, focus=focus)

    def action_next_pane(self, step: int) -> None:
        self.query_one(Panes).bring_next(step)
