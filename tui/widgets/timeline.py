"""One customer's history: its rows, and the messages of each week above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.charts import draw_weeks
from tui.rendering.text import content, joined
from tui.rendering.timeline import with_notes
from tui.rendering.wording import day, moment
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows

if TYPE_CHECKING:
    import polars as pl
    from textual.content import Content

    from tui.session.view_models import RuleTrial, Week


class Timeline(Table):
    """Shows `history` (columns as in `Picture.timeline`), or the rows of one `group`; beside them what a `trial` does."""

    def __init__(self, *, id: str, empty: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id, empty=empty)
        self.history: pl.DataFrame | None = None
        self.group = ""
        self.trial: RuleTrial | None = None
        self.row_of_event: dict[str, str] = {}

    def clear_history(self) -> None:
        """Show nobody's history."""
        self.history, self.group, self.trial, self.rows = None, "", None, None

    def show_history(self, history: pl.DataFrame, newest: str | None = None) -> None:
        """Show somebody's history, with the cursor on the row of the event `newest`."""
        several = history.filter(history["events"].list.len() > 1).select("key", "events")
        self.history = history
        self.row_of_event = {
            event: key for key, events in several.iter_rows() for event in events if event != key
        }
        self.show_rows(None if newest is None else self.row_key(newest))

    def show_rows(self, start: str | None = None) -> None:
        """Show the rows again, in the columns that the terminal has room for."""
        if self.history is None:
            return
        frame = self.history
        if self.group:
            frame = frame.filter(frame["group"] == self.group)
        if self.trial is not None:
            frame = with_notes(frame, {**self.trial.stopped, **self.trial.deferred})
        rows = Rows(frame, self._columns(), "key", total=self.history.height)
        self.show(rows, keep=self.key if self.rows else start)

    def _columns(self) -> tuple[Column, ...]:
        """Wider for what rules do where some are tried."""
        width, trying = self.screen.size.width, self.trial is not None
        time = (
            Column("at", "day", width=16, show=moment)
            if width >= 150 and not trying
            else Column("at", "day", width=10, show=day)
        )
        note = (
            Column("note", "by the rules", width=38 if width < 110 else 24, whole=True)
            if trying
            else Column("note", "then", most=16 if width < 150 else 24)
        )
        return (time, Column("sign", "", width=1), Column("what", "what", flex=True), note)

    def row_key(self, event: str) -> str:
        """The key of the row in which an event stands."""
        return self.row_of_event.get(event, event)

    def row(self, key: str | None) -> dict[str, Any] | None:
        """The row of a key, in the columns of the history."""
        index = None if key is None or self.history is None else self.history["key"].index_of(key)
        return None if index is None or self.history is None else self.history.row(index, named=True)

    @property
    def selected_events(self) -> tuple[str, ...]:
        """The events of the row under the cursor."""
        row = self.row(self.key)
        return () if row is None else tuple(row["events"])


class WeeklyChart(Widget):
    """Signs above bars; the title says how many of how many weeks, and how tall the tallest bar is."""

    weeks: reactive[tuple[Week, ...]] = reactive(())

    def on_resize(self) -> None:
        self._title()

    def watch_weeks(self) -> None:
        self._title()

    def _title(self) -> None:
        bars = draw_weeks(self.weeks, self.content_size.width)
        span = f"{bars.shown} of {bars.total} weeks" if bars.shown < bars.total else f"{bars.total} weeks"
        self.border_title = content(f"Mails a week · {span} · most {bars.tallest}")
        self.border_subtitle = content("● bought  ○ viewed  ✕ opted out")

    def render(self) -> Content:
        if not self.weeks:
            return content("")
        bars = draw_weeks(self.weeks, self.content_size.width, max(self.content_size.height - 1, 1))
        return joined((bars.signs, "bold"), "\n", "\n".join(bars.bars))
