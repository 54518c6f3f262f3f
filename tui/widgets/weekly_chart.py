"""Messages a week, over time, with what the customer did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.bars import draw
from tui.rendering.text import content, joined

if TYPE_CHECKING:
    from textual.content import Content

    from tui.session.view_models import Week


class WeeklyChart(Widget):
    """Signs above bars; the title says how many of how many weeks, and how tall the tallest bar is."""

    weeks: reactive[tuple[Week, ...]] = reactive(())

    def on_resize(self) -> None:
        self._title()

    def watch_weeks(self) -> None:
        self._title()

    def _title(self) -> None:
        bars = draw(self.weeks, self.content_size.width)
        span = f"{bars.shown} of {bars.total} weeks" if bars.shown < bars.total else f"{bars.total} weeks"
        self.border_title = content(f"Mails a week · {span} · most {bars.tallest}")
        self.border_subtitle = content("● bought  ○ viewed  ✕ opted out")

    def render(self) -> Content:
        if not self.weeks:
            return content("")
        bars = draw(self.weeks, self.content_size.width, max(self.content_size.height - 1, 1))
        return joined((bars.signs, "bold"), "\n", "\n".join(bars.bars))
