"""The report: an internal note, or a reply to the customer, in English or German."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui import keys
from tui.rendering.text import content
from tui.screens.dialogs import Dialog
from tui.session.view_models import OfferedText

if TYPE_CHECKING:
    from collections.abc import Iterator


KINDS = ("internal", "reply")
LOCALES = ("en", "de")


class ReportDialog(Dialog[None]):
    """Shows one kind in one language; `r` and `l` change them."""

    AREA = "report"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, customer: str) -> None:
        super().__init__("", "writing …")
        self._customer = customer
        self._kind = 0
        self._locale = 0
        self._report: OfferedText | None = None

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._ask()

    def _ask(self) -> None:
        kind, locale = KINDS[self._kind], LOCALES[self._locale]
        question = partial(self.session.customers.report, self._customer, kind, locale)
        self.ask("report", question, self.show_report)

    def failed(self, group: str, reason: str) -> None:
        """A report that cannot be had says so where it would stand."""
        if group == "report":
            title = f"{KINDS[self._kind]} · {LOCALES[self._locale]}"
            self.show_report(OfferedText(title, "", reason))
        else:
            super().failed(group, reason)

    def show_report(self, report: OfferedText) -> None:
        self._report = report
        box = self.query_one(VerticalScroll)
        box.border_title = content(report.title)
        self.query_one(Static).update(readable(report.text or report.refusal))
        box.scroll_home(animate=False)

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(KINDS)
        self._ask()

    def action_locale(self) -> None:
        self._locale = (self._locale + 1) % len(LOCALES)
        self._ask()

    def _file(self) -> str:
        return f"{KINDS[self._kind]}-{LOCALES[self._locale]}-{self._customer}.md"

    def action_copy(self) -> None:
        if self._report is not None and self._report.text:
            self.services.copy(self._report.title, self._report.text, self._file())

    def action_export(self) -> None:
        if self._report is not None and self._report.text:
            write = partial(self.session.write_export, self._file(), self._report.text)
            self.ask("export", write, lambda path: self.say(f"written to {path}"))


_ESCAPED = re.compile(r"\\([\\`*_\[\]<>|~&#+\-=.):])")
_STYLES = {"# ": "bold underline", "## ": "bold", "### ": "bold"}


def readable(markdown: str) -> Content:
    """A report as one reads it: headings stand out, and the marks of Markdown are gone."""
    return Content("\n").join(_lines(markdown))


def _lines(markdown: str) -> Iterator[Content]:
    fenced = False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
            continue
        mark = next((mark for mark in _STYLES if line.startswith(mark)), "")
        text = line if fenced else _ESCAPED.sub(r"\1", line.removeprefix(mark))
        yield content(f"    {text}" if fenced else text, _STYLES.get(mark, ""))
