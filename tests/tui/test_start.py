"""Starting and ending: nothing heavy before the first paint, nothing at all without a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import Input

from audit import ingest
from audit.privacy import keys as secret
from audit.privacy.roles import Viewer
from audit.workspace.workspace import Workspace
from tests.tui.canned import FakeSession
from tests.tui.conftest import Driver, Started
from tui import app, cli, start
from tui.app import WhysentApp
from tui.screens.stories import WayIn
from tui.session.core import CoreSession
from tui.settings import THEMES, first_theme
from tui.widgets.text import TextBlock

HEAVY = (
    "polars", "numpy", "scipy", "sqlite_utils", "cryptography", "keyring", "typer", "pydantic", "msgspec", "sqlite3",
    "audit.queries", "fixtures", "tui.commands", "tui.session.customers", "tui.session.view_models",
)  # fmt: skip


@pytest.mark.parametrize(
    "module",
    ["tui.app", "tui.session.core", "tui.screens.stories", "tui.start"],
)
def test_nothing_heavy_is_loaded_before_the_first_paint(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["demo"], [], ["case", "--ticket", "4711"]])
def test_no_command_that_opens_screens_loads_anything_heavy_before_they_are_painted(
    scenes: Path, command: list[str]
) -> None:
    code = f"""
import sys
from unittest.mock import patch
from tui import app, cli
sys.stdin = sys.stdout = type("Terminal", (type(sys.stdout),), {{"isatty": lambda _: True}})(sys.stdout.buffer)
with patch.object(app.WhysentApp, "run"):
    cli.run([*{command!r}, "--workspace", {str(scenes)!r}])
