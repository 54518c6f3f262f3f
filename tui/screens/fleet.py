"""Fleet: how many messages people get in a week, and the campaigns, the worst first; Enter on one: who got it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.containers import Container
from textual.content import Content
from textual.events import DescendantFocus

from tui import keys
from tui.core_access import Progress, ProgressReporter
from tui.rendering import bars
from tui.rendering.text import content, joined, say
from tui.screens.base import WorkScreen
from tui.screens.dialogs import AudienceScreen, TextDialog
from tui.widgets.panes import Panes, PaneTabs
from tui.widgets.table import Table
from tui.widgets.table_data import Rows
from tui.widgets.text import Heading, KeyLine, Peek

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl
    from textual.app import ComposeResult

    from audit.population.message_pressure import Pressure
    from tui.session.view_models import Opening

PANES = {"campaigns": "Campaigns", "pressure": "Mails a person a week"}

BESIDE = 104
"""Cells of the campaigns where the histogram stands beside them, as the style sheet has it."""

QUESTIONS = ("campaigns", "pressure")


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
                yield Table(id="campaigns", empty="no message in this data, so no campaign")
                yield Table(id="pressure", empty="no message in the year before")
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
        self.ask(
            "campaigns", lambda: customers.campaigns(self.showing(self.show_counts)), self.show_campaigns
        )
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

    def show_counts(self, campaigns: pl.DataFrame) -> None:
        """The campaigns before the findings of everybody are there; what is shown already stays."""
        if self._campaigns is None:
            self.show_campaigns(campaigns)
            stop = f"{keys.key_of('fleet.back')} stops"
            title = f"{PANES['campaigns']} · looking for findings, which come first … {stop}"
            self.query_one("#campaigns").border_title = content(title)

    def show_campaigns(self, campaigns: pl.DataFrame) -> None:
        self._campaigns = campaigns
        self.query_one("#campaigns").border_title = content(PANES["campaigns"])
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
            columns = bars.campaign_columns(self._campaigns, (beside or width) - 4)
            table.show(Rows(self._campaigns, columns, "campaign"), keep=table.key if table.cursor else None)
        if self._pressure is not None:
            table = self.query_one("#pressure", Table)
            columns = bars.pressure_columns(self._pressure, width - beside - 4)
            table.show(Rows(bars.pressure_frame(self._pressure), columns, "key"), keep=table.key)

    @on(Table.Moved)
    @on(DescendantFocus)
    def tell(self) -> None:
        """The row under the cursor in a sentence."""
        bar, campaign = self._row()
        if bar is not None and self._pressure is not None:
            self.query_one(Peek).says = content(bars.bar_in_words(self._pressure, bar))
        elif campaign is not None:
            self.query_one(Peek).says = content(
                f"{bars.campaign_in_words(campaign)} · {keys.key_of('table.open')}: who got it"
            )

    def _row(self) -> tuple[int | None, Mapping[str, Any] | None]:
        """The bar or the campaign under the cursor."""
        table = self.focused
        if not isinstance(table, Table) or table.key is None:
            return None, None
        if table.id == "pressure":
            return int(table.key), None
        at = None if self._campaigns is None else self._campaigns["campaign"].index_of(table.key)
        return None, None if at is None or self._campaigns is None else self._campaigns.row(at, named=True)

    def action_figures(self) -> None:
        """What each figure of the row counts."""
        bar, campaign = self._row()
        if campaign is not None:
            self._explain(bars.campaign_name(campaign), bars.campaign_figures(campaign))
        elif bar is not None and self._pressure is not None:
            self._explain(PANES["pressure"], bars.bar_figures(self._pressure, bar))

    def _explain(self, title: str, figures: Iterable[tuple[str, str]]) -> None:
        lines = (joined((figure, "bold"), (f"\n  {meaning}", "")) for figure, meaning in figures)
        self.app.push_screen(TextDialog(f"{title}: what the figures count", Content("\n").join(lines)))

    @on(Table.Opened, "#campaigns")
    def open_campaign(self, message: Table.Opened) -> None:
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
