"""Charts of plain characters: bars, and a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit.rules.replay.curve import Curve, Series

EIGHTHS = " ▁▂▃▄▅▆▇█"
LYING = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def sparkline(counts: Sequence[int]) -> str:
    """Counts as one cell each, the largest full; none is a blank, and one of anything can be seen."""
    most = max(counts, default=0)
    return "".join(EIGHTHS[max(1, round(8 * count / most))] if count else " " for count in counts)


def bar(count: float, most: float, width: int = 16) -> str:
    """A bar lying down, `width` cells at `most`; the smallest count that is not nothing can be seen."""
    eighths = max(1, round(8 * width * count / most)) if count else 0
    return "█" * (eighths // 8) + LYING[eighths % 8]


SIGNS = {"stopped": "●", "responses": "■", "orders": "▲"}
"""Line → its mark, which needs no colour."""

CURRENT = "◆"
"""The point of the rule as it stands."""

_MARGIN, _NARROWEST, _WIDEST = 9, 4, 9


def draw_curve(curve: Curve, width: int = 78, height: int = 10) -> list[str]:
    """The chart, its labels and its legend, no wider than `width`; where not all points fit it shows some and says so."""
    fitting = max(1, (width - _MARGIN) // _NARROWEST)
    step = -(-len(curve.labels) // fitting)
    points = range(0, len(curve.labels), step)
    column = max(_NARROWEST, min(_WIDEST, (width - _MARGIN) // len(points)))
    cells = _cells(curve, points, column, height)
    labels = "".join(curve.labels[point][: column - 1].center(column) for point in points)
    note = f" ({len(points)} of {len(curve.labels)} points)" if step > 1 else ""
    return [
        *(line.rstrip() for line in _lines(curve, cells, height)),
        f"{'':{_MARGIN}}{labels}".rstrip(),
        f"{'':{_MARGIN}}{curve.by}{note}   "
        + "   ".join(f"{SIGNS[series.id]} {series.title}" for series in curve.drawn)
        + "   │ 95 %",
    ]


def _cells(curve: Curve, points: Sequence[int], column: int, height: int) -> list[list[str]]:
    """Rows of single characters, the lowest first."""
    cells = [[" "] * (column * len(points)) for _ in range(height + 1)]
    top = curve.ticks[-1]
    for number, series in enumerate(curve.drawn):
        for at, point in enumerate(points):
            x = at * column + (column - len(curve.drawn)) // 2 + number
            for row, sign in _marks(series, point, top, height):
                cells[row][x] = sign
    return cells


def _marks(series: Series, point: int, top: float, height: int) -> Iterator[tuple[int, str]]:
    value, low, high = series.shares[point], series.low[point], series.high[point]
    if value is None or low is None or high is None:
        return
    for row in range(_row(low, top, height), _row(high, top, height) + 1):
        yield row, "│"
    yield _row(value, top, height), SIGNS[series.id]


def _lines(curve: Curve, cells: list[list[str]], height: int) -> Iterator[str]:
    from audit.rules.replay.curve import percent

    marks = curve.ticks
    step = marks[1] - marks[0]
    labels = {_row(mark, marks[-1], height): percent(mark, step=step) for mark in marks}
    for row in range(height, -1, -1):
        edge = "┼" if row == 0 else "┤" if row in labels else "│"
        line = "".join(cells[row])
        yield f"{labels.get(row, ''):>{_MARGIN - 2}} {edge}{line if row else line.replace(' ', '─')}"


def _row(value: float, top: float, height: int) -> int:
    return min(height, round(height * value / top))
