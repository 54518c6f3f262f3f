"""Why, over the whole screen: the tree, its evidence in the timeline, what would have had to be different, the words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container, VerticalScroll
from textual.widgets import OptionList, Static

from audit.errors import NotFoundError
from tui import keys
from tui.rendering import what_if_diff
from tui.rendering.explanation import PaneText, Sentence, title
from tui.rendering.full_explanation import about_event, different, named, reasons, subject_of
from tui.rendering.text import content, say
from tui.screens.base import WorkScreen
from tui.screens.customer_case import show_audience
from tui.screens.what_if import WhatIf, put_or_left
from tui.session.view_models import OfferedText, Picture, Subject
from tui.widgets.explanation_tree import ExplanationTree
from tui.widgets.panes import Panes, PaneTabs
from tui.widgets.table import Table
from tui.widgets.text import Heading, KeyLine, Peek, WhatIfBanner
from tui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from audit.why import WhyDocument

PANES = {"tree": "Why", "history": "Timeline", "different": "What if", "words": "Words"}
EVENT_WORDING = OfferedText("Words", "", "What the customer did is no decision: nothing to explain.")


class Decision:
    """What is explained: its `document` with all events, and `after` without those left out (None: it is gone).

    `text`: what is shown of it; an event has that alone.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.document: WhyDocument | None = None
        self.after: WhyDocument | None = None
        self.text: PaneText | None = None
        self.after_without: tuple[str, ...] = ()
        self.wording: OfferedText | None = None

    @property
    def evidence(self) -> tuple[str, ...]:
        return () if self.text is None else self.text.evidence

    def outcome(self, without: tuple[str, ...]) -> str:
        """What became of it without these events."""
        if self.subject.kind == "event":
            return "it is left out" if set(self.evidence) <= set(without) else "it stays"
        if self.document is None or self.after_without != without:
            return "looking whether it still stands …"
        return what_if_diff.outcome(self.subject, self.document, self.after)


