"""The customer that is open: the picture with and without some events, what is explained of it, which rules are tried."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui import keys
from tui.rendering.complaint import evidence
from tui.rendering.explanation import PaneText, Sentence, sentences, title
from tui.rendering.text import content, joined, number, plain, say
from tui.rendering.verdict_text import quick, worst_finding
from tui.rendering.what_if_diff import marks, rests_on
from tui.rendering.wording import day, moment, severity
from tui.screens.what_if import WhatIf
from tui.session.view_models import ProposalCase
from tui.widgets.decision_lists import DecisionLists, anomaly_id
from tui.widgets.explanation_tree import ExplanationTree
from tui.widgets.letter import LetterLine
from tui.widgets.text import VerdictBlock
from tui.widgets.timeline import Timeline, WeekStrip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from audit.findings.anomaly import OutOfPattern
    from audit.queries.complaints.answer import About, CaseOfLetter
    from audit.queries.findings_documents import Finding
    from audit.why import WhyDocument
    from tui.screens.base import WorkScreen
    from tui.screens.what_if import PictureScreen
    from tui.session.view_models import Document, Picture, RuleTrial, Subject, Verdict

    ShowVerdict = Callable[[Picture, Verdict], None]
    """What is done with the verdict of a picture."""

NO_ANOMALY = "nothing is out of this account's usual pattern"
PANES = {
    "timeline": "Timeline",
    "why": "Why",
    "segments": "Segments",
    "recommendations": "Recommended",
    "findings": "Findings",
}
LEAVE_OUT = ("Leave this event out for good", "It stops what nothing but this event brought about.")
INSTEAD_OF_MAIL = (
    "Leave out what brought this mail about",
    "No mail rests on this mail, so leaving it out would stop nothing. This leaves out what brought it about.",
)
TOGETHER = (
    "Leave it out with what goes with it",
    "No mail rests on this alone, so leaving it out would stop nothing. This leaves out all that one of the mails rests on.",
)
STOPS_NOTHING = "no mail of this customer rests on this: a rule that leaves it out would stop nothing"
SILENCE = ("Nothing more to this customer", "No other rule is offered here.")


class CustomerCase:
    """State of the Customer screen for one customer; `evidence` are the events behind what is explained."""

    def __init__(
        self, screen: PictureScreen, customer: str, ticket: str = "", letter: CaseOfLetter | None = None
    ) -> None:
        self.customer = customer
        self.ticket = ticket
        self.letter = letter
        self.about = None if letter is None else letter.complaint.about
        self.what_if = WhatIf(screen, customer)
        self.subject: Subject | None = None
        self.evidence: tuple[str, ...] = ()
        self.trying = False
        self.trial: RuleTrial | None = None

    @property
    def before(self) -> Picture | None:
        return self.what_if.before

    @property
    def now(self) -> Picture | None:
        return self.what_if.now

    @property
    def without(self) -> tuple[str, ...]:
        """The events that the picture shown lacks."""
        return self.now.without if self.now is not None else ()

    def shows(self, customer: str, without: tuple[str, ...]) -> bool:
        """Whether the picture shown is of that customer, without these events."""
        return self.now is not None and (customer, without) == (self.customer, self.without)

    def finding(self, id_: str | None) -> Finding | None:
        """The finding of that id, where it is still found."""
        findings = self.now.findings if self.now is not None else ()
        return next((finding for finding in findings if finding.id == id_), None)

    @property
    def answered_in(self) -> str:
        """The code of the language that the letter is written in; empty where it is not known."""
        return "" if self.letter is None else self.letter.complaint.language or ""

    @property
    def complained_of(self) -> str:
        """The id of the finding that the customer's letter is about; empty where it is about none."""
        return self.about.id if self.about is not None and self.about.kind == "finding" else ""

    def worst_finding(self) -> Finding | None:
        """The finding in front: that of the letter, else the worst."""
        return worst_finding(self.now.document, self.complained_of) if self.now is not None else None

    def quick_verdict(self, picture: Picture) -> Verdict:
        """The verdict of a picture before its causes are known."""
        return quick(picture.document, self.complained_of) if self.complained_of else picture.verdict

    def may_be_about(self) -> dict[str, tuple[About, str]]:
        """What the letter may be about: a key of each, and its title in a list, with the words that lead there."""
        if self.letter is None:
            return {}
        complaint = self.letter.complaint
        candidates = [about for about in (complaint.about, *complaint.others) if about is not None]
        return {
            f"{about.kind}:{about.id}": (about, "\n  ".join(filter(None, (about.text, evidence(about)))))
            for about in candidates
        }

    def anomaly(self, id_: str | None) -> OutOfPattern | None:
        """The order or session out of the usual pattern of that id, else the first of them."""
        entries = self.before.out_of_pattern if self.before is not None else ()
        return next((entry for entry in entries if anomaly_id(entry) == id_), entries[0] if entries else None)

    def newest_message(self) -> str | None:
        """The newest message that the letter is about; else of the worst finding that has messages."""
        findings = list(self.before.findings) if self.before is not None else []
        if self.about is not None and self.about.kind == "message" and self.before is not None:
            timeline = self.before.timeline
            for key in timeline.filter(timeline["message"] == self.about.id)["key"]:
                return str(key)
        findings.sort(key=lambda finding: finding.id != self.complained_of)
        return next((finding.messages[-1] for finding in findings if finding.messages), None)

    def pane_labels(self) -> dict[str, str]:
        """The name of each pane, and how much it holds."""
        before = self.before
        if before is None:
            return PANES
        items = number(len(before.recommendations)) if before.whole else ""
        return {
            "timeline": f"Timeline {number(before.timeline.height)}",
            "why": "Why",
            "segments": f"Segments {number(len(before.segments))}",
            "recommendations": f"Recommended {items}".strip(),
            "findings": f"Findings {number(len(before.findings))}",
        }

    def marks(self, row_of_event: Mapping[str, str]) -> dict[str, str]:
        """The mark of each row: what leaving out and the explanation say of it, and what the tried rules do."""
        row_marks = marks(self.without, self.what_if.derivable, self.evidence, row_of_event)
        if self.trial is None:
            return row_marks
        trial_marks = dict.fromkeys(self.trial.stopped, "stopped") | dict.fromkeys(
            self.trial.deferred, "deferred"
        )
        return row_marks | {key: mark for key, mark in trial_marks.items() if key not in self.without}

    @property
    def only_rule(self) -> Document | None:
        """All that may be offered for somebody who died."""
        return None if self.before is None else self.before.only_rule

    def rule_to_leave_out(
        self, row: Document, nearest: tuple[str, ...]
    ) -> tuple[Document, tuple[str, str]] | None:
        """The rule that leaves a row of the timeline out for good, or what is `nearest` to it and stops something; its title, and what it does.

        For somebody who died, their only rule; none where nothing would be stopped.
        """
        if self.only_rule is not None:
            return self.only_rule, SILENCE
        if not nearest:
            return None
        if {*nearest} <= {*row["events"]}:
            return self._leaving_out([row], "this"), LEAVE_OUT
        assert self.before is not None
        timeline = self.before.timeline
        rows = timeline.filter(timeline["events"].list.set_intersection(list(nearest)).list.len() > 0)
        rule = self._leaving_out(rows.to_dicts(), "this" if rows.height == 1 else "these")
        return {**rule, "events": list(nearest)}, INSTEAD_OF_MAIL if row["message"] else TOGETHER

    def _leaving_out(self, rows: Sequence[Document], pronoun: str) -> Document:
        from audit.findings.suggested_rule import slug

        first, *more = rows
        others = f" and {number(len(more))} more" if more else ""
        named = f"{plain(first['what'])}, {day(first['at'])}{others}"
        return {
            "id": f"leave-out-{slug(first['key'])}-for-{slug(self.customer)}",
            "kind": "exclude_event",
            "title": f"Nothing to {self.customer} that rests on {pronoun} alone: {named}",
            "customers": [self.customer],
            "events": [event for row in rows for event in row["events"]],
        }

    def would_stop_nothing(self) -> str:
        """That leaving out would stop nothing, and which key shows what would stop the worst finding."""
        worst = self.worst_finding()
        if worst is None or worst.suggested_rule is None:
            return STOPS_NOTHING
        return f"{STOPS_NOTHING}; {keys.key_of('customer.rule')} shows the rule for: {worst.title}"

    # -- what the Why pane says --------------------------------------------------------------------------------------

    def decision_text(self, document: WhyDocument, key: str | None) -> PaneText:
        """An explanation of a decision; `key` is the row of the message, to say what tried rules do with it."""
        head = title(document)
        if self.trial is not None and key is not None:
            fate = self.trial.stopped.get(key) or self.trial.deferred.get(key) or "it goes out"
            head = joined(head, "\n", (f"{self.trial.rules}: {fate}", "bold"))
        return PaneText(head, sentences(document), document.evidence, document.standing)

    def event_text(self, row: Document) -> PaneText:
        """A row of the timeline that is no message, or is left out: what rests on it."""
        rests = rests_on(self.now, frozenset(row["events"])) if self.now is not None else []
        left_out = row["key"] in self.without
        hint = keys.hint(PUTS_BACK if left_out else LEAVES_OUT)
        head = joined(
            (f"{row['sign']} {plain(row['what'])}", "bold"),
            (f" · {moment(row['at'])}", "dim"),
            f"\n{hint}",
        )
        tree = tuple(Sentence(content(text)) for text in rests or ["no decision rests on it"])
        return PaneText(head, (Sentence(content("what rests on it"), (), tree),))

    def trial_sentence(self) -> str:
        """What the tried rules do, in one sentence."""
        trial = self.trial
        if trial is None:
            return ""
        return (
            f"{trial.rules}: {number(len(trial.stopped))} of {number(trial.messages)} mails stopped, "
            f"{number(len(trial.deferred))} deferred"
        )


