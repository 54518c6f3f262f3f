"""The pictures of the documents: the real program on a small demo, as SVG. `python -m tests.pictures` makes them anew.

Nothing in them depends on a clock, a font or another host: text is set cell by cell, frames and blocks are drawn. A test
draws them again and says which is stale.
"""

import asyncio
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import blend_rgb
from rich.style import Style
from textual.events import Paste
from textual.strip import Strip
from textual.widgets import Input

from audit.privacy import vault
from audit.privacy.roles import Role, Viewer
from audit.rules.book import Book
from fixtures import demo
from tests.conftest import BEGUN, steady_pseudonym
from tests.tui.conftest import Driver, painted_when_read, parsing_once
from tui.app import DemoApp, WhysentApp
from tui.screens.stories import stories
from tui.session.core import CoreSession

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"

PEOPLE = 100
"""So many customers of the demo's fleet stand beside those of its stories: the first of its two thousand."""

SIZE, CAST_SIZE = (120, 36), (100, 30)
CELL, LINE, FONT, MARGIN = 8.4, 18, 14, 12
FAMILY = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

SCREENS = {
    "stories": (0, ""),
    "customer": (1, ""),
    "left-out": (1, "b down down down x"),
    "tried": (1, "t"),
    "why": (1, "w"),
    "reply": (1, "R r"),
    "rule": (5, "f"),
    "find": (1, "1"),
    "campaigns": (1, "1 escape c"),
    "audience": (3, "A"),
    "log-and-ours": (1, "1 escape d"),
    "rules": (1, "3"),
    "displaced": (1, "3 d"),
    "sender": (1, "3 p enter"),
    "fleet": (1, "4"),
    "help": (1, "question_mark"),
    "inbox": (5, "f p enter escape 3 i"),
}
"""Each screen: the story from which it is reached, 0 for the list of them, and the keys that lead there."""

LETTER = """Hello,
I bought a nail clipper a year ago and got ten mails about it. When is it going to stop?
Martina Quandt
martina.quandt@example.org
"""

CAST = (
    (2.5, "", "A letter has come: “I bought a nail clipper a year ago and got ten mails about it.”"),
    (
        6.0,
        "paste",
        "The whole letter is pasted. Its sentence, and the verdict; nothing of the letter is kept.",
    ),
    (4.5, "w", "w: why the newest came, down to single events, and what is not known."),
    (3.5, "escape t", "t: which of these mails the rules would have stopped."),
    (4.0, "t end x", "x: leave the purchase out, and see what is left."),
    (5.0, "x R r", "R: a reply that can be sent, in the customer's language."),
)
"""Of the cast each frame: seconds, the keys that lead to it, and what is said below it."""


def small_demo(folder: Path, people: int = PEOPLE) -> Path:
    """The demo with fewer customers, made in half a second, the same in every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "random_pseudonym", steady_pseudonym)
        patch.setitem(Book.__init__.__kwdefaults__, "now", lambda: BEGUN)
        demo.begin(folder)
        demo.finish(folder, lambda done, total: None, people)
    return folder


# -- what stands in the terminal ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How a cell looks: its colours and the marks of its text."""

    ink: str
    ground: str
    marks: str

    @classmethod
    def of(cls, style: Style | None, ink: str, ground: str) -> "Look":
        style = style or Style.null()
        front = style.color.get_truecolor().hex if style.color and not style.color.is_default else ink
        back = style.bgcolor.get_truecolor().hex if style.bgcolor and not style.bgcolor.is_default else ground
        if style.reverse:
            front, back = back, front
        if style.dim and style.color and style.bgcolor:
            front = blend_rgb(style.color.get_truecolor(), style.bgcolor.get_truecolor(), 0.5).hex
        marks = "".join(
            letter for letter, on in zip("bius", (style.bold, style.italic, style.underline, style.strike), strict=True) if on
        )  # fmt: skip
        return cls(front, back, marks)


@dataclass(frozen=True)
class Theme:
    name: str
    ink: str
    ground: str


