"""A pasted letter in words: whose it is, what it is about, what it was looked up by. For screens and command line alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit.queries.complaints.answer import About, CaseOfLetter, Complaint, FittingCustomer

KINDS = {
    "pseudonym": "pseudonym",
    "email": "e-mail address",
    "phone": "telephone number",
    "name": "name",
    "number": "number of a customer or order",
}
NOTHING_KEPT = "Nothing of the letter is kept."


def found_by(fit: FittingCustomer) -> str:
    """`by e-mail address and name`."""
    return f"by {' and '.join(KINDS[kind] for kind in fit.by)}"


def choice(fit: FittingCustomer) -> str:
    """A customer among several: what tells them apart."""
    masks = [f"{KINDS.get(field, field)} {mask}" for field, mask in fit.masked.items() if field in KINDS]
    return " · ".join([fit.customer, *masks, found_by(fit)])


def looked_for(complaint: Complaint) -> str:
    """What was looked up, masked; nothing where the letter names nobody."""
    rows = [f"{KINDS[row.kind]} {row.masked}" for row in complaint.looked_for if not row.customers]
    return ", ".join(dict.fromkeys(rows)) or "no address, number or name stands in it"


def nobody(complaint: Complaint) -> tuple[str, ...]:
    """That nobody fits, and what was looked for."""
    return (
        "Nobody here is known by what stands in this letter.",
        f"Looked for: {looked_for(complaint)}",
        NOTHING_KEPT,
    )


def nothing(answer: CaseOfLetter) -> str:
    """That the letter is about nothing in the customer's history, and what that would be."""
    named = [f"“{word}”" for word in answer.complaint.absent] or [answer.question]
    what = ", ".join(filter(None, named))
    if what:
        return f"nothing in this customer's history is about {what}"
    return "nothing in the letter points to anything in this customer's history"


def evidence(about: About) -> str:
    """What of the letter leads there: `it quotes “…”; it says “…”`."""
    words = ", ".join(f"“{word}”" for word in about.words)
    quoted = [f"it quotes “{subject}”" for subject in about.quoted]
    return "; ".join([*quoted, *([f"it says {words}"] if words else [])])


def page(answer: CaseOfLetter) -> list[str]:
    """What stands before the customer's page on the command line."""
    complaint = answer.complaint
    if answer.customer is None and complaint.fitting:
        rows = [f"  {choice(fit)}" for fit in complaint.fitting]
        return ["Several customers fit this letter; --customer says whose it is:", *rows, NOTHING_KEPT]
    if answer.customer is None:
        return list(nobody(complaint))
    lines = [
        f"Letter of {answer.customer}" + "".join(f", found {found_by(fit)}" for fit in complaint.fitting[:1])
    ]
    if complaint.about is None:
        lines.append(f"About: {nothing(answer)}")
    else:
        lines += [
            f"About: {complaint.about.text}",
            f"  {evidence(complaint.about)}",
            *_in_context(complaint.about),
        ]
    lines += _others(complaint.others)
    return [*lines, NOTHING_KEPT, ""]


def marked(about: About) -> list[tuple[str, bool]]:
    """The sentences of the letter in pieces, and whether each led there."""
    text = " … ".join(about.passages)
    words = sorted(filter(None, about.words), key=len, reverse=True)
    if not words:
        return [(text, False)]
    pieces = re.split(rf"\b({'|'.join(map(re.escape, words))})\b", text)
    return [(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece]


def _in_context(about: About) -> list[str]:
    """The sentences, with what led there between brackets."""
    text = "".join(f"[{piece}]" if leads else piece for piece, leads in marked(about))
    return [f"  > {text}"] if text else []


def _others(others: Iterable[About]) -> list[str]:
    rows = [
        f"  {about.text}" + (f" ({evidence(about)})" if about.words or about.quoted else "")
        for about in others
    ]
    return ["Or:", *rows] if rows else []
