"""The rule that would have stopped a finding, with its replay on this customer and on everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from audit.errors import WhysentError
from tui import keys
from tui.figures import CAVEAT, totals
from tui.screens.dialogs import Question
from tui.snapshots import Change, Plan
from tui.text import content, joined, listed, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from tui.app import WhysentApp
    from tui.session import Session
    from tui.snapshots import Document, Verdict


class SuggestionDialog(ModalScreen[None]):
    """Shows the rule; `p` puts it into the book, switched off."""

    PLACE = "suggestion"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    @dataclass
    class Replayed(Message):
        """A replay came back; `whom` says over whom."""

        whom: str
        replay: Document

    @dataclass
    class Planned(Message):
        """What putting it into the book would do."""

        plan: Plan

    @dataclass
    class Said(Message):
        """Something was done, or could not be."""

        text: str
        failed: bool = False

    def __init__(self, customer: str, verdict: Verdict) -> None:
        super().__init__()
        assert verdict.rule is not None
        self._customer = customer
        self._verdict = verdict
        self._rule: Document = {**verdict.rule, "enabled": False}

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = content("The rule that would have stopped it")
            yield Static(self._described(), markup=False)
            yield Static(content("replaying over this customer …"), id="one", markup=False)
            yield Static(content("replaying over everybody …"), id="all", markup=False)
            yield Static(content(CAVEAT, "dim"), markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        session, rule, customer = self._session(), dict(self._verdict.rule or {}), self._customer
        self._work("one", lambda: self.Replayed("one", session.replay(rule, customer)))
        self._work("all", lambda: self.Replayed("all", session.replay(rule, None)))

    def _described(self) -> Content:
        rule = self._verdict.rule or {}
        keys_of = [
            joined((f"{key:>18}  ", "dim"), listed(value)) for key, value in rule.items() if key != "title"
        ]
        head = joined((rule.get("title") or rule["id"], "bold"), "\n", self._verdict.remedy)
        return Content("\n").join([head, Content(""), *keys_of, Content("")])

    def _session(self) -> Session:
        return cast("WhysentApp", self.app).session

    def _work(self, group: str, made: Callable[[], Message]) -> None:
        def work() -> None:
            try:
                message = made()
            except WhysentError as error:
                message = self.Said(str(error), failed=True)
            self.post_message(message)

        self.run_worker(work, thread=True, exclusive=True, group=group)

    @on(Replayed)
    def show(self, message: Replayed) -> None:
        title = "On this customer" if message.whom == "one" else "On everybody"
        self.query_one(f"#{message.whom}", Static).update(
            joined((title, "bold"), "\n", totals(message.replay), "\n")
        )

    def action_put(self) -> None:
        session, change = self._session(), Change("add", str(self._rule["id"]), self._rule)
        self._work("plan", lambda: self.Planned(session.plan(change)))

    @on(Planned)
    def ask_yes(self, message: Planned) -> None:
        session, change = self._session(), Change("add", str(self._rule["id"]), self._rule)

        def decide(yes: bool | None) -> None:
            if yes:
                self._work("apply", lambda: self.Said(session.apply(change)))

        self.app.push_screen(Question(message.plan.title, content("\n".join(message.plan.lines))), decide)

    @on(Said)
    def say_it(self, message: Said) -> None:
        say(self.app, message.text, severity="error" if message.failed else "information")

    def action_copy(self) -> None:
        text = "\n".join(f"{key} = {listed(value)}" for key, value in self._rule.items())
        cast("WhysentApp", self.app).copy("the rule", text, f"{self._rule['id']}.txt")

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)
