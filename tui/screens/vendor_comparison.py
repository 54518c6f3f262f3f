"""A rule beside the same as a sender would keep it: how many messages differ, and what no rule can say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui import keys
from tui.core_access import Progress, ProgressReporter
from tui.rendering.text import content, joined, line, number, share
from tui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument
    from tui.session.view_models import Document

DIFFERENCES = (
    ("only_exact", "stopped by the exact rule alone"),
    ("only_preset", "stopped by the sender's alone"),
    ("moved", "let through at another time"),
    ("both", "stopped by both"),
    ("neither", "stopped by neither"),
)


class VendorDialog(Dialog[None]):
    """Compares over everybody; closing it stops that."""

    BINDINGS = keys.bindings("dialog")

    def __init__(self, rule: Document, vendor: str, title: str) -> None:
        super().__init__(f"{rule['id']} as {title}")
        self._rule, self._vendor = rule, vendor

    def body(self) -> Iterable[Widget]:
        yield Static(content("comparing over everybody …"), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        compare = self.session.replays.compare_with_vendor
        question = partial(compare, self._rule, self._vendor, ProgressReporter(self))
        self.ask("compare", question, self.show_comparison)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        self.query_one(VerticalScroll).border_subtitle = content(f"{message.percent} · Esc stops")

    def show_comparison(self, comparison: ComparisonDocument) -> None:
        self.query_one(VerticalScroll).border_subtitle = content("")
        self.query_one(Static).update(side_by_side(comparison))

    def failed(self, group: str, reason: str) -> None:
        del group
        self.query_one(Static).update(content(reason))


def side_by_side(comparison: ComparisonDocument) -> Content:
    """The exact rule beside the sender's."""
    differ, messages = comparison.differ, comparison.messages
    part = share(differ / messages) if messages else "–"
    head = joined(
        (f"{number(differ)} of {number(messages)} messages differ", "bold"),
        f"  {part}; {number(comparison.customers_differ)} people",
    )
    rules = [
        joined((f"{rule.id}: ", "bold"), rule.text, *(f"\n  {note}." for note in rule.notes))
        for rule in comparison.rules
    ]
    counts = [
        content(f"{line(words, 34)}{number(getattr(comparison, key)):>9}") for key, words in DIFFERENCES
    ]
    limits = [joined(f"- {limit.text}", (f"\n  {limit.source}", "dim")) for limit in comparison.differs]
    tail = [content(""), content("What no rule here can say", "bold"), *limits] if limits else []
    return Content("\n").join([head, content(""), *rules, content(""), *counts, *tail])
