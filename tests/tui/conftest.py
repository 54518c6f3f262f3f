"""Help for tests that drive the screens: wait for workers, never for a clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from time import monotonic, process_time

import pytest
import textual.app
import textual.pilot
from textual._compositor import Compositor
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from tests.tui.canned import FakeSession
from tui.app import WhysentApp

TICK = 0.002
"""So many seconds a pilot waits, several times a key, for something to happen; a screen is drawn sooner than that."""


async def nothing_to_do(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Wait until no callback waits for its turn and no thread computes: what a pilot waits for, which looks every 20 ms."""
    loop, end = asyncio.get_running_loop(), monotonic() + max_sleep
    while monotonic() < end:
        used = process_time()
        await asyncio.sleep(max(TICK, min_sleep))
        if not loop._ready and process_time() - used < TICK / 4:
            return


textual.app.wait_for_idle = textual.pilot.wait_for_idle = nothing_to_do

SIZES = {"small": (80, 24), "medium": (120, 36), "large": (160, 50)}


async def workers_done(app: App) -> None:
    """Wait for the workers there are; one that a later question replaced is done, one that failed is told."""
    for worker in list(app.workers):
        with suppress(WorkerCancelled):
            await worker.wait()


class Driver:
    """An app under test: press keys, and let everything that follows happen."""

    def __init__(self, app: WhysentApp, pilot: Pilot) -> None:
        self.app = app
        self.pilot = pilot
        self.session = app.session

    async def settle(self) -> None:
        for _ in range(3):
            await self.pilot.pause()
            await workers_done(self.app)
        await self.pilot.pause()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Let the app go on until something has happened that no worker can be waited for."""
        for _ in range(1_000):
            if happened():
                return
            await self.pilot.pause(0.01)
        raise AssertionError(f"it never happened; the screen:\n{self.text}")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    @property
    def text(self) -> str:
        """What stands on the screen, as lines."""
        screen = self.app.screen
        return "\n".join(strip.text for strip in screen._compositor.render_strips(screen.size))

    @property
    def words(self) -> str:
        """What stands on the screen in one line, without the frames."""
        return " ".join("".join(" " if char in "█▌▐│┃▎▊▉" else char for char in self.text).split())


@contextmanager
def parsing_once() -> Iterator[None]:
    """A style sheet is parsed once a run, not at the start of every application and anew for every screen."""
    parse, parsed = Stylesheet._parse_rules, {}

    def remembered(self, *source, **named):
        key = (source, tuple(named.items()), frozenset(self._variables.items()))
        if key not in parsed:
            parsed[key] = parse(self, *source, **named)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", remembered)
        yield


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    with parsing_once():
        yield


@contextmanager
def painted_when_read() -> Iterator[None]:
    """Frames that nobody sees are not painted: what stands on the screen is painted when a test reads it."""

    def unseen(self: Compositor, **_: object) -> None:
        self._dirty_regions.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compositor, "render_update", unseen)
        yield


Started = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture
def started() -> Started:
    @asynccontextmanager
    async def start(
        size: str = "medium", session: FakeSession | None = None, **options: object
    ) -> AsyncIterator[Driver]:
        app = WhysentApp(session or FakeSession(), **options)
        with painted_when_read():
            async with app.run_test(size=SIZES[size], notifications=True) as pilot:
                driver = Driver(app, pilot)
                await driver.settle()
                yield driver

    return start
