"""Messages a week as bars, and the signs of what else happened, in as many cells as there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.snapshots import Week

EIGHTHS = " ▁▂▃▄▅▆▇█"
RANK = "✕●○"
"""Signs from the most to the least telling: opted out, bought, viewed. One cell shows one."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Lines of equal length: the signs, then the bars from the top; `shown` weeks of `total`; the tallest bar."""

    signs: str
    bars: tuple[str, ...]
    shown: int
    total: int
    tallest: int


def draw(weeks: Sequence[Week], width: int, height: int = 1) -> Bars:
    """The newest weeks that fit into `width` cells, `height` cells tall, one to three cells a week."""
    shown = weeks[-width:] if width > 0 else ()
    cells = max(1, min(3, width // len(shown))) if shown else 1
    tallest = max((week.messages for week in shown), default=0)
    heights = [_eighths(week.messages, tallest, height) for week in shown]
    rows = tuple(
        "".join(
            EIGHTHS[max(0, min(8, eighths - 8 * level))] * max(1, cells - 1) + " " * (cells > 1)
            for eighths in heights
        )
        for level in reversed(range(height))
    )
    signs = "".join(_strongest(week.signs).ljust(cells) for week in shown)
    return Bars(signs, rows, len(shown), len(weeks), tallest)


def _eighths(messages: int, tallest: int, height: int) -> int:
    return 0 if not messages else max(1, round(messages / tallest * 8 * height))


def _strongest(signs: str) -> str:
    return next((sign for sign in RANK if sign in signs), " ")
