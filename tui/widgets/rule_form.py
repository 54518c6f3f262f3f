"""The keys of one rule as fields, each with what is wrong with it beside it; read back as one types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Label

from tui.core_access import AsksCore
from tui.rendering.text import content, plain
from tui.widgets.text import CleanInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult
    from textual.timer import Timer

    from tui.session.view_models import Draft, Entry, Field

PAUSE = 0.15
"""Seconds without a key before an edit is read back."""


class FieldRow(Horizontal):
    """A label, a field, and a place for what is wrong."""

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.key}")
        self.field = field
        self._error = ""

    def compose(self) -> ComposeResult:
        yield Label(
            content(self.field.key.replace("_", " ") + (" *" if self.field.needed else "")), classes="key"
        )
        placeholder = plain(self.field.default) or ("needed" if self.field.needed else "any")
        yield CleanInput(self.field.text, placeholder=placeholder, compact=True, select_on_focus=False)
        yield Label(content(""), classes="wrong", markup=False)

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.query_one(Input).value.strip()

    def tell(self, error: str) -> None:
        """Say what is wrong, or nothing; what is said already costs nothing."""
        if error == self._error:
            return
        self._error = error
        self.set_class(bool(error), "-wrong")
        self.query_one(".wrong", Label).update(content(error))


class RuleForm(VerticalScroll, AsksCore, can_focus=False):
    """Fields of the rule `entry`. `draft` is what was read back last, None for a form that nobody has edited."""

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

    async def put(self, entry: Entry) -> None:
        """Show another rule's fields."""
        self.entry, self.draft = entry, None
        texts = {field.key: plain(field.text).strip() for field in entry.fields}
        in_book = bool(entry.version or entry.proposal)
        self._saved = texts if in_book else dict.fromkeys(texts, "")
        self._posted = dict(texts)
        await self.remove_children()
        await self.mount_all(FieldRow(field) for field in entry.fields)
        self.scroll_home(animate=False)
        self.tell({})
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

    def tell(self, errors: Mapping[str, str]) -> None:
        """Say what is wrong beside each field; what concerns no field, under the form."""
        rows = {row.field.key: row for row in self.query(FieldRow)}
        for key, row in rows.items():
            row.tell(errors.get(key, ""))
        general = [plain(text) for key, text in errors.items() if key not in rows]
        self.border_subtitle = (
            content("; ".join(general)) if general else content("* unsaved" if self.edited else "")
        )

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
        self.post_message(self.ReadBack(draft))

    def next_field(self, step: int) -> bool:
        """Go to the next field; False where there is none, or the cursor is in none."""
        inputs: list[Input] = list(self.query(Input))
        focused = self.screen.focused
        index = inputs.index(focused) + step if isinstance(focused, Input) and focused in inputs else -1
        inside = 0 <= index < len(inputs)
        if inside:
            inputs[index].focus()
        return inside

    def focus(self, scroll_visible: bool = True) -> RuleForm:
        inputs = self.query(Input)
        if inputs:
            inputs.first().focus(scroll_visible)
        return self
