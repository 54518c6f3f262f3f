"""An explanation as lines: the tree of sentences with its guides, and the events behind each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from tui.rendering.text import content, joined
from tui.rendering.wording import STANDINGS, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui.session.view_models import Document

VERDICTS = {"stops": "✓", "allows": "–", "cannot_tell": "?"}
"""What a rule says of a message, as a sign; its sentence says it in words."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A node of the tree: what it says, the events behind it, what it rests on. `stays`: true whatever is left out."""

    says: Content
    events: tuple[str, ...] = ()
    because: tuple[Sentence, ...] = ()
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A node ready for a list: wrapped, with its guides, and the events behind it."""

    says: Content
    events: tuple[str, ...]


def sentences(document: Document) -> tuple[Sentence, ...]:
    """What an explanation says, in the order it is read: why, until when, what would change it, what rules say."""
    tree = [_because(node) for node in document["because"]]
    tree.append(Sentence(joined(("ends: ", "bold"), str(document["until_text"]))))
    if document.get("counterfactual"):
        tree.append(_counterfactual(document["counterfactual"]))
    if document.get("rules"):
        tree.append(_rules(document["rules"]))
    return tuple(tree)


def title(document: Document) -> Content:
    """What is explained, with its time and standing."""
    subject = document["subject"]
    sign = {"message": "✉ ", "segment": "◆ ", "item": "▸ ", "finding": "! "}.get(subject["type"], "")
    standing = document["standing"]
    parts: list[Content | tuple[object, str]] = [(sign + str(subject["title"] or subject["id"]), "bold")]
    if subject.get("at"):
        parts.append((f" · {moment(subject['at'])}", "dim"))
    if standing:
        parts.append((f"\n{standing}", "bold"))
        parts.append((f": {STANDINGS.get(standing, '')}", ""))
    return joined(*parts)


def behind(node: Sentence) -> tuple[str, ...]:
    """The events behind a sentence: its own, else those of all that it rests on."""
    return node.events or tuple(dict.fromkeys(event for child in node.because for event in behind(child)))


def struck(tree: Sequence[Sentence], out: frozenset[str]) -> tuple[Sentence, ...]:
    """The tree with every sentence struck through, and marked, whose own events are all left out."""
    return tuple(
        Sentence(
            joined(("✗ ", "bold"), node.says.stylize("strike"))
            if node.events and not node.stays and out.issuperset(node.events)
            else node.says,
            node.events,
            struck(node.because, out),
            node.stays,
        )
        for node in tree
    )


def lines(tree: Sequence[Sentence], width: int) -> Iterator[Line]:
    """The tree's nodes from the top, each wrapped to `width` cells beside its guides."""
    yield from _lines(tree, "", width)


def _lines(tree: Sequence[Sentence], guides: str, width: int) -> Iterator[Line]:
    for at, node in enumerate(tree):
        last = at == len(tree) - 1
        first, rest = ("└ ", "  ") if last else ("├ ", "│ ")
        room = max(width - len(guides) - 2, 12)
        parts = [
            joined((guides + (first if number == 0 else rest), "dim"), part)
            for number, part in enumerate(node.says.wrap(room))
        ]
        yield Line(Content("\n").join(parts), behind(node))
        yield from _lines(node.because, guides + rest, width)


def _because(node: Document) -> Sentence:
    return Sentence(
        content(node["text"]),
        tuple(node.get("events") or ()),
        tuple(_because(child) for child in node.get("because") or ()),
    )


def _counterfactual(document: Document) -> Sentence:
    remove = tuple(document.get("remove") or ())
    added = ", ".join(
        str(event.get("kind", "event")).replace("_", " ") for event in document.get("add") or ()
    )
    parts = []
    if remove:
        parts.append(f"without {'this event' if len(remove) == 1 else f'these {len(remove)} events'}")
    if added:
        parts.append(f"with {added}")
    return Sentence(
        joined(
            (f"{' or '.join(parts)}: ", "bold"), content(document.get("outcome") or "it would not have been")
        ),
        remove,
        tuple(
            Sentence(
                joined(
                    "in its place: ", (str(item["title"]), "bold"), f" ({item['strategy']})".replace("_", " ")
                )
            )
            for item in document.get("instead") or ()
        ),
    )


def _rules(rules: Sequence[Document]) -> Sentence:
    stops = sum(rule["verdict"] == "stops" for rule in rules)
    head = f"{stops} of {len(rules)} rules that are on would stop it" if rules else "no rule is on"
    verdicts = [
        Sentence(
            joined(
                (f"{VERDICTS.get(rule['verdict'], '?')} {rule['id']}", "bold"),
                f"  {rule['text']}",
            ),
            tuple(rule.get("counted") or ()),
        )
        for rule in rules
    ]
    return Sentence(content(head), (), tuple(verdicts))
