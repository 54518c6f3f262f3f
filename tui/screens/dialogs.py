"""Short dialogs: a text to read, a question to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static

from tui import keys
from tui.rendering.text import content
from tui.widgets.clean_input import CleanInput
from tui.widgets.items import Item, Items

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult
    from textual.content import Content


class TextDialog(ModalScreen[None]):
    """Something to read, as long as it is."""

    PLACE = "dialog"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    def __init__(self, title: object, text: Content) -> None:
        super().__init__()
        self._title = content(title)
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = self._title
            yield Static(self._text, markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)


class Question(ModalScreen[bool]):
    """A plan, and whether to go on with it. No is the default."""

    PLACE = "question"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    def __init__(self, title: object, text: Content) -> None:
        super().__init__()
        self._title = content(title)
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -short") as box:
            box.border_title = self._title
            box.border_subtitle = content("y yes · n no")
            yield Static(self._text, markup=False)
        yield Footer()

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


class Line(ModalScreen[str | None]):
    """A line to be typed; None where somebody thought better of it. Unless `needed` it may be empty."""

    PLACE = "dialog"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    def __init__(self, title: object, *, needed: bool = False) -> None:
        super().__init__()
        self._title = content(title)
        self._needed = needed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -short") as box:
            box.border_title = self._title
            box.border_subtitle = content("Enter: done")
            yield CleanInput(compact=True, placeholder="kept with the change; do not name anybody in it")
        yield Footer()

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text or not self._needed:
            self.dismiss(text)

    async def action_dismiss(self, result: str | None = None) -> None:
        self.dismiss(result)


class Choice(ModalScreen[str | None]):
    """One of a few things: id → what is shown."""

    PLACE = "dialog"
    BINDINGS = keys.bindings(PLACE)
    CSS_PATH = "dialogs.tcss"

    def __init__(self, title: object, choices: Mapping[str, str]) -> None:
        super().__init__()
        self._title = content(title)
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -short") as box:
            box.border_title = self._title
            yield Items(id="choice")
        yield Footer()

    def on_mount(self) -> None:
        items = self.query_one(Items)
        items.put(Item(name, content(shown)) for name, shown in self._choices.items())
        items.focus()

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.query_one(Items).id_at(event.option_index))

    async def action_dismiss(self, result: str | None = None) -> None:
        self.dismiss(result)