class WhyScreen(WorkScreen):
    """One decision of one customer. `what_if.without` says what is left out when it is closed."""

    AREA = "why"
    BINDINGS = keys.bindings(AREA)
    CSS_PATH = "why.tcss"

    def __init__(self, subject: Subject, before: Picture, without: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.decision = Decision(subject)
        self.what_if = WhatIf(self, before.customer, before, without)
        self._event_names = named(before.timeline)[1]
        self._evidence: tuple[str, ...] = ()
        self._earlier_subjects: list[Subject] = []
        self.tries_rules = False
        self._language = 0

    def compose(self) -> ComposeResult:
        yield Heading()
        yield WhatIfBanner()
        with Panes(*PANES):
            yield PaneTabs(*PANES, id="tabs")
            with Container(id="why-body"):
                yield ExplanationTree(id="tree")
                yield Timeline(id="history", empty="no event")
                yield ExplanationTree(id="different")
                with VerticalScroll(id="words"):
                    yield Static(content("reading …"), id="wording", markup=False)
        yield Peek()
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Panes).label(PANES)
        self.timeline.show_history(self.before.timeline)
        self.show_pane("tree")
        self.open_subject(self.decision.subject)
        if self.what_if.without:
            self._leave_out(self.what_if.without)

    @property
    def timeline(self) -> Timeline:
        return self.query_one(Timeline)

    @property
    def before(self) -> Picture:
        """The customer with all events."""
        assert self.what_if.before is not None
        return self.what_if.before

    @property
    def subject(self) -> Subject:
        """What is explained."""
        return self.decision.subject

    def relaid(self) -> None:
        self.timeline.show_rows()

    # -- what is explained -----------------------------------------------------------------------------------------

    def open_subject(self, subject: Subject) -> None:
        """Explain another decision of the same customer."""
        self.decision = Decision(subject)
        self._show_outcome()
        without, picture = self.what_if.without, self.before
        left_out = f"{len(without)} left out" if without else ""
        self.query_one(Heading).say(f"Why · {picture.customer}", left_out, picture.coverage)
        if subject.kind == "event":
            self.call_later(self.show_explanation, subject, about_event(picture, subject.id))
            return
        question = partial(self.session.customers.explain, picture.customer, subject, ())
        self.ask("why", question, partial(self.show_explanation, subject))

    def show_explanation(self, subject: Subject, document: WhyDocument | PaneText) -> None:
        if subject != self.subject:
            return
        if isinstance(document, PaneText):
            text = document
        else:
            self.decision.document = document
            text = PaneText(title(document), reasons(document), document.evidence, document.standing)
        self.decision.text = text
        self._evidence = self.decision.evidence
        with self.app.batch_update():
            tree = self.query_one("#tree", ExplanationTree)
            tree.tell(text.head, text.tree, text.standing)
            self._show_different()
            self._mark()
            self._point()
        self._ask_wording()
        if self.what_if.without:
            self._explain_without()

    def _show_different(self) -> None:
        """Say what would have had to be different, and what is gone and new."""
        document = self.decision.document
        if self.decision.text is None:
            return
        changes = self.what_if.changes(self._event_names)
        hint = Sentence(
            content(keys.hint("{why.leave-out} leaves it out of the history, and shows what falls away"))
        )
        tree = (hint,) if document is None else different(document, self._event_names)
        changed = what_if_diff.as_tree(changes) if changes is not None else ()
        self.query_one("#different", ExplanationTree).tell(
            content("What would have had to be different", "bold"), (*tree, *changed), "", keep=True
        )

    def _ask_wording(self) -> None:
        document, subject = self.decision.document, self.subject
        if document is None:
            self.call_after_refresh(self.show_wording, subject, EVENT_WORDING)
            return
        wording = self.session.customers.customer_wording
        question = partial(wording, self.before, document, self._locale)
        self.ask("words", question, partial(self.show_wording, subject))

    def show_wording(self, subject: Subject, wording: OfferedText) -> None:
        if subject == self.subject:
            self.decision.wording = wording
            self.query_one("#wording", Static).update(content(wording.text or wording.refusal))
            self.query_one("#words").border_title = content(f"Words · {self._locale}")

    @property
    def _locale(self) -> str:
        """The language that the words for the customer are in."""
        languages = self.session.customers.languages("reply")
        return languages[self._language % len(languages)]

    # -- evidence --------------------------------------------------------------------------------------------------

    @on(ExplanationTree.Pointed)
    def point_at_evidence(self, message: ExplanationTree.Pointed) -> None:
        self._evidence = message.events or self.decision.evidence
        self._mark()
        self._point()

    def _point(self) -> None:
        if self._evidence:
            self.timeline.point_at(self.timeline.row_key(self._evidence[0]))

    @on(OptionList.OptionSelected)
    def go_to_event(self, event: OptionList.OptionSelected) -> None:
        """Enter on a sentence goes to its newest event in the timeline."""
        event.stop()
        if self._evidence and self.timeline.go_to(self.timeline.row_key(self._evidence[0])):
            self.show_pane("history")

    @on(Table.Opened, "#history")
    def open_row(self, message: Table.Opened) -> None:
        self._earlier_subjects.append(self.subject)
        self.show_pane("tree")
        self.open_subject(subject_of(self.before.timeline, message.key))

    # -- leaving out -----------------------------------------------------------------------------------------------

    def action_leave_out(self) -> None:
        events = self._selected_events()
        if events:
            self._note_and_leave_out(self.what_if.toggled(events))
        else:
            say(self.app, "no event is behind this; move to one that has some", severity="warning")

    def action_put_back(self) -> None:
        if self.what_if.without:
            self._note_and_leave_out(())

    def _note_and_leave_out(self, without: tuple[str, ...]) -> None:
        """Leave out, and have it noted as what can be taken back."""
        before = self.what_if.without
        self._leave_out(without)
        self.services.did(
            put_or_left(before, without),
            lambda: self._leave_out(before),
            lambda: self.is_attached and self.what_if.without == without,
        )

    def _selected_events(self) -> tuple[str, ...]:
        """The events of the row or behind the sentence under the cursor."""
        if self.pane == "history":
            return self.timeline.selected_events
        trees = {tree.id: tree for tree in self.query(ExplanationTree)}
        return trees[self.pane].events if self.pane in trees else ()

    def _leave_out(self, without: tuple[str, ...]) -> None:
        """Show at once what is left out; what follows from that comes as it is known."""
        self.what_if.leave_out(without)
        self._mark()
        self._show_outcome()
        if not without:
            self._show_different()
            return
        self._explain_without()
        if not self.before.whole:
            self.what_if.ask_more(self.before)

    def _explain_without(self) -> None:
        subject, without = self.subject, self.what_if.without
        customer, customers = self.before.customer, self.session.customers

        def explain() -> WhyDocument | None:
            try:
                return customers.explain(customer, subject, without)
            except NotFoundError:
                return None

        if subject.kind != "event":
            self.ask("why without", explain, partial(self.show_what_became, subject, without))

    def show_what_became(
        self, subject: Subject, without: tuple[str, ...], document: WhyDocument | None
    ) -> None:
        """Show what the decision is without these events; no document where it is gone."""
        if (subject, without) == (self.subject, self.what_if.without):
            self.decision.after, self.decision.after_without = document, without
            self._show_outcome()

    def show_picture(self, picture: Picture) -> None:
        self.show_full_picture(picture)
        self.what_if.ask_more(picture)

    def show_full_picture(self, picture: Picture) -> None:
        self.what_if.take(picture)
        self._show_different()
        self._show_outcome()

    def show_derivable(self, without: tuple[str, ...], derivable: what_if_diff.Derivable) -> None:
        if self.what_if.take_derivable(without, derivable):
            self._mark()
            self._show_different()
            self._show_outcome()

    def _show_outcome(self) -> None:
        without, remaining = self.what_if.without, self.what_if.remaining
        banner = self.query_one(WhatIfBanner)
        banner.display = bool(without)
        if without:
            left_out = list(dict.fromkeys(self._event_names.get(event, event) for event in without))
            replacements: tuple[str, ...] = ()
            if remaining is not None:
                replacements = what_if_diff.replacements(self.subject, self.before, remaining)
            changes = self.what_if.changes(self._event_names)
            banner.says = what_if_diff.banner(left_out, self.decision.outcome(without), changes, replacements)

    def _mark(self) -> None:
        without = self.what_if.without
        marks = what_if_diff.marks(
            without, self.what_if.derivable, self._evidence, self.timeline.row_of_event
        )
        self.timeline.mark(marks)
        for tree in self.query(ExplanationTree):
            tree.strike(frozenset(without))

    # -- what else a person does -----------------------------------------------------------------------------------

    def action_audience(self) -> None:
        """Who got the campaign of the message that is explained."""
        rows = self.before.timeline.filter(self.before.timeline["message"] == self.subject.id)
        show_audience(self, rows.row(0, named=True) if len(rows) else None)

    def action_language(self) -> None:
        self._language += 1
        self._ask_wording()

    def action_copy(self) -> None:
        wording = self.decision.wording
        if wording is None or not wording.text:
            say(self.app, wording.refusal if wording else "still reading", severity="warning")
            return
        name = f"words-{self._locale}-{self.before.customer}.txt"
        self.services.copy("the words for the customer", f"{wording.text}\n", name)

    def action_back(self) -> None:
        """To the tree, to what was explained before, then to the customer."""
        if self.pane != "tree":
            self.show_pane("tree")
        elif self._earlier_subjects:
            self.open_subject(self._earlier_subjects.pop())
        else:
            self.dismiss()

    def action_try_rules(self) -> None:
        """Back to the customer, where the rules are tried."""
        self.tries_rules = True
        self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