LEAVES_OUT = "{customer.leave-out} leaves it out of the history"
PUTS_BACK = "left out of the history; {customer.leave-out} puts it back"
PATTERN = "{customer.leave-out-what-is-out-of-pattern} leaves it out; {customer.rule-out-of-pattern} proposes a rule"


def finding_text(finding: Finding) -> PaneText:
    """A finding in full: what, proof, causes, sources, rule."""
    head = joined((f"{severity(finding.severity)}  {finding.title}", "bold"), f"\n{finding.text}")
    messages, cause = finding.messages, finding.cause
    span = f"{day(finding.first)} to {day(finding.last)}"
    too_many = "" if finding.excess is None else f": {number(finding.excess)} too many"
    counted = f"{number(finding.total)} messages, {span}{too_many}"
    tree = [Sentence(content(counted), messages)] if messages else []
    if cause:
        plural = "s" * (len(cause) != 1)
        tree.append(Sentence(content(f"caused by {number(len(cause))} event{plural}"), cause))
    tree += [Sentence(content(f"after {source}")) for source in finding.sources]
    if finding.covered_by:
        tree.append(Sentence(content(finding.covered_by.in_words)))
    if finding.covered_in_part:
        tree.append(Sentence(content(finding.covered_in_part.in_part)))
    if finding.suggested_rule:
        tree.append(Sentence(content(keys.hint("{customer.rule} shows the rule that would have stopped it"))))
    return PaneText(head, tuple(tree), messages + cause, finding.verdict)


