"""An explanation as lines: the tree of sentences with its guides, and the events behind each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from tui.rendering.text import content, joined
from tui.rendering.wording import STANDINGS, moment, standing_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit.why import Counterfactual, Reason, WhyDocument
    from audit.why.model import RuleVerdict

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


@dataclass(frozen=True, slots=True)
class PaneText:
    """What the Why pane says of something: a head, a tree of sentences, the events behind it, how it stands."""

    head: Content
    tree: tuple[Sentence, ...]
    evidence: tuple[str, ...] = ()
    standing: str = ""


def sentences(document: WhyDocument) -> tuple[Sentence, ...]:
    """What an explanation says, in the order it is read: why, until when, what would change it, what rules say."""
    tree = [because(reason) for reason in document.because]
    tree += ends(document)
    proof = document.counterfactual
    if proof is not None and (proof.worth_saying or proof.add):
        tree.append(_counterfactual(proof))
    if document.covered_by:
        tree.append(Sentence(content(document.covered_by.in_words)))
    if document.rules:
        tree.append(rules(document.rules))
    return tuple(tree)


def ends(document: WhyDocument) -> list[Sentence]:
    """When it ends, where that can be said."""
    return [Sentence(joined(("ends: ", "bold"), document.until_text))] if document.until_text else []


def title(document: WhyDocument) -> Content:
    """What is explained, with its time and standing."""
    subject, standing = document.subject, document.standing
    sign = {"message": "✉ ", "segment": "◆ ", "item": "▸ ", "finding": "! "}[subject.type]
    parts: list[Content | tuple[object, str]] = [(sign + (subject.title or subject.id), "bold")]
    if subject.at is not None:
        parts.append((f" · {moment(subject.at)}", "dim"))
    return joined(*parts, (f"\n{standing_name(standing)}", "bold"), (f": {STANDINGS[standing]}", ""))


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


def because(reason: Reason) -> Sentence:
    """A reason with what stands behind it."""
    return Sentence(content(reason.text), reason.events, tuple(map(because, reason.because)))


def _counterfactual(proof: Counterfactual) -> Sentence:
    from audit.why.wording import added_in_words

    remove, added = proof.remove, " and ".join(map(added_in_words, proof.add))
    parts = []
    if proof.worth_saying:
        these = "this event" if len(remove) == 1 else f"these {len(remove)} events"
        parts.append(f"without {proof.removed_in_words or these}")
    if added:
        parts.append(f"with {added}")
    return Sentence(
        joined((f"{' or '.join(parts)}: ", "bold"), content(proof.outcome or "it would not have been")),
        remove,
        tuple(map(because, proof.besides))
        + tuple(
            Sentence(
                joined("in its place: ", (str(item.title), "bold"), f" ({item.strategy})".replace("_", " "))
            )
            for item in proof.instead
        ),
    )


def rules(verdicts: Sequence[RuleVerdict], *, stays: bool = False) -> Sentence:
    """What the rules that are on say of a message."""
    stops = sum(rule.verdict == "stops" for rule in verdicts)
    below = tuple(
        Sentence(
            joined((f"{VERDICTS[rule.verdict]} {rule.title or rule.id}", "bold"), f"  {rule.text}"),
            rule.counted,
            stays=stays,
        )
        for rule in verdicts
    )
    return Sentence(content(f"{stops} of {len(verdicts)} rules that are on would stop it"), (), below)
