"""Starting and ending: nothing heavy before the first paint, nothing at all without a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.canned import FakeSession
from tests.tui.conftest import Driver, Started
from tui.app import WhysentApp
from tui.themes import THEMES, first_theme

HEAVY = ("polars", "sqlite_utils", "cryptography", "keyring", "typer")


@pytest.mark.parametrize(
    "module",
    ["tui.app", "tui.session.core", "tui.screens.customer", "tui.screens.rules", "tui.screens.stories"],
)
def test_nothing_heavy_is_loaded_before_the_first_paint(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_of_the_demo_nothing_heavy_is_loaded_before_its_stories_are_painted(tmp_path: Path) -> None:
    code = f"""
import sys
from unittest.mock import patch
from tui import app, cli
sys.stdin = sys.stdout = type("Terminal", (type(sys.stdout),), {{"isatty": lambda _: True}})(sys.stdout.buffer)
with patch.object(app.WhysentApp, "run"):
    cli.run(["demo", "--workspace", {str(tmp_path / "demo")!r}])
print([name for name in {HEAVY!r} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['typer']"


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
