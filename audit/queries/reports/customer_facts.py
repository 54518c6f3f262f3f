"""What an explanation says to the customer it is about, in the words of one language.

Only facts that may be told: what the customer did, what the sender recorded, which list it was. Never a verdict, a
segment's name or a sensitive topic; and nothing at all where privacy or care must answer.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import UNSET

from audit.errors import InputError
from audit.findings import check
from audit.queries.findings_documents import Finding
from audit.queries.reports.language import Language
from audit.why.model import Facts, Reason, SegmentFacts, WhyDocument

_PRIVACY_OR_CARE = "privacy or care"


def refuse(findings: Iterable[Finding], explanations: Iterable[WhyDocument], finding: str | None) -> None:
    """Raise InputError where nothing is said to the customer: sensitive topics, bereavement, shared accounts.

    `finding`: the id of the finding that is to be answered, if one was named; only then a mere hint is refused too.
    """
    for candidate in findings:
        handed_to = check(candidate.check).handed_to
        if handed_to and (candidate.id == finding or candidate.severity != "info"):
            raise InputError(f"no reply is offered here: hand this case over to {handed_to}")
    for explanation in explanations:
        if any(fact.hand_over for fact in facts(explanation)):
            raise InputError(f"no reply is offered here: hand this case over to {_PRIVACY_OR_CARE}")


def reasons(says: Language, explanation: WhyDocument) -> tuple[str, list[str]]:
    """The sentence that leads to the reasons of an explanation, and the reasons."""
    standing = explanation.standing
    if standing == "stated":
        return says.say("because", "stated"), [_stated(says, explanation)]
    if standing == "broadcast":
        since = next((fact.since for fact in facts(explanation) if fact.since), None)
        departures = [
            says.say("because", "left", at=says.date(fact.left)) for fact in facts(explanation) if fact.left
        ]
        if since is None:
            return says.say("because", "broadcast"), departures
        return says.say("because", "broadcast_since", since=says.date(since)), departures
    if standing in ("unexplained", "cannot_tell"):
        return says.say("because", "nothing" if standing == "unexplained" else "cannot_tell"), []
    return says.say("because", "could_be"), acts(says, explanation)


def _stated(says: Language, explanation: WhyDocument) -> str:
    stated = next((fact for fact in facts(explanation) if fact.trigger is not UNSET), Facts())
    trigger = str(stated.trigger)
    text = says.say("trigger", trigger if says.has("trigger", trigger) else "other")
    wrong = f". {says.say('fits', 'no')}" if stated.fits == "no" else ""
    return f"{text}{wrong}"


def acts(says: Language, explanation: WhyDocument) -> list[str]:
    """What the customer did, each act once; acts on a sensitive topic and what only names a segment are passed over."""
    texts = (
        says.say("act", fact.act, thing=fact.thing, at=says.date(fact.at))
        for fact in facts(explanation)
        if fact.act and fact.at and says.has("act", fact.act)
        if not fact.sensitive and not isinstance(fact, SegmentFacts)
    )
    return list(dict.fromkeys(texts))


def ends(says: Language, explained: Iterable[WhyDocument], at: datetime, *, changed: bool = False) -> str:
    """When what is `explained` ends if nothing new happens; `changed`: a rule was made that ends it."""
    explanations = list(explained)
    untils = [explanation.until for explanation in explanations if explanation.until is not None]
    reasons_to_go_on = {explanation.until_why for explanation in explanations if explanation.until is None}
    if reasons_to_go_on == {"subscribed"} and not changed:
        return says.say("until", "subscribed")
    if reasons_to_go_on or not explanations:
        return says.say("until", "with_change" if changed else "never")
    latest = max(untils)
    return says.say("until", "ended" if latest <= at else "by_itself", until=says.date(latest))


def facts(explanation: WhyDocument) -> list[Facts]:
    """What the sentences of an explanation say, for reports in other languages."""
    return [node.facts for node in nodes(explanation.because) if node.facts is not None]


def nodes(because: Iterable[Reason]) -> Iterator[Reason]:
    """Every sentence of a tree, in the order of reading."""
    for reason in because:
        yield reason
        yield from nodes(reason.because)
