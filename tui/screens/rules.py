"""Rules: what would this rule do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Container, VerticalScroll
from textual.message import Message
from textual.widgets import Footer, Input, OptionList, Static

from tui import keys
from tui.rendering.replay_summary import displacement, figures
from tui.rendering.text import (
    content,
    joined,
    number,
    plain,
    say,
)
from tui.screens.curve_pane import CurvingScreen
from tui.screens.dialogs import Choice, Question, TextDialog
from tui.session.view_models import Change, Entry, Plan
from tui.widgets.curve import CurveChart
from tui.widgets.heading import Heading
from tui.widgets.items import Item, Items
from tui.widgets.pane_tabs import PaneTabs
from tui.widgets.rule_form import RuleForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult


class RulesScreen(CurvingScreen):
    """The book, the form of the selected rule, and its replay over the workspace."""

    PLACE = "rules"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "rules.tcss"
    PANES: ClassVar[tuple[str, ...]] = ("book", "form", "replay", "curve")

    @dataclass
    class Listed(Message):
        """The book came back; `select` names the rule to stand on."""

        entries: tuple[Entry, ...]
        select: str | None = None

    @dataclass
    class Begun(Message):
        """A rule that is not in the book yet."""

        entry: Entry

    @dataclass
    class Planned(Message):
        """What a change would do."""

        change: Change
        plan: Plan

    @dataclass
    class Applied(Message):
        """A change was made."""

        change: Change
        done: str

    @dataclass
    class Senders(Message):
        """The senders whose semantics are known."""

        titles: Mapping[str, str]

    @dataclass
    class Versions(Message):
        """The versions of a rule came back."""

        rule: str
        lines: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, Entry] = {}

    def compose(self) -> ComposeResult:
        yield Heading()
        yield PaneTabs(id="tabs")
        with Container(id="rules-body"):
            with Container(id="desk", classes="wrapper"):
                yield Items(id="book")
                yield RuleForm(id="form")
            with Container(id="answers", classes="wrapper"):
                with VerticalScroll(id="replay"):
                    yield Static(content("Choose a rule."), id="figures", markup=False)
                yield CurveChart(id="curve")
        yield Footer()

    def on_mount(self) -> None:
        opening = self.whysent.opening
        self.query_one(Heading).say(
            "whysent  rules", opening.role if opening else "", opening.coverage if opening else ""
        )
        for pane, title in zip(
            self.PANES, ("Rule book", "Rule", "Replay over the whole past", "Curve"), strict=True
        ):
            self.query_one(f"#{pane}").border_title = content(title)
        self.query_one(PaneTabs).panes = (
            ("book", "Rule book"),
            ("form", "Rule"),
            ("replay", "Replay"),
            ("curve", "Curve"),
        )
        self.show_pane("book")
        self._ask_list(None)

    # -- the book ----------------------------------------------------------------------------------------------

    def _ask_list(self, select: str | None) -> None:
        self.ask("rules", self.whysent.session.rules, lambda entries: self.Listed(entries, select))

    @on(Listed)
    def show_book(self, message: Listed) -> None:
        self._entries = {entry.key: entry for entry in message.entries}
        items = self.query_one("#book", Items)
        items.put(_item(entry) for entry in message.entries)
        rules = [entry for entry in message.entries if entry.version]
        waiting = len(message.entries) - len(rules)
        on_now = f"{sum(entry.enabled for entry in rules)} on, {len(rules)} in all"
        items.border_subtitle = content(f"{on_now}{f' · {waiting} proposed' if waiting else ''}")
        if message.select in self._entries:
            items.highlighted = list(self._entries).index(message.select)
        elif items.highlighted is None and message.entries:
            items.highlighted = 0

    @on(OptionList.OptionHighlighted, "#book")
    async def choose(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._entries.get(self.query_one("#book", Items).id_at(event.option_index))
        if entry is None or entry is self._entry:
            return
        if self._entry is None or not self.unsaved:
            await self._put(entry)
        else:
            self._ask_to_drop(entry)

    def _ask_to_drop(self, entry: Entry) -> None:
        """Another rule is wanted, and the edit of this one is not saved."""
        editing = self._entry

        async def decide(drop: bool | None) -> None:
            if drop:
                await self._put(entry)
            elif editing is not None and editing.key in self._entries:
                self.query_one("#book", Items).highlighted = list(self._entries).index(editing.key)

        self.app.push_screen(
            Question("Drop the edit?", content("It is not saved; it would be lost.")), decide
        )

    @on(OptionList.OptionSelected, "#book")
    def edit(self) -> None:
        self.show_pane("form")

    @on(Begun)
    async def begin(self, message: Begun) -> None:
        if self._entry is not None and self.unsaved:
            self._ask_to_drop(message.entry)
            return
        await self._put(message.entry)
        self.show_pane("form")

    async def _put(self, entry: Entry) -> None:
        self._entry, self._draft, self._replay = entry, None, None
        form = self.query_one(RuleForm)
        await form.put(entry.fields)
        form.border_title = content(
            f"{entry.id} · v{entry.version}"
            if entry.version
            else f"{entry.id} · {entry.state} {entry.proposal}"
            if entry.proposal
            else f"new {entry.keys['kind']}"
        )
        form.tell({})
        if entry.version or entry.proposal:
            self._ask_replay(entry.keys)
        else:
            self._say_figures(content("What this rule needs is not filled in yet."))

    # -- changes: a plan, a question, and only then the change ---------------------------------------------------------

    def _ask_plan(self, change: Change) -> None:
        session = self.whysent.session
        self.ask("plan", lambda: session.plan(change), lambda plan: self.Planned(change, plan))

    @on(Planned)
    def ask_yes(self, message: Planned) -> None:
        session, change = self.whysent.session, message.change

        def decide(yes: bool | None) -> None:
            if yes:
                self.ask("apply", lambda: session.apply(change), lambda done: self.Applied(change, done))

        self.app.push_screen(Question(message.plan.title, content("\n".join(message.plan.lines))), decide)

    @on(Applied)
    def show_applied(self, message: Applied) -> None:
        say(self.app, message.done)
        self._entry = None
        self._ask_list(message.change.id or None)

    # -- what a person does ----------------------------------------------------------------------------------------

    def action_next_pane(self, step: int) -> None:
        inputs = list(self.query_one(RuleForm).query(Input))
        at = (
            inputs.index(self.focused) + step
            if isinstance(self.focused, Input) and self.focused in inputs
            else -1
        )
        if 0 <= at < len(inputs):
            inputs[at].focus()
        else:
            super().action_next_pane(step)

    def action_back(self) -> None:
        if self._replaying:
            self._stop_replay()
        elif self.drawing:
            self._stop_curve()
        elif self.pane != "book":
            self.show_pane("book")
        else:
            self.whysent.action_go("find")

    def action_switch_rule(self) -> None:
        if self._entry is not None and self._entry.proposal:
            say(self.app, f"{self._entry.proposal} is answered in the inbox: i", severity="warning")
        elif self._entry is not None and self._entry.version:
            self._ask_plan(Change("disable" if self._entry.enabled else "enable", self._entry.id))

    def action_new(self) -> None:
        session = self.whysent.session

        def begin(kind: str | None) -> None:
            if kind:
                self.ask("blank", lambda: session.blank(kind), self.Begun)

        self.app.push_screen(
            Choice("A new rule of which kind?", {kind: kind.replace("_", " ") for kind in session.kinds()}),
            begin,
        )

    def action_save(self) -> None:
        if self._entry is not None and self._entry.proposal:
            say(self.app, f"{self._entry.proposal} is answered in the inbox: i", severity="warning")
        elif self._entry is None or not self.unsaved:
            say(self.app, "nothing to save: no field was changed", severity="warning")
        elif self._draft is None or self._draft.errors:
            wrong = (
                "; ".join(plain(text) for text in self._draft.errors.values())
                if self._draft
                else "not read yet"
            )
            say(self.app, f"not saved: {wrong}", severity="error")
        else:
            kind = "set" if self._entry.version else "add"
            self._ask_plan(Change(kind, str(self._draft.keys["id"]), self._draft.keys))

    def action_history(self) -> None:
        if self._entry is not None and self._entry.version:
            rule, session = self._entry.id, self.whysent.session
            self.ask("history", lambda: session.history(rule), lambda lines: self.Versions(rule, lines))

    @on(Versions)
    def show_history(self, message: Versions) -> None:
        self.app.push_screen(TextDialog(f"History of {message.rule}", content("\n".join(message.lines))))

    def action_undo(self) -> None:
        self._ask_plan(Change("undo", ""))

    def action_displaced(self) -> None:
        if self._replay is not None:
            self.app.push_screen(TextDialog("Who displaced whom", displacement(self._replay, most=200)))

    def action_presets(self) -> None:
        if self._rule is not None:
            self.ask("senders", self.whysent.session.senders, self.Senders)

    @on(Senders)
    def choose_sender(self, message: Senders) -> None:
        rule = self._rule

        def compare(sender: str | None) -> None:
            if sender is not None and rule is not None:
                from tui.screens.vendor_comparison import SenderDialog

                self.app.push_screen(SenderDialog(rule, sender, message.titles[sender].split(":")[0]))

        self.app.push_screen(Choice("The same rule as whom?", message.titles), compare)

    def action_inbox(self) -> None:
        def look_again(changed: bool | None) -> None:
            if changed:
                self._entry = None
                self._ask_list(None)

        from tui.screens.inbox import InboxDialog

        self.app.push_screen(InboxDialog(), look_again)

    def action_copy(self) -> None:
        if self._replay is not None and self._entry is not None:
            text = f"{self._entry.id}\n{figures(self._replay).plain}\n"
            self.whysent.copy("the replay's figures", text, "replay.txt")


STATES = {
    "on": ("on ", "bold $success"),
    "off": ("off", "dim"),
    "proposed": ("?  ", "bold $warning"),
    "draft": ("…  ", "dim"),
}
"""Where a rule stands, in a sign or a word of three cells."""


def _item(entry: Entry) -> Item:
    state = entry.state or ("on" if entry.enabled else "off")
    name = f"{state}: {entry.id}" if entry.proposal else entry.id
    version = f"  v{number(entry.version)}" if entry.version else f"  {entry.proposal}"
    return Item(
        entry.key,
        joined(STATES[state], "  ", (name, "bold"), version, (f"\n     {entry.gist}", "dim")),
    )
