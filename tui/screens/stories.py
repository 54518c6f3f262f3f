"""Stories of the demo: what a customer said, what to look at, and which keys show it; from one to the next."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import App
from textual.containers import Container, Vertical, VerticalScroll
from textual.events import ScreenResume
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, OptionList

from tui import BEAT, keys
from tui.rendering.charts import bar
from tui.rendering.text import content, joined, number
from tui.rendering.wording import several
from tui.screens.base import LAYOUTS, WorkScreen
from tui.session import Step, Story
from tui.settings import THEMES, first_theme, wants_no_colour
from tui.widgets.items import Item, Items
from tui.widgets.text import CleanInput, Heading, KeyLine, TextBlock

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.content import Content

    from tui.core_access import AsksCore, Progress
    from tui.session.view_models import Opening

DO = "Enter opens the case · {stories.previous} {stories.next} the next story · {app.go-to-find} everybody, the worst first"
"""One line of the smallest terminal, as what is said while the demo is made: so the list keeps its height."""

EVERY = 0.2
"""Seconds between two movements of a sign that something is being waited for."""


@cache
def stories() -> tuple[Story, ...]:
    """All of them, in their order."""
    import tomllib
    from importlib.resources import files

    written = tomllib.loads(files("tui.screens").joinpath("stories.toml").read_text(encoding="utf-8"))
    return tuple(
        Story(at, **{**row, "steps": tuple(Step(**step) for step in row["steps"])})
        for at, row in enumerate(written["story"], start=1)
    )


def neighbour(story: Story, step: int) -> Story:
    """The story that comes `step` later; after the last comes the first."""
    return stories()[(story.number - 1 + step) % len(stories())]


def found_by(step: Step) -> str:
    """How an act among the mails is found that a step is pressed on."""
    return keys.hint(" ({customer.behaviour}\u00a0finds\u00a0it)") if step.on.startswith("●") else ""


def steps_of(story: Story, between: str) -> Content:
    """What to press, and what for; keys that follow one another stay on one line, and with the first word of what for."""
    return content(between).join(
        joined((f" {keys.pressed(step.press)}\u00a0", "reverse bold"), f"\u00a0{step.say}", found_by(step))
        for step in story.steps
    )


class StoryLine(Widget):
    """Which story the customer on the screen belongs to, and its steps; not there where they belong to none."""

    story: reactive[Story | None] = reactive(None, layout=True)

    def watch_story(self, story: Story | None) -> None:
        self.display = story is not None

    def render(self) -> Content:
        if self.story is None:
            return content("")
        number, title, total = self.story.number, self.story.title, len(stories())
        place = (
            f"{number}/{total} {title}"
            if self.screen.has_class("-small")
            else f"Story {number} of {total} · {title}"
        )
        return joined(
            (place, "bold"),
            (keys.hint("  {customer.previous-story} {customer.next-story}  "), "dim"),
            steps_of(self.story, "  "),
        )


class StoriesScreen(WorkScreen):
    """The list of them; the one under the cursor is told beside it. It is there before the demo is, and says how far that is."""

    AREA = "stories"
    BINDINGS = keys.bindings(AREA)

    def __init__(self) -> None:
        super().__init__()
        self._wanted = False
        self._making = ""
        self._due = 0.0
        self._beat = 0
        self._listed_for: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Heading()
        with Container(id="tales"):
            yield Items(id="stories")
            with VerticalScroll(id="tale", can_focus=False):
                yield TextBlock()
        yield TextBlock(id="making")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Heading).say(
            "whysent  demo",
            "",
            "Why did this customer get this, should they have, and which rule would have stopped it?",
        )
        items = self.query_one(Items)
        items.border_title = content("Stories")
        self.relaid()
        start = self.services.story
        items.highlighted = 0 if start is None else start.number - 1
        self._wanted = start is not None and self.services.opening is None
        items.focus()
        self.set_interval(EVERY, self.say_state)
        self.say_state()
        if self.services.opening is not None:
            self.opened(self.services.opening)

    def _list(self) -> None:
        """List them: with the words of the customer, where there is room."""
        after = "" if not self.has_class("-large") else "\n"

        def says(story: Story) -> Content:
            title = joined((f"{story.number:>2}  {story.title}", "bold"))
            return title if self.has_class("-small") else joined(title, (f"\n“{story.words}”", "dim"), after)

        self.query_one(Items).put(Item(str(story.number), says(story)) for story in stories())

    @property
    def story(self) -> Story:
        """The story under the cursor."""
        return stories()[self.query_one(Items).highlighted or 0]

    @on(ScreenResume)
    def follow_story(self) -> None:
        """Coming back, the cursor is on the story that was open last."""
        if self.services.story is not None:
            for items in self.query(Items):
                items.highlighted = self.services.story.number - 1

    def opened(self, opening: Opening) -> None:
        self.query_one(Heading).say(
            f"whysent  {opening.name} · {several(opening.customers, 'customer')} · {several(opening.events, 'event')}",
            opening.role,
            opening.coverage,
        )
        self.say_state()
        if self._wanted:
            self._wanted = False
            self.open_chosen()

    def tell_progress(self, progress: Progress) -> None:
        """Say how far the demo is."""
        self._due = monotonic() + progress.seconds_left if progress.done else 0.0
        drawn = bar(progress.done, progress.total, 10)
        opening = self.services.opening
        more = f"making {number(opening.awaited)} more" if opening and opening.awaited else "making the rest"
        self._making = f"{drawn:10}▏ {progress.percent}  {more}"

    def say_state(self) -> None:
        """Say what is being waited for, with a sign that moves; else what can be done."""
        if not self.is_current:
            return
        opening, app = self.services.opening, cast("AsksCore", self.app)
        if opening is None:
            text = f"opening the demo …{' then the story' if self._wanted else ''}"
        elif app.asking("story"):
            text = f"opening “{self.story.title}” …"
        else:
            left = self._due - monotonic()
            seconds = f", {left:.0f} s left" if left >= 1 else ""
            text = f"{self._making}{seconds} · Enter opens a case" if opening.awaited else ""
        if text:
            self._beat += 1
            text = f"{BEAT[self._beat % len(BEAT)]} {text}"
        text = text or keys.hint(DO)
        self.query_one("#making", TextBlock).says = content(text, "dim")

    @on(OptionList.OptionHighlighted)
    def tell_story(self) -> None:
        story = self.story
        self.query_one(Items).border_subtitle = content(f"{story.number} of {len(stories())}")
        self.query_one("#tale").border_title = content(story.title)
        self.query_one("#tale TextBlock", TextBlock).says = self._tale(story)

    def _tale(self, story: Story) -> Content:
        """What the customer says, what to look at, what to press."""
        gap = "\n" if self.has_class("-small") else "\n\n"
        return joined((f"“{story.words}”", "bold italic"), gap, story.look, gap, steps_of(story, gap))

    def relaid(self) -> None:
        layout = tuple(name for name in LAYOUTS if self.has_class(name))
        if layout != self._listed_for:
            self._listed_for = layout
            self._list()
            self.tell_story()

    @on(OptionList.OptionSelected)
    def open_chosen(self) -> None:
        self._wanted = self.services.opening is None
        if not self._wanted:
            self.services.open_story(self.story)
        self.say_state()

    def action_story(self, step: int) -> None:
        self.query_one(Items).highlighted = neighbour(self.story, step).number - 1


BEGINNINGS = {
    "demo": ("Look at the demo", "An invented shop with thirteen customers who complained. Nothing of yours is needed or read."),
    "take in": ("Take a file in", "Your own export or mailbox. You see what it becomes before anything is kept, and nothing leaves this machine."),
    "open": ("Open a workspace", "One that was made before, in another folder."),
}  # fmt: skip


class WayIn(App[tuple[str, Path | None]]):
    """What to begin with where there is no workspace yet: which of `BEGINNINGS`, and in which folder another workspace is."""

    TITLE = "whysent"
    CSS_PATH = "../theme.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [one for one in keys.bindings("app") if one.action == "leave"] + keys.bindings("dialog")  # type: ignore[union-attr]
    ABOUT = "Why did this customer get this, should they have, and which rule would have stopped it?"

    def __init__(self, folder: Path, theme: str = "") -> None:
        super().__init__(ansi_color=True if wants_no_colour() else None)
        self._folder = folder
        for registered in THEMES:
            self.register_theme(registered)
        self.theme = first_theme(theme)

    def compose(self) -> ComposeResult:
        yield Heading()
        with Vertical(id="way-in"):
            yield Items(id="beginnings")
            yield CleanInput(placeholder="the folder of the workspace, then Enter", id="folder", compact=True)
            yield TextBlock(id="what")
        yield KeyLine()

    def on_mount(self) -> None:
        missing = f"{self.ABOUT}\n\nThere is no workspace in {self._folder} yet."
        self.query_one(Heading).say("whysent", "", missing)
        items = self.query_one(Items)
        items.border_title = content("Begin with")
        items.border_subtitle = content("↑ ↓ · Enter: begin")
        items.put(
            Item(name, joined((title, "bold"), (f"\n{about}\n", "$secondary")))
            for name, (title, about) in BEGINNINGS.items()
        )
        self.action_dismiss()

    def tell(self, text: str) -> None:
        """Say something below."""
        self.query_one("#what", TextBlock).says = content(text, "dim")

    @on(OptionList.OptionSelected)
    def begin(self, event: OptionList.OptionSelected) -> None:
        chosen = self.query_one(Items).id_at(event.option_index)
        if chosen == "open":
            self.query_one(Input).display = True
            self.query_one(Input).focus()
        else:
            self.exit((chosen, None))

    @on(Input.Submitted)
    def open_folder(self, event: Input.Submitted) -> None:
        folder = Path(event.value.strip()).expanduser()
        if event.value.strip() and (folder / "workspace.json").exists():
            self.exit(("open", folder))
        else:
            self.tell(
                f"There is no workspace in {folder}. The folder that `whysent import` made holds a workspace.json."
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        return action != "dismiss" or isinstance(self.focused, Input)

    def action_dismiss(self) -> None:
        """Back from the field to what one may begin with."""
        self.query_one(Input).display = False
        self.query_one(Items).focus()
        self.tell("`whysent --help` names everything that can be asked without a screen.")

    def action_leave(self) -> None:
        self.exit()
