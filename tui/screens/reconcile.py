"""Log and definitions held together: how far they agree, and the disagreements as a list to work through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.containers import Container

from tui import keys
from tui.rendering.text import content, joined, number, share
from tui.rendering.wording import SIDES, day
from tui.screens.base import WorkScreen
from tui.widgets.panes import Panes, PaneTabs
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows
from tui.widgets.text import Heading, KeyLine, Peek

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.session.view_models import Agreement


PANES = {"agreed": "Agreement", "apart": "Disagreements"}
TITLE = "Log and our definitions"
AGREED = (
    Column("title", "segment or strip", flex=True),
    Column("both", "both", width=6, right=True, show=number),
    Column("logged_only", "logged", width=7, right=True, show=number),
    Column("derived_only", "ours", width=6, right=True, show=number),
    Column("agreement", "agree", width=6, right=True, show=lambda value: share(value, 0)),
)
APART = (
    Column("customer", "customer", most=12),
    Column("title", "segment or item", most=24),
    Column("side", "side", width=11, show=lambda value: SIDES.get(value, "")),
    Column("since", "since", width=10, show=day),
    Column("text", "likely reason", flex=True),
)


class ReconcileScreen(WorkScreen):
    """Everybody's segments and strips; `viewed` are the rows that were looked at in this sitting."""

    AREA = "reconcile"
    BINDINGS = keys.bindings(AREA)
    CSS_PATH = "reconcile.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.viewed: set[str] = set()
        self._agreement: Agreement | None = None
        self._only = ""

    def compose(self) -> ComposeResult:
        yield Heading()
        with Panes(*PANES):
            yield PaneTabs(*PANES, id="tabs")
            with Container(id="reconcile-body"):
                yield Table(id="agreed", empty="neither side has any")
                yield Table(id="apart", empty="they agree: no disagreement")
        yield Peek()
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Heading).say(TITLE, "", "holding them together …")
        self.query_one(Panes).label(PANES)
        self.show_pane("apart")
        self._ask("")

    def _ask(self, only: str) -> None:
        """Hold together what is of one key, or with an empty one all."""
        question = partial(self.session.customers.reconcile, only)
        self.ask("reconcile", question, partial(self.show_agreement, only))

    def failed(self, group: str, reason: str) -> None:
        if self._agreement is None:
            self.query_one(Heading).say(TITLE, "", reason)
        super().failed(group, reason)

    def show_agreement(self, only: str, agreement: Agreement) -> None:
        if self._agreement is None or not only:
            self.query_one("#agreed", Table).show(Rows(agreement.agreed, AGREED, "key"))
        self._agreement, self._only = agreement, only
        table = self.query_one("#apart", Table)
        table.show(Rows(agreement.apart, APART, "key", total=agreement.total))
        of_one = f" · {agreement.apart['where'][0]} only" if only and agreement.apart.height else ""
        table.border_title = content(f"{PANES['apart']}{of_one}")
        self._mark()

    def _mark(self) -> None:
        self.query_one("#apart", Table).mark(dict.fromkeys(self.viewed, "seen"))
        agreement, opening = self._agreement, self.services.opening
        if agreement is not None:
            viewed = len(self.viewed & set(agreement.apart["key"]))
            progress = f"{number(viewed)} of {number(agreement.total)} looked at"
            self.query_one(Heading).say(TITLE, progress, "" if opening is None else opening.coverage)

    # -- moving through them -----------------------------------------------------------------------------------------

    @on(Table.Moved)
    def say_in_full(self, message: Table.Moved) -> None:
        if message.table is not self.focused:
            return
        row = self._row(message.key) if message.table.id == "apart" else None
        self.query_one(Peek).says = (
            joined((f"{row['where']} · {SIDES[row['side']]}: ", "bold"), row["text"])
            if row is not None
            else content("")
        )

    @on(Table.Opened, "#agreed")
    def only_this(self, message: Table.Opened) -> None:
        self._ask(message.key)
        self.show_pane("apart")

    @on(Table.Opened, "#apart")
    def open_customer(self, message: Table.Opened) -> None:
        row = self._row(message.key)
        if row is not None:
            self.viewed.add(message.key)
            self._mark()
            self.services.open_customer(row["customer"])

    def _row(self, key: str) -> dict[str, Any] | None:
        frame = None if self._agreement is None else self._agreement.apart
        index = None if frame is None else frame["key"].index_of(key)
        return frame.row(index, named=True) if frame is not None and index is not None else None

    def action_looked(self) -> None:
        """Mark the row, or take the mark back, and go on to the next."""
        table = self.query_one("#apart", Table)
        if table.key is not None:
            self.viewed ^= {table.key}
            self._mark()
            table.action_down()

    def action_copy(self) -> None:
        row = self._row(self.query_one("#apart", Table).key or "")
        if row is not None:
            text = f"{row['customer']} · {row['where']} · {SIDES[row['side']]}: {row['text']}\n"
            self.services.copy("the disagreement, masked", text, "disagreement.txt")

    def action_back(self) -> None:
        if self._only:
            self._ask("")
        else:
            self.services.action_go("find")
