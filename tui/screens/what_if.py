"""A decision and what becomes of it, and of everything else, when events are left out of the history."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from audit.errors import NotFoundError
from tui.rendering import diff, what_if_diff
from tui.rendering.full_explanation import named
from tui.rendering.text import say
from tui.screens.panes import PaneScreen
from tui.widgets.table import Table
from tui.widgets.what_if_banner import Outcome
from tui.widgets.why import Why

if TYPE_CHECKING:
    from tui.session.view_models import Document, Picture, Subject


class LeavingScreen(PaneScreen):
    """Knows the customer with all events (`_before`) and without those left out (`_now`), and both explanations."""

    @dataclass
    class ExplainedAgain(Message):
        """The explanation without what is left out came back; None where the decision is gone."""

        subject: Subject
        without: tuple[str, ...]
        document: Document | None

    @dataclass
    class Pictured(Message):
        """The customer without what is left out came back, in part or whole."""

        picture: Picture

    @dataclass
    class Regiven(Message):
        """Which messages our definitions give came back."""

        without: tuple[str, ...]
        given: diff.Given

    def __init__(self, subject: Subject, before: Picture, without: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.subject = subject
        self.without = without
        self._before = before
        self._now: Picture | None = None
        self._given = diff.Given()
        self._document: Document | None = None
        self._after: Document | None = None
        self._answered: tuple[str, ...] = ()
        self._evidence: tuple[str, ...] = ()
        self._row, self._names = named(before.timeline)

    def action_leave_out(self) -> None:
        events = self._under_cursor()
        if not events:
            say(self.app, "no event is behind this; move to one that has some", severity="warning")
            return
        back = set(events) <= set(self.without)
        rest = tuple(one for one in self.without if one not in events)
        self._leave_out(rest if back else (*rest, *events))

    def action_put_back(self) -> None:
        if self.without:
            self._leave_out(())

    def _under_cursor(self) -> tuple[str, ...]:
        if self.pane == "history":
            key = self.query_one("#history", Table).key
            frame = self._before.timeline
            at = frame["key"].index_of(key) if key is not None else None
            return tuple(frame["events"][at]) if at is not None else ()
        return self.query_one(f"#{self.pane}", Why).events if self.pane in {"tree", "different"} else ()

    def _leave_out(self, without: tuple[str, ...]) -> None:
        """Show at once what is left out; what follows from that comes as it is known."""
        self.without = without
        self._now, self._after, self._answered, self._given = None, None, (), diff.Given()
        self._mark()
        self._show_outcome()
        if not without:
            self._show_different()
            return
        customer, session = self._before.customer, self.whysent.session
        self._explain_again()
        self.ask("picture", lambda: session.picture(customer, without), self.Pictured)
        if not self._before.whole:
            self.ask("all", lambda: session.picture(customer, ()), self.Pictured)
        self.ask(
            "given",
            lambda: diff.Given(session.derived(customer, ()), session.derived(customer, without)),
            lambda given: self.Regiven(without, given),
        )

    def _explain_again(self) -> None:
        customer, subject, without = self._before.customer, self.subject, self.without
        session = self.whysent.session

        def again() -> Document | None:
            try:
                return session.explain(customer, subject, without)
            except NotFoundError:
                return None

        if subject.kind != "event":
            self.ask("again", again, lambda found: self.ExplainedAgain(subject, without, found))

    @on(ExplainedAgain)
    def show_what_became(self, message: ExplainedAgain) -> None:
        if (message.subject, message.without) == (self.subject, self.without):
            self._after, self._answered = message.document, message.without
            self._show_outcome()

    @on(Pictured)
    def show_what_changed(self, message: Pictured) -> None:
        picture = message.picture
        if not picture.without:
            self._before = replace(self._before, document=picture.document, whole=picture.whole)
        if picture.without == self.without:
            self._now = picture
        self._show_different()
        self._show_outcome()

    @on(Regiven)
    def show_given(self, message: Regiven) -> None:
        if message.without == self.without:
            self._given = message.given
            self._mark()
            self._show_different()
            self._show_outcome()

    def _changes(self) -> what_if_diff.Changes | None:
        if self._now is None or self._now.without != self.without or not self.without:
            return None
        return what_if_diff.changes(self._before, self._now, self._given, self._names)

    def _show_outcome(self) -> None:
        outcome = self.query_one(Outcome)
        outcome.display = bool(self.without)
        if self.without:
            shown = list(dict.fromkeys(self._names.get(event, event) for event in self.without))
            now = self._now
            stands = () if now is None else what_if_diff.instead(self.subject, self._before, now)
            outcome.says = what_if_diff.in_lines(shown, self._became(), self._changes(), stands)

    def _became(self) -> str:
        if self.subject.kind == "event":
            events = set((self._document or {}).get("evidence") or ())
            return "it is left out" if events <= set(self.without) else "it stays"
        if self._document is None or self._answered != self.without:
            return "looking whether it still stands …"
        return what_if_diff.became(self.subject, self._document, self._after)

    def _mark(self) -> None:
        marks = diff.marks(self.without, self._given, self._evidence, self._row)
        self.query_one("#history", Table).mark(marks)
        out = frozenset(self.without)
        for pane in ("tree", "different"):
            self.query_one(f"#{pane}", Why).strike(out)

    @abstractmethod
    def _show_different(self) -> None:
        """Say what would have had to be different, and what is gone and new."""
