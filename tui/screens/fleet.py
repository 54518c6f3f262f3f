"""Fleet: how many messages people get in a week, and the campaigns, the worst first; Enter on one: who got it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container
from textual.events import DescendantFocus

from tui import keys
from tui.core_access import Progress, ProgressReporter
from tui.rendering import bars
from tui.rendering.text import content, number, say
from tui.rendering.wording import TONES, severity
from tui.screens.base import WorkScreen
from tui.widgets.panes import Panes, PaneTabs
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows
from tui.widgets.text import Heading, KeyLine, Peek

if TYPE_CHECKING:
    import polars as pl
    from textual.app import ComposeResult

    from audit.population.message_pressure import Pressure
    from tui.session.view_models import Opening

PANES = {"campaigns": "Campaigns", "pressure": "Mails a person a week"}
COUNTS = (("messages", "mails"), ("delivered", "delivered"), ("opened", "opened"), ("clicked", "responses"),
          ("bounced", "bounced"), ("complained", "complaints"))  # fmt: skip
"""Column → its heading; where there is no room for all, mails and responses stay."""

BESIDE = 94
"""Cells of the campaigns where the histogram stands beside them, as the style sheet has it."""

QUESTIONS = ("campaigns", "pressure")


def campaign_columns(width: int) -> tuple[Column, ...]:
    """What a campaign's row shows in so many cells."""
    counts = COUNTS if width >= 90 else (COUNTS[0], COUNTS[3])
    return (
        Column("severity", "", width=6, show=severity, tones=TONES),
        Column("campaign", "campaign", flex=True),
        Column("findings", "findings", width=8, right=True, show=number),
        Column("customers", "people", width=7, right=True, show=number),
        *(Column(name, label, width=max(8, len(label)), right=True, show=number) for name, label in counts),
    )


class FleetScreen(WorkScreen):
    """A histogram and a table, each made in a worker of its own."""

    AREA = "fleet"
    BINDINGS = keys.bindings(AREA)
    CSS_PATH = "fleet.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._pressure: Pressure | None = None
        self._campaigns: pl.DataFrame | None = None

    def compose(self) -> ComposeResult:
        yield Heading()
        with Panes(*PANES):
            yield PaneTabs(*PANES, id="tabs")
            with Container(id="fleet-body"):
                yield Table(id="campaigns", empty="no campaign in this data")
                yield Table(id="pressure", empty="nobody got a message")
        yield Peek()
        yield KeyLine()

    def on_mount(self) -> None:
        if self.services.opening is not None:
            self.opened(self.services.opening)
        self.query_one(Panes).label(PANES)
        self.show_pane("campaigns")
        self._ask()

    def opened(self, opening: Opening) -> None:
        self.query_one(Heading).say("whysent  fleet", opening.role, opening.coverage)

    def outdated(self) -> None:
        self._ask()

    def _ask(self) -> None:
        for table in self.query(Table):
            table.loading = True
        customers, progress = self.session.customers, ProgressReporter(self)
        self.ask("campaigns", customers.campaigns, self.show_campaigns)
        self.ask("pressure", partial(customers.pressure, progress), self.show_pressure)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.asking("pressure"):
            self.query_one(Peek).says = content(
                f"counting weeks {message.percent} · {keys.key_of('fleet.back')} stops", "dim"
            )

    def failed(self, group: str, reason: str) -> None:
        self.query_one(f"#{group}").loading = False
        super().failed(group, reason)

    def show_campaigns(self, campaigns: pl.DataFrame) -> None:
        self._campaigns = campaigns
        self.query_one("#campaigns").loading = False
        self._show_rows()

    def show_pressure(self, pressure: Pressure) -> None:
        self._pressure = pressure
        self.query_one("#pressure").loading = False
        self.query_one(Peek).says = content("")
        self._show_rows()

    def relaid(self) -> None:
        self._show_rows()

    def _show_rows(self) -> None:
        """Both tables, in the columns that there is room for, also where one is covered or behind the other."""
        beside = BESIDE if self.has_class("-large") else 0
        width = self.size.width
        if self._campaigns is not None:
            table = self.query_one("#campaigns", Table)
            rows = Rows(self._campaigns, campaign_columns(beside or width), "campaign")
            table.show(rows, keep=table.key)
        if self._pressure is not None:
            table = self.query_one("#pressure", Table)
            columns = bars.pressure_columns(self._pressure, width - beside - 4)
            table.show(Rows(bars.pressure_frame(self._pressure), columns, "key"), keep=table.key)

    @on(Table.Moved)
    @on(DescendantFocus)
    def tell(self) -> None:
        """The row under the cursor in a sentence."""
        table = self.focused
        if not isinstance(table, Table) or table.key is None:
            return
        text = ""
        if table.id == "pressure" and self._pressure is not None:
            text = bars.bar_in_words(self._pressure, int(table.key))
        elif self._campaigns is not None:
            at = self._campaigns["campaign"].index_of(table.key)
            text = "" if at is None else bars.campaign_in_words(self._campaigns.row(at, named=True))
        self.query_one(Peek).says = content(text)

    @on(Table.Opened, "#campaigns")
    def open_campaign(self, message: Table.Opened) -> None:
        from tui.screens.dialogs import AudienceScreen

        self.app.push_screen(AudienceScreen(message.key))

    def action_copy(self) -> None:
        if self._pressure is None:
            say(self.app, "still counting", severity="warning")
        else:
            text = "\n".join(bars.pressure_lines(self._pressure))
            self.services.copy("the mails a person a week", f"{text}\n", "pressure.txt")

    def action_back(self) -> None:
        running = [question for question in QUESTIONS if self.asking(question)]
        for question in running:
            self.stop_asking(question)
            self.query_one(f"#{question}").loading = False
        if running:
            self.query_one(Peek).says = content(keys.hint("stopped; {app.go-to-fleet} counts anew"), "dim")
        else:
            self.services.action_go("find")