class Sheet:
    """The classes of a picture: one for each colour and each mark that is used."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, rule: str) -> str:
        return self._names.setdefault(rule, f"c{len(self._names)}")

    def text(self) -> str:
        return "".join(f".{name}{{{rule}}}" for rule, name in self._names.items())


MARKS = {"b": "font-weight:bold", "i": "font-style:italic", "u": "text-decoration:underline", "s": "text-decoration:line-through"}  # fmt: skip

LINES = {
    "─": "lr", "│": "tb", "╭": "rb", "╮": "lb", "╰": "rt", "╯": "lt", "┌": "rb", "┐": "lb", "└": "rt", "┘": "lt", "├": "tbr",
    "┤": "tbl", "┬": "lrb", "┴": "lrt", "┼": "lrtb", "╴": "l", "╶": "r", "╵": "t", "╷": "b", "╌": "lr", "┄": "lr",
}  # fmt: skip
"""Frames: from the middle of the cell to which of its sides a line goes."""

BLOCKS = {
    "▀": (0, 0, 8, 4), "█": (0, 0, 8, 8), "▐": (4, 0, 4, 8), "▔": (0, 0, 8, 1), "▕": (7, 0, 1, 8),
    **{sign: (0, 8 - eighths, 8, eighths) for eighths, sign in enumerate("▁▂▃▄▅▆▇", 1)},
    **{sign: (0, 0, eighths, 8) for eighths, sign in enumerate("▏▎▍▌▋▊▉", 1)},
}  # fmt: skip
"""Blocks, in eighths of a cell: left, top, width, height."""


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def row_of(strip: Strip, theme: Theme, sheet: Sheet) -> str:
    """One row of the terminal as SVG, its upper left corner at 0, 0."""
    cells: list[tuple[str, Look]] = []
    for text, style, _ in strip:
        look = Look.of(style, theme.ink, theme.ground)
        for char in text:
            cells += [(char, look), *[("", look)] * (cell_len(char) - 1)]
    return _grounds(cells, theme, sheet) + _drawn(cells, sheet) + _texts(cells, sheet)


def _grounds(cells: list[tuple[str, Look]], theme: Theme, sheet: Sheet) -> str:
    parts, at = [], 0
    for ground, group in groupby(cells, key=lambda cell: cell[1].ground):
        wide = len(list(group))
        if ground != theme.ground:
            fill = sheet.name(f"fill:{ground}")
            parts.append(f'<path class="{fill}" d="M{number(at * CELL)} 0h{number(wide * CELL)}v{LINE}h-{number(wide * CELL)}z"/>')  # fmt: skip
        at += wide
    return "".join(parts)


def _drawn(cells: list[tuple[str, Look]], sheet: Sheet) -> str:
    paths: dict[str, str] = defaultdict(str)
    at = 0
    for (char, ink), group in groupby(cells, key=lambda cell: (cell[0], cell[1].ink)):
        wide = len(list(group))
        left = at * CELL
        if char in BLOCKS:
            x, y, w, h = (eighths / 8 for eighths in BLOCKS[char])
            fill = f"fill:{ink}"
            if w == 1:
                paths[fill] += f"M{number(left)} {number(y * LINE)}h{number(wide * CELL)}v{number(h * LINE)}h-{number(wide * CELL)}z"  # fmt: skip
            else:
                for place in range(wide):
                    start = left + (place + x) * CELL
                    paths[fill] += f"M{number(start)} {number(y * LINE)}h{number(w * CELL)}v{number(h * LINE)}h-{number(w * CELL)}z"  # fmt: skip
        elif char in LINES:
            stroke, sides = f"fill:none;stroke:{ink}", LINES[char]
            if sides == "lr":
                paths[stroke] += f"M{number(left)} {LINE // 2}h{number(wide * CELL)}"
            else:
                for place in range(wide):
                    paths[stroke] += _sides(left + place * CELL, sides)
        at += wide
    return "".join(f'<path class="{sheet.name(rule)}" d="{way}"/>' for rule, way in paths.items())


def _sides(left: float, sides: str) -> str:
    x, y = left + CELL / 2, LINE / 2
    if "t" in sides and "b" in sides:
        way, sides = f"M{number(x)} 0v{LINE}", sides.replace("t", "").replace("b", "")
    else:
        way = ""
    ends = {"l": (left, y), "r": (left + CELL, y), "t": (x, 0.0), "b": (x, float(LINE))}
    for side in sides:
        way += f"M{number(x)} {number(y)}L{number(ends[side][0])} {number(ends[side][1])}"
    return way


def _texts(cells: list[tuple[str, Look]], sheet: Sheet) -> str:
    parts, at = [], 0
    for look, group in groupby(cells, key=lambda cell: (cell[1].ink, cell[1].marks)):
        chars = [char for char, _ in group]
        for words, start, wide in _words(chars):
            ink, marks = look
            classes = [sheet.name(f"fill:{ink}"), *(sheet.name(MARKS[mark]) for mark in marks)]
            x, length = number((at + start) * CELL), number(wide * CELL)
            parts.append(f'<text class="{" ".join(classes)}" x="{x}" y="13" textLength="{length}">{escape(words, quote=False)}</text>')  # fmt: skip
        at += len(chars)
    return "".join(parts)


def _words(chars: list[str]) -> Iterable[tuple[str, int, int]]:
    """The pieces of text between wide gaps and drawn signs: the text, the cell where it begins, its width in cells."""
    begun = None
    for place, char in enumerate([*chars, " ", " "]):
        ends = (
            char in BLOCKS
            or char in LINES
            or (char == " " and (place + 1 >= len(chars) or chars[place + 1] == " "))
        )
        if ends and begun is not None:
            words = "".join(chars[begun:place])
            yield words, begun, place - begun
            begun = None
        elif not ends and begun is None and char not in {" ", ""}:
            begun = place


# -- pictures ------------------------------------------------------------------------------------------------------------


def still(rows: list[Strip], theme: Theme, title: str) -> str:
    """One screen as a picture."""
    sheet = Sheet()
    drawn = "".join(_placed(row_of(strip, theme, sheet), at) for at, strip in enumerate(rows))
    return _picture(drawn, rows, theme, sheet, title, below=0)


def cast(frames: list[list[Strip]], theme: Theme) -> str:
    """Frames after one another, with what is said below them; who wants no motion sees the verdict."""
    sheet, drawn, spans = Sheet(), [], {}
    for at in range(len(frames[0])):
        rows = [row_of(rows[at], theme, sheet) for rows in frames]
        drawn += [_span(_placed(row, at), span, spans, len(frames)) for row, span in _runs(rows) if row]
    said = ""
    captions = [said := text or said for _, _, text in CAST]
    y = len(frames[0]) * LINE + 26
    for text, span in _runs(captions):
        line = f'<text class="{sheet.name(f"fill:{theme.ink}")}" x="0" y="{y}">{escape(text, quote=False)}</text>'
        drawn.append(_span(line, span, spans, len(frames)))
    moves = "".join(_keyframes(name, span) for span, name in spans.items())
    return _picture("".join(drawn), frames[0], theme, sheet, CAST[0][2], below=40, moves=moves)


def _runs(values: list[str]) -> Iterable[tuple[str, tuple[int, int]]]:
    """Equal neighbours as one: the value, its first frame and the one after its last."""
    at = 0
    for value, group in groupby(values):
        count = len(list(group))
        yield value, (at, at + count)
        at += count


def _span(drawn: str, span: tuple[int, int], spans: dict[tuple[int, int], str], frames: int) -> str:
    if span == (0, frames):
        return drawn
    return f'<g class="{spans.setdefault(span, f"f{len(spans)}")}">{drawn}</g>'


VERDICT = 1
"""The frame of the cast that stands still where no motion is wanted."""


def _keyframes(name: str, span: tuple[int, int]) -> str:
    seconds = [step[0] for step in CAST]
    whole = sum(seconds)
    start, end = (100 * sum(seconds[:at]) / whole for at in span)
    first = "" if span[0] == 0 else f"0%{{visibility:hidden}}{start:.2f}%{{visibility:visible}}"
    last = "" if end > 99.99 else f"{end:.2f}%{{visibility:hidden}}100%{{visibility:hidden}}"
    begins = "0%{visibility:visible}" if span[0] == 0 else ""
    rests = "visible" if span[0] <= VERDICT < span[1] else "hidden"
    return (
        f"@keyframes {name}{{{begins}{first}{last}{'100%{visibility:visible}' if not last else ''}}}"
        f".{name}{{visibility:{rests};animation:{name} {number(whole)}s step-end infinite}}"
    )


def _placed(row: str, at: int) -> str:
    return f'<g transform="translate(0 {at * LINE})">{row}</g>' if row else ""


def _picture(
    drawn: str, rows: list[Strip], theme: Theme, sheet: Sheet, title: str, *, below: int, moves: str = ""
) -> str:
    wide = rows[0].cell_length * CELL + 2 * MARGIN
    high = len(rows) * LINE + 2 * MARGIN + below
    calm = "@media (prefers-reduced-motion:reduce){g{animation:none!important}}" if moves else ""
    style = f"text{{font:{FONT}px {FAMILY};white-space:pre}}path{{shape-rendering:crispEdges}}{sheet.text()}{moves}{calm}"
    drawn = drawn.replace("><g ", ">\n<g ")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(wide)} {number(high)}" role="img">'
        f"<title>{escape(title, quote=False)}</title><style>{style}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="{theme.ground}"/>'
        f'<g transform="translate({MARGIN} {MARGIN})">\n{drawn}\n</g></svg>\n'
    )


# -- driving the program -------------------------------------------------------------------------------------------------


async def seen(driver: Driver, themes: tuple[str, ...]) -> dict[Theme, list[Strip]]:
    """The screen as it stands in each theme; it keeps the last."""
    rows = {}
    for name in sorted(themes, key=lambda name: name != driver.app.theme):
        driver.app.theme = name
        rows[theme_of(driver)] = await at_rest(driver)
    return rows


def theme_of(driver: Driver) -> Theme:
    colours = driver.app.get_css_variables()
    return Theme(driver.app.theme, colours["foreground"], colours["background"])


async def at_rest(driver: Driver) -> list[Strip]:
    """The rows of the screen once nothing changes them any more."""
    before: list[Strip] = []
    for _ in range(50):
        await driver.settle()
        screen = driver.app.screen
        rows = screen._compositor.render_strips(screen.size)
        if rows == before:
            return rows
        before = rows
    raise AssertionError(f"the screen never rests:\n{driver.text}")


async def screens(folder: Path, *, light: Collection[str]) -> dict[str, str]:
    drawn = {}
    app = DemoApp(CoreSession(folder, Viewer(Role.ADMIN)))
    async with app.run_test(size=SIZE) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: app.opening is not None)
        for name, (story, keys) in SCREENS.items():
            while app.screen.is_modal:
                await driver.press("escape")
            if story:
                app.open_story(stories()[story - 1])
            await at_rest(driver)
            await driver.press(*keys.split())
            themes = ("dark", "light") if name in light else ("dark",)
            for theme, rows in (await seen(driver, themes)).items():
                drawn[f"{name}-{theme.name}.svg"] = still(rows, theme, f"whysent: {name.replace('-', ' ')}")
    return drawn


async def moving(folder: Path) -> dict[str, str]:
    frames = []
    app = WhysentApp(CoreSession(folder, Viewer(Role.ADMIN, ticket="4711")), agent=True)
    async with app.run_test(size=CAST_SIZE) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: app.opening is not None)
        await driver.settle()
        for _, keys, _ in CAST:
            if keys == "paste":
                app.screen.focused.post_message(Paste(LETTER))
            else:
                await driver.press(*keys.split())
            frames.append(await at_rest(driver))
        theme = theme_of(driver)
    return {"cast.svg": cast(frames, theme)}


def pictures(folder: Path, *, light: Collection[str] = SCREENS.keys()) -> dict[str, str]:
    """All pictures by the names of their files, the screens that `light` names in the light theme too."""

    async def both() -> dict[str, str]:
        return await screens(folder, light=light) | await moving(folder)

    with painted_when_read(), parsing_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Input, "_toggle_cursor", lambda _: None)  # a cursor that does not blink
        patch.setitem(Book.__init__.__kwdefaults__, "now", lambda: BEGUN)
        patch.setenv("LOGNAME", "sam")
        return asyncio.run(both())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["WHYSENT_KEY_FILE"] = f"{temporary}/key"
        os.environ.pop("NO_COLOR", None)
        made = pictures(small_demo(Path(temporary) / "demo"))
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    for name, picture in made.items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
    sys.stdout.write(f"{len(made)} pictures in {FOLDER}\n")
