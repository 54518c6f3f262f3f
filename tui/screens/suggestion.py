"""A rule that somebody could ask for, with its replay on this customer and on everybody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, Static

from tui import keys
from tui.progress import Told, still_wanted
from tui.rendering.replay_summary import CAVEAT, totals
from tui.rendering.text import (
    content,
    joined,
    listed,
    number,
    say,
)
from tui.screens.dialogs import Line, Question
from tui.screens.work_dialog import WorkDialog
from tui.session.view_models import Change, Plan, Sample

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.session.view_models import CaseOf, Document

WHOM = {"one": "On this customer", "all": "On everybody"}


class SuggestionDialog(WorkDialog[None]):
    """Shows the rule; `p` proposes it for the case, `b` puts it into the book, switched off."""

    PLACE = "suggestion"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    @dataclass
    class Replayed(Message):
        """A replay came back; `whom` says over whom, `of` of how many it is a sample."""

        whom: str
        replay: Document
        of: int | None = None

    @dataclass
    class Planned(Message):
        """What putting it into the book would do."""

        plan: Plan

    @dataclass
    class Said(Message):
        """Something was done."""

        text: str

    def __init__(self, rule: Document, case: CaseOf, *, title: str, remedy: str = "") -> None:
        super().__init__()
        self._rule, self._case, self._title, self._remedy = rule, case, title, remedy

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = content(self._title)
            yield Static(self._described(), markup=False)
            yield Static(content("replaying over this customer …"), id="one", markup=False)
            yield Static(content("replaying over everybody …"), id="all", markup=False)
            yield Static(content(CAVEAT, "dim"), markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        session, rule, customer = self.session, self._rule, self._case.customer
        told = Told(lambda *_: None)

        def everybody() -> Message:
            wanted = still_wanted()

            def sampled(sample: Sample) -> None:
                if wanted():
                    self.post_message(self.Replayed("all", sample.replay, sample.of))

            return self.Replayed("all", session.replay(rule, None, told, sampled))

        self.work("one", lambda: self.Replayed("one", session.replay(rule, customer)))
        self.work("all", everybody)

    def _described(self) -> Content:
        keys_of = [
            joined((f"{key:>18}  ", "dim"), listed(value))
            for key, value in self._rule.items()
            if key != "title"
        ]
        head = joined((self._rule.get("title") or self._rule["id"], "bold"), "\n", self._remedy)
        return Content("\n").join([head, Content(""), *keys_of, Content("")])

    @on(Replayed)
    def show(self, message: Replayed) -> None:
        title = WHOM[message.whom]
        if message.of is not None:
            of = f"{number(message.replay['customers'])} of {number(message.of)} customers"
            title += f" · sample: {of}; whole: running …"
        self.query_one(f"#{message.whom}", Static).update(
            joined((title, "bold"), "\n", totals(message.replay), "\n")
        )

    def failed(self, group: str, reason: str) -> None:
        if group in WHOM:
            self.query_one(f"#{group}", Static).update(joined((WHOM[group], "bold"), f"\n{reason}\n"))
        else:
            super().failed(group, reason)

    def action_propose(self) -> None:
        session, rule, case = self.session, self._rule, self._case

        def ask_for(note: str | None) -> None:
            if note is not None:
                self.work("propose", lambda: self.Said(session.propose(rule, replace(case, note=note))))

        self.app.push_screen(Line("Propose it: a note for whoever decides, or nothing"), ask_for)

    def _change(self) -> Change:
        return Change("add", str(self._rule["id"]), {**self._rule, "enabled": False})

    def action_put(self) -> None:
        session, change = self.session, self._change()
        self.work("plan", lambda: self.Planned(session.plan(change)))

    @on(Planned)
    def ask_yes(self, message: Planned) -> None:
        session, change = self.session, self._change()

        def decide(yes: bool | None) -> None:
            if yes:
                self.work("apply", lambda: self.Said(session.apply(change)))

        self.app.push_screen(Question(message.plan.title, content("\n".join(message.plan.lines))), decide)

    @on(Said)
    def say_it(self, message: Said) -> None:
        say(self.app, message.text)

    def action_copy(self) -> None:
        text = "\n".join(f"{key} = {listed(value)}" for key, value in self._rule.items())
        self.whysent.copy("the rule", text, f"{self._rule['id']}.txt")

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)