print([name for name in {HEAVY!r} if name in sys.modules])"""
    environment = {**os.environ, "TERM": "dumb", "WHYSENT_LINEAR": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"


OPENING = [
    [], ["open"], ["--workspace", "w", "open"], ["open", "--workspace", "w"], ["--workspace", "v", "open", "--workspace", "w"],
    ["--as", "agent"], ["--as", "agent", "open"], ["open", "--as", "nobody"],
    ["demo"], ["demo", "--story", "8"], ["demo", "--story", "14"], ["demo", "--story", "x"], ["--story", "8", "demo"],
    ["--workspace", "w", "demo"], ["demo", "--as", "reviewer", "--workspace", "w"],
    ["case"], ["case", "--ticket", "4711"], ["case", "--ticket", "4711", "--reason", "a letter", "--as", "agent"],
    ["case", "--ticket=4711"], ["open", "--ticket", "4711"], ["open", "demo"], ["--help"], ["demo", "--help"], ["nonsense"],
    ["--workspace"], ["--workspace", "--as"], ["demo", "--reason", "r"],
]  # fmt: skip


@pytest.mark.parametrize("named", [None, "elsewhere"])
def test_what_is_opened_without_the_command_line_is_what_it_would_open(
    monkeypatch: pytest.MonkeyPatch, named: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[start.Start] = []
    monkeypatch.setattr(start, "terminal", lambda: True)
    monkeypatch.setattr(start, "run", lambda what: asked.append(what) or 0)
    if named is None:
        monkeypatch.delenv("WHYSENT_WORKSPACE", raising=False)
    else:
        monkeypatch.setenv("WHYSENT_WORKSPACE", named)
    plain = 0
    for arguments in OPENING:
        said = start.plain(arguments)
        asked.clear()
        code = cli._command(arguments)
        if said is not None:
            plain += 1
            (meant,) = asked
            assert code == 0, arguments
            for each in ("command", "folder", "role", "ticket", "reason", "story"):
                assert getattr(said, each) == getattr(meant, each), (arguments, each)
    assert plain == 13
    capsys.readouterr()


async def test_where_there_is_no_workspace_one_may_begin_with_the_demo_a_file_or_another_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "workspace.json").touch()
    for keys, chosen in (
        (["enter"], ("demo", None)),
        (["down", "enter"], ("take in", None)),
        (["down", "down", "enter", *"nix", "enter", "escape", "up", "enter"], ("take in", None)),
        (["down", "down", "enter", "q", "escape", "q"], None),
    ):
        app = WayIn(tmp_path)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(*keys)
        assert app.return_value == chosen, keys
    app = WayIn(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("G", "enter", *"nix", "enter")
        assert "There is no workspace in nix." in app.query_one("#what", TextBlock).says.plain
        app.query_one(Input).value = str(tmp_path / "there")
        await pilot.press("enter")
    assert app.return_value == ("open", tmp_path / "there")


@pytest.mark.parametrize(
    ("chosen", "opened"),
    [
        (("demo", None), ("demo", None, False)),
        (("take in", None), ("open", None, True)),
        (("open", Path("there")), ("open", Path("there"), False)),
    ],
)
def test_what_somebody_begins_with_is_opened(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    chosen: tuple[str, Path | None],
    opened: tuple[object, ...],
) -> None:
    asked: list[start.Start] = []
    monkeypatch.setattr(start, "terminal", lambda: True)
    monkeypatch.setattr(start, "wants_lines", lambda: False)
    monkeypatch.setattr(start, "run", lambda what: asked.append(what) or 0)
    monkeypatch.setattr(start.Sign, "show", lambda _: None)
    monkeypatch.setattr(WayIn, "run", lambda _: chosen)
    monkeypatch.setenv("WHYSENT_WORKSPACE", str(tmp_path / "none"))
    assert start.opened(["--as", "reviewer"]) == 0
    ((command, workspace, take_in, role),) = [(s.command, s.workspace, s.take_in, s.role) for s in asked]
    assert (command, workspace, take_in, role) == (*opened, "reviewer")
    assert start.opened(["--workspace", str(tmp_path / "none")]) is None, (
        "a folder that was named is an error"
    )


@pytest.mark.parametrize("taken", [True, False])
def test_a_file_that_was_not_taken_in_after_all_leaves_no_workspace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, taken: bool
) -> None:
    def screens(folder: Path, **_: object) -> int:
        opened = CoreSession(folder, Viewer())
        opened.open()
        if taken:
            file = tmp_path / "e.csv"
            file.write_text("customer_id,occurred_at,kind\na,2026-01-01,message_sent\n")
            ingest.import_paths(Workspace.open(folder), [file])
        return 0

    monkeypatch.setattr(app, "run", screens)
    monkeypatch.setattr(start.Sign, "show", lambda _: None)
    monkeypatch.delenv("WHYSENT_KEY_FILE", raising=False)
    monkeypatch.setattr(secret, "_to_keyring", lambda *_: False)  # another test's may be there
    monkeypatch.setattr(secret, "_from_keyring", lambda _: None)
    monkeypatch.setattr(secret, "own_file", lambda name: tmp_path / "keys" / name)
    folder = tmp_path / "workspace"
    assert start.run(start.Start("open", folder, take_in=True)) == 0
    assert folder.exists() is taken
    assert len(list((tmp_path / "keys").iterdir())) == taken


def test_without_a_terminal_one_line_names_the_command_that_needs_none(tmp_path: Path) -> None:
    code = f"import sys; from pathlib import Path; from tui.app import run; sys.exit(run(Path({str(tmp_path)!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "whysent customers --json" in done.stderr


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({}, "dark"),
        ({"NO_COLOR": "1"}, "ansi-dark"),
        ({"WHYSENT_THEME": "light"}, "light"),
        ({"WHYSENT_THEME": "no such"}, "dark"),
    ],
)
def test_the_theme_is_what_the_environment_asks_for(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], theme: str
) -> None:
    for name in ("NO_COLOR", "WHYSENT_THEME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert first_theme() == theme


async def test_every_theme_can_be_reached_and_shows_the_same_words() -> None:
    app = WhysentApp(FakeSession())
    async with app.run_test(size=(120, 36)) as pilot:
        seen = []
        for _ in THEMES:
            await pilot.press("f6")
            seen.append(app.theme)
        assert sorted(seen) == sorted(theme.name for theme in THEMES)


async def test_without_colour_every_meaning_still_has_its_sign() -> None:
    os.environ["NO_COLOR"] = "1"
    try:
        app = WhysentApp(FakeSession())
        async with app.run_test(size=(120, 36)) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            await driver.press("enter", "G", "x")
            text = driver.text
            assert "▲ high" in text
            assert "✗ 2025-11-04" in text
            assert "- Interested in Nail clipper" in text
    finally:
        del os.environ["NO_COLOR"]


async def test_without_colours_no_colour_is_set_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WhysentApp(FakeSession())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        strips = app.screen._compositor.render_strips(app.screen.size)
        styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
        set_here = [
            style
            for style in styles
            for color in (style.color, style.bgcolor)
            if color and not color.is_default
        ]
        assert styles
        assert not set_here


async def test_without_colours_the_cursor_is_seen(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with started() as driver:
        for keys, mark in (((), "reverse"), (("enter",), "reverse"), (("w", "j"), "underline")):
            await driver.press(*keys)
            strips = driver.app.screen._compositor.render_strips(driver.app.screen.size)
            marked = [
                segment.text
                for strip in strips
                for segment in strip
                if segment.style and getattr(segment.style, mark)
            ]
            assert any("Nail clipper" in text for text in marked)
