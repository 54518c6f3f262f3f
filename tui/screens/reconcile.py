"""Log and definitions held together: how far they agree, and the disagreements as a list to work through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.containers import Container
from textual.message import Message
from textual.widgets import Footer

from tui import keys
from tui.rendering.text import (
    content,
    joined,
    number,
    share,
)
from tui.rendering.wording import SIDES, day
from tui.screens.find import Peek
from tui.screens.panes import PaneScreen
from tui.widgets.heading import Heading
from tui.widgets.pane_tabs import PaneTabs
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.session.view_models import Agreement

NAMES = ("Agreement", "Disagreements")
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


class ReconcileScreen(PaneScreen):
    """Everybody's segments and strips; `seen` are the rows that were looked at in this sitting."""

    PLACE = "reconcile"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "reconciling.tcss"
    PANES: ClassVar[tuple[str, ...]] = ("agreed", "apart")

    @dataclass
    class Reconciled(Message):
        """What was held together came back; `only` is the key of the one asked for, empty for all."""

        only: str
        agreement: Agreement

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self._agreement: Agreement | None = None
        self._only = ""

    def compose(self) -> ComposeResult:
        yield Heading()
        yield PaneTabs(id="tabs")
        with Container(id="reconcile-body"):
            yield Table(id="agreed", empty="neither side has any")
            yield Table(id="apart", empty="they agree: no disagreement")
        yield Peek()
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Heading).say("Log and our definitions", "", "holding them together …")
        for pane, name in zip(self.PANES, NAMES, strict=True):
            self.query_one(f"#{pane}").border_title = content(name)
        self.query_one("#tabs", PaneTabs).panes = tuple(zip(self.PANES, NAMES, strict=True))
        self.show_pane("apart")
        self._ask("")

    def _ask(self, only: str) -> None:
        session = self.whysent.session
        self.ask("reconcile", lambda: session.reconcile(only), lambda found: self.Reconciled(only, found))

    def failed(self, group: str, reason: str) -> None:
        if self._agreement is None:
            self.query_one(Heading).say("Log and our definitions", "", reason)
        super().failed(group, reason)

    @on(Reconciled)
    def show_agreement(self, message: Reconciled) -> None:
        found = message.agreement
        first = self._agreement is None
        self._agreement, self._only = found, message.only
        if first or not message.only:
            self.query_one("#agreed", Table).show(Rows(found.agreed, AGREED, "key"))
        table = self.query_one("#apart", Table)
        table.show(Rows(found.apart, APART, "key", total=found.disagreements))
        which = f" · {found.apart['where'][0]} only" if message.only and found.apart.height else ""
        table.border_title = content(f"{NAMES[1]}{which}")
        self._mark()

    def _mark(self) -> None:
        self.query_one("#apart", Table).mark(dict.fromkeys(self.seen, "seen"))
        found, opening = self._agreement, self.whysent.opening
        if found is not None:
            here = len(self.seen & set(found.apart["key"]))
            looked = f"{number(here)} of {number(found.disagreements)} looked at"
            self.query_one(Heading).say(
                "Log and our definitions", looked, "" if opening is None else opening.coverage
            )

    # -- moving through them -----------------------------------------------------------------------------------------

    @on(Table.Moved)
    def say_in_full(self, message: Table.Moved) -> None:
        row = self._row(message.key) if message.table.id == "apart" else None
        said = (
            "" if row is None else joined((f"{row['where']} · {SIDES[row['side']]}: ", "bold"), row["text"])
        )
        self.query_one(Peek).says = content("") if isinstance(said, str) else said

    @on(Table.Opened, "#agreed")
    def only_this(self, message: Table.Opened) -> None:
        self._ask(message.key)
        self.show_pane("apart")

    @on(Table.Opened, "#apart")
    def open_customer(self, message: Table.Opened) -> None:
        row = self._row(message.key)
        if row is not None:
            self.seen.add(message.key)
            self._mark()
            self.whysent.open_customer(row["customer"])

    def _row(self, key: str) -> dict[str, Any] | None:
        frame = None if self._agreement is None else self._agreement.apart
        at = None if frame is None else frame["key"].index_of(key)
        return frame.row(at, named=True) if frame is not None and at is not None else None

    def action_looked(self) -> None:
        """Mark the row, or take the mark back, and go on to the next."""
        table = self.query_one("#apart", Table)
        if table.key is not None:
            self.seen ^= {table.key}
            self._mark()
            table.action_down()

    def action_copy(self) -> None:
        row = self._row(self.query_one("#apart", Table).key or "")
        if row is not None:
            said = f"{row['customer']} · {row['where']} · {SIDES[row['side']]}: {row['text']}\n"
            self.whysent.copy("the disagreement, masked", said, "disagreement.txt")

    def action_back(self) -> None:
        if self._only:
            self._ask("")
        else:
            self.whysent.action_go("find")
