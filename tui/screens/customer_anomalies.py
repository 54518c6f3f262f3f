"""What is out of the account's usual pattern, on its customer's screen: listed, explained, left out, ruled out."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from tui.rendering import diff
from tui.rendering.explanation import Sentence
from tui.rendering.text import (
    content,
    joined,
    number,
    say,
)
from tui.screens.customer_panes import SIGNS, STYLES
from tui.screens.customer_rules import RulingScreen
from tui.session.view_models import CaseOf
from tui.widgets.items import Item, Items

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit.findings.anomaly import OutOfPattern

NOTHING = "nothing is out of this account's usual pattern"
MARK = "pattern:"
"""Begins the id of such an entry among the findings."""


def key_of(entry: OutOfPattern) -> str:
    """What makes an entry the same one: its first event."""
    return MARK + entry.evidence[0]


def pattern_items(marked: Iterable[tuple[OutOfPattern, str]]) -> Iterator[Item]:
    """The entries, under a head that says what they are."""
    made = list(marked)
    if made:
        head = f"out of the usual pattern: hints ({number(len(made))}) · o leaves one out"
        yield Item("", content(head, "underline"), head=True)
    for entry, mark in made:
        kind = "recorded: " + ", ".join(entry.signs) if entry.hard else "hint"
        style = STYLES[mark]
        yield Item(
            key_of(entry),
            joined(
                (f"{SIGNS[mark]}{kind}", f"bold {style}".strip()),
                (f"  score {entry.score:.1f}", style),
                (f"\n{entry.text}", f"dim {style}".strip()),
            ),
        )


class PatternScreen(RulingScreen):
    """Knows which baskets are out of pattern."""

    def _pattern_items(self) -> Iterator[Item]:
        assert self.before is not None
        assert self.now is not None
        return pattern_items(diff.merged(self.before.out_of_pattern, self.now.out_of_pattern, key_of))

    def _entry(self) -> OutOfPattern | None:
        """The entry that is chosen among the findings, else the first."""
        entries = self.before.out_of_pattern if self.before else ()
        chosen = self.query_one("#findings", Items).chosen
        return next((entry for entry in entries if key_of(entry) == chosen), entries[0] if entries else None)

    def _show_finding(self, chosen: str) -> None:
        if not chosen.startswith(MARK):
            super()._show_finding(chosen)
            return
        entry = self._entry()
        if entry is not None:
            head = joined((entry.text, "bold"), "\no leaves it out; O proposes a rule")
            things = [Sentence(content(thing.text)) for thing in entry.because]
            events = entry.evidence
            tree = (Sentence(content(f"{number(len(events))} events"), events, tuple(things)),)
            self._tell_why(head, tree, events, "a hint" if not entry.hard else "recorded")

    def action_leave_out_pattern(self) -> None:
        entry = self._entry()
        if entry is None or self.now is None:
            say(self.app, NOTHING, severity="warning")
            return
        events, out = entry.evidence, self.now.without
        back = set(events) <= set(out)
        rest = tuple(one for one in out if one not in events)
        self._ask_picture(rest if back else (*rest, *events))

    def action_suggest_pattern(self) -> None:
        entry = self._entry()
        if entry is None or self.customer is None:
            say(self.app, NOTHING, severity="warning")
            return
        from tui.screens.suggestion import SuggestionDialog

        case = CaseOf(self.customer)
        title = "The rule that would leave it out"
        self.app.push_screen(SuggestionDialog(entry.suggested_rule, case, title=title, remedy=entry.text))

    @abstractmethod
    def _ask_picture(self, without: tuple[str, ...]) -> None:
        """Ask for the customer without these events."""
