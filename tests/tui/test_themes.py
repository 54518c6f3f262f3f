"""Every theme can be read: of letters and ground that the screens really show, and for eyes that see fewer colours."""

from collections.abc import Iterator

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from textual.geometry import Region
from textual.screen import ModalScreen, Screen

from tests.tui.conftest import Driver, Started
from tui.settings import HIGH_CONTRAST, THEMES

DRAWN = set("─│╭╮╰╯┌┐└┘├┤┬┴┼━┃┏┓┗┛╸╺╔╗╚╝═║▎▊▉█▌▐▔▁▂▃▄▅▆▇▏░▒▓")
"""Signs of frames and bars: no letters to be read."""
XTERM = "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
VGA = "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"
PALETTES = [[ColorTriplet(*bytes.fromhex(colour)) for colour in palette.split()] for palette in (XTERM, VGA)]
WAYS = {
    "find": (),
    "campaigns": ("c",),
    "customer": ("1", "c", "enter"),
    "findings": ("tab", "tab", "tab", "tab"),
    "left out": ("escape", "x"),
    "tried": ("t",),
    "why": ("w", "j", "x"),
    "suggestion": ("w", "f"),
    "report": ("escape", "R"),
    "rules": ("escape", "3"),
    "fields": ("tab", "tab"),
    "inbox": ("escape", "i", "enter"),
    "question": ("escape", "space"),
    "agreement": ("n", "1", "d"),
    "help": ("question_mark",),
}
"""A walk over the screens: what is looked at → the keys that lead there from the one before."""


def luminance(colour: ColorTriplet) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

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
                yield text, *colours, bool(style.dim)


def ratio(letters: Color, ground: Color, *, dark: bool) -> float:
    """Of the terminal's own colours: the least in the palettes."""
    if letters.type == ground.type == ColorType.TRUECOLOR:
        return contrast(letters.triplet, ground.triplet)

    def seen(colour: Color, palette: list[ColorTriplet], default: int) -> ColorTriplet:
        if colour.type == ColorType.TRUECOLOR:
            return colour.triplet
        return palette[default if colour.number is None else colour.number]

    ink, paper = (15, 0) if dark else (0, 15)
    return min(contrast(seen(letters, at, ink), seen(ground, at, paper)) for at in PALETTES)


async def seen_in_all_themes(driver: Driver) -> dict[str, dict[tuple[str, str, str], float]]:
    seen: dict[str, dict[tuple[str, str, str], float]] = {theme.name: {} for theme in THEMES}
    for place, way in WAYS.items():
        await driver.press(*way)
        for theme in THEMES:
            driver.app.theme = theme.name
            await driver.pilot.pause()
            for text, letters, ground, _ in shown(driver.app.screen):
                colours = (place, letters.name, ground.name)
                seen[theme.name].setdefault((*colours, text[:30]), ratio(letters, ground, dark=theme.dark))
    return seen


async def test_letters_stand_out_in_every_theme_on_every_screen(started: Started) -> None:
    async with started("large") as driver:
        seen = await seen_in_all_themes(driver)
    for theme, pairs in seen.items():
        assert len(pairs) > 50
        least = 7.0 if theme == HIGH_CONTRAST.name else 4.5
        print(
            theme, *[(pair, round(value, 2)) for pair, value in pairs.items() if value < least], sep="\n   "
        )
