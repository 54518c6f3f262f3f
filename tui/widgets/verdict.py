"""The answer: what happened, what it could come from, when it ends, what would have stopped it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.rendering.text import content, joined
from tui.rendering.wording import SEVERITIES

if TYPE_CHECKING:
    from tui.session.view_models import Verdict


class VerdictBlock(Widget):
    """As tall as what it says: the verdict is wrapped, never cut."""

    verdict: reactive[Verdict | None] = reactive(None, layout=True)

    def watch_verdict(self, verdict: Verdict | None) -> None:
        for name in ("high", "medium", "low"):
            self.set_class(verdict is not None and verdict.severity == name, f"-{name}")

    def render(self) -> Content:
        if self.verdict is None:
            return content("reading …", "dim")
        return says(self.verdict)


def says(verdict: Verdict) -> Content:
    """The verdict in at most four sentences, each on its own line."""
    sign = SEVERITIES.get(verdict.severity, "") if verdict.severity else "✓ nothing found"
    lines = [
        joined((sign, "bold"), (f"  {verdict.text}" if verdict.severity else f": {verdict.text}", "bold"))
    ]
    lines += [content(part) for part in (verdict.causes, verdict.ends) if part]
    if verdict.remedy:
        lines.append(joined(("→ ", "bold"), verdict.remedy))
    return Content("\n").join(lines)
