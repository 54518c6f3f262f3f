"""What an explanation says to the customer it is about, in the words of one language.

Only facts that may be told: what the customer did, what the sender recorded, which list it was. Never a verdict, a
segment's name or a sensitive topic; and nothing at all where privacy or care must answer.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from audit.errors import InputError
from audit.findings import check
from audit.queries.reports.language import Language

Document = Mapping[str, Any]

_PRIVACY_OR_CARE = "privacy or care"


def refuse(findings: Iterable[Document], explanations: Iterable[Document], finding: str | None) -> None:
    """Raise InputError where nothing is said to the customer: sensitive topics, bereavement, shared accounts.

    `finding`: the id of the finding that is to be answered, if one was named; only then a mere hint is refused too.
    """
    for row in findings:
        handed_to = check(row["check"]).handed_to
        if handed_to and (row["id"] == finding or row["severity"] != "info"):
            raise InputError(f"no reply is offered here: hand this case over to {handed_to}")
    for explanation in explanations:
        if any(facts_of_node.get("hand_over") for facts_of_node in facts(explanation)):
            raise InputError(f"no reply is offered here: hand this case over to {_PRIVACY_OR_CARE}")


def reasons(says: Language, one: Document) -> tuple[str, list[str]]:
    """The sentence that leads to the reasons of an explanation, and the reasons."""
    standing = one["standing"]
    if standing == "stated":
        return says.say("because", "stated"), [_stated(says, one)]
    if standing == "broadcast":
        since = next((told["since"] for told in facts(one) if "since" in told), None)
        left = [
            says.say("because", "left", at=says.date(told["left"])) for told in facts(one) if "left" in told
        ]
        if since is None:
            return says.say("because", "broadcast"), left
        return says.say("because", "broadcast_since", since=says.date(since)), left
    if standing == "unexplained":
        covered = any(told.get("covered") for told in facts(one))
        return says.say("because", "nothing" if covered else "cannot_tell"), []
    return says.say("because", "could_be"), acts(says, one)


def _stated(says: Language, one: Document) -> str:
    told = next((told for told in facts(one) if "trigger" in told), {})
    trigger = str(told.get("trigger"))
    text = says.say("trigger", trigger if says.has("trigger", trigger) else "other")
    wrong = f". {says.say('fits', 'no')}" if told.get("fits") == "no" else ""
    return f"{text}{wrong}"


def acts(says: Language, one: Document) -> list[str]:
    """What the customer did, each act once; acts on a sensitive topic and what only names a segment are passed over."""
    told = (told for told in facts(one) if says.has("act", told.get("act")) and not told.get("sensitive"))
    made = (
        says.say("act", each["act"], thing=each["thing"], at=says.date(each["at"]))
        for each in told
        if not str(each["thing"]).startswith("the segment ")
    )
    return list(dict.fromkeys(made))


def ends(says: Language, explained: Iterable[Document], at: str, *, changed: bool = False) -> str:
    """When what is `explained` ends if nothing new happens; `changed`: a rule was made that ends it."""
    every = list(explained)
    keeps = {one["until_why"] for one in every if one["until"] is None}
    if keeps == {"subscribed"} and not changed:
        return says.say("until", "subscribed")
    if keeps or not every:
        return says.say("until", "with_change" if changed else "never")
    last = max(one["until"] for one in every)
    return says.say("until", "ended" if last <= at else "by_itself", until=says.date(last))


def facts(one: Document) -> list[Document]:
    """What the sentences of an explanation say, for reports in other languages."""
    return [node["facts"] for node in nodes(one["because"]) if node.get("facts")]


def nodes(because: Iterable[Document]) -> Iterable[Document]:
    """Every sentence of a tree, in the order of reading."""
    for reason in because:
        yield reason
        yield from nodes(reason["because"])
