"""The only way data reaches a widget: cleaned, and as a type that no markup is read from.

Textual reads markup in every bare string it is given, and terminal escapes pass through most widgets. So every
value of the data goes through one of these: `cell` for Rich renderables, `content` for widgets and titles,
`line` for a line of exactly so many cells, `plain` where a toolkit insists on a string (with `markup=False`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import textual.content
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text
from textual.content import Content

from audit.privacy.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from textual.app import App
    from textual.notifications import SeverityLevel
    from textual.style import Style


def plain(value: object) -> str:
    """`value` as harmless text; nothing for None."""
    return "" if value is None else clean(str(value))


_DRAWN = re.compile("[\u2500-\u259f\u2800-\u28ff]+")
_SIGN = re.compile(r"^(\s*(?:\d+\. )?)[▲■●·○✉◆◇▸✕✓✗✝→] +")
_BLANKS = re.compile(r"(?<=\S)[ \u00a0]{2,}")


def spoken(text: str) -> str:
    """Harmless text as it is read out: without what only draws (lines, blocks, Braille), without a sign of ours at its
    head, without columns of blanks.
    """
    return _BLANKS.sub(" ", _SIGN.sub(r"\1", _DRAWN.sub(" ", plain(text)))).rstrip()


def cell(value: object, style: str = "") -> Text:
    """`value` as Rich text, for what renders through Rich."""
    return Text(plain(value), style=style, no_wrap=True, end="")


def content(value: object, style: str | Style = "") -> Content:
    """`value` as Textual content, for widgets, titles and tooltips. Line breaks of our own sentences stay."""
    text = "\n".join(plain(part) for part in str("" if value is None else value).split("\n"))
    return Content.styled(text, style) if style else Content(text)


def joined(*parts: Content | tuple[object, str | Style] | str) -> Content:
    """Pieces after one another: a plain string, a piece of content, or `(value, style)`."""
    pieces = (
        part if isinstance(part, Content) else content(*part) if isinstance(part, tuple) else content(part)
        for part in parts
    )
    return Content("").join(pieces)


def line(value: object, width: int, *, right: bool = False) -> str:
    """`value` in exactly `width` cells; what is cut ends in `…`."""
    text = plain(value)
    length = cell_len(text)
    if length > width > 0:
        return set_cell_size(text, width - 1) + "…"
    if right and length < width:
        return " " * (width - length) + text
    return set_cell_size(text, width)


_WORD = re.compile(r"[ \t]*(?:[^ \t]| (?=\d\d:\d\d)|(?<=\d) (?=[A-Z][a-z]{2}\b))+[ \t]*")
"""What stays on one line: no-break blanks are no blanks here, and a day keeps its month and its time."""

_PIECE = re.compile(r".+?(?:[ ._/\\:=,;&?@-]+|$)")
"""Where a word breaks that is wider than a line."""


def line_breaks(text: str, width: int, fold: bool = True) -> list[int]:
    """Where `text` breaks into lines of `width` cells: between words; within one that has room on no line, behind a point or a stroke."""
    breaks, used, width = [], 0, max(width, 1)  # a widget may have no cell at all
    for word in _WORD.finditer(text):
        start, cells = word.start(), cell_len(word[0].rstrip())
        if used + cells > width and start:
            breaks.append(start)
            used = 0
        for piece in _pieces(word[0], width) if fold and cells > width else (word[0],):
            if used and used + cell_len(piece.rstrip()) > width:
                breaks.append(start)
                used = 0
            start, used = start + len(piece), used + cell_len(piece)
    return breaks


def _pieces(word: str, width: int) -> Iterator[str]:
    for piece in _PIECE.findall(word):
        yield from chop_cells(piece, width) if cell_len(piece.rstrip()) > width else (piece,)


# Textual's own breaks at no-break blanks, and long names anywhere.
textual.content.divide_line = line_breaks  # type: ignore[attr-defined]


def say(app: App[Any], value: object, *, title: str = "", severity: SeverityLevel = "information") -> None:
    """Show a short message over the heading, instead of the one before."""
    app.clear_notifications()
    app.notify(plain(value), title=plain(title), severity=severity, markup=False)


def listed(value: object) -> str:
    """A value of a rule as a person writes it: lists with commas, truth in words."""
    if isinstance(value, bool):
        return str(value).lower()
    return plain(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value)


def listed_names(names: Iterable[str]) -> str:
    """Names as a field takes them, with commas between; in quotation marks those that hold one."""
    return plain(
        ", ".join('"' + name.replace('"', '""') + '"' if set(name) & set(',"') else name for name in names)
    )


def names_in(text: str) -> list[str]:
    """The names that a field holds."""
    import csv

    parts = next(csv.reader([text], skipinitialspace=True), [])
    return [part.strip() for part in parts if part.strip()]


def number(value: object) -> str:
    """A count with thousands apart, `–` where there is none."""
    return f"{value:,}" if isinstance(value, int) else "–" if value is None else plain(value)


def share(value: float | None, digits: int = 1) -> str:
    """A share as a percentage, `–` where there is none; up to two digits finer where it would read as nought and is not."""
    if value is None:
        return "–"
    finest = digits + 2
    while 0 < value < 0.005 / 10**digits and digits < finest:
        digits += 1
    return f"{value * 100:.{digits}f} %"
