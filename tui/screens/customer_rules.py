"""Rules on one customer's screen: tried on the timeline, suggested for a finding, proposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from tui.screens.explaining import ExplainingScreen
from tui.text import joined, number, say
from tui.widgets.verdict import VerdictBlock

if TYPE_CHECKING:
    from textual.content import Content

    from tui.snapshots import Tried


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

    def _show_timeline(self) -> None:
        """Put the rows into the timeline."""
        raise NotImplementedError

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
