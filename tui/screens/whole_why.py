"""Why, over the whole screen: the tree, its evidence in the timeline, what would have had to be different, the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Container, VerticalScroll
from textual.message import Message
from textual.widgets import Footer, OptionList, Static

from tui import keys
from tui.rendering import what_if_diff
from tui.rendering.explanation import Sentence, title
from tui.rendering.full_explanation import (
    about_event,
    different,
    reasons,
    subject_of,
)
from tui.rendering.text import content, say
from tui.screens.customer_panes import columns
from tui.screens.what_if import LeavingScreen
from tui.session.view_models import (
    Document,
    Picture,
    Subject,
    Written,
)
from tui.widgets.heading import Heading
from tui.widgets.pane_tabs import PaneTabs
from tui.widgets.table import Table
from tui.widgets.table_data import Rows
from tui.widgets.what_if_banner import Outcome
from tui.widgets.why import Why

if TYPE_CHECKING:
    from textual.app import ComposeResult

NAMES = ("Why", "Timeline", "What if", "Words")
LOCALES = ("en", "de")


class WhyScreen(LeavingScreen):
    """One decision of one customer. `without` says what is left out when it is closed."""

    PLACE = "why"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "whole_why.tcss"
    PANES: ClassVar[tuple[str, ...]] = ("tree", "history", "different", "words")

    @dataclass
    class Explained(Message):
        """The explanation of the whole history came back."""

        subject: Subject
        document: Document

    @dataclass
    class Worded(Message):
        """The words for the customer came back."""

        subject: Subject
        written: Written

    def __init__(self, subject: Subject, before: Picture, without: tuple[str, ...] = ()) -> None:
        super().__init__(subject, before, without)
        self._written: Written | None = None
        self._locale = 0
        self._way: list[Subject] = []

    def compose(self) -> ComposeResult:
        yield Heading()
        yield Outcome()
        yield PaneTabs(id="tabs")
        with Container(id="why-body"):
            yield Why(id="tree")
            yield Table(id="history", empty="no event")
            yield Why(id="different")
            with VerticalScroll(id="words"):
                yield Static(content("reading …"), id="said", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#tabs", PaneTabs).panes = tuple(zip(self.PANES, NAMES, strict=True))
        for pane, name in zip(self.PANES, NAMES, strict=True):
            self.query_one(f"#{pane}").border_title = content(name)
        self.show_pane("tree")
        self.open_subject(self.subject)
        if self.without:
            self._leave_out(self.without)

    def relaid(self, layout: str) -> None:
        """The timeline's columns depend on the width."""
        if layout:
            table = self.query_one("#history", Table)
            frame = self._before.timeline
            table.show(Rows(frame, columns(self.size.width), "key", total=frame.height), keep=table.key)
            self._mark()

    # -- what is explained -----------------------------------------------------------------------------------------

    def open_subject(self, subject: Subject) -> None:
        """Explain another decision of the same customer."""
        self.subject, self._document, self._written = subject, None, None
        self._after, self._answered = None, ()
        self._show_outcome()
        customer, session = self._before.customer, self.whysent.session
        picture = self._before
        left = f"{len(self.without)} left out" if self.without else ""
        self.query_one(Heading).say(f"Why · {customer}", left, picture.coverage)
        if subject.kind == "event":
            self.post_message(self.Explained(subject, about_event(picture, subject.id)))
            return
        self.ask(
            "why",
            lambda: session.explain(customer, subject, ()),
            lambda found: self.Explained(subject, found),
        )

    @on(Explained)
    def show_explanation(self, message: Explained) -> None:
        if message.subject != self.subject:
            return
        document = self._document = message.document
        self._evidence = tuple(document.get("evidence") or ())
        with self.app.batch_update():
            self.query_one("#tree", Why).tell(title(document), reasons(document), document["standing"])
            self._show_different()
            self._mark()
            self._point()
        self._ask_words()
        if self.without:
            self._explain_again()

    def _show_different(self) -> None:
        document = self._document
        if document is None:
            return
        found = self._changes()
        head = content("What would have had to be different", "bold")
        act = Sentence(content("x leaves it out of the history, and shows what falls away"))
        tree = (act,) if self.subject.kind == "event" else different(document, self._names)
        changed = what_if_diff.as_tree(found) if found is not None else ()
        self.query_one("#different", Why).tell(head, (*tree, *changed), "", keep=True)

    def _ask_words(self) -> None:
        document, subject, session, picture = (
            self._document,
            self.subject,
            self.whysent.session,
            self._before,
        )
        locale = LOCALES[self._locale]
        if document is None or subject.kind == "event":
            words = Written("Words", "", "What the customer did is no decision: nothing to explain.")
            self.call_after_refresh(self.post_message, self.Worded(subject, words))
            return
        self.ask(
            "words",
            lambda: session.words(picture, document, locale),
            lambda written: self.Worded(subject, written),
        )

    @on(Worded)
    def show_words(self, message: Worded) -> None:
        if message.subject != self.subject:
            return
        self._written = message.written
        self.query_one("#said", Static).update(content(message.written.text or message.written.refusal))
        self.query_one("#words").border_title = content(f"Words · {LOCALES[self._locale]}")

    # -- evidence --------------------------------------------------------------------------------------------------

    @on(Why.Pointed)
    def point_at_evidence(self, message: Why.Pointed) -> None:
        document = self._document or {}
        self._evidence = message.events or tuple(document.get("evidence") or ())
        self._mark()
        self._point()

    def _point(self) -> None:
        if self._evidence:
            key = self._row.get(self._evidence[0], self._evidence[0])
            self.query_one("#history", Table).point_at(key)

    @on(OptionList.OptionSelected)
    def go_to_event(self, event: OptionList.OptionSelected) -> None:
        """Enter on a sentence goes to its newest event in the timeline."""
        event.stop()
        table = self.query_one("#history", Table)
        if self._evidence and table.go_to(self._row.get(self._evidence[0], self._evidence[0])):
            self.show_pane("history")

    @on(Table.Opened, "#history")
    def open_row(self, message: Table.Opened) -> None:
        self._way.append(self.subject)
        self.show_pane("tree")
        self.open_subject(subject_of(self._before.timeline, message.key))

    # -- what a person does ----------------------------------------------------------------------------------------

    def action_language(self) -> None:
        self._locale = (self._locale + 1) % len(LOCALES)
        self._ask_words()

    def action_copy(self) -> None:
        written = self._written
        if written is None or not written.text:
            say(self.app, written.refusal if written else "still reading", severity="warning")
            return
        name = f"words-{LOCALES[self._locale]}-{self._before.customer}.txt"
        self.whysent.copy("the words for the customer", f"{written.text}\n", name)

    def action_back(self) -> None:
        """To the pane that is first, to what was explained before, then to the customer."""
        if self.pane != "tree":
            self.show_pane("tree")
        elif self._way:
            self.open_subject(self._way.pop())
        else:
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
