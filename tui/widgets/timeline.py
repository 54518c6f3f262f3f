"""One customer's history: its rows, and the messages of each week above them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering import week_strip
from tui.rendering.text import content, joined
from tui.rendering.timeline import with_notes
from tui.rendering.wording import day, moment
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    import polars as pl
    from textual import events

    from tui.session.view_models import RuleTrial, Week, WeeklyCap

STOOD_ON = "underline on $block-cursor-blurred-background"
"""How the week that is stood on is marked, with colours and without."""

WITH_MONTHS, BESIDE, GAP = 4, 22, 2
"""Lines of the weeks from which on one is for the months; cells that the week in words needs beside them; cells between."""


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
        self.border_subtitle = content("")
        self._show_whole()

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
        """By the room of the pane: what happened comes first; wider for what rules do where some are tried."""
        width, trying = self.size.width or self.screen.size.width, self.trial is not None
        time = (
            Column("at", "day", width=16, show=moment)
            if width >= 100 and not trying
            else Column("at", "day", width=10, show=day)
        )
        note = (
            Column("note", "by the rules", most=38 if 76 <= width < 110 else 28, whole=True)
            if trying
            else Column("note", "then", most=16 if width < 100 else 24)
        )
        return (time, Column("sign", "", width=1), Column("what", "what", flex=True), note)

    def row_key(self, event: str) -> str:
        """The key of the row in which an event stands."""
        return self.row_of_event.get(event, event)

    def row(self, key: str | None) -> dict[str, Any] | None:
        """The row of a key, in the columns of the history."""
        index = None if key is None or self.history is None else self.history["key"].index_of(key)
        return None if index is None or self.history is None else self.history.row(index, named=True)

    def day(self, key: str | None) -> date | None:
        """The day of the row of a key."""
        row = self.row(key)
        moment: datetime | None = None if row is None else row["at"]
        return None if moment is None else moment.date()

    def go_to_week(self, monday: date) -> None:
        """To the newest row shown of that week, or else of the nearest week before; there is none: of the nearest after."""
        rows = self.rows
        if rows is None or not len(rows):
            return
        days = rows.frame["at"].dt.date()
        until = rows.frame.filter(days < monday + timedelta(weeks=1)).sort("at", descending=True)
        nearest = until if until.height else rows.frame.sort("at")
        self.go_to(nearest["key"][0])

    def step_week(self, step: int) -> None:
        """To the newest row of the nearest later (1) or earlier (-1) week that has one."""
        day, rows = self.day(self.key), self.rows
        if day is None or rows is None:
            return
        monday = day - timedelta(days=day.weekday())
        mondays = rows.frame["at"].dt.truncate("1w").dt.date()
        others = mondays.filter(mondays > monday if step > 0 else mondays < monday)
        if len(others):
            self.go_to_week(others.min() if step > 0 else others.max())  # type: ignore[arg-type]

    @property
    def selected_events(self) -> tuple[str, ...]:
        """The events of the row under the cursor."""
        row = self.row(self.key)
        return () if row is None else tuple(row["events"])


class WeekStrip(Widget):
    """The newest year of a customer, a column a week, with the week that is stood on in words; a click goes to a week."""

    ALLOW_SELECT = False
    weeks: reactive[tuple[Week, ...]] = reactive(())
    cap: reactive[WeeklyCap | None] = reactive(None)
    day: reactive[date | None] = reactive(None)
    """A day of the week that is stood on."""

    @dataclass
    class Chosen(Message):
        """A week was clicked on: its Monday."""

        monday: date

    @property
    def week(self) -> Week | None:
        """The week that is stood on."""
        day = self.day
        return next((week for week in reversed(self.weeks) if day is not None and week.start <= day), None)

    def _drawn(self) -> tuple[week_strip.Strip, bool]:
        """The columns, and whether a line of months has room below them."""
        width, height = self.content_size
        with_months = height >= WITH_MONTHS
        strip = week_strip.draw(self.weeks, self.cap, width, max(height - 1 - with_months, 1), self.week)
        return strip, with_months

    def render(self) -> Content:
        strip, with_months = self._drawn()
        if not strip.columns:
            return content("")
        lines = [self._line(strip, None)]
        lines += [self._line(strip, level) for level in range(len(strip.columns[0].bar))]
        lines += [content(week_strip.months(strip), "$secondary")] if with_months else []
        room = self._room_beside(strip)
        if room >= BESIDE:
            beside = self._beside(strip, room, len(lines))
            lines = [joined(left, " " * GAP, right) for left, right in zip(lines, beside, strict=True)]
        return Content("\n").join(lines)

    def on_resize(self) -> None:
        self._entitle()

    def watch_weeks(self) -> None:
        self._entitle()

    def watch_cap(self) -> None:
        self._entitle()

    def watch_day(self) -> None:
        self._entitle()

    def _line(self, strip: week_strip.Strip, level: int | None) -> Content:
        """One line of all columns: their signs, or a row of their bars."""
        pieces = []
        for column in strip.columns:
            cells = column.sign if level is None else column.bar[level]
            bar = cells.rstrip("▔")
            style = "bold" if level is None else "$warning" if column.over else ""
            here = f" {STOOD_ON}" if column.week is self.week else ""
            pieces += [content(bar, style + here), content(cells[len(bar) :], "$secondary" + here)]
        return joined(*pieces)

    def _beside(self, strip: week_strip.Strip, room: int, height: int) -> list[Content]:
        """What stands to the right of the columns: the week that is stood on, then what the cap is and the year holds."""
        texts = [
            part
            for text, style in self._told(strip, room, height)
            for part in content(text, style).wrap(room)
        ]
        return [*texts, *[content("")] * height][:height]

    def _told(self, strip: week_strip.Strip, room: int, height: int) -> Iterator[tuple[str, str]]:
        week = self.week
        if week is not None:
            words = week_strip.in_words(week, self.cap)
            yield f"{week.start} {words[0]}", "bold"
            whole = " · ".join(words[1:])
            signs = [word if word.startswith("above") else word[0] for word in words[1:]]
            yield whole if len(whole) <= room else " · ".join(signs), ""
        if height >= WITH_MONTHS:
            yield from ((text, "$secondary") for text in self._legend(strip))

    def _legend(self, strip: week_strip.Strip) -> Iterator[str]:
        most = max(column.week.messages for column in strip.columns)
        shown, total = len(strip.columns), strip.total
        yield f"most {most} a week · {f'{shown} of {total}' if shown < total else total} weeks"
        if self.cap is not None:
            yield f"▔ cap {self.cap.limit}: {self.cap.rule} ({self.cap.counts})"

    def _entitle(self) -> None:
        """The week in words where it does not stand beside the columns; below, what the signs say and, likewise, the rest."""
        strip, with_months = self._drawn()
        if not strip.columns:
            return
        beside = self._room_beside(strip) >= BESIDE
        week, told = self.week, ["Mails a week"]
        if week is not None and not beside:
            told.append(f"{week.start}: {', '.join(week_strip.in_words(week, self.cap))}")
        self.border_title = content(" · ".join(told))
        legend = [] if beside and with_months else list(self._legend(strip))
        signs = "  ".join(f"{sign} {word}" for sign, word in reversed(week_strip.WORDS.items()))
        self.border_subtitle = content(" · ".join([*legend, signs]))

    def _room_beside(self, strip: week_strip.Strip) -> int:
        return self.content_size.width - strip.cells * len(strip.columns) - GAP

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        strip, _ = self._drawn()
        if offset is not None and strip.columns and offset.x < strip.cells * len(strip.columns):
            self.post_message(self.Chosen(strip.columns[offset.x // strip.cells].week.start))
