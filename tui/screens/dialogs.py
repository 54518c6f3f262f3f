"""Short dialogs: a text to read, a question to answer, a line to type, a few things to choose from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from textual import on
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static

from tui import keys
from tui.core_access import AsksCore
from tui.rendering import audience
from tui.rendering.text import content, joined
from tui.screens.base import layout_for
from tui.widgets.items import Item, Items
from tui.widgets.panes import PaneTabs
from tui.widgets.table import Table
from tui.widgets.text import CleanInput, KeyLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from textual import events
    from textual.app import ComposeResult
    from textual.screen import Screen
    from textual.widget import Widget

    from audit.queries.audience import AudienceDocument
    from tui.manual import Page
    from tui.session.view_models import Plan

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], AsksCore, Generic[Result]):
    """A framed box with a title; `body` is what it holds, unless it is only a text. A `short` one is as tall as that, another scrolls."""

    AREA = "dialog"
    BINDINGS = keys.of_dialogs()
    CSS_PATH = "dialogs.tcss"
    short = False
    HINT: ClassVar[str] = ""

    def __init__(self, title: object, text: object = "") -> None:
        super().__init__()
        self._title, self._text = content(title), content(text)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -short") if self.short else VerticalScroll(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = content(keys.hint(self.HINT))
            yield from self.body()
        yield KeyLine()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(layout_for(event.size.width, event.size.height) == "-small", "-small")

    def body(self) -> Iterable[Widget]:
        """The widgets between the title and the footer."""
        yield Static(self._text, markup=False)

    async def action_dismiss(self, result: Result | None = None) -> None:
        self.dismiss(result)


class TextDialog(Dialog[None]):
    """Something to read, as long as it is."""

    BINDINGS = keys.bindings("dialog")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


class PageDialog(Dialog[bool]):
    """An answer or a section of the manual; where it leads somewhere, Enter goes there."""

    AREA = "page"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, page: Page) -> None:
        super().__init__(page.title)
        self._page = page

    def body(self) -> Iterable[Widget]:
        from textual.widgets import Markdown

        place = f"\n\n*{self._page.place}*" if self._page.place else ""
        yield Markdown(self._page.text + place, open_links=False)

    def on_mount(self) -> None:
        box = self.query_one(VerticalScroll)
        box.border_subtitle = content(keys.hint("{page.go-there}: go there") if self._page.go else "")
        box.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        return bool(self._page.go) if action == "go_there" else True

    def action_go_there(self) -> None:
        self.dismiss(True)


class Question(Dialog[bool]):
    """A plan, and whether to go on with it. No is the default."""

    AREA = "question"
    BINDINGS = keys.bindings(AREA)
    short = True
    HINT = "{question.yes} yes · {question.no} no"

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


NOTE = "It is kept with the change. Do not name anybody in it."
"""What becomes of a note."""


class Line(Dialog[str | None]):
    """A line to be typed; None where somebody thought better of it. Unless `needed` it may be empty."""

    BINDINGS = keys.bindings("dialog")
    short = True
    HINT = "Enter: done"

    def __init__(self, title: object, *, needed: bool = False, asks: str = "", kept: str = NOTE) -> None:
        super().__init__(title)
        self._needed, self._kept = needed, kept
        self._asks = asks or ("a reason, in a few words" if needed else "a few words, or nothing")

    def body(self) -> Iterable[Widget]:
        yield CleanInput(compact=True, placeholder=self._asks)
        yield Static(content(self._kept, "dim"), markup=False)

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text or not self._needed:
            self.dismiss(text)


BARS = dict(zip(audience.LABELS, ("$primary", "$secondary", "$secondary"), strict=True))
"""Whose share it is → the colour of its bar."""

MOST, AROUND = 160, 8
"""Cells of the widest one, as the style sheet has it, and those around its bars."""


class AudienceScreen(Dialog[None]):
    """The audience of one campaign, as wide as the terminal; Enter on a campaign opens it, wherever that stands."""

    AREA = "audience"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, campaign: str) -> None:
        super().__init__("Who got it")
        self._campaign = campaign
        self._audience: AudienceDocument | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -full") as box:
            box.border_title = self._title
            yield Static(content("counting …"), markup=False, id="who")
            yield Items(id="apart")
            yield Static(markup=False, id="fact")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Items).display = False
        self.ask("audience", partial(self.session.customers.audience, self._campaign), self.show_audience)

    def failed(self, group: str, reason: str) -> None:
        """A campaign of which nothing can be said says so where it would stand."""
        del group
        self.query_one("#who", Static).update(content(reason))

    def show_audience(self, answer: AudienceDocument) -> None:
        self._audience = answer
        self.query_one(".dialog").border_title = content(f"Who got {answer.campaign}")
        self.query_one("#who", Static).update(content("\n".join(audience.head(answer))))
        items = self.query_one(Items)
        items.display = bool(answer.sets_apart)
        self._draw()
        if answer.sets_apart:
            items.focus()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._draw()

    def _draw(self) -> None:
        if self._audience is not None:
            things = audience.paired_bars(self._audience, min(self.size.width, MOST) - AROUND)
            items = [
                Item(str(at), Content("\n").join([content(thing, "bold"), *map(_share_line, pairs)]))
                for at, (thing, pairs) in enumerate(things)
            ]
            small = self.has_class("-small")
            conclusions = [line for line in audience.foot(self._audience) if line != self._audience.note]
            self.query_one(Items).put(
                [*items, *(Item("", content(line), head=True) for line in conclusions if small)]
            )
            self._tell(self.query_one(Items).highlighted or 0)

    @on(OptionList.OptionHighlighted)
    def tell(self, event: OptionList.OptionHighlighted) -> None:
        self._tell(event.option_index)

    def _tell(self, at: int) -> None:
        """The figures of a thing, and what may be concluded; of that where there is little room the rest ends the list."""
        answer = self._audience
        if answer is not None:
            facts = answer.sets_apart[at : at + 1]
            figures = [audience.figures(answer, fact) for fact in facts]
            whole = audience.foot(answer, of_breadth=any(fact.is_breadth for fact in facts))
            foot = [answer.note] if facts and self.has_class("-small") else whole
            self.query_one("#fact", Static).update(content("\n".join([*figures, *foot])))

    def action_copy(self) -> None:
        if self._audience is not None:
            text = "\n".join(audience.page(self._audience, None, ""))
            self.services.copy(f"who got {self._audience.campaign}", f"{text}\n", "audience.txt")


def _share_line(pair: audience.Pair) -> Content:
    """One bar of a pair, between whose share it is and how much."""
    whose, bar, told = pair
    return joined(f"  {whose:<7}", (bar, BARS[whose]), f" {told}")


class Choice(Dialog[str | None]):
    """One of a few things: id → its title."""

    BINDINGS = keys.bindings("dialog")
    short = True

    def __init__(self, title: object, titles: Mapping[str, str]) -> None:
        super().__init__(title)
        self._titles = titles

    def body(self) -> Iterable[Widget]:
        yield Items(id="choice")

    def on_mount(self) -> None:
        items = self.query_one(Items)
        items.put(Item(name, self._says(title)) for name, title in self._titles.items())
        items.focus()

    @staticmethod
    def _says(title: str) -> Content:
        """A title, and what explains it below."""
        name, *more = title.split("\n")
        return joined((name, "bold" if more else ""), *((f"\n{line}", "dim") for line in more))

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.query_one(Items).id_at(event.option_index))


def confirm(screen: Screen[Any], plan: Plan, go_on: Callable[[], None]) -> None:
    """Show a plan, and go on after a yes."""
    question = Question(plan.title, content("\n".join(plan.lines)))
    screen.app.push_screen(question, lambda yes: go_on() if yes else None)


def ask_note(screen: Screen[Any], title: str, go_on: Callable[[str], None], *, needed: bool = False) -> None:
    """Ask for a line to be typed, and go on with it unless somebody thinks better of it."""
    line = Line(title, needed=needed)
    screen.app.push_screen(line, lambda note: None if note is None else go_on(note))


# -- jumping -------------------------------------------------------------------------------------------------------

LETTERS = "asdfghjklweruiopqtyvbnmczx"
"""In the order in which they are given: those under the fingers first."""


class Target(NamedTuple):
    """Where a label stands, and what going there is."""

    x: int
    y: int
    go: Callable[[], object]


def targets(screen: Screen[Any]) -> Iterator[Target]:
    """What can be gone to, as it stands on the screen: panes and fields, then tabs, then rows."""
    seen = [widget for widget in screen.query("*") if _is_seen(widget)]
    for widget in seen:
        if widget.focusable and not isinstance(widget, PaneTabs):
            framed = bool(widget.styles.border_top[0])
            x = widget.region.x if framed else widget.region.right - 2
            yield Target(x, widget.region.y, widget.focus)
    for widget in seen:
        if isinstance(widget, PaneTabs):
            for x, pane in widget.places():
                y = widget.content_region.y
                yield Target(widget.content_region.x + x, y, _bringing(widget, pane))
    for widget in seen:
        if isinstance(widget, (Table, Items)):
            for y, row in widget.rows_in_view():
                yield Target(widget.content_region.x, widget.content_region.y + y, _moving(widget, row))


def _is_seen(widget: Widget) -> bool:
    """Whether it stands on the screen, with something of it in view."""
    return widget.is_on_screen and bool(widget.region) and widget.visible


def _bringing(tabs: PaneTabs, pane: str) -> Callable[[], object]:
    return lambda: tabs.post_message(PaneTabs.Chosen(pane))


def _moving(widget: Table | Items, row: int) -> Callable[[], object]:
    def go() -> None:
        widget.focus()
        widget.move_to(row)

    return go


def labels(count: int) -> list[str]:
    """So many labels of letters, none of which begins another: one letter each as far as they last, then two."""
    singles = len(LETTERS)
    while singles and singles + (len(LETTERS) - singles) * len(LETTERS) < count:
        singles -= 1
    pairs = (first + second for first in LETTERS[singles:] for second in LETTERS)
    return [*LETTERS[:singles], *pairs][:count]


class JumpScreen(ModalScreen[None]):
    """Over the screen on which it was asked for, which stays as it is."""

    AREA = "jump"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        found = list(targets(below))
        self._targets = dict(zip(labels(len(found)), found, strict=False))
        self._typed = ""

    def compose(self) -> ComposeResult:
        for letters, target in self._targets.items():
            label = Label(content(letters), classes="jump", id=f"jump-{letters}", markup=False)
            label.styles.offset = (target.x, target.y)
            yield label
        with Horizontal(id="jump-foot"):
            yield Label(content(" type the letters of where to go "), markup=False)
            yield KeyLine()

    def on_key(self, event: events.Key) -> None:
        """A letter of a label: go there, or leave only those that begin so. Anything else: away."""
        event.stop()
        event.prevent_default()
        typed = self._typed + event.key
        if typed in self._targets:
            self.dismiss()
            self.app.call_later(self._targets[typed].go)
        elif any(letters.startswith(typed) for letters in self._targets):
            self._typed = typed
            for letters in self._targets:
                self.query_one(f"#jump-{letters}").display = letters.startswith(typed)
        else:
            self.dismiss()

    def on_click(self) -> None:
        self.dismiss()
