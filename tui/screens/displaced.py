"""Who displaced whom under a cap, as a flow from campaign to campaign; and what would change if room were kept for one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.widgets import Static

from tui import keys
from tui.core_access import Progress, ProgressReporter
from tui.rendering.flow import NO_CAMPAIGN, columns, frame, kept_room, lines, pair_in_words
from tui.rendering.text import content, say
from tui.screens.dialogs import Dialog
from tui.widgets.table import Table
from tui.widgets.table_data import Rows
from tui.widgets.text import KeyLine

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from audit.rules.replay.totals import ReplayDocument
    from tui.session.view_models import Document, KeptRoom

QUESTION = "room"


class DisplacedDialog(Dialog["Document | None"]):
    """Lists the pairs, the widest first. Dismissed with the rule that keeps room, if it is wanted in the form."""

    AREA = "displaced"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, rule: Document, replay: ReplayDocument) -> None:
        super().__init__(f"Who displaced whom under {rule['id']}")
        self._rule, self._replay = rule, replay
        self._room: KeptRoom | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as box:
            box.border_title = self._title
            yield Table(id="flow", empty="nobody: no cap stopped a message")
            yield Static(markup=False, id="pair")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Table).focus()
        self.call_after_refresh(self._show)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._show()

    def _show(self) -> None:
        table = self.query_one(Table)
        pairs = frame(self._replay.displaced, None if self._room is None else self._room.after.displaced)
        width = table.content_size.width
        if width:
            table.show(
                Rows(pairs, columns(pairs, width, after=self._room is not None), "key"), keep=table.key
            )

    @property
    def _pair(self) -> dict[str, object] | None:
        table = self.query_one(Table)
        index = None if table.rows is None or table.key is None else table.rows.find(table.key)
        return None if index is None or table.rows is None else table.rows.frame.row(index, named=True)

    @on(Table.Moved)
    def tell(self) -> None:
        """The pair under the cursor in a sentence; below it what keeping room would change."""
        pair = self._pair
        if pair is not None:
            text = pair_in_words(pair, str(self._rule["id"]))
            if self._room is not None:
                text = f"{text}\n{kept_room(self._room, self._replay)}"
            self.query_one("#pair", Static).update(content(text))

    # -- keeping room ----------------------------------------------------------------------------------------------

    def action_reserve(self) -> None:
        """Ask what would change if room were kept for the campaign that was stopped."""
        pair = self._pair
        if pair is None:
            return
        campaign = pair["stopped"]
        if campaign == NO_CAMPAIGN:
            say(self.app, "these mails name no campaign; no rule can keep room for them", severity="warning")
            return
        self.query_one(".dialog").border_subtitle = content(f"room for {campaign} … Esc stops")
        question = partial(self.session.replays.keep_room, self._rule, str(campaign), ProgressReporter(self))
        self.ask(QUESTION, question, self.show_room)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.asking(QUESTION):
            self.query_one(".dialog").border_subtitle = content(f"{message.percent} · Esc stops")

    def show_room(self, room: KeptRoom) -> None:
        self._room = room
        self.query_one(".dialog").border_subtitle = content(f"with room for {room.campaign}")
        self._show()
        self.tell()

    def failed(self, group: str, reason: str) -> None:
        self.query_one(".dialog").border_subtitle = content("")
        super().failed(group, reason)

    @on(Table.Opened)
    def action_form(self) -> None:
        """Take the rule that keeps room into the form."""
        if self._room is None:
            say(self.app, "r first: keep room for the campaign on the right", severity="warning")
        else:
            self.dismiss(self._room.rule)

    def action_copy(self) -> None:
        after = None if self._room is None else self._room.after.displaced
        text = "\n".join(lines(self._replay.displaced, after))
        self.services.copy("who displaced whom", f"{text}\n", "displaced.txt")

    async def action_dismiss(self, result: Document | None = None) -> None:
        if self.asking(QUESTION):
            self.stop_asking(QUESTION)
            self.query_one(".dialog").border_subtitle = content("stopped")
        else:
            self.dismiss(result)
