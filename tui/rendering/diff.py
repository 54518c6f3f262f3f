"""What falls away and what is new when events are left out of a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tui.session.view_models import Document, Picture

BETWEEN = "\x1f"
"""Stands between the parts of a key; no cleaned text holds it."""


def merged(
    before: Iterable[Document], after: Iterable[Document], key: Callable[[Document], str]
) -> list[tuple[Document, str]]:
    """The documents of both, each with its mark: empty, `gone` (only before) or `new` (only after)."""
    now = {key(document): document for document in after}
    both = [(now.get(key(old), old), "" if key(old) in now else "gone") for old in before]
    known = {key(document) for document, _ in both}
    return both + [(document, "new") for name, document in now.items() if name not in known]


def by_id(document: Document) -> str:
    """What makes a segment or a finding the same one."""
    return str(document["id"])


def by_item(document: Document) -> str:
    """What makes a recommendation the same one: item and strategy."""
    return f"{document['item_id']}{BETWEEN}{document['strategy']}"


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
    named = (
        ("segment", "title", picture.segments),
        ("recommendation", "title", picture.recommendations),
        ("finding", "title", picture.findings),
    )
    return [
        f"{word}: {document[title] or document.get('id') or document.get('item_id')}"
        for word, title, documents in named
        for document in documents
        if events & {*(document.get("evidence") or ()), *(document.get("cause") or ())}
    ]
