"""What falls away and what is new when events are left out of a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from audit.queries.customer import AnyMembership, Recommendation
    from audit.queries.findings_documents import Finding
    from tui.session.view_models import Picture

Entry = TypeVar("Entry")

BETWEEN = "\x1f"
"""Stands between the parts of a key; no cleaned text holds it."""


def merged(
    before: Iterable[Entry], after: Iterable[Entry], key: Callable[[Entry], str]
) -> list[tuple[Entry, str]]:
    """The entries of both, each with its mark: empty, `gone` (only before) or `new` (only after)."""
    now = {key(entry): entry for entry in after}
    marked = [(now.get(key(old), old), "" if key(old) in now else "gone") for old in before]
    before_too = {key(entry) for entry, _ in marked}
    return marked + [(entry, "new") for name, entry in now.items() if name not in before_too]


def by_id(entry: AnyMembership | Finding) -> str:
    """What makes a segment or a finding the same one."""
    return entry.id


def by_item(recommendation: Recommendation) -> str:
    """What makes a recommendation the same one: item and strategy."""
    return f"{recommendation.item_id}{BETWEEN}{recommendation.strategy}"


@dataclass(frozen=True, slots=True)
class Given:
    """The messages that our definitions give, with all events and without those left out."""

    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()


def marks(
    without: Iterable[str], given: Given, evidence: Iterable[str], row: Mapping[str, str]
) -> dict[str, str]:
    """The mark of each row of the timeline: left out, no longer given, newly given, or evidence."""
    made = {row.get(event, event): "evidence" for event in evidence}
    made |= {row.get(event, event): "gone" for event in given.before - given.after}
    made |= {row.get(event, event): "new" for event in given.after - given.before}
    return made | {row.get(event, event): "out" for event in without}


def rests_on(picture: Picture, events: frozenset[str]) -> list[str]:
    """What was made from these events: the titles of segments, recommendations and findings."""
    named = [
        *(("segment", one.title or one.id, one.evidence) for one in picture.segments),
        *(("recommendation", one.title or one.item_id, one.evidence) for one in picture.recommendations),
        *(("finding", one.title, (*one.evidence, *one.cause)) for one in picture.findings),
    ]
    return [f"{noun}: {title}" for noun, title, behind in named if events & {*behind}]
