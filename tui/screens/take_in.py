"""Taking a file in: what it is, what its columns become, and its first twenty events, before anything is kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList

from tui import keys
from tui.core_access import Progress, ProgressReporter
from tui.rendering.text import content, joined, line, number
from tui.rendering.wording import import_lines, import_losses, moment, several
from tui.screens.dialogs import Dialog, Line, Question
from tui.screens.rule_dialogs import Pick
from tui.widgets.items import Item, Items
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows
from tui.widgets.text import CleanInput, KeyLine, Peek, TextBlock

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
    from textual import events
    from textual.app import ComposeResult

    from audit.ingest.preview import MapLine
    from tui.session.intake import Looked, Taken

LOOK, TAKE = "look", "take"

MAPPED = "CSV, NDJSON, JSON, Parquet, Avro, SQLite, SQL dumps, packed or in folders: a map is suggested here, its first events are shown."
NOTHING_YET = "Nothing is kept before you say yes; addresses and other identifiers go to the vault."

WHOSE = "your own id of the customer, a pseudonym, or an e-mail address"
WHOSE_KEPT = "It goes to the vault, as every identifier of a file does."

ABOUT = (
    "subject",
    "item_name",
    "campaign_name",
    "query",
    "item_id",
    "campaign_id",
    "order_id",
    "list_id",
    "reason",
)
"""What an event is about: the first of these that it says."""

_NAME, _VALUES, _WIDE = 28, 38, 90
"""Cells for a column's name, and for two of its values, of a line with so many."""


class FirstEvents(Table, inherit_bindings=False):
    """The preview; it is in the order of time, and `s` is the screen's."""

    BINDINGS = [one for one in keys.bindings("table") if one.action != "sort"]  # type: ignore[union-attr]  # noqa: RUF012


