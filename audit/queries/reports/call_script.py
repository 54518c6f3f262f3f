"""One explanation in words that one could read to the customer, in the wording of the reply.

Like the reply it names no verdict, no segment and no sensitive topic, nothing that only our definitions produce, and
says nothing at all where privacy or care must answer.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import structs

from audit.errors import InputError
from audit.events.sensitive_topics import topic_of_row
from audit.queries.customer import AnyMembership, CustomerPicture, Recommendation
from audit.queries.reports import customer_facts, reply
from audit.queries.reports.document import one_line
from audit.queries.reports.language import Language, language
from audit.why.model import WhyDocument
from audit.why.wording import ungrouped, unseen

Entry = TypeVar("Entry", AnyMembership, Recommendation)


def aloud(explanation: WhyDocument, picture: CustomerPicture, *, locale: str = "en") -> tuple[str, ...]:
    """The sentences, each on a line of its own; an act that stands by itself begins with a dash.

    `explanation`: `whysent.why/1`; `picture`: `whysent.customer/1` of the same customer, with all events. Raises
    InputError where there are no words: for privacy or care to answer, or only our reconstruction.
    """
    says = language(locale)
    subject = explanation.subject
    finding = subject.id if subject.type == "finding" else None
    customer_facts.refuse(says, picture.findings, [explanation], finding)
    _refuse_topics(says, explanation, picture)
    sentences = {"message": _message, "segment": _segment, "item": _item, "finding": _finding}[subject.type]
    return tuple(one_line(text) for text in sentences(says, explanation, picture))


def _no_words(says: Language, why: str) -> InputError:
    return InputError(says.say("refused", "words", why=why))


def _refuse_topics(says: Language, explanation: WhyDocument, picture: CustomerPicture) -> None:
    """What only touches a sensitive topic by the way is no finding yet, and still not to be read out."""
    subject = explanation.subject
    hidden = any(fact.sensitive for fact in customer_facts.facts(explanation))
    hidden |= topic_of_row({"item_name": subject.title}) is not None
    hidden |= subject.type == "segment" and any(
        segment.sensitive for segment in picture.segments if segment.id == subject.id
    )
    if hidden:
        raise _no_words(says, says.say("refused", "hand_over", answers=says.say("refused", "privacy")))


def _message(says: Language, explanation: WhyDocument, picture: CustomerPicture) -> Sequence[str]:
    subject = explanation.subject
    sent = says.say("aloud", "message", title=says.quoted(str(subject.title)), at=says.date(subject.at))
    nouns = _nouns(says, picture)
    leads, acts = customer_facts.reasons(says, [explanation], says.say("reply", "these_one", **nouns))
    ends = customer_facts.ends(says, [explanation], picture.at, messages=nouns["messages"])
    return [sent, *leads, *_listed(acts), *ends]


def _nouns(says: Language, picture: CustomerPicture) -> dict[str, str]:
    """What the customer's messages are called."""
    return says.nouns(picture.messages.by_channel)


def _segment(says: Language, explanation: WhyDocument, picture: CustomerPicture) -> Sequence[str]:
    own = (segment for segment in picture.segments if segment.id == explanation.subject.id)
    segment = _recorded(says, own, ungrouped(picture.coverage))
    entered = says.say(
        "aloud", "group_of_export" if segment.of_export else "group", since=says.date(segment.since)
    )
    ends = customer_facts.ends(says, [explanation], picture.at, messages=_nouns(says, picture)["messages"])
    return [entered, *_acts(says, explanation), *ends]


def _item(says: Language, explanation: WhyDocument, picture: CustomerPicture) -> Sequence[str]:
    """Only what the showing rests on: what we give of it today is never told."""
    own = (item for item in picture.recommendations if item.item_id == explanation.subject.id)
    seen = _recorded(says, own, unseen(picture.coverage))
    told = [
        reason
        for reason in explanation.because
        if reason.facts is None
        or not reason.facts.strategy
        or not {*reason.events}.isdisjoint(seen.shown or ())
    ]
    explanation = structs.replace(explanation, because=tuple(told))
    return [
        says.say("aloud", "item", title=says.quoted(str(explanation.subject.title))),
        *_acts(says, explanation),
    ]


def _finding(says: Language, explanation: WhyDocument, picture: CustomerPicture) -> Sequence[str]:
    finding = next((row for row in picture.findings if row.id == explanation.subject.id), None)
    if finding is None or finding.verdict == "cannot_tell":
        raise _no_words(says, says.say("refused", "untold"))
    opening = reply.opening(picture, finding, locale=says.locale)
    return [*opening, *_listed(customer_facts.acts(says, explanation))]


def _recorded(says: Language, entries: Iterable[Entry], reconstructed: str) -> Entry:
    """The first of them that somebody recorded; `reconstructed`: what they are else, one of `why.wording.RECONSTRUCTION`."""
    for entry in entries:
        if entry.logged:
            return entry
    what = says.say("reconstruction", reconstructed)
    raise _no_words(says, says.say("refused", "reconstructed", reconstruction=what))


def _acts(says: Language, explanation: WhyDocument) -> list[str]:
    acts = customer_facts.acts(says, explanation)
    return [says.say("because", "could_be", these=says.say("aloud", "this")), *_listed(acts)] if acts else []


def _listed(texts: Sequence[str]) -> list[str]:
    return [f"– {text}" for text in texts]