def anomaly_text(entry: OutOfPattern) -> PaneText:
    """An order or session that is out of the account's usual pattern, with what is unusual in it."""
    events = entry.evidence
    signs = tuple(Sentence(content(sign.text)) for sign in entry.because)
    return PaneText(
        joined((entry.text, "bold"), "\n", keys.hint(PATTERN)),
        (Sentence(content(f"{number(len(events))} events"), events, signs),),
        events,
        "recorded" if entry.hard else "a hint",
    )


def show_nobody(screen: WorkScreen) -> None:
    """While one customer is read, nothing of the one before stands under their name."""
    screen.query_one(Timeline).clear_history()
    screen.query_one(WeekStrip).weeks = ()
    screen.query_one(DecisionLists).clear()
    screen.query_one(ExplanationTree).tell(content(""), (), "")


def ask_verdict(screen: WorkScreen, case: CustomerCase, picture: Picture, show: ShowVerdict) -> None:
    """Ask for the whole verdict of a picture: of the finding that the letter is about, else of the worst."""
    question = partial(screen.session.customers.verdict, picture, case.complained_of)
    screen.ask("verdict", question, partial(show, picture))


def choose_subject(screen: WorkScreen, case: CustomerCase | None, show: ShowVerdict) -> None:
    """Let somebody choose among all that the customer's letter may be about; the screen turns to it."""
    candidates = {} if case is None else case.may_be_about()
    if case is None or not candidates:
        say(screen.app, "no letter was pasted, or nothing here is near it", severity="warning")
        return
    from tui.screens.dialogs import Choice

    def turn_to(key: str | None) -> None:
        if key is None or case.now is None:
            return
        case.about = screen.query_one(LetterLine).about = candidates[key][0]
        screen.query_one(VerdictBlock).verdict = case.quick_verdict(case.now)
        ask_verdict(screen, case, case.now, show)
        screen.query_one(Timeline).point_at(case.newest_message() or "")
        screen.query_one(DecisionLists).point_at(case.about, screen.show_pane)

    titles = {key: title for key, (_, title) in candidates.items()}
    screen.app.push_screen(Choice("What the letter may be about", titles), turn_to)


