"""Customer: what happened to this person, why, and when does it end?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container
from textual.widgets import OptionList

from tui import keys
from tui.rendering.text import number, say
from tui.screens import customer_case
from tui.screens.base import WorkScreen
from tui.screens.customer_case import PANES, CustomerCase
from tui.screens.stories import StoryLine
from tui.screens.what_if import put_or_left
from tui.session.view_models import Picture, RuleTrial, Subject, Verdict
from tui.widgets.decision_lists import LISTS, DecisionLists
from tui.widgets.explanation_tree import ExplanationTree
from tui.widgets.letter import LetterLine
from tui.widgets.panes import Panes, PaneTabs
from tui.widgets.table import Table
from tui.widgets.text import Heading, KeyLine, Peek, VerdictBlock, says
from tui.widgets.timeline import Timeline, WeekStrip

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from audit.queries.complaints.answer import CaseOfLetter
    from audit.why import WhyDocument
    from tui.rendering.explanation import PaneText
    from tui.rendering.what_if_diff import Derivable

EMPTY = "No customer is open. Press {app.go-to-find} and choose one, or {app.look-up} to look somebody up."
GROUPS = {"": "", "mail": " · mails only", "behaviour": " · behaviour only"}


class CustomerScreen(WorkScreen):
    """One customer: its state is `case`. `open_customer` shows another one."""

    AREA = "customer"
    BINDINGS = keys.bindings(AREA)
    CSS_PATH = "customer.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.case: CustomerCase | None = None

    def compose(self) -> ComposeResult:
        yield Heading()
        yield VerdictBlock(classes="framed")
        yield LetterLine()
        yield WeekStrip(classes="framed")
        with Panes(*PANES):
            yield PaneTabs(*PANES, id="tabs")
            with Container(id="body"):
                yield Timeline(id="timeline", empty="no such event")
                yield ExplanationTree(id="why")
                yield DecisionLists()
        yield Peek()
        yield StoryLine()
        yield KeyLine()

    def on_mount(self) -> None:
        self.show_pane("timeline", focus=False)
        if self.case is None:
            self.query_one(Heading).say("whysent", "", keys.hint(EMPTY))
            self.query_one(VerdictBlock).display = False

    @property
    def timeline(self) -> Timeline:
        return self.query_one(Timeline)

    # -- opening -------------------------------------------------------------------------------------------------

    def open_customer(self, customer: str, letter: CaseOfLetter | None = None) -> None:
        """Read and show a customer, at what their letter is about."""
        opening = self.services.opening
        ticket = f"ticket {opening.ticket}" if opening and opening.ticket else ""
        self.case = CustomerCase(self, customer, ticket, letter)
        self.query_one(LetterLine).show(letter)
        self.query_one(StoryLine).story = self.services.story
        customer_case.show_nobody(self)
        self._label_panes()
        block = self.query_one(VerdictBlock)
        block.display, block.verdict = True, None
        self.query_one(Heading).say(customer, self.case.ticket, "reading …")
        self.case.what_if.leave_out(())

    def outdated(self) -> None:
        if self.case is not None and self.case.now is not None:
            self.case.what_if.leave_out(self.case.without)

    def show_picture(self, picture: Picture) -> None:
        case = self.case
        if case is None:
            return
        opening = case.before is None
        if not case.what_if.take(picture):
            return
        with self.app.batch_update():
            self._say_heading(picture, case.ticket)
            self.query_one(VerdictBlock).verdict = case.quick_verdict(picture)
            lists = self.query_one(DecisionLists)
            lists.show_decisions(case.before or picture, case.now or picture)
            if opening:
                strip = self.query_one(WeekStrip)
                strip.weeks, strip.cap = picture.weeks, picture.cap
                self.timeline.show_history(picture.timeline, case.newest_message())
                self._label_panes()
                self.show_pane("timeline")
                self.query_one(DecisionLists).point_at(case.about, self.show_pane)
            else:
                self.explain_row()
            self._mark()
        if case.trying:
            self._try_rules(case)
        customer_case.ask_verdict(self, case, picture, self.show_verdict)
        case.what_if.ask_more(picture)

    def failed(self, group: str, reason: str) -> None:
        """A customer that cannot be read says so where the verdict would stand, for as long as it is so."""
        if self.case is not None and group == "picture":
            self.case.what_if.forget_request()
            if self.case.now is None:
                self.query_one(Heading).say(self.case.customer, self.case.ticket, reason)
                self.query_one(VerdictBlock).display = False
        if self.case is not None and group == "try":
            self.case.trying = False
        super().failed(group, reason)

    def _say_heading(self, picture: Picture, ticket: str) -> None:
        count = len(picture.without)
        left_out = f"{count} event{'s' * (count != 1)} left out" if count else ticket
        self.query_one(Heading).say(
            " · ".join((picture.customer, *picture.about)), left_out, picture.coverage
        )

    def show_full_picture(self, picture: Picture) -> None:
        case = self.case
        if case is not None and case.now is not None and case.what_if.take(picture):
            with self.app.batch_update():
                lists = self.query_one(DecisionLists)
                lists.show_decisions(case.before or picture, case.now)
                self._label_panes()
                self._mark()

    def show_verdict(self, picture: Picture, verdict: Verdict) -> None:
        if self.case is not None and self.case.shows(picture.customer, picture.without):
            self.query_one(VerdictBlock).verdict = verdict

    def show_derivable(self, without: tuple[str, ...], derivable: Derivable) -> None:
        if self.case is not None and self.case.what_if.take_derivable(without, derivable):
            self._mark()

    def _label_panes(self) -> None:
        """Say in tabs and on borders how much each pane holds, and what of the timeline is shown."""
        case = self.case
        if case is None:
            return
        labels, trial = case.pane_labels(), case.trial
        filtered = GROUPS[self.timeline.group]
        if trial is not None:
            filtered += f" · {number(len(trial.stopped))} stopped, {number(len(trial.deferred))} deferred"
        titles = {"timeline": labels["timeline"] + filtered}
        if self.has_class("-medium"):  # a line of tabs names them there
            titles |= dict.fromkeys(LISTS, "")
        self.query_one(Panes).label(labels, titles)

    def relaid(self) -> None:
        self.timeline.show_rows()
        self._label_panes()

    # -- the letter --------------------------------------------------------------------------------------------------

    def action_letter(self) -> None:
        customer_case.choose_subject(self, self.case, self.show_verdict)

    # -- what is explained -----------------------------------------------------------------------------------------

    @on(Table.Moved, "#timeline")
    def explain_row(self) -> None:
        """Explain the row under the cursor."""
        case, row = self.case, self.timeline.row(self.timeline.key)
        if case is None or row is None:
            return
        self.query_one(WeekStrip).day = self.timeline.day(self.timeline.key)
        if row["message"] is not None and row["key"] not in case.without:
            self._ask_why(case, Subject("message", row["message"]))
        else:
            case.subject = Subject("event", row["key"])
            self._explain(case.event_text(row))

    @on(WeekStrip.Chosen)
    def action_week(self, to: WeekStrip.Chosen | int) -> None:
        """To the week that was clicked on, or to the next (1) or the one before (-1) that has a row."""
        if isinstance(to, int):
            self.timeline.step_week(to)
        else:
            self.timeline.go_to_week(to.monday)

    def _ask_why(self, case: CustomerCase, subject: Subject) -> None:
        case.subject = subject
        question = partial(self.session.customers.explain, case.customer, subject, case.without)
        self.ask("why", question, partial(self.show_why, subject))

    def show_why(self, subject: Subject, document: WhyDocument) -> None:
        if self.case is not None and self.case.subject == subject:
            key = self.timeline.key if subject.kind == "message" else None
            self._explain(self.case.decision_text(document, key))

    @on(DecisionLists.Highlighted)
    def explain_decision(self, message: DecisionLists.Highlighted) -> None:
        case, subject = self.case, message.subject
        if case is None or case.now is None:
            return
        if subject.kind in {"segment", "item"}:
            self._ask_why(case, subject)
            return
        case.subject = subject
        finding, anomaly = case.finding(subject.id), case.anomaly(subject.id)
        if subject.kind == "finding" and finding is not None:
            self._explain(customer_case.finding_text(finding))
        elif subject.kind == "anomaly" and anomaly is not None:
            self._explain(customer_case.anomaly_text(anomaly))

    def _explain(self, text: PaneText) -> None:
        assert self.case is not None
        self.case.evidence = text.evidence
        self.query_one(ExplanationTree).tell(text.head, text.tree, text.standing)
        self._mark()

    def _mark(self) -> None:
        if self.case is not None and self.case.now is not None:
            self.timeline.mark(self.case.marks(self.timeline.row_of_event))

    @on(ExplanationTree.Pointed)
    def point_at_evidence(self, message: ExplanationTree.Pointed) -> None:
        if message.events and self.case is not None:
            self.case.evidence = message.events
            self._mark()
            self.timeline.point_at(self.timeline.row_key(message.events[0]))

    @on(Table.Opened, "#timeline")
    @on(OptionList.OptionSelected)
    def action_whole_why(self) -> None:
        """What the pane explains, with all there is to say of it, over the whole screen."""
        case = self.case
        if case is None or case.subject is None or case.before is None or case.now is None:
            return
        subject, what_if = case.subject, case.what_if
        decided = {finding.id for finding in case.before.findings}
        if subject.kind == "anomaly" or (subject.kind == "finding" and subject.id not in decided):
            say(self.app, "all there is to say of this stands here", severity="warning")
            return
        from tui.screens.why import WhyScreen

        def leave_out_too(_: object) -> None:
            if screen.what_if.without != case.without:
                what_if.leave_out(screen.what_if.without)
            if screen.tries_rules and not case.trying:
                self.action_try_rules()

        screen = WhyScreen(subject, case.before, case.without)
        self.app.push_screen(screen, leave_out_too)

    # -- rules -----------------------------------------------------------------------------------------------------

    def action_try_rules(self) -> None:
        if self.case is None or self.case.now is None:
            return
        self.case.trying = not self.case.trying
        if self.case.trying:
            self._try_rules(self.case)
        else:
            self._show_trial(self.case, None)

    def _try_rules(self, case: CustomerCase) -> None:
        """Ask what the rules do to the messages shown."""
        verdict = self.query_one(VerdictBlock).verdict
        rule = verdict.rule if verdict is not None else None
        question = partial(self.session.customers.try_rules, case.customer, case.without, rule)
        self.ask("try", question, self.show_tried_rules)

    def show_tried_rules(self, trial: RuleTrial) -> None:
        case = self.case
        if case is not None and case.trying and case.shows(trial.customer, trial.without):
            self._show_trial(case, trial)
            self.say(case.trial_sentence())

    def _show_trial(self, case: CustomerCase, trial: RuleTrial | None) -> None:
        case.trial = self.timeline.trial = trial
        self.timeline.show_rows()
        self._label_panes()
        self.explain_row()
        self._mark()

    def action_suggest(self) -> None:
        """The rule for the finding under the cursor; elsewhere for the worst one."""
        case, findings = self.case, self.query_one(DecisionLists).findings
        if case is None:
            return
        worst = case.worst_finding()
        finding = case.finding(findings.chosen) if findings.has_focus else worst
        if finding is not None and finding.covered_by is not None:
            say(self.app, f"{finding.covered_by.in_words}; nothing new is proposed", severity="warning")
            return
        if finding is None or finding.suggested_rule is None:
            say(self.app, "no rule is suggested for this", severity="warning")
            return
        verdict = self.query_one(VerdictBlock).verdict
        remedy = verdict.remedy if verdict is not None and finding is worst else finding.text
        customer_case.show_suggestion(
            self,
            self.case,
            finding.suggested_rule,
            "The rule that would have stopped it",
            remedy,
            finding=finding.id,
        )

    def action_suggest_pattern(self) -> None:
        anomaly = customer_case.chosen_anomaly(self, self.case)
        if anomaly is not None:
            customer_case.show_suggestion(
                self, self.case, anomaly.suggested_rule, "The rule that would leave it out", anomaly.text
            )

    def action_exclude(self) -> None:
        """A rule that leaves the event under the cursor out for good; for somebody who died, that nothing goes to them."""
        row = self.timeline.row(self.timeline.key)
        if self.case is not None and self.case.now is not None and row is not None:
            customer_case.propose_leaving_out(self, self.case, row)

    # -- leaving out, and what else a person does --------------------------------------------------------------------

    def action_leave_out(self) -> None:
        self._leave_out(self.timeline.selected_events)

    def action_leave_out_pattern(self) -> None:
        anomaly = customer_case.chosen_anomaly(self, self.case)
        if anomaly is not None:
            self._leave_out(anomaly.evidence)

    def _leave_out(self, events: tuple[str, ...]) -> None:
        """Leave events out of the history; those that are left out already come back."""
        case = self.case
        if events and case is not None and case.now is not None:
            before, without = case.without, case.what_if.toggled(events)
            case.what_if.leave_out(without)
            self.services.did(
                put_or_left(before, without),
                lambda: case.what_if.leave_out(before),
                lambda: self.case is case and case.without == without,
            )

    def action_only(self, group: str) -> None:
        self.timeline.group = group
        self.timeline.show_rows()
        self._label_panes()
        self._mark()

    def action_back(self) -> None:
        if self.pane != "timeline":
            self.show_pane("timeline")
        elif self.case is not None and self.case.trying:
            self.action_try_rules()
        elif self.timeline.group:
            self.action_only("")
        else:
            self.services.action_go("find" if self.services.story is None else "stories")

    def action_report(self) -> None:
        findings = self.query_one(DecisionLists).findings
        if self.case is not None:
            customer_case.show_report(self, self.case, findings.chosen if findings.has_focus else None)

    def action_audience(self) -> None:
        customer_case.show_audience(self, self.timeline.row(self.timeline.key))

    def action_copy(self) -> None:
        verdict = self.query_one(VerdictBlock).verdict
        if verdict is not None and self.case is not None:
            text = f"{self.case.customer}\n{says(verdict).plain}\n"
            self.services.copy("the verdict, masked", text, "verdict.txt")

    def action_export(self) -> None:
        if self.case is not None:
            customer_case.export(self, self.case.customer)
