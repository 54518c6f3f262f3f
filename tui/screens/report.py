"""The report: an internal note, or a reply to the customer, in English or German."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import on
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from audit.errors import WhysentError
from tui import keys
from tui.rendering.markdown import readable
from tui.rendering.text import content, say
from tui.session.view_models import Written

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.app import WhysentApp

KINDS = ("internal", "reply")
LOCALES = ("en", "de")


class ReportDialog(ModalScreen[None]):
    """Shows one kind in one language; `k` and `l` change them."""

    PLACE = "report"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    @dataclass
    class Ready(Message):
        """A text came back; `path` if it was written to a file."""

        written: Written

    @dataclass
    class Kept(Message):
        """The text was written to a file."""

        path: str

    def __init__(self, customer: str) -> None:
        super().__init__()
        self._customer = customer
        self._kind = 0
        self._locale = 0
        self._written: Written | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog"):
            yield Static(content("writing …"), id="report", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._ask()

    def _ask(self) -> None:
        app = cast("WhysentApp", self.app)
        kind, locale, session, customer = (
            KINDS[self._kind],
            LOCALES[self._locale],
            app.session,
            self._customer,
        )

        def work() -> None:
            try:
                written = session.report(customer, kind, locale)
            except WhysentError as error:
                written = Written(f"{kind} · {locale}", "", str(error))
            self.post_message(self.Ready(written))

        self.run_worker(work, thread=True, exclusive=True, group="report")

    @on(Ready)
    def show(self, message: Ready) -> None:
        self._written = message.written
        box = self.query_one(VerticalScroll)
        box.border_title = content(message.written.title)
        self.query_one("#report", Static).update(readable(message.written.text or message.written.refusal))
        box.scroll_home(animate=False)

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(KINDS)
        self._ask()

    def action_locale(self) -> None:
        self._locale = (self._locale + 1) % len(LOCALES)
        self._ask()

    def _file(self) -> str:
        return f"{KINDS[self._kind]}-{LOCALES[self._locale]}-{self._customer}.md"

    def action_copy(self) -> None:
        if self._written is not None and self._written.text:
            cast("WhysentApp", self.app).copy(self._written.title, self._written.text, self._file())

    def action_export(self) -> None:
        if self._written is None or not self._written.text:
            return
        session, text, name = cast("WhysentApp", self.app).session, self._written.text, self._file()

        def work() -> None:
            self.post_message(self.Kept(session.keep(name, text)))

        self.run_worker(work, thread=True, exclusive=True, group="export")

    @on(Kept)
    def say_kept(self, message: Kept) -> None:
        say(self.app, f"written to {message.path}")

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)
