"""Hostile text in the data goes through every place that shows data, and does nothing."""

import pytest
from textual import events

from tests.tui.canned import FakeSession
from tests.tui.conftest import Driver, Started

STRINGS = {
    "closing tag": "[/]",
    "action": "[@click=app.quit]press me[/]",
    "action with quotes": '[@click="app.leave()"]x',
    "link": "[link=https://evil.example]x[/link]",
    "style": "[bold red on white]x",
    "unclosed": "[[[",
    "clear screen": "\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;evil\x07",
    "C1": "\x9b31m\x9d52;c;AA\x9c",
    "bidi": "\u202egnp.exe\u2066",
    "NUL and DEL": "\x00\x7f\x08",
    "lines": "a\nb\r\nc\u2028d",
    "wide": "日本語👩‍👩‍👧‍👦" * 10,
    "long": "x" * 5000,
}

WAYS = {
    "find": (),
    "campaigns": ("c",),
    "checks": ("tab", "down", "down"),
    "customer": ("enter",),
    "event": ("enter", "G"),
    "why": ("enter", "tab", "j", "j"),
    "whole why": ("enter", "w", "j"),
    "what if": ("enter", "w", "shift+tab", "shift+tab"),
    "whole why without": ("enter", "w", "j", "x"),
    "whole why of an event": ("enter", "w", "tab", "G", "enter"),
    "reconcile": ("d", "j"),
    "words": ("enter", "w", "shift+tab", "y"),
    "segments": ("enter", "tab", "tab", "j"),
    "recommendations": ("enter", "tab", "tab", "tab"),
    "findings": ("enter", "shift+tab"),
    "left out": ("enter", "G", "x"),
    "suggestion": ("enter", "f"),
    "plan": ("enter", "f", "p"),
    "report": ("enter", "R"),
    "copied": ("enter", "y"),
    "rules": ("3",),
    "rule form": ("3", "enter"),
    "history": ("3", "H"),
    "displaced": ("3", "d"),
    "undo": ("3", "space", "y", "u"),
}


def assert_harmless(driver: Driver) -> None:
    for strip in driver.app.screen._compositor.render_strips(driver.app.screen.size):
        for segment in strip:
            assert not [hex(ord(char)) for char in segment.text if acts(char)]
            assert not (segment.style and segment.style.link)
            clicked = segment.style.meta.get("@click") if segment.style and segment.style.meta else None
            assert clicked is None or "press me" not in segment.text


def acts(char: str) -> bool:
    code = ord(char)
    return (
        code < 32
        or 0x7F <= code <= 0x9F
        or char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029"
    )


@pytest.mark.parametrize("way", WAYS)
async def test_every_place_that_shows_data_shows_it_as_text(started: Started, way: str) -> None:
    everything = "".join(
        STRINGS[name] for name in ("action", "clear screen", "clipboard", "C1", "bidi", "closing tag")
    )
    async with started("large", FakeSession(everything)) as driver:
        await driver.press(*WAYS[way])
        assert_harmless(driver)
        assert driver.app.is_running


@pytest.mark.parametrize("name", STRINGS)
async def test_every_hostile_string_stays_text_on_the_customer_screen(started: Started, name: str) -> None:
    async with started("medium", FakeSession(STRINGS[name])) as driver:
        await driver.press("enter", "tab", "j", "tab", "tab", "tab")
        assert_harmless(driver)
        assert driver.app.is_running


async def test_markup_is_seen_as_it_was_written(started: Started) -> None:
    async with started("large", FakeSession(STRINGS["action"])) as driver:
        await driver.press("enter")
        assert "11 mails about [@click=app.quit]press me[/] since one was bought" in driver.words


async def test_clicking_on_a_hostile_name_runs_nothing(started: Started) -> None:
    async with started("large", FakeSession(STRINGS["action"])) as driver:
        await driver.press("enter")
        for row, text in enumerate(driver.text.splitlines()):
            at = text.find("press me")
            if at >= 0:
                await driver.pilot.click(offset=(at + 1, row))
        await driver.settle()
        assert driver.app.is_running
        assert driver.app.return_code is None


async def test_an_error_that_quotes_hostile_text_is_harmless(started: Started) -> None:
    from audit.errors import NotFoundError

    class Quoting(FakeSession):
        def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> None:
            raise NotFoundError(f"no such thing: {STRINGS['action']}{STRINGS['clear screen']}")

    async with started(session=Quoting()) as driver:
        await driver.press("enter")
        assert "[@click=app.quit]press me[/]" in driver.words
        assert_harmless(driver)


async def test_what_is_copied_and_written_holds_no_escapes(started: Started) -> None:
    async with started(session=FakeSession(STRINGS["clipboard"])) as driver:
        await driver.press("enter", "y")
        assert "\x1b" not in driver.app.clipboard
        assert all("\x1b" not in text for text in driver.session.kept.values())


async def test_what_is_pasted_into_a_field_is_cleaned(started: Started) -> None:
    async with started(agent=True) as driver:
        driver.app.focused.post_message(events.Paste("\x1b[2Jmara\u202e@example.org"))
        await driver.settle()
        assert driver.app.focused.value == "␛[2Jmara\ufffd@example.org"
        assert_harmless(driver)
