"""The verdict in words, from the documents: what happened, what it could come from, when it ends, what would stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from tui.rendering.text import number
from tui.rendering.wording import day
from tui.session.view_models import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.queries.customer import CustomerPicture
    from audit.queries.findings_documents import Finding
    from audit.queries.remedies import Remedy
    from audit.why import Reason, WhyDocument

MOST = 3
"""Campaigns named in the verdict; how many there are besides is said."""

LEADS = {
    "stated": "The sender recorded why",
    "derived": "Our definition gives it",
    "inferred": "Could be",
    "broadcast": "Sent to a list",
    "unexplained": "Unexplained",
    "cannot_tell": "Cannot tell",
}
"""Standing → how the sentence about the cause begins."""

_CANNOT_TELL = "this data cannot tell"
"""How a sentence begins that says so by itself."""


def quick(document: CustomerPicture, finding: str = "") -> Verdict:
    """The verdict as far as the picture alone gives it; of that finding, where one is named."""
    worst = worst_finding(document, finding)
    if worst is None:
        return Verdict("", _nothing(document))
    return Verdict(worst.severity, worst.text, remedy=_remedy(worst), rule=worst.suggested_rule)


def whole(
    document: CustomerPicture,
    explained: WhyDocument | None,
    campaigns: Mapping[str, int],
    finding: str = "",
    state: Remedy | None = None,
) -> Verdict:
    """The verdict with its cause and end (`explained`: the newest message of the finding), and how far what ends it has come."""
    worst = worst_finding(document, finding)
    if worst is None:
        return quick(document)
    return Verdict(
        worst.severity,
        worst.text,
        _cause(explained, campaigns),
        explained.until_text if explained else "",
        " ".join(filter(None, (_remedy(worst), proposed(state) if state is not None else ""))),
        worst.suggested_rule,
    )


def worst_finding(document: CustomerPicture, wanted: str = "") -> Finding | None:
    """The finding that the verdict is about: the `wanted` one, where it is still found, else the worst; they come worst first."""
    findings = [finding for finding in document.findings if finding.verdict != "cannot_tell"]
    return next((finding for finding in findings if finding.id == wanted), findings[0] if findings else None)


def _nothing(document: CustomerPicture) -> str:
    from audit.queries.reports import in_one_line, language, without_messages

    counts = document.messages
    untold = (finding.check for finding in document.findings if finding.verdict == "cannot_tell")
    of_checks = in_one_line(language("en"), document.unanswered, untold, sent=counts.sent)
    if without_messages(document.unanswered) or not counts.sent:
        return as_sentence(of_checks)
    return f"{number(counts.sent)} mails, {number(counts.clicked)} with a click recorded; {of_checks}"


def _cause(explained: WhyDocument | None, campaigns: Mapping[str, int]) -> str:
    if explained is None:
        return ""
    because = explained.because
    leading = [reason for reason in because if _leads(reason)]
    causes = leading or [reason for reason in because if not _is_about(reason)] or because
    text = causes[0].text.rstrip(".") if causes else ""
    lead = LEADS[explained.standing]
    says_itself = leading or text.lower().startswith(lead.lower()) or text.startswith(_CANNOT_TELL)
    sentence = text[:1].upper() + text[1:] if says_itself else f"{lead}: {text}"
    more = len(causes) - 1 if explained.standing == "inferred" else 0
    return f"{sentence}{f'; {more} more under Why' if more else ''}.{_flows(campaigns)}"


def _leads(reason: Reason) -> bool:
    """Whether its sentence says by itself how it leads to the message: what could be, what was recorded or defined."""
    facts = reason.facts
    return facts is not None and not (facts.act is facts.trigger is UNSET)


def _is_about(reason: Reason) -> bool:
    """Whether it says what a message is about: no cause by itself."""
    return reason.facts is not None and reason.facts.about is not UNSET


def _flows(campaigns: Mapping[str, int]) -> str:
    ordered = sorted(campaigns.items(), key=lambda pair: (-pair[1], pair[0]))
    if not ordered:
        return ""
    names = ", ".join(f"{name} ({count})" for name, count in ordered[:MOST])
    return f" Sent by {names}{f' and {len(ordered) - MOST} more' if len(ordered) > MOST else ''}."


def proposed(remedy: Remedy) -> str:
    """Under which number it is proposed, and how far that is; nothing where it is not."""
    if remedy.proposal is None or remedy.proposed_at is None:
        return ""
    decided = "nobody has decided yet" if remedy.since is None else f"in force from {day(remedy.since)} on"
    return f"Proposed as {remedy.proposal} on {day(remedy.proposed_at)}; {decided}."


def _remedy(finding: Finding) -> str:
    """What stops it already, or the rule that would have."""
    if finding.covered_by is not None:
        return as_sentence(finding.covered_by.in_words)
    part = [] if finding.covered_in_part is None else [as_sentence(finding.covered_in_part.in_part)]
    rule, effect = finding.suggested_rule, finding.suggested_effect
    if rule is None or effect is None:
        return " ".join(part)
    name = str(rule.get("title") or rule["id"]).rstrip(".")
    last = " Last resort: the flow goes on for everybody else." if effect.last_resort else ""
    of = f"the {number(effect.of)} too many" if finding.excess is not None else number(effect.of)
    return " ".join([*part, f"The rule “{name}” would have stopped {number(effect.stops)} of {of}.{last}"])


def as_sentence(words: str) -> str:
    """Words with a capital letter and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."
