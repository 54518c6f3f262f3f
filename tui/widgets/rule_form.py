"""One rule: what it does in a sentence, and its keys as fields, with what is wrong or odd under each; read back as one types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Click, DescendantFocus
from textual.message import Message
from textual.widgets import Collapsible, Input, Label

from tui import keys
from tui.core_access import AsksCore
from tui.rendering.text import content, listed_names, names_in, number, plain
from tui.widgets.text import CleanInput, TextBlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult
    from textual.timer import Timer

    from audit.queries.rule_check import RuleCheck
    from tui.session.view_models import Document, Draft, Entry, Field

PAUSE = 0.15
"""Seconds without a key before an edit is read back."""


class FieldRow(Container):
    """A label, a field, and a place for what is wrong or odd. Enter in a field with a list, or a click on its label, asks for that."""

    @dataclass
    class Choose(Message):
        """What may stand in the field is asked for."""

        row: FieldRow

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.key}")
        self.field = field
        self._told = ("", "")

    def compose(self) -> ComposeResult:
        signs = f"{' *' if self.field.needed else ''}{' ▾' if self.field.can_be_chosen else ''}"
        name = f"{self.field.key.replace('_', ' ')}{signs}"
        yield Label(content(name), classes="key -list" if self.field.can_be_chosen else "key")
        default = plain(self.field.default) or ("needed" if self.field.needed else "any")
        placeholder = f"{default}: {self.field.hint}" if self.field.needed and self.field.hint else default
        yield CleanInput(self.field.text, placeholder=placeholder, compact=True, select_on_focus=False)
        yield Label(content(""), classes="wrong", markup=False)

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.query_one(Input).value.strip()

    @property
    def hint(self) -> str:
        """What may be written, in a line."""
        says = "; ".join(filter(None, (self.field.hint, "Enter: choose" if self.field.can_be_chosen else "")))
        return f"{self.field.key.replace('_', ' ')}: {says}" if says else ""

    def tell(self, error: str, odd: str = "") -> None:
        """Say what is wrong, else what is odd, or nothing; what is said already costs nothing."""
        if (error, odd) == self._told:
            return
        self._told = (error, odd)
        self.set_class(bool(error), "-wrong")
        self.set_class(bool(odd) and not error, "-odd")
        self.query_one(".wrong", Label).update(content(error or (f"! {odd}" if odd else "")))

    def toggle_name(self, name: str) -> None:
        """Put a name into the field, or take it out; where only one may stand, in place of what stands there."""
        names, (chosen,) = [] if self.field.single else names_in(self.text), names_in(name)
        kept = [one for one in names if one != chosen]
        field = self.query_one(Input)
        field.value = listed_names(kept if len(kept) < len(names) else [*names, chosen])
        field.cursor_position = len(field.value)

    @on(Input.Submitted)
    def choose(self, event: Input.Submitted) -> None:
        """Enter: what may be chosen; where that is nothing, the next field."""
        event.stop()
        if self.field.can_be_chosen:
            self._ask()
        else:
            self.screen.query_one(RuleForm).next_field(1)

    @on(Click, ".-list")
    def choose_by_mouse(self) -> None:
        self.query_one(Input).focus()
        self._ask()

    def _ask(self) -> None:
        if self.field.can_be_chosen:
            self.post_message(self.Choose(self))


class RuleForm(VerticalScroll, AsksCore, can_focus=False):
    """Fields of the rule `entry`. `draft` is what was read back last, None for a form that nobody has edited.

    Above them stands what the rule does; fields that seldom matter are folded away.
    """

    AREA = "form"
    BINDINGS = keys.bindings(AREA)

    @dataclass
    class Edited(Message):
        """The texts changed."""

        texts: dict[str, str]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RuleForm.Edited)

    @dataclass
    class ReadBack(Message):
        """The form was read back."""

        draft: Draft

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self.entry: Entry | None = None
        self.draft: Draft | None = None
        self._timer: Timer | None = None
        self._saved: dict[str, str] = {}
        self._posted: dict[str, str] = {}
        self._general: list[str] = []
        self._beside: tuple[Content, ...] = ()
        self._warnings: Mapping[str, str] = {}

    async def put(self, entry: Entry) -> None:
        """Show another rule's fields."""
        self.entry, self.draft = entry, None
        texts = {field.key: plain(field.text).strip() for field in entry.fields}
        in_book = bool(entry.version or entry.proposal)
        self._saved = texts if in_book else dict.fromkeys(texts, "")
        self._posted = dict(texts)
        await self.remove_children()
        matter = [FieldRow(field) for field in entry.fields if field.matters]
        rest = [FieldRow(field) for field in entry.fields if not field.matters]
        names = ", ".join(row.field.key.replace("_", " ") for row in rest[:4])
        title = f"{len(rest)} more: {names}{' …' if len(rest) > 4 else ''}"
        more = [Collapsible(*rest, title=plain(title))] if rest else []
        await self.mount_all([TextBlock(id="reads"), *matter, *more, TextBlock(id="state")])
        self.scroll_home(animate=False)
        self._beside, self._warnings = (), {}
        self._say(entry.gist)
        self.tell({})
        if entry.version or entry.proposal:
            self._check(entry.keys)
        version, proposal = f"{entry.id} · v{entry.version}", f"{entry.id} · {entry.state} {entry.proposal}"
        title = version if entry.version else proposal if entry.proposal else f"new {entry.keys['kind']}"
        self.border_title = content(title)
        if self.edited:
            self.post_message(self.Edited(texts))

    @property
    def texts(self) -> dict[str, str]:
        """Key → text."""
        return {row.field.key: row.text for row in self.query(FieldRow)}

    @property
    def edited(self) -> bool:
        """Whether a text is not what it was."""
        return bool(self._saved) and self.texts != self._saved

    def set_text(self, key: str, text: str) -> None:
        """Have a field say something else, as if it were typed."""
        for row in self.query(f"#row-{key}").results(FieldRow):
            row.query_one(Input).value = plain(text)

    def _say(self, reads: str) -> None:
        """What the rule does, and what is to be known of it as a whole."""
        for block in self.query("#reads").results(TextBlock):
            block.says = Content("\n").join([content(reads, "bold"), *self._beside]) if reads else Content("")

    def tell(self, errors: Mapping[str, str]) -> None:
        """Say what is wrong or odd under each field; what is wrong of no field, under the form."""
        rows = {row.field.key: row for row in self.query(FieldRow)}
        for key, row in rows.items():
            row.tell(errors.get(key, ""), self._warnings.get(key, ""))
        for more in self.query(Collapsible):
            if any(row.has_class("-wrong", "-odd") for row in more.query(FieldRow)):
                more.collapsed = False
        self._general = [plain(text) for key, text in errors.items() if key not in rows]
        self._say_state()
        self.call_after_refresh(self._keep_in_sight)

    def _keep_in_sight(self) -> None:
        """What is said above and below the fields takes lines: the one with the cursor stays in sight."""
        for field in self.query(Input):
            if field.has_focus:
                field.scroll_visible(animate=False)

    @on(DescendantFocus)
    def _say_state(self) -> None:
        """What is wrong with the whole, whether it is saved, and what may be written into the field with the cursor."""
        focused = self.screen.focused
        rows = [node for node in focused.ancestors if isinstance(node, FieldRow)] if focused else []
        unsaved = ["* unsaved"] if self.edited else []
        for state in self.query("#state").results(TextBlock):
            state.says = content(" · ".join(self._general or [*unsaved, *(row.hint for row in rows)]))

    @on(Input.Changed)
    def note_edit(self, event: Input.Changed) -> None:
        event.stop()
        texts = self.texts
        if texts != self._posted:
            self._posted = texts
            self.post_message(self.Edited(texts))

    @on(Edited)
    def read_back_soon(self, message: Edited) -> None:
        if self._timer is not None:
            self._timer.stop()
        keys = self.entry.keys if self.entry is not None else {}
        fixed = {key: str(keys[key]) for key in ("id", "kind") if key in keys}
        question = partial(self.session.rules.draft, fixed | message.texts)
        self._timer = self.set_timer(PAUSE, lambda: self.ask("draft", question, self.show_errors))

    def show_errors(self, draft: Draft) -> None:
        self.draft = draft
        self.tell(draft.errors)
        if not draft.errors:
            self._say(draft.reads)
            self._check(draft.keys)
        self.post_message(self.ReadBack(draft))

    def _check(self, keys: Document) -> None:
        entry = self.entry

        def show(check: RuleCheck) -> None:
            if self.entry is entry:  # another rule may have been put meanwhile
                self.show_check(check)

        self.ask("check", partial(self.session.rules.check, keys), show)

    def show_check(self, check: RuleCheck) -> None:
        """How much of the data the rule is about, and what is odd about it."""
        self._warnings = {warning.key: warning.in_words for warning in check.warnings}
        judged = f"judges {number(check.messages)} of {number(check.of)} messages in this data"
        whole = [content(f"! {one.in_words}", "$warning") for one in check.warnings if not one.key]
        self._beside = (content(judged, "dim"), *whole)
        self._say(check.reads)
        self.tell({})

    def action_next_field(self, step: int) -> None:
        self.next_field(step)

    def next_field(self, step: int) -> bool:
        """Go to the next field, or what folds the others away; False where there is none, or the cursor is in none."""
        fields = [node for node in self.query("Input, CollapsibleTitle") if node in self.screen.focus_chain]
        focused = self.screen.focused
        index = fields.index(focused) + step if focused in fields else -1
        inside = 0 <= index < len(fields)
        if inside:
            fields[index].focus()
        return inside

    def focus(self, scroll_visible: bool = True) -> RuleForm:
        inputs = self.query(Input)
        if inputs:
            inputs.first().focus(scroll_visible)
        return self
