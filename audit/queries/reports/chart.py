"""Inline pictures: SVG without scripts or anything from elsewhere, for light and dark pages; and a curve as one.

The lines differ in mark and dash as well as in colour, and the picture is told in words to those who do not see it.
"""

import html
from collections.abc import Iterable, Sequence

from audit.privacy.clean import clean
from audit.rules.replay.curve import Curve, Series, percent, sentences

WIDTH, RIGHT = 640, 16
"""Of every picture: its width, and what is left free at its right."""

_HEIGHT, _LEFT, _TOP, _BOTTOM = 320, 64, 40, 44
_LOOKS = {"stopped": ("a", ""), "responses": ("b", "7 4"), "orders": ("c", "2 4")}
"""Line → its class in the style sheet, and its dash."""

_MOST_LABELS = 16
"""Labels that stand beside each other under the chart without touching."""


def picture(id_: str, height: int, title: str, description: str, body: Iterable[str]) -> str:
    """One `<svg>` element of lines `body`, `title` and `description` read aloud; the page's style sheet gives the colours."""
    head = f'role="img" aria-labelledby="{id_}-title {id_}-told" font-family="system-ui, sans-serif" font-size="12"'
    return "\n".join(
        (
            f'<svg viewBox="0 0 {WIDTH} {height}" {head}>',
            f'<title id="{id_}-title">{escaped(title)}</title>',
            f'<desc id="{id_}-told">{escaped(description)}</desc>',
            *body,
            "</svg>",
        )
    )


def grid_line(left: int, y: float, tick: float, label: str) -> Iterable[str]:
    """A line across the picture at the height `y` of a tick of its axis, strong at 0, with its label."""
    yield (
        f'<line x1="{left}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" '
        f'stroke="currentColor" stroke-opacity="{0.6 if tick == 0 else 0.15}"/>'
    )
    yield f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="currentColor">{label}</text>'


def escaped(text: str) -> str:
    """Any text, cleaned and on one line, as it may stand in a picture."""
    return html.escape(clean(" ".join(text.split())), quote=True)


def svg(curve: Curve) -> str:
    """The curve as a `picture`."""
    ticks = curve.ticks
    body = (
        *_axis(ticks),
        *_labels(curve),
        *(line for series in curve.drawn for line in _line(series, len(curve.labels), ticks[-1])),
        *_legend(curve.drawn),
    )
    title = f"Rule {curve.rule} by {curve.by}"
    return picture("chart", _HEIGHT, title, " ".join(sentences(curve)), body)


def _axis(ticks: Sequence[float]) -> Iterable[str]:
    step = ticks[1] - ticks[0]
    for tick in ticks:
        yield from grid_line(_LEFT, _y(tick, ticks[-1]), tick, escaped(percent(tick, step=step)))


def _labels(curve: Curve) -> Iterable[str]:
    step = -(-len(curve.labels) // _MOST_LABELS)
    for number, label in enumerate(curve.labels):
        if number % step == 0:
            x = _x(number, len(curve.labels))
            yield (
                f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle" fill="currentColor">'
                f"{escaped(label)}</text>"
            )
    yield (
        f'<text x="{(_LEFT + WIDTH - RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle" fill="currentColor">'
        f"{escaped(curve.by)}</text>"
    )


def _line(series: Series, count: int, highest: float) -> Iterable[str]:
    look, dash = _LOOKS[series.id]
    points = [
        (_x(number, count), _y(value, highest), number)
        for number, value in enumerate(series.shares)
        if value is not None
    ]
    path = " ".join(f"{x},{y}" for x, y, _ in points)
    yield f'<g class="{look}">'
    yield f'<polyline points="{path}" fill="none" stroke-width="2" stroke-dasharray="{dash}"/>'
    for x, y, number in points:
        low, high = series.low[number], series.high[number]
        if low is not None and high is not None:
            yield (
                f'<line x1="{x}" x2="{x}" y1="{_y(low, highest)}" y2="{_y(high, highest)}" '
                'stroke-width="1.5" stroke-opacity="0.6"/>'
            )
        yield _mark(series.id, x, y)
    yield "</g>"


def _mark(series: str, x: float, y: float) -> str:
    if series == "stopped":
        return f'<circle cx="{x}" cy="{y}" r="4"/>'
    if series == "responses":
        return f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8"/>'
    return f'<path d="M{x} {y - 5} l5 9 h-10 z"/>'


def _legend(drawn: Sequence[Series]) -> Iterable[str]:
    for number, series in enumerate(drawn):
        look, dash = _LOOKS[series.id]
        x = _LEFT + 180 * number
        yield (
            f'<g class="{look}"><line x1="{x}" x2="{x + 30}" y1="16" y2="16" stroke-width="2" stroke-dasharray="{dash}"/>'
            f"{_mark(series.id, x + 15, 16)}</g>"
        )
        yield f'<text x="{x + 38}" y="20" fill="currentColor">{escaped(series.title)}</text>'


def _x(number: int, points: int) -> float:
    wide = WIDTH - _LEFT - RIGHT
    return round(_LEFT + wide * (number + 0.5) / points, 1)


def _y(value: float, highest: float) -> float:
    tall = _HEIGHT - _TOP - _BOTTOM
    return round(_HEIGHT - _BOTTOM - tall * min(1.0, value / highest), 1)
