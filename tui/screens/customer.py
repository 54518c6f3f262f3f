"""Customer: what happened to this person, why, and when does it end?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widgets import Footer

from tui import keys
from tui.rendering import diff
from tui.rendering.text import content, number, say
from tui.rendering.timeline import with_notes
from tui.screens.customer_anomalies import PatternScreen
from tui.screens.customer_panes import (
    columns,
    finding_item,
    recommendation_items,
    segment_item,
)
from tui.widgets.heading import Heading
from tui.widgets.items import Items
from tui.widgets.pane_tabs import PaneTabs
from tui.widgets.table import Table
from tui.widgets.table_data import Rows
from tui.widgets.verdict import VerdictBlock, says
from tui.widgets.weekly_chart import Pressure
from tui.widgets.why import Why

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tui.session.view_models import Picture, Verdict, Written

SIDE = ("segments", "recommendations", "findings")
NAMES = ("Timeline", "Why", "Segments", "Recommended", "Findings")
EMPTY = "No customer is open. Press 1 and choose one, or / to look somebody up."


class CustomerScreen(PatternScreen):
    """One customer. `open_customer` shows another one."""

    PLACE = "customer"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "customer.tcss"
    PANES: ClassVar[tuple[str, ...]] = ("timeline", "why", *SIDE)

    @dataclass
    class Pictured(Message):
        """A picture came back."""

        picture: Picture

    @dataclass
    class Completed(Message):
        """The whole of a picture that was shown in part came back."""

        picture: Picture

    @dataclass
    class Judged(Message):
        """The whole verdict of a picture came back."""

        picture: Picture
        verdict: Verdict

    @dataclass
    class Regiven(Message):
        """Which messages our definitions give came back."""

        picture: Picture
        given: diff.Given

    @dataclass
    class Exported(Message):
        """A file was written."""

        path: str

    def __init__(self) -> None:
        super().__init__()
        self._group = ""
        self._side = SIDE[0]

    def compose(self) -> ComposeResult:
        yield Heading()
        yield VerdictBlock(classes="framed")
        yield Pressure(classes="framed")
        yield PaneTabs(id="tabs")
        with Container(id="body"):
            yield Table(id="timeline", empty="no such event")
            yield Why(id="why")
            with Vertical(id="side", classes="wrapper"):
                yield PaneTabs(id="side-tabs")
                yield Items(id="segments")
                yield Items(id="recommendations")
                yield Items(id="findings")
        yield Footer()

    def on_mount(self) -> None:
        self.show_pane("timeline", focus=False)
        if self.customer is None:
            self.query_one(Heading).say("whysent", "", EMPTY)
            self.query_one(VerdictBlock).display = False

    # -- opening -------------------------------------------------------------------------------------------------

    def open_customer(self, customer: str) -> None:
        """Read and show a customer."""
        self.customer, self.before, self.now, self._group = customer, None, None, ""
        self._given, self._evidence, self._subject = diff.Given(), (), None
        self.trying, self.tried = False, None
        self.query_one("#timeline", Table).rows = None
        block = self.query_one(VerdictBlock)
        block.display, block.verdict = True, None
        self.query_one(Heading).say(customer, self._ticket(), "reading …")
        self._ask_picture(())

    def outdated(self) -> None:
        if self.now is not None:
            self._ask_picture(self.now.without)

    def _ask_picture(self, without: tuple[str, ...]) -> None:
        assert self.customer is not None
        customer, session = self.customer, self.whysent.session
        self.ask("picture", lambda: session.picture(customer, without, whole=False), self.Pictured)

    def _ticket(self) -> str:
        opening = self.whysent.opening
        return f"ticket {opening.ticket}" if opening and opening.ticket else ""

    @on(Pictured)
    def show_picture(self, message: Pictured) -> None:
        picture, first = message.picture, self.before is None
        self.now = picture
        if not picture.without:
            self.before, self._given = picture, diff.Given()
        with self.app.batch_update():
            self._say_heading(picture)
            self.query_one(VerdictBlock).verdict = picture.verdict
            self._show_lists()
            if first:
                self.query_one(Pressure).weeks = picture.weeks
                self._show_timeline()
                self.show_pane("timeline")
            else:
                self._explain_again()
            self._mark()
        if self.trying:
            self._try_rules()
        self._ask_rest(picture)

    def failed(self, group: str, reason: str) -> None:
        """A customer that cannot be read says so where the verdict would stand, for as long as it is so."""
        if group == "picture" and self.now is None:
            self.query_one(Heading).say(self.customer, self._ticket(), reason)
            self.query_one(VerdictBlock).display = False
        super().failed(group, reason)

    def _say_heading(self, picture: Picture) -> None:
        count = len(picture.without)
        left_out = f"{count} event{'s' * (count != 1)} left out" if count else self._ticket()
        self.query_one(Heading).say(
            " · ".join((picture.customer, *picture.about)), left_out, picture.coverage
        )

    def _ask_rest(self, picture: Picture) -> None:
        """What takes longer: the whole verdict, and which messages still follow from what is left."""
        session, customer, without = self.whysent.session, picture.customer, picture.without
        self.ask("verdict", lambda: session.verdict(picture), lambda verdict: self.Judged(picture, verdict))
        if not picture.whole:
            group = "what is left" if without else "everything"
            self.ask(group, lambda: session.picture(customer, without), self.Completed)
        if without:
            self.ask(
                "given",
                lambda: diff.Given(session.derived(customer, ()), session.derived(customer, without)),
                lambda given: self.Regiven(picture, given),
            )

    @on(Completed)
    def show_the_rest(self, message: Completed) -> None:
        picture = message.picture
        if self.before is None or self.now is None or picture.customer != self.customer:
            return
        if not picture.without:
            self.before = picture
        if picture.without == self.now.without:
            self.now = picture
        with self.app.batch_update():
            self._show_lists()
            self._titles()
            self._mark()

    @on(Judged)
    def show_verdict(self, message: Judged) -> None:
        if self._is_now(message.picture):
            self.query_one(VerdictBlock).verdict = message.verdict

    @on(Regiven)
    def show_given(self, message: Regiven) -> None:
        if self._is_now(message.picture):
            self._given = message.given
            self._mark()

    def _is_now(self, picture: Picture) -> bool:
        """Whether a picture is of what the screen shows, in part or whole."""
        now = self.now
        return now is not None and (picture.customer, picture.without) == (now.customer, now.without)

    def _show_timeline(self) -> None:
        assert self.before is not None
        frame = self.before.timeline
        several = frame.filter(frame["events"].list.len() > 1).select("key", "events")
        self._row = {event: key for key, events in several.iter_rows() for event in events if event != key}
        shown = frame.filter(frame["group"] == self._group) if self._group else frame
        table = self.query_one("#timeline", Table)
        tried = self.tried
        told = shown if tried is None else with_notes(shown, {**tried.stopped, **tried.deferred})
        rows = Rows(told, columns(self.size.width, trying=tried is not None), "key", total=frame.height)
        table.show(rows, keep=table.key if table.rows else self._telling())
        self._titles()

    def _telling(self) -> str | None:
        """The row to begin on: the newest message of the worst finding."""
        assert self.before is not None
        messages = next((found.messages for found in self.before.findings if found.messages), None)
        return self._row.get(messages[-1], messages[-1]) if messages else None

    def _show_lists(self) -> None:
        assert self.before is not None
        assert self.now is not None
        before, now = self.before, self.now
        self.query_one("#segments", Items).put(
            segment_item(document, mark)
            for document, mark in diff.merged(before.segments, now.segments, diff.by_id)
        )
        self.query_one("#recommendations", Items).put(
            recommendation_items(diff.merged(before.recommendations, now.recommendations, diff.by_item))
        )
        findings = diff.merged(before.findings, now.findings, diff.by_id)
        self.query_one("#findings", Items).put(
            [*(finding_item(document, mark) for document, mark in findings), *self._pattern_items()]
        )

    def _titles(self) -> None:
        assert self.before is not None
        counts = (
            self.before.timeline.height,
            None,
            len(self.before.segments),
            len(self.before.recommendations) if self.before.whole else None,
            len(self.before.findings),
        )
        labels = tuple(
            (pane, name if count is None else f"{name} {number(count)}")
            for pane, name, count in zip(self.PANES, NAMES, counts, strict=True)
        )
        self.query_one("#tabs", PaneTabs).panes = labels
        self.query_one("#side-tabs", PaneTabs).panes = labels[2:]
        only = {"": "", "mail": " · mails only", "behaviour": " · behaviour only"}[self._group]
        if (tried := self.tried) is not None:
            only += f" · {number(len(tried.stopped))} stopped, {number(len(tried.deferred))} deferred"
        for pane, label in labels:
            named = (
                "" if pane in SIDE and self.has_class("-medium") else label
            )  # a line of tabs names them there
            self.query_one(f"#{pane}").border_title = content(named + (only if pane == "timeline" else ""))

    # -- panes -----------------------------------------------------------------------------------------------------

    def show_pane(self, pane: str, *, focus: bool = True) -> None:
        """As everywhere; and of the three side panes one is in front where they share a place."""
        side = pane if pane in SIDE else self._side
        self._side = side
        for name in SIDE:
            self.query_one(f"#{name}").set_class(name == side, "-side-current")
        super().show_pane(pane, focus=focus)
        self.query_one("#side-tabs", PaneTabs).current = side

    def relaid(self, layout: str) -> None:
        """The timeline's columns depend on the width."""
        if self.before is not None and layout:
            self._show_timeline()

    # -- what a person does ----------------------------------------------------------------------------------------

    def action_back(self) -> None:
        if self.pane != "timeline":
            self.show_pane("timeline")
        else:
            self.whysent.action_go("find")

    def action_only(self, group: str) -> None:
        self._group = group
        if self.before is not None:
            self._show_timeline()
            self._mark()

    def action_leave_out(self) -> None:
        key = self.query_one("#timeline", Table).key
        if key is None or self.now is None or self.before is None:
            return
        at = self.before.timeline["key"].index_of(key)
        assert at is not None
        events = tuple(self.before.timeline["events"][at])
        now = self.now.without
        without = tuple(one for one in now if one not in events) if key in now else (*now, *events)
        self._ask_picture(without)

    def action_report(self) -> None:
        if self.customer is not None:
            from tui.screens.report import ReportDialog

            self.app.push_screen(ReportDialog(self.customer))

    def action_copy(self) -> None:
        verdict = self.query_one(VerdictBlock).verdict
        if verdict is not None and self.customer is not None:
            self.whysent.copy(
                "the verdict, masked", f"{self.customer}\n{says(verdict).plain}\n", "verdict.txt"
            )

    def action_export(self) -> None:
        if self.customer is None:
            return
        customer, session = self.customer, self.whysent.session

        def write() -> str:
            written: Written = session.report(customer, "internal", "en")
            return session.keep(f"case-{customer}.md", written.text)

        self.ask("export", write, self.Exported)

    @on(Exported)
    def say_exported(self, message: Exported) -> None:
        say(self.app, f"the case was written to {message.path}")
