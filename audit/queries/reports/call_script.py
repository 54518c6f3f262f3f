"""One explanation in words that one could read to the customer, in the wording of the reply.

Like the reply it names no verdict, no segment and no sensitive topic, nothing that only our definitions produce, and
says nothing at all where privacy or care must answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from audit.errors import InputError
from audit.events.sensitive_topics import topic_of_row
from audit.queries.reports import customer_facts, reply
from audit.queries.reports.document import one_line
from audit.queries.reports.language import Language, language

Document = Mapping[str, Any]

NOT_SEEN = "our reconstruction; the customer did not see this, so there is nothing to read to them"
"""Why there are no words for what only our definitions produce."""


def aloud(explanation: Document, picture: Document, *, locale: str = "en") -> tuple[str, ...]:
    """The sentences, each on a line of its own; an act that stands by itself begins with a dash.

    `explanation`: `whysent.why/1`; `picture`: `whysent.customer/1` of the same customer, with all events. Raises
    InputError where there are no words: for privacy or care to answer, or only our reconstruction.
    """
    says = language(locale)
    subject = explanation["subject"]
    finding = subject["id"] if subject["type"] == "finding" else None
    customer_facts.refuse(picture["findings"], [explanation], finding)
    _refuse_topics(explanation, picture)
    sentences = {"message": _message, "segment": _segment, "item": _item, "finding": _finding}[
        subject["type"]
    ]
    return tuple(one_line(text) for text in sentences(says, explanation, picture))


def _refuse_topics(explanation: Document, picture: Document) -> None:
    """What only touches a sensitive topic by the way is no finding yet, and still not to be read out."""
    subject = explanation["subject"]
    hidden = any(fact.get("sensitive") for fact in customer_facts.facts(explanation))
    hidden |= topic_of_row({"item_name": subject["title"]}) is not None
    hidden |= any(
        row["sensitive"] and (subject["type"] == "segment" and row["id"] == subject["id"])
        for row in picture["segments"]
    )
    if hidden:
        raise InputError("no words are offered here: hand this case over to privacy")


def _message(says: Language, explanation: Document, picture: Document) -> Sequence[str]:
    subject = explanation["subject"]
    sent = says.say("aloud", "message", title=subject["title"], at=says.date(subject["at"]))
    lead, reasons = customer_facts.reasons(says, explanation)
    return [sent, lead, *_listed(reasons), customer_facts.ends(says, [explanation], picture["at"])]


def _segment(says: Language, explanation: Document, picture: Document) -> Sequence[str]:
    row = _seen(picture["segments"], "id", explanation)
    entered = says.say("aloud", "group", since=says.date(row["since"]))
    return [entered, *_acts(says, explanation), customer_facts.ends(says, [explanation], picture["at"])]


def _item(says: Language, explanation: Document, picture: Document) -> Sequence[str]:
    _seen(picture["recommendations"], "item_id", explanation)
    return [says.say("aloud", "item", title=explanation["subject"]["title"]), *_acts(says, explanation)]


def _finding(says: Language, explanation: Document, picture: Document) -> Sequence[str]:
    row = next((row for row in picture["findings"] if row["id"] == explanation["subject"]["id"]), None)
    if row is None or row["verdict"] == "cannot_tell":
        raise InputError("no words are offered here: the data cannot tell")
    opening = reply.opening(picture, row, locale=says.locale)
    return [*opening, *_listed(customer_facts.acts(says, explanation))]


def _seen(rows: Sequence[Document], key: str, explanation: Document) -> Document:
    """The row of what is explained that the customer saw."""
    row = next((row for row in rows if row[key] == explanation["subject"]["id"] and row["logged"]), None)
    if row is None:
        raise InputError(f"no words are offered here: {NOT_SEEN}")
    return row


def _acts(says: Language, explanation: Document) -> list[str]:
    acts = customer_facts.acts(says, explanation)
    return [says.say("because", "could_be"), *_listed(acts)] if acts else []


def _listed(texts: Sequence[str]) -> list[str]:
    return [f"– {text}" for text in texts]
