"""The report: an internal note, or a reply to the customer, in one of its languages."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui import keys
from tui.rendering.text import content
from tui.screens.dialogs import Dialog, ask_note
from tui.session.view_models import CaseReport, ProposalCase

if TYPE_CHECKING:
    from collections.abc import Iterator


KINDS = ("internal", "reply")


class ReportDialog(Dialog[None]):
    """Shows one kind in one language about one finding; `r`, `l` and `n` change them, `f` proposes what is still to be done."""

    AREA = "report"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, customer: str, finding: str = "", answered_in: str = "") -> None:
        super().__init__("", "writing …")
        self._customer = customer
        self._finding = finding
        self._kind = 0
        self._wanted, self._answered_in = "", answered_in
        self._report: CaseReport | None = None

    @property
    def _locale(self) -> str:
        kind = KINDS[self._kind]
        return self.session.customers.language(
            kind, self._wanted or (self._answered_in if kind == "reply" else "")
        )

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._ask()

    def _ask(self) -> None:
        kind = KINDS[self._kind]
        question = partial(self.session.customers.report, self._customer, kind, self._locale, self._finding)
        self.ask("report", question, self.show_report)

    def failed(self, group: str, reason: str) -> None:
        """A report that cannot be had says so where it would stand."""
        if group == "report":
            title = f"{KINDS[self._kind]} · {self._locale}"
            self.show_report(CaseReport(title, "", reason))
        else:
            super().failed(group, reason)

    def show_report(self, report: CaseReport) -> None:
        self._report = report
        box = self.query_one(VerticalScroll)
        box.border_title = content(report.title)
        head = [content(line, "dim") for line in not_in_the_letter(report)]
        text = Content("\n").join([*head, readable(report.text or report.refusal)])
        self.query_one(Static).update(text)
        box.scroll_home(animate=False)

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(KINDS)
        self._ask()

    def action_locale(self) -> None:
        languages = self.session.customers.languages(KINDS[self._kind])
        self._wanted = languages[(languages.index(self._locale) + 1) % len(languages)]
        self._ask()

    def action_next_finding(self) -> None:
        """The next of the customer's findings that can be answered."""
        after = self._report.next_finding if self._report is not None else None
        if after is None:
            self.say("there is no other finding to answer")
            return
        self._finding = after
        self._ask()

    def action_propose(self) -> None:
        """Ask for the rule that the finding suggests, and say so in the letter."""
        report = self._report
        if report is None or report.rule is None:
            self.say(report.no_rule if report is not None else "the text is not written yet")
            return
        propose, rule = self.session.proposals.propose, report.rule

        def propose_with(note: str) -> None:
            case = ProposalCase(self._customer, report.finding, note)
            self.ask("propose", partial(propose, rule, case), self._proposed)

        ask_note(self, "Propose it: a note for whoever decides, or nothing", propose_with)

    def _proposed(self, outcome: str) -> None:
        self.services.did_to_book(outcome)
        self._ask()

    def _file(self) -> str:
        return file_name(KINDS[self._kind], self._locale, self._customer)

    def action_copy(self) -> None:
        if self._report is not None and self._report.text:
            self.services.copy(self._report.title, self._report.text, self._file())

    def action_export(self) -> None:
        if self._report is not None and self._report.text:
            write = partial(self.session.write_export, self._file(), self._report.text)
            self.ask("export", write, lambda path: self.say(f"written to {path}"))


def file_name(kind: str, locale: str, customer: str) -> str:
    """What the file of a report is called."""
    return f"{kind}-{locale}-{customer}.{'txt' if kind == 'reply' else 'md'}"


def not_in_the_letter(report: CaseReport) -> Iterator[str]:
    """What stands above a report and is not copied: which finding it is about, and what is still to be done."""
    if report.about:
        others = (
            f"{report.findings.index(report.finding) + 1} of {len(report.findings)}, {keys.key_of('report.next')}: the next"
            if (report.finding in report.findings and len(report.findings) > 1)
            else ""
        )
        yield f"About{f' ({others})' if others else ''}: {report.about}"
    if report.rule is not None:
        key, rule = keys.key_of("report.propose"), report.rule.get("title") or report.rule["id"]
        yield f"Nothing is proposed for this yet. {key} proposes: {rule}"
    if report.about:
        yield ""


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
