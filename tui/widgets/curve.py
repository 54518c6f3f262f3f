"""The curve of a rule in plain characters, with the rule as it stands marked in words and brackets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.text import (
    content,
    joined,
    number,
    plain,
    share,
)

if TYPE_CHECKING:
    from audit.rules.replay.curve import Curve
    from tui.session.view_models import Drawing

WORDS = {"stopped": "stopped", "clicks": "clicks lost", "orders": "orders lost"}
"""Line of the chart → a word for it."""

LEAST, ENOUGH = 3, 7
"""Lines of a chart below which it says nothing; from which on figures may stand below it."""


class CurveChart(Widget, can_focus=True):
    """As large as there is room. Set `drawing`, or `says` where there is none."""

    drawing: reactive[Drawing | None] = reactive(None)
    says: reactive[str] = reactive("Choose a rule.")

    def render(self) -> Content:
        from tui.rendering import plain_chart

        if self.drawing is None:
            return content(self.says)
        width, height = self.content_size
        told = told_now(self.drawing, width)
        room = height - 3  # the axis, its labels, the legend
        below = told if room - len(told) >= ENOUGH else ()
        drawn = plain_chart.draw(_marked(self.drawing), width, max(LEAST, room - len(below)))
        legend = _legend(self.drawing.curve, width)
        return Content("\n").join([*map(content, (*drawn[:-1], legend)), *below])


def told_now(drawing: Drawing, width: int) -> tuple[Content, ...]:
    """What the rule as it stands stops and loses, in one line or a line each."""
    curve = drawing.curve
    if drawing.now not in curve.labels:
        return ()
    at = curve.labels.index(drawing.now)
    parts = [
        f"{WORDS[one.id]} {share(one.shares[at])} ({number(one.counts[at])})"
        if one.known
        else f"{WORDS[one.id]}: none in this data"
        for one in curve.series
    ]
    head = f"now [{plain(drawing.now)}]  "
    if len(head) + len(" · ".join(parts)) <= width:
        return (joined((head, "bold"), " · ".join(parts)),)
    return tuple(joined((head if part is parts[0] else " " * len(head), "bold"), part) for part in parts)


def _legend(curve: Curve, width: int) -> str:
    from tui.rendering.plain_chart import SIGNS

    signs = "  ".join(f"{SIGNS[one.id]} {WORDS[one.id]}" for one in curve.drawn)
    whole = f"by {curve.by}  {signs}  │ 95 %"
    return whole if len(whole) <= width else f"by {curve.by}  {signs}"


def _marked(drawing: Drawing) -> Curve:
    curve = drawing.curve
    return replace(
        curve, labels=tuple(f"[{plain(one)}]" if one == drawing.now else plain(one) for one in curve.labels)
    )
