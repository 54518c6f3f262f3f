"""Rules: what would this rule do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container
from textual.widgets import OptionList

from tui import keys
from tui.core_access import still_running
from tui.rendering.replay_summary import figures
from tui.rendering.text import content, joined, listed, names_in, number, plain, say
from tui.rendering.wording import several
from tui.screens.base import WorkScreen
from tui.screens.dialogs import Choice, Question, TextDialog, confirm
from tui.session.view_models import Change, Document, Entry, Plan
from tui.widgets.items import Item, Items
from tui.widgets.panes import Panes, PaneTabs
from tui.widgets.replay_panes import CurvePane, ReplayPane
from tui.widgets.rule_form import FieldRow, RuleForm
from tui.widgets.text import Heading, KeyLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from tui.session.view_models import Opening

PANES = {"book": "Rule book", "form": "Rule", "replay": "Replay", "curve": "Curve"}


class RulesScreen(WorkScreen):
    """The book, the form of the selected rule, its replay over the workspace, and its curve."""

    AREA = "rules"
    BINDINGS = keys.bindings(AREA)
    CSS_PATH = "rules.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, Entry] = {}
        self._replayed_rule: Document | None = None

    def compose(self) -> ComposeResult:
        yield Heading()
        with Panes(*PANES):
            yield PaneTabs(*PANES, id="tabs")
            with Container(id="rules-body"):
                yield Items(id="book")
                yield RuleForm(id="form")
                yield ReplayPane(id="replay")
                yield CurvePane(id="curve")
        yield KeyLine()

    def on_mount(self) -> None:
        replays = self.session.replays
        self.ask("prepare", lambda: replays.prepare(still_running()))
        if self.services.opening is not None:
            self.opened(self.services.opening)
        self.query_one(Panes).label(PANES, {"replay": "Replay over the whole past"})
        self.show_pane("book")
        self._load_book(None)

    def opened(self, opening: Opening) -> None:
        self.query_one(Heading).say("whysent  rules", opening.role, opening.coverage)

    @property
    def form(self) -> RuleForm:
        return self.query_one(RuleForm)

    @property
    def entry(self) -> Entry | None:
        """The rule that is open."""
        return self.form.entry

    @property
    def unsaved(self) -> bool:
        return self.form.edited

    # -- the book ----------------------------------------------------------------------------------------------

    def _load_book(self, select: str | None) -> None:
        self.ask("rules", self.session.rules.entries, partial(self.show_book, select))

    def show_rule(self, key: str) -> None:
        """Go to the rule or proposal of that key."""
        self.show_pane("book")
        self._load_book(key)

    def outdated(self) -> None:
        """Somebody else changed the book: show it as it is, and keep what is being edited."""
        self.ask("rules", self.session.rules.entries, self.show_changed_book)

    def show_changed_book(self, entries: tuple[Entry, ...]) -> None:
        editing = self.entry
        changed = editing is not None and self._is_changed(editing, entries)
        if changed and not self.unsaved:
            self.form.entry = None
        self.show_book(None if editing is None else editing.key, entries)
        kept = (
            f"; your edit is kept, {keys.key_of('rules.save')} shows what it would change now"
            if changed and self.unsaved
            else ""
        )
        say(self.app, f"the rule book was changed elsewhere{kept}", severity="warning")
        if self.entry is not None:
            self.query_one(ReplayPane).replay_within_book()

    def _is_changed(self, editing: Entry, entries: tuple[Entry, ...]) -> bool:
        """Whether the rule that is open is not in the book as it stands there; one that is being written never was."""
        now = next((entry for entry in entries if entry.key == editing.key), None)
        is_new = not editing.version and not editing.proposal
        return not is_new and (now is None or (now.keys, now.enabled) != (editing.keys, editing.enabled))

    def show_book(self, select: str | None, entries: tuple[Entry, ...]) -> None:
        """Show the rules, and stand on the one of that id."""
        self._entries = {entry.key: entry for entry in entries}
        items = self.query_one("#book", Items)
        items.put([_item(entry) for entry in entries] or [Item("", content(keys.hint(NO_RULE)), head=True)])
        rules = [entry for entry in entries if entry.version]
        proposed = len(entries) - len(rules)
        counts = f"{sum(entry.enabled for entry in rules)} on, {len(rules)} in all"
        items.border_subtitle = content(f"{counts}{f' · {proposed} proposed' if proposed else ''}")
        if select in self._entries:
            items.highlighted = list(self._entries).index(select)
        elif items.highlighted is None and entries:
            items.highlighted = 0

    @on(OptionList.OptionHighlighted, "#book")
    async def choose(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._entries.get(self.query_one("#book", Items).id_at(event.option_index))
        if entry is not None and (self.entry is None or entry.key != self.entry.key):
            await self._open_or_ask(entry)

    async def begin(self, draft: Entry) -> None:
        """Open a rule that is not in the book yet."""
        if await self._open_or_ask(draft):
            self.show_pane("form")

    async def _open_or_ask(self, entry: Entry) -> bool:
        """Open a rule, unless an edit of the one that is open is not saved: then ask."""
        editing = self.entry
        if editing is None or not self.unsaved:
            await self._open(entry)
            return True

        async def decide(drop: bool | None) -> None:
            if drop:
                await self._open(entry)
            elif editing.key in self._entries:
                self.query_one("#book", Items).highlighted = list(self._entries).index(editing.key)

        self.app.push_screen(
            Question("Drop the edit?", content("It is not saved; it would be lost.")), decide
        )
        return False

    @on(OptionList.OptionSelected, "#book")
    def edit(self) -> None:
        self.show_pane("form")

    async def _open(self, entry: Entry) -> None:
        replay, curve = self.query_one(ReplayPane), self.query_one(CurvePane)
        replay.replay = None
        curve.cancel()
        curve.say_instead("It is drawn after the replay.")
        await self.form.put(entry)
        if entry.version or entry.proposal:
            self._replay(entry.keys, entry.proposal)
        else:
            replay.say_instead("What this rule needs is not filled in yet.")

    # -- the replay and the curve ------------------------------------------------------------------------------------

    @on(FieldRow.Choose)
    def choose_name(self, message: FieldRow.Choose) -> None:
        """List what may stand in the field, of words or of what the data names; the chosen one goes in, or out of it."""
        from tui.screens.rule_dialogs import Pick

        row, name = message.row, message.row.field.key.replace("_", " ")

        def take(name: str | None) -> None:
            if name:
                row.toggle_name(name)

        def show(title: str, names: Mapping[str, str]) -> None:
            self.app.push_screen(Pick(title, names, names_in(row.text), one=row.field.single), take)

        def show_named(names: Mapping[str, int]) -> None:
            show(
                f"{name}: {number(len(names))} in this data",
                {key: several(n, "message") for key, n in names.items()},
            )

        if row.field.choices:
            usual = dict.fromkeys(names_in(row.field.default), "if left empty")
            show(f"{name}: {row.field.hint}", {word: usual.get(word, "") for word in row.field.choices})
        else:
            self.ask("names", partial(self.session.rules.named, row.field.key), show_named)

    @on(RuleForm.Edited)
    def stop_older(self) -> None:
        self.query_one(ReplayPane).cancel()
        self.query_one(CurvePane).cancel()

    @on(RuleForm.ReadBack)
    def replay_draft(self, message: RuleForm.ReadBack) -> None:
        if not message.draft.errors:
            self._replay(message.draft.keys)

    def _replay(self, rule: Document, proposal: str = "") -> None:
        self._replayed_rule = rule
        self.query_one(CurvePane).cancel()
        self.query_one(ReplayPane).replay_rule(rule, proposal)

    @on(ReplayPane.Replayed)
    def draw_after_the_replay(self) -> None:
        if self._replayed_rule is not None:
            self.query_one(CurvePane).draw_rule(self._replayed_rule)

    def action_curve(self) -> None:
        """Bring the curve to the front; there already: over the other thing."""
        curve = self.query_one(CurvePane)
        if self.pane == "curve":
            curve.other_axis()
        if self._replayed_rule is not None and not self.query_one(ReplayPane).running:
            curve.draw_rule(self._replayed_rule)
        self.show_pane("curve")

    @on(CurvePane.PointMoved)
    def edit_by_the_point(self, message: CurvePane.PointMoved) -> None:
        self.form.set_text(message.by, message.label)

    # -- changes: a plan, a question, and only then the change ---------------------------------------------------------

    def _ask_plan(self, change: Change) -> None:
        self.ask("plan", partial(self.session.rules.plan, change), partial(self.ask_yes, change))

    def ask_yes(self, change: Change, plan: Plan) -> None:
        apply, show = partial(self.session.rules.apply, change), partial(self.show_applied, change)
        confirm(self, plan, lambda: self.ask("apply", apply, show))

    def show_applied(self, change: Change, done: str) -> None:
        self.services.did_to_book(done)
        self.own_change()
        self.form.entry = None
        self._load_book(change.id or None)

    # -- what a person does ----------------------------------------------------------------------------------------

    def action_next_pane(self, step: int) -> None:
        if not self.form.next_field(step):
            super().action_next_pane(step)

    def action_back(self) -> None:
        replay, curve = self.query_one(ReplayPane), self.query_one(CurvePane)
        if replay.running:
            replay.stop()
        elif curve.running:
            curve.stop()
        elif self.pane != "book":
            self.show_pane("book")
        else:
            self.services.action_go("find")

    def _is_proposal(self) -> bool:
        """Whether the rule that is open is only proposed: then say where it is answered."""
        proposal = self.entry.proposal if self.entry is not None else ""
        if proposal:
            say(self.app, f"{proposal} is answered in the inbox: i", severity="warning")
        return bool(proposal)

    def action_switch_rule(self) -> None:
        entry = self.entry
        if not self._is_proposal() and entry is not None and entry.version:
            self._ask_plan(Change("disable" if entry.enabled else "enable", entry.id))

    def action_new(self) -> None:
        self.ask("kinds", self.session.rules.kinds, self.choose_kind)

    def choose_kind(self, kinds: Mapping[str, str]) -> None:
        def begin(kind: str | None) -> None:
            if kind:
                self.ask("blank", partial(self.session.rules.blank, kind), self.begin)

        titles = {kind: f"{kind.replace('_', ' ')}\n{purpose}" for kind, purpose in kinds.items()}
        self.app.push_screen(Choice("A new rule of which kind?", titles), begin)

    def action_save(self) -> None:
        entry, draft = self.entry, self.form.draft
        if self._is_proposal():
            return
        if entry is None or not self.unsaved:
            say(self.app, "nothing to save: no field was changed", severity="warning")
        elif draft is None or draft.errors:
            errors = draft.errors.items() if draft else ()
            named = "; ".join(f"{key.replace('_', ' ')}: {plain(text)}" for key, text in errors)
            say(self.app, f"not saved: {named or 'not read yet'}", severity="error")
        else:
            kind = "set" if entry.version else "add"
            self._ask_plan(Change(kind, str(draft.keys["id"]), draft.keys))

    def action_history(self) -> None:
        if self.entry is not None and self.entry.version:
            rule = self.entry.id
            self.ask("history", partial(self.session.rules.history, rule), partial(self.show_history, rule))

    def show_history(self, rule: str, lines: tuple[str, ...]) -> None:
        self.app.push_screen(TextDialog(f"History of {rule}", content("\n".join(lines))))

    def action_displaced(self) -> None:
        replay, rule = self.query_one(ReplayPane).replay, self._replayed_rule
        if replay is None or rule is None:
            say(self.app, "nothing is replayed yet", severity="warning")
        else:
            from tui.screens.rule_dialogs import DisplacedDialog

            self.app.push_screen(DisplacedDialog(rule, replay), partial(self.take_into_form, rule))

    def take_into_form(self, replayed: Document, rule: Document | None) -> None:
        """A rule that keeps room: a new one is begun; what takes the place of the one that is open edits it."""
        if rule is None:
            return
        if rule["id"] == replayed["id"]:
            self.form.set_text("except_campaigns", listed(rule["except_campaigns"]))
            self.show_pane("form")
        else:
            self.ask("blank", partial(self.session.rules.offered, rule), self.begin)

    def action_presets(self) -> None:
        if self._replayed_rule is not None:
            vendors = partial(self.session.replays.vendors, self._replayed_rule)
            self.ask("vendors", vendors, self.choose_vendor)

    def choose_vendor(self, titles: Mapping[str, str]) -> None:
        rule = self._replayed_rule

        def compare(vendor: str | None) -> None:
            if vendor is not None and rule is not None:
                from tui.screens.rule_dialogs import VendorDialog

                self.app.push_screen(VendorDialog(rule, vendor, titles[vendor].split(":")[0]))

        self.app.push_screen(
            Choice("How would a sender keep this rule? The nearest first; Enter: what differs", titles),
            compare,
        )

    def action_inbox(self) -> None:
        def look_again(changed: bool | None) -> None:
            if changed:
                self.own_change()
                self.form.entry = None
                self._load_book(None)

        from tui.screens.inbox import InboxDialog

        self.app.push_screen(InboxDialog(), look_again)

    def action_copy(self) -> None:
        replay = self.query_one(ReplayPane).replay
        if replay is not None and self.entry is not None:
            text = f"{self.entry.id}\n{figures(replay).plain}\n"
            self.services.copy("the replay's figures", text, "replay.txt")


NO_RULE = "No rule yet.\n{rules.new} begins one: a list of the kinds says what each is for, with an example."

STATES = {
    "on": ("on ", "bold"),
    "off": ("off", "dim"),
    "proposed": ("?  ", "bold"),
    "draft": ("…  ", "dim"),
}
"""Where a rule stands, in a sign or a word of three cells."""


def _item(entry: Entry) -> Item:
    state = entry.state or ("on" if entry.enabled else "off")
    name = f"{state}: {entry.id}" if entry.proposal else entry.id
    version = f"  v{number(entry.version)}" if entry.version else f"  {entry.proposal}"
    return Item(
        entry.key,
        joined(STATES[state], "  ", (name, "bold"), version, (f"\n{entry.gist}", "dim")),
    )
