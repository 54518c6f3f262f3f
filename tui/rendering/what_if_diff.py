"""What became of a decision, and of everything else, when events are left out of the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.rendering import diff
from tui.rendering.explanation import Sentence
from tui.rendering.text import (
    content,
    joined,
    number,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from textual.content import Content

    from audit.queries.customer import Recommendation
    from tui.session.view_models import Document, Picture, Subject

SHOWN = 3
"""House value: so many things are named in the line on top; all of them stand in the list."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is gone and what is new, each as a line."""

    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


def changes(before: Picture, now: Picture, given: diff.Given, names: Mapping[str, str]) -> Changes:
    """What differs between the whole history and what is left. `names`: what each event is called."""
    marked = list(_marked(before, now))
    out = set(now.without)
    lost = sorted(given.before - given.after - out)
    won = sorted(given.after - given.before)
    return Changes(
        (
            *(text for text, mark in marked if mark == "gone"),
            *(f"given by our definition: {names.get(event, event)}" for event in lost),
        ),
        (
            *(text for text, mark in marked if mark == "new"),
            *(f"given by our definition: {names.get(event, event)}" for event in won),
        ),
    )


def _marked(before: Picture, now: Picture) -> Iterator[tuple[str, str]]:
    """Each segment, finding and recommendation with its mark; recommendations only where both know them all."""
    for segment, mark in diff.merged(before.segments, now.segments, diff.by_id):
        yield f"segment: {segment.title or segment.id}", mark
    for finding, mark in diff.merged(before.findings, now.findings, diff.by_id):
        yield f"finding: {finding.title}", mark
    if before.whole and now.whole:
        for entry, mark in diff.merged(before.recommendations, now.recommendations, diff.by_item):
            yield f"recommendation: {_recommended(entry)}", mark


def _recommended(entry: Recommendation) -> str:
    return f"{entry.title or entry.item_id} ({plain(entry.strategy).replace('_', ' ')})"


def instead(subject: Subject, before: Picture, now: Picture) -> tuple[str, ...]:
    """Which items stand in the strips of a recommended item now that it is gone from them."""
    if subject.kind != "item" or not (before.whole and now.whole):
        return ()
    strips = {one.strategy for one in before.recommendations if one.item_id == subject.id}
    known = {diff.by_item(one) for one in before.recommendations}
    return tuple(
        _recommended(one)
        for one in now.recommendations
        if one.strategy in strips and diff.by_item(one) not in known
    )


def became(subject: Subject, before: Document, after: Document | None) -> str:
    """What became of the decision itself, in a sentence."""
    if after is None:
        return {
            "segment": "it is gone: not in this segment",
            "item": "it is gone: not recommended",
            "finding": "it is gone: not found",
        }.get(subject.kind, "it is gone")
    if before["standing"] == after["standing"]:
        return f"it still stands: {after['standing'] or 'an event'}"
    if before["standing"] == "derived":
        return f"it is gone: our definition no longer gives it; what was sent would be {after['standing']}"
    return f"its standing is now {after['standing']}, and was {before['standing']}"


def in_lines(
    left_out: Sequence[str], what_became: str, found: Changes | None, stands_instead: Sequence[str]
) -> Content:
    """The lines on top: what is left out, what became of the decision, what else is gone or new."""
    one = left_out[0] if len(left_out) == 1 else f"{number(len(left_out))} events"
    lines = [
        joined(("✗ left out: ", "bold"), one, ("  (x, u: put back)", "dim")),
        joined(("→ ", "bold"), (what_became, "bold")),
    ]
    if stands_instead:
        lines.append(joined(("in its place: ", "bold"), _some(stands_instead)))
    if found is None:
        lines.append(content("what else changes: reading …", "dim"))
    else:
        parts = [
            joined(("gone: ", "bold"), _some(found.gone)),
            joined((" · new: ", "bold"), _some(found.new)),
        ]
        lines.append(joined(*parts))
    return content("\n").join(lines)


def as_tree(found: Changes) -> tuple[Sentence, ...]:
    """Everything that is gone or new, as a list."""
    return tuple(
        Sentence(content(f"{title} ({number(len(texts))})"), (), tuple(Sentence(content(f"{sign} {text}")) for text in texts))
        for title, sign, texts in (("gone", "-", found.gone), ("new", "+", found.new))
    )  # fmt: skip


def _some(texts: Sequence[str]) -> str:
    if not texts:
        return "nothing"
    more = f" … {SHOWN} of {number(len(texts))}" if len(texts) > SHOWN else ""
    return f"{', '.join(texts[:SHOWN])}{more}"
