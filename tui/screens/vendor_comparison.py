"""A rule beside the same as a sender would keep it: how many messages differ, and what no rule can say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, Static

from tui import keys
from tui.progress import Told
from tui.rendering.text import (
    content,
    joined,
    line,
    number,
    share,
)
from tui.screens.work_dialog import WorkDialog

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.session.view_models import Document

KINDS = (
    ("only_exact", "stopped by the exact rule alone"),
    ("only_preset", "stopped by the sender's alone"),
    ("moved", "let through at another time"),
    ("both", "stopped by both"),
    ("neither", "stopped by neither"),
)


class SenderDialog(WorkDialog[None]):
    """Compares over everybody; closing it stops that."""

    PLACE = "dialog"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    @dataclass
    class Compared(Message):
        """The comparison came back."""

        found: Document

    @dataclass
    class SoFar(Message):
        """How far it is."""

        done: int
        of: int

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, SenderDialog.SoFar)

    def __init__(self, rule: Document, sender: str, title: str) -> None:
        super().__init__()
        self._rule, self._sender, self._title = rule, sender, title

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = content(f"{self._rule['id']} as {self._title}")
            yield Static(content("comparing over everybody …"), markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        session, rule, sender = self.session, self._rule, self._sender
        told = Told(lambda done, of, _: self.post_message(self.SoFar(done, of)))
        self.work("compare", lambda: self.Compared(session.as_sender(rule, sender, told)))

    @on(SoFar)
    def show_progress(self, message: SoFar) -> None:
        done = f"{100 * message.done // max(message.of, 1)} % · Esc stops"
        self.query_one(VerticalScroll).border_subtitle = content(done)

    @on(Compared)
    def show(self, message: Compared) -> None:
        self.query_one(VerticalScroll).border_subtitle = content("")
        self.query_one(Static).update(beside(message.found))

    def failed(self, group: str, reason: str) -> None:
        del group
        self.query_one(Static).update(content(reason))

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)


def beside(found: Document) -> Content:
    """The exact rule beside the sender's."""
    differ, messages = found["differ"], found["messages"]
    part = share(differ / messages) if messages else "–"
    head = joined(
        (f"{number(differ)} of {number(messages)} messages differ", "bold"),
        f"  {part}; {number(found['customers_differ'])} people",
    )
    rules = [
        joined((f"{rule['id']}: ", "bold"), rule["text"], *(f"\n  {note}." for note in rule["notes"]))
        for rule in found["rules"]
    ]
    counts = [content(f"{line(words, 34)}{number(found[key]):>9}") for key, words in KINDS]
    cannot = [joined(f"- {one['text']}", (f"\n  {one['source']}", "dim")) for one in found["differs"]]
    tail = [content(""), content("What no rule here can say", "bold"), *cannot] if cannot else []
    return Content("\n").join([head, content(""), *rules, content(""), *counts, *tail])
