"""The inbox: what is proposed, by campaign; replayed, and answered with a note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, OptionList, Static

from tui import keys
from tui.progress import Told
from tui.rendering.replay_summary import figures
from tui.rendering.text import (
    content,
    joined,
    number,
    say,
)
from tui.screens.dialogs import Line, Question
from tui.screens.work_dialog import WorkDialog
from tui.session.view_models import Change
from tui.widgets.items import Item, Items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from tui.session.view_models import (
        Asked,
        AskedGroup,
        Document,
        Plan,
    )

EMPTY = "Nothing waits. What somebody proposes (f on a customer's screen) stands here."


class InboxDialog(WorkDialog[bool]):
    """Lists what waits; tells the one under the cursor. Dismissed with whether the book was changed."""

    PLACE = "inbox"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    @dataclass
    class Listed(Message):
        """What waits came back."""

        groups: tuple[AskedGroup, ...]

    @dataclass
    class Replayed(Message):
        """The replay of a proposal came back."""

        proposal: str
        replay: Document

    @dataclass
    class Planned(Message):
        """What approving would do."""

        proposal: str
        plan: Plan

    @dataclass
    class Answered(Message):
        """A proposal was approved or rejected."""

        done: str

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, Asked] = {}
        self._replays: dict[str, Document] = {}
        self._changed = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -inbox") as box:
            box.border_title = content("Inbox")
            yield Items(id="waiting")
            with VerticalScroll(id="asked"):
                yield Static(content("reading …"), markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._list()

    def _list(self) -> None:
        session = self.session
        self.work("inbox", lambda: self.Listed(session.inbox()))

    @on(Listed)
    def show_list(self, message: Listed) -> None:
        self._asked = {one.id: one for group in message.groups for one in group.proposals}
        items = self.query_one("#waiting", Items)
        items.put(_items(message.groups))
        items.display = bool(self._asked)
        if self._asked:
            items.focus()
        self._show()

    @property
    def chosen(self) -> Asked | None:
        """The proposal under the cursor."""
        return self._asked.get(self.query_one("#waiting", Items).chosen or "")

    @on(OptionList.OptionHighlighted, "#waiting")
    def show_chosen(self) -> None:
        self._show()

    def _show(self) -> None:
        one = self.chosen
        text = content(EMPTY) if one is None else _told(one, self._replays.get(one.id))
        self.query_one(Static).update(text)
        self.query_one("#asked", VerticalScroll).border_subtitle = content("")

    @on(OptionList.OptionSelected, "#waiting")
    def replay_chosen(self) -> None:
        one = self.chosen
        if one is None or one.rule is None:
            say(self.app, "there is no one rule to replay in it", severity="warning")
            return
        session, rule, name = self.session, one.rule, one.id
        self.query_one("#asked", VerticalScroll).border_subtitle = content("replaying over everybody …")
        told = Told(lambda *_: None)
        self.work("replay", lambda: self.Replayed(name, session.replay(rule, None, told)))

    @on(Replayed)
    def show_replay(self, message: Replayed) -> None:
        self._replays[message.proposal] = message.replay
        self._show()

    # -- answering -------------------------------------------------------------------------------------------------

    def action_approve(self) -> None:
        one = self.chosen
        if one is None or not one.answers:
            say(
                self.app,
                "an export is approved on the command line: whysent rules approve",
                severity="warning",
            )
            return
        session, name = self.session, one.id
        self.work("plan", lambda: self.Planned(name, session.plan(Change("approve", name))))

    @on(Planned)
    def ask_yes(self, message: Planned) -> None:
        def decide(yes: bool | None) -> None:
            if yes:
                self._ask_note(message.proposal)

        self.app.push_screen(Question(message.plan.title, content("\n".join(message.plan.lines))), decide)

    def _ask_note(self, proposal: str) -> None:
        session, change = self.session, Change("approve", proposal)

        def approve(note: str | None) -> None:
            if note is not None:
                self.work("answer", lambda: self.Answered(session.apply(change, note)))

        self.app.push_screen(Line(f"Approve {proposal}: a note, or nothing"), approve)

    def action_reject(self) -> None:
        one = self.chosen
        if one is None:
            return
        session, name = self.session, one.id

        def reject(note: str | None) -> None:
            if note is not None:
                self.work("answer", lambda: self.Answered(session.reject(name, note)))

        self.app.push_screen(Line(f"Reject {name}: why? Esc leaves it", needed=True), reject)

    @on(Answered)
    def show_answered(self, message: Answered) -> None:
        say(self.app, message.done)
        self._changed = True
        self._list()

    async def action_dismiss(self, result: bool | None = None) -> None:
        self.dismiss(self._changed if result is None else result)


def _items(groups: tuple[AskedGroup, ...]) -> Iterator[Item]:
    for group in groups:
        counts = (
            ("proposal", len(group.proposals)),
            ("customer", group.customers),
            ("ticket", group.tickets),
        )
        heads = ", ".join(f"{number(count)} {word}{'s' * (count != 1)}" for word, count in counts)
        head = f"{group.campaign or 'no one campaign'}: {heads}"
        yield Item("", content(head, "underline"), head=True)
        for one in group.proposals:
            yield Item(one.id, joined(f"? {one.id}  ", (one.title, "bold"), (f"  {one.about}", "dim")))


def _told(one: Asked, replay: Document | None) -> Content:
    parts = [joined((one.title, "bold"), (f"  {one.id}", "dim")), content(one.about, "dim")]
    parts += [content(f"“{one.note}”")] if one.note else []
    parts += [content(""), *map(content, one.lines), content("")]
    parts.append(content("Enter replays it over everybody.", "dim") if replay is None else figures(replay))
    return Content("\n").join(parts)
