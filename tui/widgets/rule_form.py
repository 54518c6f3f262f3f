"""The keys of one rule as fields, each with what is wrong with it beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Label

from tui.rendering.text import content, plain
from tui.widgets.clean_input import CleanInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from tui.session.view_models import Field


class FieldRow(Horizontal):
    """A label, a field, and a place for what is wrong."""

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.key}")
        self.field = field
        self._wrong = ""

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

    def tell(self, wrong: str) -> None:
        """Say what is wrong, or nothing; what is said already costs nothing."""
        if wrong == self._wrong:
            return
        self._wrong = wrong
        self.set_class(bool(wrong), "-wrong")
        self.query_one(".wrong", Label).update(content(wrong))


class RuleForm(VerticalScroll, can_focus=False):
    """Fields of a rule. Tells when a text differs from what it was."""

    @dataclass
    class Edited(Message):
        """The texts changed."""

        texts: dict[str, str]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RuleForm.Edited)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as every widget
        super().__init__(id=id)
        self._saved: dict[str, str] = {}
        self._told: dict[str, str] = {}

    async def put(self, fields: tuple[Field, ...]) -> None:
        """Show another rule's fields."""
        self._saved = {field.key: plain(field.text).strip() for field in fields}
        self._told = dict(self._saved)
        await self.remove_children()
        await self.mount_all(FieldRow(field) for field in fields)
        self.scroll_home(animate=False)

    @property
    def texts(self) -> dict[str, str]:
        """Key → text."""
        return {row.field.key: row.text for row in self.query(FieldRow)}

    @property
    def edited(self) -> bool:
        """Whether a text is not what it was."""
        return bool(self._saved) and self.texts != self._saved

    def tell(self, errors: Mapping[str, str]) -> None:
        """Say what is wrong beside each field; what concerns no field, under the form."""
        for row in self.query(FieldRow):
            row.tell(errors.get(row.field.key, ""))
        known = {row.field.key for row in self.query(FieldRow)}
        rest = [plain(text) for key, text in errors.items() if key not in known]
        self.border_subtitle = (
            content("; ".join(rest)) if rest else content("* unsaved" if self.edited else "")
        )

    @on(Input.Changed)
    def note(self, event: Input.Changed) -> None:
        event.stop()
        texts = self.texts
        if texts != self._told:
            self._told = texts
            self.post_message(self.Edited(texts))

    def focus(self, scroll_visible: bool = True) -> RuleForm:
        inputs = self.query(Input)
        if inputs:
            inputs.first().focus(scroll_visible)
        return self
