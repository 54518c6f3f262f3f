"""What stands in the Why pane: the explanation of what is selected, and its evidence marked in the timeline."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message
from textual.widgets import OptionList

from tui.rendering import diff
from tui.rendering.explanation import Sentence
from tui.rendering.explanation import sentences as explained
from tui.rendering.explanation import title as explained_title
from tui.rendering.text import (
    content,
    joined,
    plain,
    say,
)
from tui.rendering.wording import moment
from tui.screens.customer_panes import finding_sentences
from tui.screens.panes import PaneScreen
from tui.session.view_models import Document, Picture, Subject
from tui.widgets.items import Items
from tui.widgets.table import Table
from tui.widgets.why import Why

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.content import Content


class ExplainingScreen(PaneScreen):
    """A customer's picture with all events (`before`) and without those left out (`now`), explained."""

    @dataclass
    class Explained(Message):
        """An explanation came back."""

        subject: Subject
        document: Document

    def __init__(self) -> None:
        super().__init__()
        self.customer: str | None = None
        self.before: Picture | None = None
        self.now: Picture | None = None
        self._row: dict[str, str] = {}
        self._evidence: tuple[str, ...] = ()
        self._given = diff.Given()
        self._subject: Subject | None = None

    @on(Table.Moved, "#timeline")
    def explain_row(self, message: Table.Moved) -> None:
        self._explain_key(message.key)

    def _explain_again(self) -> None:
        key = self.query_one("#timeline", Table).key
        if key is not None:
            self._explain_key(key)

    def _explain_key(self, key: str) -> None:
        frame = self.before.timeline if self.before else None
        at = frame["key"].index_of(key) if frame is not None else None
        if frame is None or at is None:
            return
        row = frame.row(at, named=True)
        if row["message"] is not None and key not in (self.now.without if self.now else ()):
            self._ask_why(Subject("message", row["message"]))
        else:
            self._show_event(row)

    def _ask_why(self, subject: Subject) -> None:
        assert self.customer is not None
        self._subject = subject
        customer, session = self.customer, self.whysent.session
        without = self.now.without if self.now else ()
        self.ask(
            "why",
            lambda: session.explain(customer, subject, without),
            lambda found: self.Explained(subject, found),
        )

    @on(Explained)
    def show_why(self, message: Explained) -> None:
        document = message.document
        key = self.query_one("#timeline", Table).key if message.subject.kind == "message" else None
        self._tell_why(
            joined(explained_title(document), self._said_of(key)),
            explained(document),
            tuple(document.get("evidence") or ()),
            document["standing"],
        )

    def _show_event(self, row: Document) -> None:
        assert self.now is not None
        self._subject = Subject("event", row["key"])
        out = row["key"] in self.now.without
        rests = diff.rests_on(self.now, frozenset(row["events"]))
        says_what = "left out of the history; x puts it back" if out else "x leaves it out of the history"
        tree = [Sentence(content(text)) for text in rests] or [Sentence(content("no decision rests on it"))]
        head = joined(
            (f"{row['sign']} {plain(row['what'])}", "bold"),
            (f" · {moment(row['at'])}", "dim"),
            f"\n{says_what}",
        )
        self._tell_why(head, (Sentence(content("what rests on it"), (), tuple(tree)),), (), "")

    def _tell_why(
        self, head: Content, tree: Iterable[Sentence], evidence: tuple[str, ...], standing: str
    ) -> None:
        self._evidence = evidence
        self.query_one("#why", Why).tell(head, tuple(tree), standing)
        self._mark()

    def _mark(self) -> None:
        if self.now is not None:
            marks = diff.marks(self.now.without, self._given, self._evidence, self._row)
            self.query_one("#timeline", Table).mark(marks | self._other_marks())

    def _said_of(self, key: str | None) -> Content:
        """What else there is to say of a row, on lines of its own."""
        del key
        return content("")

    def _other_marks(self) -> dict[str, str]:
        """Marks of rows beside those of the explanation."""
        return {}

    @on(Why.Pointed)
    def point_at_evidence(self, message: Why.Pointed) -> None:
        if message.events:
            self._evidence = message.events
            self._mark()
            self.query_one("#timeline", Table).point_at(self._row.get(message.events[0], message.events[0]))

    @on(OptionList.OptionHighlighted, "#segments, #recommendations, #findings")
    def explain_entry(self, event: OptionList.OptionHighlighted) -> None:
        pane = event.option_list
        if not isinstance(pane, Items) or not pane.has_focus or self.now is None:
            return
        chosen = pane.id_at(event.option_index)
        if pane.id == "findings":
            self._subject = Subject("finding", chosen)
            self._show_finding(chosen)
        else:
            subject = (
                Subject("segment", chosen)
                if pane.id == "segments"
                else Subject("item", chosen.split(diff.BETWEEN)[0])
            )
            self._ask_why(subject)

    def _show_finding(self, chosen: str) -> None:
        assert self.now is not None
        found = next((finding for finding in self.now.findings if finding.id == chosen), None)
        if found is not None:
            head, tree = finding_sentences(found)
            self._tell_why(head, tree, found.messages + found.cause, found.verdict)

    # -- over the whole screen ---------------------------------------------------------------------------------------

    def action_whole_why(self) -> None:
        """What the pane explains, with all there is to say of it."""
        subject, before = self._subject, self.before
        if subject is None or before is None or self.now is None:
            return
        if subject.kind == "finding" and subject.id not in {finding.id for finding in before.findings}:
            say(self.app, "all there is to say of this stands here", severity="warning")
            return
        from tui.screens.whole_why import WhyScreen

        screen = WhyScreen(subject, before, self.now.without)
        self.app.push_screen(screen, lambda _: self._back_from(screen.without))

    def _back_from(self, without: tuple[str, ...]) -> None:
        if self.now is not None and without != self.now.without:
            self._ask_picture(without)

    @on(Table.Opened, "#timeline")
    @on(OptionList.OptionSelected)
    def open_whole_why(self) -> None:
        self.action_whole_why()

    @abstractmethod
    def _ask_picture(self, without: tuple[str, ...]) -> None:
        """Ask for the customer without these events."""
