"""What became of a decision, and of everything else, when events are left out of the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tui import keys
from tui.rendering.explanation import Sentence
from tui.rendering.text import content, joined, number, plain
from tui.rendering.wording import standing_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from textual.content import Content

    from audit.queries.customer import AnyMembership, Recommendation
    from audit.queries.findings_documents import Finding
    from audit.why import WhyDocument
    from tui.session.view_models import Picture, Subject

Entry = TypeVar("Entry")

NAMED_CHANGES = 3
"""House value: so many changes are named in the line on top; all of them stand in the list."""


@dataclass(frozen=True, slots=True)
class Derivable:
    """The messages that our definitions give, with all events and without those left out."""

    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    @property
    def gone(self) -> frozenset[str]:
        return self.before - self.after

    @property
    def new(self) -> frozenset[str]:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Changes:
    """What is gone and what is new, each as a line."""

    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


def merged(
    before: Iterable[Entry], after: Iterable[Entry], key: Callable[[Entry], str]
) -> list[tuple[Entry, str]]:
    """The entries of both, each with its mark: empty, `gone` (only before) or `new` (only after)."""
    remaining = {key(document): document for document in after}
    marked = [
        (remaining.get(key(document), document), "" if key(document) in remaining else "gone")
        for document in before
    ]
    earlier = {key(document) for document, _ in marked}
    return marked + [(document, "new") for name, document in remaining.items() if name not in earlier]


def by_id(entry: AnyMembership | Finding) -> str:
    """What makes a segment or a finding the same one."""
    return entry.id


def by_item(recommendation: Recommendation) -> str:
    """What makes a recommendation the same one."""
    return recommendation.item_id


def marks(
    without: Iterable[str], derivable: Derivable, evidence: Iterable[str], row: Mapping[str, str]
) -> dict[str, str]:
    """The mark of each row of the timeline: left out, no longer given, newly given, or evidence."""
    groups = (("evidence", evidence), ("gone", derivable.gone), ("new", derivable.new), ("out", without))
    return {row.get(event, event): mark for mark, events in groups for event in events}


def rests_on(picture: Picture, events: frozenset[str]) -> list[str]:
    """What was made from these events: the titles of segments, recommendations and findings."""
    decisions = [
        *(("segment", segment.title or segment.id, segment.evidence) for segment in picture.segments),
        *(("recommendation", item.title or item.item_id, item.evidence) for item in picture.recommendations),
        *(("finding", finding.title, finding.evidence + finding.cause) for finding in picture.findings),
    ]
    return [f"{noun}: {title}" for noun, title, evidence in decisions if events & {*evidence}]


def changes(before: Picture, now: Picture, derivable: Derivable, names: Mapping[str, str]) -> Changes:
    """What differs between the whole history and what is left. `names`: what each event is called."""
    marked = list(_marked(before, now))
    gone, new = (
        (f"given by our definition: {names.get(event, event)}" for event in sorted(events))
        for events in (derivable.gone.difference(now.without), derivable.new)
    )
    return Changes(
        (*(text for text, mark in marked if mark == "gone"), *gone),
        (*(text for text, mark in marked if mark == "new"), *new),
    )


def _marked(before: Picture, now: Picture) -> Iterator[tuple[str, str]]:
    """Each segment, finding and recommendation with its mark; recommendations only where both know them all."""
    for segment, mark in merged(before.segments, now.segments, by_id):
        yield f"segment: {segment.title or segment.id}", mark
    for finding, mark in merged(before.findings, now.findings, by_id):
        yield f"finding: {finding.title}", mark
    if before.whole and now.whole:
        for item, mark in merged(before.recommendations, now.recommendations, by_item):
            yield f"recommendation: {_recommendation(item)}", mark


def _recommendation(item: Recommendation) -> str:
    return f"{item.title or item.item_id} ({plain(item.strategy).replace('_', ' ')})"


def replacements(subject: Subject, before: Picture, now: Picture) -> tuple[str, ...]:
    """Which items stand in the strips of a recommended item now that it is gone from them."""
    if subject.kind != "item" or not (before.whole and now.whole):
        return ()
    strategies = {
        strategy
        for item in before.recommendations
        if item.item_id == subject.id
        for strategy in (item.strategy, *item.also_by)
    }
    earlier = {by_item(item) for item in before.recommendations}
    return tuple(
        _recommendation(item)
        for item in now.recommendations
        if not strategies.isdisjoint((item.strategy, *item.also_by)) and by_item(item) not in earlier
    )


def outcome(subject: Subject, before: WhyDocument, after: WhyDocument | None) -> str:
    """What became of the decision itself, in a sentence."""
    if after is None:
        return {
            "segment": "it is gone: not in this segment",
            "item": "it is gone: not recommended",
            "finding": "it is gone: not found",
        }.get(subject.kind, "it is gone")
    if before.standing == after.standing:
        return f"it still stands: {standing_name(after.standing)}"
    if before.standing == "derived":
        return f"it is gone: our definition no longer gives it; what was sent would be {standing_name(after.standing)}"
    return f"its standing is now {standing_name(after.standing)}, and was {standing_name(before.standing)}"


def banner(
    left_out: Sequence[str], outcome: str, changes: Changes | None, replacements: Sequence[str]
) -> Content:
    """The lines on top: what is left out, what became of the decision, what else is gone or new."""
    events = left_out[0] if len(left_out) == 1 else f"{number(len(left_out))} events"
    lines = [
        joined(
            ("✗ left out: ", "bold"), events, (keys.hint("  ({why.leave-out}, {app.undo}: put back)"), "dim")
        ),
        joined(("→ ", "bold"), (outcome, "bold")),
    ]
    if replacements:
        lines.append(joined(("in its place: ", "bold"), _named(replacements)))
    if changes is None:
        lines.append(content("what else changes: reading …", "dim"))
    else:
        gone = joined(("gone: ", "bold"), _named(changes.gone))
        lines.append(joined(gone, (" · new: ", "bold"), _named(changes.new)))
    return content("\n").join(lines)


def as_tree(changes: Changes) -> tuple[Sentence, ...]:
    """Everything that is gone or new, as a list."""
    return tuple(
        Sentence(content(f"{title} ({number(len(texts))})"), (), tuple(Sentence(content(f"{sign} {text}")) for text in texts))
        for title, sign, texts in (("gone", "-", changes.gone), ("new", "+", changes.new))
    )  # fmt: skip


def _named(texts: Sequence[str]) -> str:
    if not texts:
        return "nothing"
    more = f" … {NAMED_CHANGES} of {number(len(texts))}" if len(texts) > NAMED_CHANGES else ""
    return f"{', '.join(texts[:NAMED_CHANGES])}{more}"
