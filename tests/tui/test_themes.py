"""Every theme can be read: of letters and ground that the screens really show, and for eyes that see fewer colours."""

import math
import operator
from collections.abc import Iterator
from itertools import combinations

import pytest
from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from textual.geometry import Region
from textual.screen import ModalScreen, Screen

from tests.tui.conftest import Driver, Started
from tui.settings import COLOUR_BLIND, HIGH_CONTRAST, THEMES, first_theme, with_theme

DRAWN = {*"─│╭╮╰╯┌┐└┘├┤┬┴┼━┃┏┓┗┛╸╺╔╗╚╝═║▎▊▉█▌▐▔▁▂▃▄▅▆▇▏░▒▓┣┫┳┻╋", *map(chr, range(0x2800, 0x2900))}
"""Signs of frames and bars: no letters to be read."""
XTERM = "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
VGA = "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"
PALETTES = [[ColorTriplet(*bytes.fromhex(colour)) for colour in palette.split()] for palette in (XTERM, VGA)]
STATES = {
    "find": ((), ("▲ high", "■ med", "● low")),
    "customer": (("enter",), ("▲ high", "» ", "inferred")),
    "left out": (("x",), ("✗ ", "left out")),
    "tried": (("x", "t"), ("✗ ", "stopped", "deferred")),
    "rules": (("t", "3"), ("on email-weekly-cap", "off quiet-hours-us")),
    "agreement": (("1", "d", "space"), ("✓ ",)),
}
"""What is looked at without colours → the keys that lead there, and the signs and words of the states to be seen."""
WAYS = {
    "find": (),
    "customer": ("enter", "tab", "tab", "tab", "tab"),
    "tried": ("escape", "x", "t"),
    "why": ("w", "j", "x"),
    "suggestion": ("w", "f"),
    "report": ("escape", "R"),
    "rules": ("escape", "3"),
    "inbox": ("i", "enter"),
    "agreement": ("escape", "1", "d"),
    "help": ("question_mark",),
    "letters": ("escape", "semicolon"),
    "palette": ("escape", "ctrl+p", "c", "a", "p"),
    "answer": ("enter",),
}
"""A walk over the screens: what is looked at → the keys that lead there from the one before."""


def luminance(colour: ColorTriplet) -> float:
    red, green, blue = (linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """As WCAG 2.2 counts it: 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def shown(screen: Screen) -> Iterator[tuple[str, Color, Color, bool]]:
    """Every piece of text on the screen with its colours; of a dialog only the dialog: what lies below is put aside."""
    area = screen.children[0].region if isinstance(screen, ModalScreen) else Region(0, 0, *screen.size)
    for y, strip in enumerate(screen._compositor.render_strips(screen.size)):
        if not area.y <= y < area.bottom:
            continue
        for segment in strip.crop(area.x, area.right):
            text = "".join(char for char in segment.text if char not in DRAWN).strip()
            style = segment.style
            if text and style is not None and style.color is not None and style.bgcolor is not None:
                colours = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
                yield text, *colours, bool(style.reverse)


def ratio(letters: Color, ground: Color, *, dark: bool, reverse: bool) -> float:
    """How far letters stand out; of the terminal's own colours: the least in the palettes."""
    if letters.type == ground.type == ColorType.TRUECOLOR:
        return contrast(letters.triplet, ground.triplet)

    def seen(colour: Color, palette: list[ColorTriplet], default: int) -> ColorTriplet:
        if colour.type == ColorType.TRUECOLOR:
            return colour.triplet
        return palette[default if colour.number is None else colour.number]

    ink, paper = (15, 0) if dark is not reverse else (0, 15)
    return min(contrast(seen(letters, at, ink), seen(ground, at, paper)) for at in PALETTES)


def linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


SEEN_BY = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}  # fmt: skip
"""How eyes that lack one kind of cone see linear red, green and blue: Machado, Oliveira and Fernandes (2009), severity 1."""


def lab(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """A colour as those eyes see it, in CIE L*a*b*, where distances are as they are felt."""
    parts = [linear(part / 255) for part in bytes.fromhex(colour.removeprefix("#"))]
    red, green, blue = (min(max(sum(map(operator.mul, row, parts)), 0), 1) for row in matrix)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_tones_of_the_theme_for_fewer_colours_stay_apart(eyes: str) -> None:
    theme = COLOUR_BLIND
    tones = [
        lab(colour, SEEN_BY[eyes]) for colour in (theme.error, theme.warning, theme.success, theme.foreground)
    ]
    assert min(math.dist(one, other) for one, other in combinations(tones, 2)) > 20


def test_the_theme_is_the_one_chosen_unless_the_terminal_asks_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert first_theme() == "dark"
    assert first_theme("light") == "light"
    monkeypatch.setenv("NO_COLOR", "1")
    assert first_theme("light") == "ansi-dark"
    monkeypatch.setenv("WHYSENT_THEME", "high-contrast")
    assert first_theme("light") == "high-contrast"


def test_a_theme_is_written_where_it_stood_and_the_rest_stays() -> None:
    assert with_theme("", "light") == 'theme = "light"\n'
    own = '# mine\ntheme = "dark"  # soft\n\n[keys]\n"app.quit" = "z"\n'
    assert with_theme(own, "light") == own.replace('theme = "dark"  # soft', 'theme = "light"')
    other = '[keys]\n"app.theme" = "f7"\n'
    assert with_theme(other, "light") == 'theme = "light"\n' + other


async def test_without_colours_every_state_has_a_sign_or_a_word(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with started("large") as driver:
        for place, (way, signs) in STATES.items():
            await driver.press(*way)
            for text, letters, ground, _ in shown(driver.app.screen):
                assert letters.is_default, (place, text, letters)
                assert ground.is_default, (place, text, ground)
            assert not [sign for sign in signs if sign not in driver.words], (place, driver.words)
            focused = driver.app.focused
            assert focused is None or focused.styles.border_top[0] in {"heavy", ""} or focused.id is None, (
                place
            )


async def seen_in_all_themes(driver: Driver) -> dict[str, dict[tuple[str, str, str], float]]:
    seen: dict[str, dict[tuple[str, str, str], float]] = {theme.name: {} for theme in THEMES}
    for place, way in WAYS.items():
        await driver.press(*way)
        for theme in THEMES:
            driver.app.theme = theme.name
            await driver.pilot.pause()
            await driver.pilot.pause()  # a plot takes its new colours one refresh later
            for text, letters, ground, reverse in shown(driver.app.screen):
                how = ratio(letters, ground, dark=theme.dark, reverse=reverse)
                seen[theme.name].setdefault((place, letters.name, ground.name, text[:30]), how)
    return seen


async def test_letters_stand_out_in_every_theme_on_every_screen(started: Started) -> None:
    async with started() as driver:
        seen = await seen_in_all_themes(driver)
    low = []
    for theme, pairs in seen.items():
        assert len(pairs) > 50
        least = 7.0 if theme == HIGH_CONTRAST.name else 4.5
        low += [(theme, *pair, round(value, 2)) for pair, value in pairs.items() if value < least]
    assert not low


async def test_nothing_under_the_cursor_is_dim_in_the_terminals_own_colours(started: Started) -> None:
    async with started() as driver:
        await driver.press("3")
        driver.app.theme = "ansi-dark"
        await driver.pilot.pause()
        lines = [driver.app.screen.query_one("#book").render_line(y) for y in range(4)]
        dim = [any(style and style.dim for _, style, _ in strip) for strip in lines]
        assert dim == [False, False, False, True]
