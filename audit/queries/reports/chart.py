"""A curve as an inline picture: SVG without scripts or anything from elsewhere, for light and dark pages.

The lines differ in mark and dash as well as in colour, and the picture is told in words to those who do not see it.
"""

import html
from collections.abc import Iterable, Sequence

from audit.privacy.clean import clean
from audit.rules.replay.curve import (
    Curve,
    Series,
    percent,
    sentences,
)

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 40, 44
_LOOKS = {"stopped": ("a", ""), "clicks": ("b", "7 4"), "orders": ("c", "2 4")}
"""Line → its class in the style sheet, and its dash."""

_MOST_LABELS = 16
"""Labels that stand beside each other under the chart without touching."""


def svg(curve: Curve) -> str:
    """The curve as one `<svg>` element; its colours come from the page's style sheet."""
    marks = curve.ticks
    told = " ".join(sentences(curve))
    body = [
        *_axis(marks),
        *_labels(curve),
        *(line for one in curve.drawn for line in _line(one, len(curve.labels), marks[-1])),
        *_legend(curve.drawn),
    ]
    title = f"Rule {curve.rule} by {curve.by}"
    head = 'role="img" aria-labelledby="chart-title chart-told" font-family="system-ui, sans-serif" font-size="12"'
    return "\n".join(
        (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" {head}>',
            f'<title id="chart-title">{_text(title)}</title>',
            f'<desc id="chart-told">{_text(told)}</desc>',
            *body,
            "</svg>",
        )
    )


def _axis(marks: Sequence[float]) -> Iterable[str]:
    step = marks[1] - marks[0]
    for mark in marks:
        y = _y(mark, marks[-1])
        yield (
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" '
            f'stroke="currentColor" stroke-opacity="{0.6 if mark == 0 else 0.15}"/>'
        )
        label = _text(percent(mark, step=step))
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end" fill="currentColor">{label}</text>'


def _labels(curve: Curve) -> Iterable[str]:
    every = -(-len(curve.labels) // _MOST_LABELS)
    for number, label in enumerate(curve.labels):
        if number % every == 0:
            x = _x(number, len(curve.labels))
            yield (
                f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle" fill="currentColor">'
                f"{_text(label)}</text>"
            )
    yield (
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle" fill="currentColor">'
        f"{_text(curve.by)}</text>"
    )


def _line(series: Series, points: int, highest: float) -> Iterable[str]:
    look, dash = _LOOKS[series.id]
    places = [
        (_x(number, points), _y(value, highest), number)
        for number, value in enumerate(series.shares)
        if value is not None
    ]
    path = " ".join(f"{x},{y}" for x, y, _ in places)
    yield f'<g class="{look}">'
    yield f'<polyline points="{path}" fill="none" stroke-width="2" stroke-dasharray="{dash}"/>'
    for x, y, number in places:
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
    if series == "clicks":
        return f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8"/>'
    return f'<path d="M{x} {y - 5} l5 9 h-10 z"/>'


def _legend(drawn: Sequence[Series]) -> Iterable[str]:
    for number, one in enumerate(drawn):
        look, dash = _LOOKS[one.id]
        x = _LEFT + 180 * number
        yield (
            f'<g class="{look}"><line x1="{x}" x2="{x + 30}" y1="16" y2="16" stroke-width="2" stroke-dasharray="{dash}"/>'
            f"{_mark(one.id, x + 15, 16)}</g>"
        )
        yield f'<text x="{x + 38}" y="20" fill="currentColor">{_text(one.title)}</text>'


def _x(number: int, points: int) -> float:
    wide = _WIDTH - _LEFT - _RIGHT
    return round(_LEFT + wide * (number + 0.5) / points, 1)


def _y(value: float, highest: float) -> float:
    tall = _HEIGHT - _TOP - _BOTTOM
    return round(_HEIGHT - _BOTTOM - tall * min(1.0, value / highest), 1)


def _text(text: str) -> str:
    return html.escape(clean(" ".join(text.split())), quote=True)
