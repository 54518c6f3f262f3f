"""Pictures of the screens, so that a change that nobody meant is seen."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.tui.canned import FakeSession
from tests.tui.conftest import Started, workers_done
from tui.app import DemoApp, WhysentApp
from tui.widgets.table import Table
from tui.widgets.text import Peek, VerdictBlock, says

SIZES = {"80x24": (80, 24), "120x36": (120, 36)}
SCREENS = {
    "find": (),
    "audience": ("c", "enter"),
    "fleet": ("4",),
    "customer": ("enter",),
    "customer-left-out": ("enter", "G", "x"),
    "customer-tried": ("enter", "t"),
    "why": ("enter", "w"),
    "why-left-out": ("enter", "w", "j", "x"),
    "reconcile": ("d", "space"),
    "take-in": ("I", "m", "enter"),
    "take-in-known": ("I", *"orders", "enter"),
    "rules": ("3",),
    "rules-curve": ("3", "c"),
    "rules-displaced": ("3", "d", "r"),
    "rules-inbox": ("3", "i", "enter"),
    "rules-sender": ("3", "p", "enter"),
}


def settle(keys: tuple[str, ...]) -> Callable[[Pilot], object]:
    async def drive(pilot: Pilot) -> None:
        await stand_still(pilot)
        for key in keys:
            await pilot.press(key)
            await stand_still(pilot)
        assert pilot.app._exception is None, "a picture of what failed is none"

    return drive


async def stand_still(pilot: Pilot) -> None:
    """Go on until no worker is left and the screen has stayed as it is four times."""
    same, before = 0, None
    while same < 4:
        await pilot.pause()
        await workers_done(pilot.app)
        screen = pilot.app.screen
        lines = screen._compositor.render_strips(screen.size)
        same, before = (same + 1 if lines == before else 0), lines


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(snap_compare: Callable[..., bool], screen: str, size: str) -> None:
    assert snap_compare(
        WhysentApp(FakeSession()), terminal_size=SIZES[size], run_before=settle(SCREENS[screen])
    )


WALK = {
    "find": (),
    "customer": ("enter",),
    "tried": ("t",),
    "why": ("t", "w"),
    "report": ("escape", "R"),
    "suggestion": ("escape", "f"),
    "rules": ("escape", "3", "enter"),
    "new rule": ("n",),
    "inbox": ("escape", "i"),
    "sender": ("escape", "p", "enter"),
}
"""A walk over the screens: what is looked at, and the keys that lead there from the one before."""


def cut_beside_room(table: Table) -> list[str]:
    """Columns that are wider than anything in them, of a table that cuts another one short."""
    rows = table.rows
    if rows is None or not table.display or not len(rows):
        return []
    shown = [rows.row(at)[1] for at in range(min(len(rows), 40))]
    longest = [
        max(cell_len(column.show(values[at])) for values in [*shown, shown[0]])
        for at, column in enumerate(rows.columns)
    ]
    cut = any(long > width for long, width in zip(longest, table._widths, strict=True))
    return [
        column.name
        for column, long, width in zip(rows.columns, longest, table._widths, strict=True)
        if cut and not column.width and width > max(long, len(column.label) + 1)
    ]


@pytest.mark.parametrize("size", ["small", "medium", "large"])
async def test_nothing_is_cut_beside_empty_room(started: Started, size: str) -> None:
    """Every screen: no cell is cut while another column has room; dialogs are whole, and take a small screen."""
    seen = set()
    async with started(size) as driver:
        for name, pressed in WALK.items():
            await driver.press(*pressed)
            screen = driver.app.screen
            seen.add(driver.words)
            for table in screen.query(Table):
                assert cut_beside_room(table) == [], name
            for verdict in screen.query(VerdictBlock):
                said = " ".join(says(verdict.verdict).plain.split()) if verdict.verdict else ""
                assert said in driver.words, name
            for box in screen.query(".dialog"):
                assert screen.region.contains_region(box.region), name
                if size == "small":
                    assert box.region.width == screen.size.width, name
    assert len(seen) == len(WALK)


TABLES = {
    "people": "",
    "people by campaign": "c",
    "campaigns": "4",
    "pressure": "tab",
    "apart": "1 d",
    "agreed": "tab",
    "timeline": "1 c enter t",
    "history": "w tab",
    "flow": "escape escape 3 d",
}
"""Every table, and the keys that lead to it from the one before."""

NEVER_CUT = {"checks"}
"""Not there where there is little room."""


async def test_what_a_table_cuts_stands_whole_on_the_status_line(started: Started) -> None:
    files = [path.read_text() for path in (Path(__file__).parents[2] / "tui").rglob("*.py")]
    there = {name for text in files for name in re.findall(r'(?:Table|Timeline)\(id="(\w+)"', text)}
    assert there == {name.split()[0] for name in TABLES} | NEVER_CUT
    cut = set()
    async with started("small") as driver:
        await driver.pilot.resize_terminal(56, 24)
        for name, pressed in TABLES.items():
            await driver.press(*pressed.split())
            table = driver.app.screen.focused
            assert isinstance(table, Table), name
            assert table.id == name.split()[0]
            for row in range(min(len(table.rows), 4)):
                table.move_to(row)
                await driver.settle()
                said = driver.app.screen.query_one(Peek)
                for text in table.cut():
                    assert text in said.render().plain, name
                    assert driver.app.screen.region.contains_region(said.region)
                    assert said.region.height
                    cut.add(name)
    assert {"people", "people by campaign", "campaigns", "apart", "timeline"} <= cut


@pytest.mark.parametrize("size", SIZES)
def test_stories(snap_compare: Callable[..., bool], size: str) -> None:
    app = DemoApp(FakeSession())

    async def drive(pilot: Pilot) -> None:
        while app.opening is None:  # until then something moves
            await pilot.pause(0.01)
        await settle(("down", "down"))(pilot)

    assert snap_compare(app, terminal_size=SIZES[size], run_before=drive)


@pytest.mark.parametrize("theme", ["light", "ansi-dark"])
def test_theme(snap_compare: Callable[..., bool], theme: str) -> None:
    app = WhysentApp(FakeSession())
    app.theme = theme
    assert snap_compare(app, terminal_size=(120, 36), run_before=settle(("enter",)))


def test_no_colour(snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(WhysentApp(FakeSession()), terminal_size=(120, 36), run_before=settle(("enter",)))
