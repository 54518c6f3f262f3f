"""Stories of the demo: listed before it is made, told with their steps, and every step does what it says."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandList

from audit.privacy.roles import Role, Viewer
from fixtures import scenes as told
from tests.tui.canned import FakeSession
from tests.tui.conftest import SIZES, Driver, Started, painted_when_read
from tui import keys
from tui.app import DemoApp
from tui.core_access import Progress
from tui.screens.customer import CustomerScreen
from tui.screens.find import FindScreen
from tui.screens.stories import DO, StoriesScreen, StoryLine, steps_of, stories
from tui.session import Story
from tui.session.core import CoreSession
from tui.session.view_models import Opening
from tui.widgets.items import Items
from tui.widgets.panes import Panes
from tui.widgets.text import TextBlock
from tui.widgets.timeline import Timeline

KEYS = {name for entries in keys.TABLE.values() for key in entries for name in key.keys.split(",")}


def test_every_scene_has_its_story_in_the_words_of_its_customer() -> None:
    words = {customer.id: customer.expected["words"] for customer in told.people()}
    assert [story.customer[6:8] for story in stories()] == [f"{number:02}" for number in range(1, 14)]
    assert {story.customer: story.words for story in stories()}.items() <= words.items()


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.customer)
def test_a_story_has_two_or_three_steps_of_keys_that_there_are(story: Story) -> None:
    assert 2 <= len(story.steps) <= 3
    assert {key for step in story.steps for key in step.press.split()} <= KEYS


async def go_to(driver: Driver, row: str) -> None:
    """Move the cursor down the timeline to a row, as a person would."""
    timeline = driver.app.screen.query_one(Timeline)
    timeline.focus()
    await driver.press("g")
    for _ in range(len(timeline.history)):
        at = timeline.row(timeline.key)
        if f"{at['sign']} {at['what']}".startswith(row):
            return await driver.settle()
        await driver.pilot.press("j")
    raise AssertionError(f"no row begins with {row!r}")


async def walk(driver: Driver, story: Story) -> None:
    driver.app.open_story(story)
    await driver.settle()
    for step in story.steps:
        if step.on:
            await go_to(driver, step.on)
        await driver.press(*step.press.split())
        assert step.shows in driver.words, f"{story.title}, {step.press}:\n{driver.text}"
        while not isinstance(driver.app.screen, CustomerScreen):
            await driver.press("escape")
        if driver.app.screen.pane != "timeline":
            await driver.press("escape")


@pytest.mark.parametrize(("size", "first"), [("small", 0), ("large", 1)])
async def test_every_step_of_every_story_shows_what_it_says(scenes: Path, size: str, first: int) -> None:
    app = DemoApp(CoreSession(scenes, Viewer(Role.ADMIN)))
    with painted_when_read():
        async with app.run_test(size=SIZES[size], notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            for story in stories()[first::2]:
                await walk(driver, story)


class Demo(FakeSession):
    """The demo, once it is `begun`; the rest of its customers, once that is `made`."""

    def __init__(self, awaited: int = 0) -> None:
        super().__init__()
        self.begun, self.made = threading.Event(), threading.Event()
        self.awaited = awaited

    def open(self) -> Opening:
        self.begun.wait(60)
        return replace(super().open(), synthetic=True, customers=2_023 - self.awaited, awaited=self.awaited)

    def finish(self, progress: Callable[[int, int], None]) -> Opening:
        while not self.made.wait(0.05):
            progress(34, 100)
        self.stands = "with everybody"
        return replace(super().open(), synthetic=True)

    def resolve(self, text: str) -> str:
        self.asked.append(("resolve", text))
        return "c_00000000"


@asynccontextmanager
async def demo(
    size: str = "medium", story: int | None = None, *, begun: bool = True, awaited: int = 0
) -> AsyncIterator[Driver]:
    session = Demo(awaited)
    app = DemoApp(session, story=story)
    async with app.run_test(size=SIZES[size], notifications=True) as pilot:
        driver = Driver(app, pilot)
        try:
            if begun:
                session.begun.set()
                if not awaited:
                    await driver.settle()
            yield driver
        finally:
            session.begun.set()
            session.made.set()


@pytest.mark.parametrize("size", SIZES)
async def test_the_stories_are_listed_before_the_demo_is_there_and_one_opens_as_soon_as_it_is(
    size: str,
) -> None:
    async with demo(size, begun=False) as driver:
        await driver.until(lambda: "opening the demo" in driver.text)
        for text in (stories()[0].words, stories()[0].look, *(step.say for step in stories()[0].steps)):
            assert text.split()[-1] in driver.text
        await driver.pilot.press("enter")
        assert "then the story" in driver.words
        assert isinstance(driver.app.screen, StoriesScreen)
        driver.session.begun.set()
        await driver.settle()
        assert isinstance(driver.app.screen, CustomerScreen)
        assert stories()[0].title in driver.text


@pytest.mark.parametrize("size", SIZES)
async def test_a_story_opens_while_customers_are_still_made_and_every_screen_says_of_how_many_it_speaks(
    size: str,
) -> None:
    so_far = "23 customers are here, the other 2,000 are 34 % made"
    async with demo(size, awaited=2_000) as driver:
        await driver.until(lambda: so_far in driver.words and "making 2,000 more" in driver.words)
        await driver.pilot.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, CustomerScreen) and so_far in driver.words)
        asked = len([each for each in driver.session.asked if each[0] == "picture"])
        driver.session.made.set()
        await driver.until(lambda: so_far not in driver.words)
        await driver.settle()
        assert isinstance(driver.app.screen, CustomerScreen)
        assert len([each for each in driver.session.asked if each[0] == "picture"]) > asked
        await driver.press("1")
        assert "2,013 customers" in driver.words


async def test_while_the_demo_is_made_the_seconds_run_and_the_list_keeps_its_height(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("tui.screens.stories.monotonic", lambda: now)
    async with demo("small", awaited=2_000) as driver:
        await driver.until(lambda: "making 2,000 more" in driver.words)
        screen = driver.app.screen
        assert isinstance(screen, StoriesScreen)
        height = screen.query_one(Items).size.height
        screen.tell_progress(Progress(3, 4, 2.4))
        for later, said in ((0, ", 2 s left ·"), (1, ", 1 s left ·"), (9, "making 2,000 more ·")):
            now = 100.0 + later
            screen.say_state()
            assert said in screen.query_one("#making", TextBlock).says.plain
        driver.session.made.set()
        await driver.settle()
        assert keys.hint(DO) in driver.text
        assert screen.query_one(Items).size.height == height


async def test_a_story_may_be_named_to_begin_with() -> None:
    async with demo(story=8) as driver:
        assert "Story 8 of 13 · Looked at cameras" in driver.text
        assert ("resolve", "scene-08-looked-at-cameras") in driver.session.asked


@pytest.mark.parametrize("size", SIZES)
async def test_arrows_lead_from_one_story_to_the_next(size: str) -> None:
    async with demo(size) as driver:
        await driver.press("right", "right", "left", "enter")
        assert stories()[1].title in driver.text
        await driver.press("left", "left")
        line = driver.app.screen.query_one(StoryLine)
        assert line.story == stories()[-1]
        assert line.region.bottom < driver.app.screen.size.height
        assert line.region.y >= driver.app.screen.query_one(Panes).region.bottom
        await driver.press("escape")
        assert isinstance(driver.app.screen, StoriesScreen)


async def test_back_from_a_story_the_list_is_on_it_and_stays_where_the_cursor_goes() -> None:
    async with demo() as driver:
        await driver.press("down", "down", "down", "enter", "left", "escape")
        screen = driver.app.screen
        assert isinstance(screen, StoriesScreen)
        assert screen.story == stories()[2]
        await driver.press("down")
        screen._look_again()
        await driver.settle()
        assert screen.story == stories()[3]


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_message_of_the_program_covers_neither_the_steps_nor_the_rows(
    scenes: Path, size: tuple[int, int]
) -> None:
    app = DemoApp(CoreSession(scenes, Viewer(Role.ADMIN)))
    async with app.run_test(size=size, notifications=True) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        app.open_story(stories()[0])
        await driver.settle()
        await driver.press("t", "o")
        toasts = list(app.screen.query("Toast"))
        assert len(toasts) == 1  # the newest only
        assert app.screen.size.height > app.screen.query_one(StoryLine).region.bottom
        for toast in toasts:
            assert toast.region.height > 0
            assert toast.region.bottom <= app.screen.query_one(Timeline).region.y


async def test_the_end_of_the_first_story_is_where_its_step_says(scenes: Path) -> None:
    app = DemoApp(CoreSession(scenes, Viewer(Role.ADMIN)))
    with painted_when_read():
        async with app.run_test(size=SIZES["small"], notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            app.open_story(stories()[0])
            await driver.settle()
            assert stories()[0].steps[0].say.endswith("What if: its end")
            await driver.press("w", "tab", "tab")
            assert "ends" in driver.words


@pytest.mark.parametrize("opened", [False, True])
async def test_the_palette_leads_to_the_stories_by_the_first_letters_of_their_name(opened: bool) -> None:
    async with demo() as driver:
        if opened:
            await driver.press("enter")
        await driver.press("ctrl+p")
        await driver.pilot.press(*"stor")
        await driver.until(lambda: "Stories  (0)" in driver.text)
        await driver.settle()
        await driver.press("enter")
        assert isinstance(driver.app.screen, StoriesScreen)
        assert driver.app.screen.story == stories()[0]


async def test_somebody_else_has_no_story_and_escape_leads_to_everybody() -> None:
    async with demo() as driver:
        await driver.press("enter", "1", "enter")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert not driver.app.screen.query_one(StoryLine).display
        await driver.press("right")
        assert not driver.app.screen.query_one(StoryLine).display
        await driver.press("escape")
        assert isinstance(driver.app.screen, FindScreen)


async def test_stories_are_in_the_palette_of_the_demo_and_of_nothing_else(started: Started) -> None:
    async with demo() as driver:
        await driver.press("1", "ctrl+p")
        titles = palette(driver)
        assert {f"Story {story.number}: {story.title}" for story in stories()} <= set(titles)
        driver.app.screen.query_one(CommandList).highlighted = titles.index("Story 6: Forty a day")
        await driver.press("enter")
        assert "Story 6 of 13" in driver.text
    async with started() as driver:
        await driver.press("ctrl+p")
        assert not any(title.startswith("Story") for title in palette(driver))
        await driver.press("escape")
        await driver.press("0")
        assert isinstance(driver.app.screen, FindScreen)
        assert "`whysent demo`" in driver.words


def palette(driver: Driver) -> list[str]:
    """What is offered, by title."""
    return [str(option.hit.text) for option in driver.app.screen.query_one(CommandList).options]


def test_keys_that_follow_one_another_stay_together() -> None:
    story = next(story for story in stories() if any(" " in step.press for step in story.steps))
    press = next(step.press for step in story.steps if " " in step.press)
    lines = steps_of(story, "  ").wrap(len(press) + 4)
    assert any(press.replace(" ", "→") in line.plain for line in lines)