def export(screen: WorkScreen, customer: str) -> None:
    """Write a customer's case to a file, and say where."""
    write = partial(screen.session.export_case, customer)
    screen.ask("export", write, lambda path: screen.say(f"the case was written to {path}"))


def show_report(screen: WorkScreen, case: CustomerCase, chosen: str | None) -> None:
    """The note and the reply about the finding that is chosen, else about the one in front, in the language of the letter."""
    from tui.screens.report import ReportDialog

    finding = case.finding(chosen)
    subject = finding.id if finding else case.complained_of
    screen.app.push_screen(ReportDialog(case.customer, subject, case.answered_in))


def show_audience(screen: WorkScreen, row: Document | None) -> None:
    """Who got the campaign of a row of the timeline; a row that names none says so."""
    campaign = None if row is None else row["campaign"]
    if campaign is None:
        say(screen.app, "this row names no campaign", severity="warning")
        return
    from tui.screens.dialogs import AudienceScreen

    screen.app.push_screen(AudienceScreen(campaign))


def show_suggestion(
    screen: WorkScreen,
    case: CustomerCase | None,
    rule: Document,
    title: str,
    remedy: str,
    *,
    finding: str = "",
) -> None:
    """A rule that is suggested, with its replay."""
    assert case is not None
    from tui.screens.rule_dialogs import SuggestionDialog

    about = ProposalCase(case.customer, finding)
    screen.app.push_screen(SuggestionDialog(rule, about, title=title, remedy=remedy))


def propose_leaving_out(screen: WorkScreen, case: CustomerCase, row: Document) -> None:
    """Offer the rule that leaves a row of the timeline out, or the nearest that stops something; where none does, say so."""

    def show(nearest: tuple[str, ...]) -> None:
        offered = case.rule_to_leave_out(row, nearest)
        if offered is None:
            say(screen.app, case.would_stop_nothing(), severity="warning")
        else:
            rule, (title, remedy) = offered
            show_suggestion(screen, case, rule, title, remedy)

    if case.only_rule is not None:
        show(())
        return
    question = partial(screen.session.customers.nearest_to_leave_out, case.customer, tuple(row["events"]))
    screen.ask("leave out", question, show)


def chosen_anomaly(screen: WorkScreen, case: CustomerCase | None) -> OutOfPattern | None:
    """What is out of pattern under the cursor among the findings; where there is nothing, that is said."""
    findings = screen.query_one(DecisionLists).findings
    anomaly = case.anomaly(findings.chosen) if case is not None else None
    if anomaly is None:
        say(screen.app, NO_ANOMALY, severity="warning")
    return anomaly
