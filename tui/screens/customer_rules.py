"""Rules on one customer's screen: tried on the timeline, suggested for a finding, proposed."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from tui.rendering.text import (
    joined,
    number,
    plain,
    say,
)
from tui.rendering.verdict_text import worst_finding
from tui.rendering.wording import day
from tui.screens.why_pane import ExplainingScreen
from tui.session.view_models import CaseOf
from tui.widgets.items import Items
from tui.widgets.table import Table
from tui.widgets.verdict import VerdictBlock

if TYPE_CHECKING:
    from textual.content import Content

    from audit.queries.findings_documents import Finding
    from tui.session.view_models import Tried


class RulingScreen(ExplainingScreen):
    """Knows which rules are being tried on the messages shown."""

    @dataclass
    class WereTried(Message):
        """What rules do to the messages came back."""

        tried: Tried

    def __init__(self) -> None:
        super().__init__()
        self.trying = False
        self.tried: Tried | None = None

    def action_try_rules(self) -> None:
        if self.now is None:
            return
        self.trying = not self.trying
        if self.trying:
            self._try_rules()
        else:
            self._show_tried(None)

    def _try_rules(self) -> None:
        """Ask again what the rules do: to other messages, or for the first time."""
        assert self.now is not None
        session, customer, without = self.whysent.session, self.now.customer, self.now.without
        verdict = self.query_one(VerdictBlock).verdict
        rule = verdict.rule if verdict is not None else None
        self.ask("try", lambda: session.tried(customer, without, rule), self.WereTried)

    @on(WereTried)
    def show_tried(self, message: WereTried) -> None:
        tried, now = message.tried, self.now
        if self.trying and now is not None and (tried.customer, tried.without) == (now.customer, now.without):
            self._show_tried(tried)
            say(self.app, tried_in_words(tried))

    def _show_tried(self, tried: Tried | None) -> None:
        self.tried = tried
        self._show_timeline()
        self._explain_again()
        self._mark()

    @abstractmethod
    def _show_timeline(self) -> None:
        """Put the rows into the timeline."""

    def _said_of(self, key: str | None) -> Content:
        if self.tried is None or key is None:
            return super()._said_of(key)
        said = self.tried.stopped.get(key) or self.tried.deferred.get(key)
        return joined("\n", (f"{self.tried.named}: {said or 'it goes out'}", "bold"))

    def _other_marks(self) -> dict[str, str]:
        if self.tried is None:
            return {}
        out = set(self.now.without if self.now else ())
        marks = dict.fromkeys(self.tried.stopped, "stopped") | dict.fromkeys(self.tried.deferred, "deferred")
        return {key: mark for key, mark in marks.items() if key not in out}

    # -- asking for a rule -----------------------------------------------------------------------------------------

    def action_suggest(self) -> None:
        """The rule for the finding under the cursor; elsewhere for the worst one."""
        chosen = self._chosen_finding()
        if self.now is None or chosen is None or chosen.suggested_rule is None:
            say(self.app, "no rule is suggested for this", severity="warning")
            return
        from tui.screens.suggestion import SuggestionDialog

        verdict = self.query_one(VerdictBlock).verdict
        worst = worst_finding(self.now.document)
        remedy = verdict.remedy if verdict is not None and chosen is worst else chosen.text
        case = CaseOf(self.now.customer, chosen.id)
        title = "The rule that would have stopped it"
        self.app.push_screen(SuggestionDialog(chosen.suggested_rule, case, title=title, remedy=remedy))

    def _chosen_finding(self) -> Finding | None:
        if self.now is None:
            return None
        findings = self.query_one("#findings", Items)
        if findings.has_focus:
            return next((found for found in self.now.findings if found.id == findings.chosen), None)
        return worst_finding(self.now.document)

    def action_exclude(self) -> None:
        """A rule that leaves the event under the cursor out for good."""
        at = self._place(self.query_one("#timeline", Table).key)
        if self.now is None or self.before is None or at is None:
            return
        from tui.screens.suggestion import SuggestionDialog

        row = self.before.timeline.row(at, named=True)
        rule = {
            "id": f"leave-out-{row['key']}",
            "kind": "exclude_event",
            "title": f"Nothing rests on this alone: {plain(row['what'])}, {day(row['at'])}",
            "customers": [self.now.customer],
            "events": list(row["events"]),
        }
        remedy = "It stops what nothing but this event brought about."
        case = CaseOf(self.now.customer)
        self.app.push_screen(
            SuggestionDialog(rule, case, title="Leave this event out for good", remedy=remedy)
        )

    def _place(self, key: str | None) -> int | None:
        """The row of the timeline that has a key."""
        return None if key is None or self.before is None else self.before.timeline["key"].index_of(key)

    def failed(self, group: str, reason: str) -> None:
        if group == "try":
            self.trying = False
        super().failed(group, reason)


def tried_in_words(tried: Tried) -> str:
    """What the rules do, in one sentence."""
    return (
        f"{tried.named}: {number(len(tried.stopped))} of {number(tried.messages)} mails stopped, "
        f"{number(len(tried.deferred))} deferred"
    )
