"""An explanation told whole, in two trees: why it was decided, and what would have had to be different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering import what_if_diff
from tui.rendering.explanation import PaneText, Sentence, because, ends, rules
from tui.rendering.text import content, joined, number
from tui.rendering.wording import moment
from tui.session.view_models import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from audit.why import Counterfactual, WhyDocument
    from audit.why.model import FlowReconstruction, InItsPlace
    from tui.session.view_models import Picture

NAMED = 20
"""House value: so many events are named one by one; how many there are is said."""

HELD = {True: "✓", False: "✗", None: "?"}
"""Whether a condition held, as a sign; its sentence says what it is."""

SURE = {
    (True, "exact"): "no fewer would do",
    (False, "exact"): "none of them can be put back",
    (False, "search"): "none of them can be put back; that fewer would not do is not certain",
}
"""(smallest, method) → how sure it is."""


def reasons(document: WhyDocument) -> tuple[Sentence, ...]:
    """Why: the reasons, the definition it was held against, what does not count, what rules say."""
    sentences = [because(reason) for reason in document.because]
    if document.reconstruction is not None:
        sentences.append(_definition(document.reconstruction))
    if document.left_out:
        left_out = tuple(map(because, document.left_out))
        sentences.append(Sentence(content("looked at, and does not count"), (), left_out))
    if document.covered_by:
        sentences.append(Sentence(content(document.covered_by.in_words)))
    if document.rules:
        sentences.append(rules(document.rules, stays=True))
    return tuple(sentences)


def different(document: WhyDocument, names: Mapping[str, str]) -> tuple[Sentence, ...]:
    """When it ends, and what would have had to be different. `names`: what each event is called."""
    sentences = ends(document)
    proof = document.counterfactual
    if proof is None:
        return (*sentences, Sentence(content(_no_proof(document))))
    outcome, remove = proof.outcome or "it would not have been", proof.remove
    if remove:
        these = {1: "this", 2: "both of these"}.get(len(remove), f"all {number(len(remove))} of these")
        lead = f"without {proof.removed_in_words or these}: "
        sentences.append(
            Sentence(joined((lead, "bold"), outcome), remove, _events(remove, names), stays=True)
        )
        sentences.append(Sentence(content(_how_sure(proof))))
    sentences += [Sentence(joined((f"{_added(event)}: ", "bold"), outcome)) for event in proof.add]
    sentences += _alone(proof, names)
    if proof.instead:
        items = tuple(Sentence(content(_item(item))) for item in proof.instead)
        sentences.append(Sentence(joined(("in its place there would stand", "bold")), (), items))
    return tuple(sentences)


def _definition(check: FlowReconstruction) -> Sentence:
    """The campaign's definition, its step, and each condition with whether it held when this was sent."""
    step = f", step {check.step}" if check.step else ""
    stands = "held" if check.holds else "did not hold"
    act = (check.act,) if check.act else ()
    due = [Sentence(content(f"due from {moment(check.due)}"), act)] if check.due else []
    conditions = [
        Sentence(joined((f"{HELD[condition.holds]} ", "bold"), condition.text), condition.events)
        for condition in check.conditions
    ]
    head = joined(("defined as ", "bold"), f"{check.title}{step}: its conditions {stands}")
    return Sentence(head, (), (*due, *conditions))


def _no_proof(document: WhyDocument) -> str:
    if document.standing == "derived":
        return "no set of events is named: a rule was broken, or too much would have to be tried"
    return "our definitions do not give it, so leaving out events of this history cannot undo it"


def _how_sure(proof: Counterfactual) -> str:
    method = "exact" if proof.each_is_enough else proof.method
    sure = SURE.get((proof.smallest, method), SURE[False, "search"])
    tried = f"; {number(proof.tried)} histories tried" if proof.tried else ""
    return f"{sure}; put any one back and it returns ({proof.method}{tried})"


def _added(event: Mapping[str, object]) -> str:
    from audit.why.wording import added_in_words

    return f"had there been {added_in_words(event)}"


def _item(item: InItsPlace) -> str:
    return f"{item.title or item.item_id} ({item.strategy.replace('_', ' ')})"


_SINGLE = {
    "enough": "each of these by itself, with every other cause left out, would still have led to it",
    "needed": "needed: without any one of these it is gone",
}


def _alone(proof: Counterfactual, names: Mapping[str, str]) -> list[Sentence]:
    """What single events do: enough by themselves, or needed."""
    sentences = []
    for what, events in proof.single_events.items():
        text = f"{_SINGLE[what]} ({number(len(events))})"
        sentences.append(Sentence(content(text), (), _events(events, names)))
    if not (proof.enough or proof.needed) and proof.tested:
        sentences.append(Sentence(content("no single event is enough, and none is needed")))
    return sentences


def _events(events: Sequence[str], names: Mapping[str, str]) -> tuple[Sentence, ...]:
    sentences = [Sentence(content(names.get(event, event)), (event,)) for event in events[:NAMED]]
    if len(events) > NAMED:
        sentences.append(Sentence(content(f"{NAMED} of {number(len(events))} are named here"), tuple(events)))
    return tuple(sentences)


def about_event(picture: Picture, key: str) -> PaneText:
    """What rests on a row of the timeline that is no message."""
    row = picture.timeline.row(_place(picture.timeline, key), named=True)
    events = tuple(row["events"])
    rests = what_if_diff.rests_on(picture, frozenset(events)) or ["no decision rests on it"]
    below = tuple(Sentence(content(text)) for text in rests)
    head = joined((f"{row['sign']} {row['what']}", "bold"), (f" · {moment(row['at'])}", "dim"))
    return PaneText(head, (Sentence(content("what rests on it"), events, below),), events)


def subject_of(timeline: pl.DataFrame, key: str) -> Subject:
    """What there is to explain of a row of the timeline: its message, else the event itself."""
    message = timeline["message"][_place(timeline, key)]
    return Subject("event", key) if message is None else Subject("message", message)


def named(timeline: pl.DataFrame) -> tuple[dict[str, str], dict[str, str]]:
    """Event → key of its row, where they differ; and event → what it is called."""
    rows: dict[str, str] = {}
    names: dict[str, str] = {}
    for key, events, sign, what, at in timeline.select("key", "events", "sign", "what", "at").iter_rows():
        rows |= {event: key for event in events if event != key}
        names |= dict.fromkeys((*events, key), f"{sign} {what} · {moment(at)}")
    return rows, names


def _place(timeline: pl.DataFrame, key: str) -> int:
    at = timeline["key"].index_of(key)
    assert at is not None
    return at