class TakeInScreen(Dialog[None]):
    """A path, below it the file's map as a form where no format knows it, and its first events. Enter there takes it in."""

    AREA = "take_in"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, path: Path | None = None) -> None:
        super().__init__("Take a file in")
        self._begin = path
        self._path = ""
        self._choices: dict[str, str] = {}
        self._looked: Looked | None = None
        self._taken = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -full -take-in") as box:
            box.border_title = self._title
            yield CleanInput(
                "" if self._begin is None else str(self._begin),
                placeholder="the path of a file or folder, then Enter; Enter alone: choose one",
                id="path",
                compact=True,
            )
            yield TextBlock(id="what")
            yield Items(id="lines")
            yield TextBlock(id="doubt")
            yield FirstEvents(id="events", empty="no event comes of the first rows")
            yield TextBlock(id="lost")
            yield Peek()
        yield KeyLine()

    def on_mount(self) -> None:
        self._show_parts(form=False, preview=False)
        self.query_one("#events").border_title = content("The first events, as they would be kept")
        self.query_one("#lines").border_title = content("What its columns become")
        self.query_one(Input).focus()
        if self._begin is not None:
            self._look(str(self._begin))
        else:
            self.ask("formats", self.session.intake.formats, self.show_formats)

    def show_formats(self, names: tuple[str, ...]) -> None:
        """What goes in, before a file is named."""
        if not self._path:
            as_they_are = joined(("Read as they are\n", "bold"), "\u00a0· ".join(names))
            self._say(
                content("\n\n").join(
                    [as_they_are, joined(("Any other table\n", "bold"), MAPPED), content(NOTHING_YET)]
                )
            )

    def _show_parts(self, *, form: bool, preview: bool) -> None:
        for part in ("#lines", "#doubt"):
            self.query_one(part).display = form
        self.query_one("#events").display = preview

    def _say(self, what: Content, *lost: Content) -> None:
        self.query_one("#what", TextBlock).says = what
        self.query_one("#lost", TextBlock).says = Content("\n").join(lost)
        self.refresh_bindings()

    # -- which file --------------------------------------------------------------------------------------------------

    @on(Input.Submitted, "#path")
    def choose_path(self, event: Input.Submitted) -> None:
        """Look at a file, or list what lies in a folder."""
        event.stop()
        path = event.value.strip()
        if not path or path.endswith("/"):
            folder = path or "."
            self.ask("entries", partial(self.session.intake.entries, folder), partial(self._offer, folder))
        else:
            self._look(path)

    def _offer(self, folder: str, entries: dict[str, str]) -> None:
        names = {path.rstrip("/").rpartition("/")[2] + "/" * path.endswith("/"): path for path in entries}
        above, *_ = entries
        names = {"../": above, **{name: path for name, path in names.items() if path != above}}
        notes = {name: entries[path] for name, path in names.items()}

        def chosen(name: str | None) -> None:
            if name:
                field = self.query_one("#path", Input)
                field.value = names[name]
                field.post_message(Input.Submitted(field, names[name]))

        self.app.push_screen(Pick(f"Files in {folder}", notes, (), one=True), chosen)

    def _look(self, path: str) -> None:
        if path != self._path:
            self._path, self._choices = path, {}
        self._taken = False
        self.query_one(".dialog").border_subtitle = content("reading …")
        self.ask(LOOK, partial(self.session.intake.look, path, dict(self._choices)), self.show_looked)

    def failed(self, group: str, reason: str) -> None:
        """What cannot be read or written says so where its preview would stand."""
        self.query_one(".dialog").border_subtitle = content("")
        if group not in (LOOK, TAKE):
            super().failed(group, reason)
        elif group == LOOK and self._looked is not None and self._choices:
            self._say(self.query_one("#what", TextBlock).says, content(f"✗ {reason}", "$error"))
        else:
            self._looked = None
            self._show_parts(form=False, preview=False)
            self._say(content(f"✗ {reason}", "$error"))
            self.query_one("#path").focus()

    # -- what it is --------------------------------------------------------------------------------------------------

    def show_looked(self, looked: Looked) -> None:
        if looked.asks_whose:
            self._ask_whose()
            return
        is_first = self._looked is None or self._looked.path != looked.path
        self._looked = looked
        self.query_one(".dialog").border_subtitle = content("")
        self._show_parts(form=bool(looked.lines), preview=looked.events is not None)
        self._draw_lines()
        if looked.events is not None:
            self._draw_events(looked.events)
        self._say(self._what(looked), *self._lost(looked))
        if is_first or self.focused is None or not self.focused.display:
            self.query_one("#events" if looked.reads and not looked.lines else "#lines").focus()

    def _ask_whose(self) -> None:
        """Whose export it is, where it does not say."""
        self.query_one(".dialog").border_subtitle = content("")

        def take(customer: str | None) -> None:
            if customer:
                self._choices["customer"] = customer
                self._look(self._path)

        self.app.push_screen(
            Line("Whose export is it? It does not say", needed=True, asks=WHOSE, kept=WHOSE_KEPT), take
        )

    @staticmethod
    def _what(looked: Looked) -> Content:
        reads = content(looked.reads or "No format of ours: a map is suggested, from its first rows", "bold")
        if looked.missing:
            needed = f"\n✗ nothing says {' nor '.join(looked.missing)}: choose it below, Enter on a line"
            return joined(reads, (needed, "$warning"))
        sample = looked.sample
        if sample is None:
            return reads
        of_all = "all rows" if looked.is_whole else f"the first {several(sample.rows, 'row')}"
        come = (
            f"of {of_all} {number(sample.accepted)} come in"
            if not looked.is_whole
            else (f"{number(sample.accepted)} of {several(sample.rows, 'row')} come in")
        )
        known = f", {number(sample.duplicates)} are known already" if sample.duplicates else ""
        return joined(reads, f"\n{come}{known} · {several(sample.customers, 'customer')}")

    @staticmethod
    def _lost(looked: Looked) -> list[Content]:
        if looked.sample is None:
            return []
        serious = (
            [
                content(
                    f"! refused, and may be a no, a complaint or a bounce: {several(looked.lost_opt_outs, 'row')}",
                    "$error",
                )
            ]
            if looked.lost_opt_outs
            else []
        )
        lost = [content(f"! {text}", "$warning") for text in import_losses(looked.skipped, looked.refused)]
        _, *odd = import_lines(looked.sample, "choose another above")
        return [*serious, *lost, *(content(text, "dim") for text in odd)] or [
            content("nothing is lost", "dim")
        ]

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._draw_lines()

    def _draw_lines(self) -> None:
        looked, items = self._looked, self.query_one("#lines", Items)
        if looked is not None and items.display:
            room = self.size.width - 8
            items.put(Item(one.id, _form_line(one, room)) for one in looked.lines)
            if items.highlighted is None:
                items.action_first()
            self.tell_doubt()

    @on(OptionList.OptionHighlighted, "#lines")
    def tell_doubt(self) -> None:
        one = self._line()
        if one is not None:
            text = f"! {one.doubt} · Enter: choose" if one.doubt else "Enter: choose what it becomes"
            self.query_one("#doubt", TextBlock).says = content(text, "$warning" if one.doubt else "dim")

    def _line(self) -> MapLine | None:
        chosen = self.query_one("#lines", Items).chosen
        lines = self._looked.lines if self._looked is not None else ()
        return next((one for one in lines if one.id == chosen), None)

    def _draw_events(self, events: pl.DataFrame) -> None:
        import polars as pl

        shown = events.select(
            pl.int_range(pl.len()).cast(pl.String).alias("key"),
            "occurred_at",
            "customer_id",
            "kind",
            pl.coalesce(*ABOUT).alias("about"),
        )
        columns = (
            Column("occurred_at", "when (UTC)", width=16, show=moment),
            Column("customer_id", "who", width=10),
            Column("kind", "what", most=20),
            Column("about", "about", flex=True),
        )
        self.query_one(FirstEvents).show(Rows(shown, columns, "key"))

    # -- what a person does ------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        can = self._looked is not None and self._looked.can_be_taken and not self._taken
        if action == "save":
            return can and self._looked is not None and not self._looked.reads
        return can if action == "take" else True

    @on(OptionList.OptionSelected, "#lines")
    def choose(self) -> None:
        """List what a line may become; what is chosen is previewed at once."""
        one = self._line()
        if one is None:
            return

        def take(name: str | None) -> None:
            if name:
                self._choices[one.id] = name
                self._look(self._path)

        notes = dict.fromkeys(one.may, "")
        self.app.push_screen(Pick(f"{one.name}: what it becomes", notes, (one.becomes,), one=True), take)

    def action_save(self) -> None:
        """Keep the map; a later file of the same columns is then read with it."""
        save = partial(self.session.intake.save, self._path, dict(self._choices))
        self.ask("save", save, lambda path: self.say(f"the map is kept: {path}"))

    @on(Table.Opened, "#events")
    def action_take(self) -> None:
        """Ask once more, and take the file in."""
        looked = self._looked
        if looked is None or not self.check_action("take", ()):
            return
        reads = looked.reads or "the map above, which is kept in the workspace"
        text = f"{self._path}\nread with: {reads}\nWhat came in stays; the same file again adds nothing."
        self.app.push_screen(
            Question("Take it in?", content(text)), lambda yes: self._take() if yes else None
        )

    def _take(self) -> None:
        self.query_one(".dialog").border_subtitle = content(
            f"taking it in … {keys.key_of('take_in.close')} stops"
        )
        question = partial(self.session.intake.take, self._path, dict(self._choices), ProgressReporter(self))
        self.ask(TAKE, question, self.show_taken)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.asking(TAKE):
            self.query_one(".dialog").border_subtitle = content(
                f"{message.percent} · {keys.key_of('take_in.close')} stops"
            )

    def show_taken(self, taken: Taken) -> None:
        self._taken = True
        self.query_one(".dialog").border_subtitle = content(keys.hint("{take_in.close}: to whoever is in it"))
        self._show_parts(form=False, preview=False)
        answer = taken.answer
        head = f"Taken in: {number(answer.accepted)} of {several(answer.rows, 'row')} of {taken.path}"
        lost = [content(f"! {text}", "$warning") for text in import_losses(taken.skipped, taken.refused)]
        self._say(
            content(head, "bold"),
            *(content(text) for text in import_lines(answer, "a map says another")),
            *lost,
        )
        self.query_one("#path").focus()
        self.ask("opened", self.session.opened_again, self.services.show_workspace)

    async def action_dismiss(self, result: None = None) -> None:
        if self.asking(TAKE):
            self.stop_asking(TAKE)
            self.query_one(".dialog").border_subtitle = content("stopped; nothing was kept")
        else:
            self.dismiss(result)


def _form_line(one: MapLine, room: int) -> Content:
    """A line of the form in so many cells: its name, two values, what it becomes."""
    sign = "! " if one.doubt else "  "
    values = "  ".join(one.values)
    name = _NAME if room > _WIDE else _NAME * 3 // 4
    width = min(_VALUES, max(room - 2 - name - 25, 0))
    return joined(
        (sign, "$warning"),
        f"{line(one.name, name)} ",
        (f"{line(values, width)} ", "dim"),
        ("→ ", "dim"),
        (one.becomes, "bold"),
    )
