"""Messages a week as bars, and the signs of what else happened, in as many cells as there are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.session.view_models import Week

EIGHTHS = " ▁▂▃▄▅▆▇█"
LYING = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
RANK = "✕●○"
"""Signs from the most to the least telling: opted out, bought, viewed. One cell shows one."""

FULL = 4
"""House value: a full bar is at least so many messages a week, so that a quiet year looks quiet."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Lines of equal length: the signs, then the bars from the top; `shown` weeks of `total`; the tallest bar."""

    signs: str
    bars: tuple[str, ...]
    shown: int
    total: int
    tallest: int


def draw(weeks: Sequence[Week], width: int, height: int = 1) -> Bars:
    """The newest weeks that fit into `width` cells, spread over all of them, in bars `height` cells tall."""
    newest = list(weeks[-width:]) if width > 0 else []
    tallest = max((week.messages for week in newest), default=0)
    edges = [width * number // len(newest) for number in range(len(newest) + 1)] if newest else [0]
    spans = [end - start for start, end in pairwise(edges)]
    heights = [_eighths(week.messages, max(tallest, FULL), height) for week in newest]
    rows = tuple(
        "".join(_bar(eighths - 8 * level, cells) for eighths, cells in zip(heights, spans, strict=True))
        for level in reversed(range(height))
    )
    signs = "".join(_strongest(week.signs).ljust(cells) for week, cells in zip(newest, spans, strict=True))
    return Bars(signs, rows, len(newest), len(weeks), tallest)


def sparkline(counts: Sequence[int]) -> str:
    """Counts as one cell each, the largest full; none is a blank, and one of anything can be seen."""
    most = max(counts, default=0)
    return "".join(EIGHTHS[max(1, round(8 * count / most))] if count else " " for count in counts)


def bar(count: int, most: int, width: int = 16) -> str:
    """A bar lying down, `width` cells at `most`; the smallest count that is not nothing can be seen."""
    eighths = max(1, round(8 * width * count / most)) if count else 0
    return "█" * (eighths // 8) + LYING[eighths % 8]


def _bar(eighths: int, cells: int) -> str:
    """One week's part of one line: a cell stays free between two bars where there is room for one."""
    drawn = cells - 1 if cells > 1 else cells
    return (EIGHTHS[max(0, min(8, eighths))] * drawn).ljust(cells)


def _eighths(messages: int, full: int, height: int) -> int:
    return max(1, round(messages / full * 8 * height)) if messages else 0


def _strongest(signs: str) -> str:
    return next((sign for sign in RANK if sign in signs), " ")
