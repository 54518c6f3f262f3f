"""Find and triage: look somebody up, or see who and what is worst."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container
from textual.widgets import Input

from tui import keys
from tui.rendering.text import content, number, say
from tui.rendering.wording import TONES, day, several, severity
from tui.screens.base import WorkScreen
from tui.widgets.letter import Field
from tui.widgets.table import Table
from tui.widgets.table_data import Column, Rows
from tui.widgets.text import Heading, KeyLine, Peek

if TYPE_CHECKING:
    import polars as pl
    from textual.app import ComposeResult
    from textual.events import Paste

    from audit.queries.complaints.answer import CaseOfLetter
    from tui.session import Pasted
    from tui.session.view_models import Opening, Triage

SEVERITY = Column("severity", "", width=6, show=severity, tones=TONES)
CUSTOMERS = (
    SEVERITY,
    Column("customer", "customer", most=12),
    Column("headline", "what", flex=True),
    Column("messages", "mails", width=6, right=True, show=number),
    Column("last", "last", width=10, show=day),
)
CAMPAIGNS = (
    SEVERITY,
    Column("name", "campaign", flex=True),
    Column("findings", "findings", width=8, right=True, show=number),
    Column("customers", "people", width=7, right=True, show=number),
    Column("messages", "mails", width=8, right=True, show=number),
    Column("clicked", "responses", width=9, right=True, show=number),
)


CHECKS = (
    SEVERITY,
    Column("check", "check", flex=True),
    Column("findings", "found", width=5, right=True, show=number),
    Column("customers", "people", width=6, right=True, show=number),
)


class FindScreen(WorkScreen):
    """A field, and below it the work list where the role may see one."""

    AREA = "find"
    BINDINGS = keys.bindings(AREA)

    def __init__(self) -> None:
        super().__init__()
        self._triage: Triage | None = None
        self._shows_campaigns = False
        self._check: str | None = None

    def compose(self) -> ComposeResult:
        yield Heading()
        yield Field(
            placeholder="e-mail, source id or pseudonym, then Enter; or paste the whole letter", id="field"
        )
        with Container(id="lists"):
            yield Table(id="people", empty="nobody: no finding in this data")
            yield Table(id="checks", empty="no finding")
        yield Peek(id="headline")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Heading).say("whysent", "", "opening the workspace …")
        self.query_one("#field").border_title = content("Find")
        self.query_one("#people").border_title = content("Customers, worst first")
        self.query_one("#checks").border_title = content("Findings by check")
        if self.services.agent:
            self.add_class("-agent")
        (self.query_one("#field") if self.services.agent else self.query_one("#people")).focus()
        if self.services.opening is not None:
            self.opened(self.services.opening)

    def opened(self, opening: Opening) -> None:
        """The workspace is open: say what it is, and fetch the list where the role may see one."""
        size = (
            f"{opening.name} · {several(opening.customers, 'customer')} · {several(opening.events, 'event')}"
        )
        right = " · ".join(
            part
            for part in (opening.ticket and f"ticket {opening.ticket}", opening.reason, opening.role)
            if part
        )
        self.query_one(Heading).say(f"whysent  {size}", right, opening.coverage)
        if not opening.customers:
            self.query_one("#people", Table).empty = "nobody is here yet; I: import a file"
        self.on_screen_resume()
        self._load_list()

    def outdated(self) -> None:
        self._load_list()

    def _load_list(self) -> None:
        opening = self.services.opening
        if opening is not None and opening.lists_people and not self.services.agent:
            self.query_one("#people", Table).loading = True
            self.ask("list", self.session.customers.triage, self.show_list)

    def relaid(self) -> None:
        if self._triage is not None and not self._shows_campaigns:
            self._show_people(self._check)

    def show_list(self, triage: Triage) -> None:
        self._triage = triage
        self._show_people()
        checks = self.query_one("#checks", Table)
        checks.border_title = content(f"Findings by check, of {several(triage.customers.height, 'customer')}")
        checks.show(Rows(triage.checks, CHECKS, "key"))

    def _show_people(self, check: str | None = None) -> None:
        """Everybody, or who has a finding of one check and severity."""
        assert self._triage is not None
        people, members = self._triage.customers, self._triage.members
        total = people.height
        if check is not None:
            having = members.filter(members["key"] == check)["customer"]
            people = people.filter(people["customer"].is_in(having.implode()))
        table = self.query_one("#people", Table)
        table.loading = False
        table.border_title = content(
            "Customers, worst first"
            if check is None
            else f"Customers with {check} · {keys.key_of('find.back')} all"
        )
        self._check = check
        self.refresh_bindings()
        columns = (
            CUSTOMERS if self.has_class("-large") else CUSTOMERS[:-1]
        )  # room for what differs in the headlines
        table.show(Rows(people, columns, "customer", total))

    @on(Table.Opened, "#checks")
    def narrow(self, message: Table.Opened) -> None:
        self._shows_campaigns = False
        self._show_people(message.key)
        self.query_one("#people").focus()

    @on(Table.Moved, "#people")
    def peek(self, message: Table.Moved) -> None:
        """The whole headline of the row, which the table may have had to cut, as every cell of another table."""
        if self._triage is None or self._shows_campaigns:
            return
        people = self._triage.customers
        index = people["customer"].index_of(message.key)
        headline = None if index is None else people["headline"][index]
        self.query_one(Peek).says = content(headline or self._triage.limits)

    def show_campaigns(self, campaigns: pl.DataFrame) -> None:
        self.query_one(Peek).says = content("")
        table = self.query_one("#people", Table)
        table.loading = False
        table.border_title = content("Campaigns, the worst flows first")
        table.show(Rows(campaigns, CAMPAIGNS, "campaign"))

    @on(Table.Opened, "#people")
    def open_row(self, message: Table.Opened) -> None:
        if self._shows_campaigns:
            from tui.screens.dialogs import AudienceScreen

            self.app.push_screen(AudienceScreen(message.key))
        else:
            self.services.open_customer(message.key)

    @on(Input.Submitted, "#field")
    def look_up(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text:
            event.input.clear()
            event.input.border_subtitle = content("looking …")
            self.ask("resolve", partial(self.session.customers.resolve, text), self.open_resolved)

    def open_resolved(self, customer: str) -> None:
        self.query_one("#field").border_subtitle = content("")
        self.services.open_customer(customer)

    def on_paste(self, event: Paste) -> None:
        """What is pasted beside the field belongs into it."""
        field = self.query_one(Field)
        if not field.has_focus and not field.take(event.text.strip()):
            field.focus()
            field.insert_text_at_cursor(event.text.strip())

    @on(Field.Letter)
    def take_letter(self, message: Field.Letter) -> None:
        self.read_letter(message.pasted)

    def read_letter(self, pasted: Pasted, customer: str | None = None) -> None:
        """Look up whose letter it is and what it is about; `customer` says whose."""
        self.query_one("#field").border_subtitle = content("reading the letter …")
        question = partial(self.session.customers.read_letter, pasted, customer)
        self.ask("resolve", question, partial(self.open_letter, pasted))

    def open_letter(self, pasted: Pasted, letter: CaseOfLetter) -> None:
        """Open the customer at what the letter is about; ask, where several fit; say what was looked for, where nobody does."""
        from tui.rendering import complaint
        from tui.screens.dialogs import Choice, TextDialog

        self.query_one("#field").border_subtitle = content("")
        if letter.customer is not None:
            self.services.open_customer(letter.customer, letter)
        elif letter.complaint.fitting:
            titles = {fit.customer: complaint.choice(fit) for fit in letter.complaint.fitting}

            def go_on(customer: str | None) -> None:
                if customer is not None:
                    self.read_letter(pasted, customer)

            self.app.push_screen(Choice("Whose letter is it? Several fit", titles), go_on)
        else:
            self.app.push_screen(
                TextDialog("Whose letter is it?", "\n\n".join(complaint.nobody(letter.complaint)))
            )

    def failed(self, group: str, reason: str) -> None:
        self.query_one("#people").loading = False
        self.query_one("#field").border_subtitle = content("")
        super().failed(group, reason)

    # -- what a person does ----------------------------------------------------------------------------------------

    def seek(self) -> None:
        """Put the cursor into the field, at once: what is typed next belongs there."""
        self.set_focus(self.query_one("#field"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Back leads from the field to the list, and to the whole list; an agent has none."""
        del parameters
        whole = self._check is None and self.focused is not None and self.focused.id == "people"
        return action != "back" or not (self.services.agent or whole)

    def action_back(self) -> None:
        people = self.query_one("#people")
        if people.has_focus and self._check is not None:
            self._show_people()
        people.focus()

    def action_last_cases(self) -> None:
        self.ask("recent", self.session.customers.recent, self.offer_last_cases)

    def offer_last_cases(self, customers: tuple[str, ...]) -> None:
        if not customers:
            say(self.app, "no case was opened here yet")
            return

        from tui.screens.dialogs import Choice

        def reopen(customer: str | None) -> None:
            if customer is not None:
                self.services.open_customer(customer)

        self.app.push_screen(
            Choice("The cases opened last", {customer: customer for customer in customers}), reopen
        )

    def list_campaigns(self) -> None:
        """Have campaigns in the list."""
        if not self._shows_campaigns:
            self.action_campaigns()

    def action_campaigns(self) -> None:
        if self._triage is None:
            return
        self._shows_campaigns = not self._shows_campaigns
        if self._shows_campaigns:
            self.query_one("#people").loading = True
            self.ask("list", self.session.customers.campaigns, self.show_campaigns)
        else:
            self._show_people()

    def action_copy(self) -> None:
        key = self.query_one("#people", Table).key
        if key is None:
            say(self.app, "nothing is selected", severity="warning")
        else:
            self.services.copy(
                f"the {'campaign' if self._shows_campaigns else 'pseudonym'} {key}", key, "copied.txt"
            )
