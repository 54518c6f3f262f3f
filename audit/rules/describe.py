"""A rule in plain words: what it does, read back, so that nobody has to know its keys.

Two rules that are read back alike decide alike, but for which customers or events they name: the sentence goes into files
that leave the house, so it counts them.
"""

from collections.abc import Sequence
from datetime import datetime, time

from audit.events.times import iso
from audit.rules.model import SCOPES, Rule

_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_CHANNELS = {"email": "e-mails", "sms": "text messages", "push": "push notifications"}
_OF = {
    "channels": "on",
    "campaigns": "of the campaign",
    "categories": "about the category",
    "topics": "on the topic",
    "items": "about the item",
    "senders": "from the sender",
}
"""How a scope stands in a sentence; an `s` goes behind it where it holds several."""


def read_back(rule: Rule) -> str:
    """What the rule does as it stands: also that it is switched off, or that it is the sender's."""
    state = "" if rule.enabled else "Switched off, so it stops nothing: "
    state += "Declared by the sender, so it is only held against the past: " if rule.declared else ""
    return state + sentence(rule)


def sentence(rule: Rule) -> str:
    """Such as `At most 3 marketing e-mails to a customer in any 7 days; those of the campaign cart pass and do not count.`"""
    return "; ".join([rule.description(), *_limits(rule)]) + "."


def messages(rule: Rule, *, one: bool = False) -> str:
    """The messages it judges: `marketing e-mails of the campaign news`; `one`: a single such message."""
    classes = listing(rule.message_classes, "or")
    nouns = [_CHANNELS.get(channel, f"{channel} messages") for channel in rule.channels] or ["messages"]
    said = f"{classes} {listing([noun.removesuffix('s') if one else noun for noun in nouns], 'or')}"
    return " ".join(
        [said, *(_of(scope, getattr(rule, scope)) for scope in SCOPES[1:] if getattr(rule, scope))]
    )


def clock(time_zone: str) -> str:
    """Whose clock it reads."""
    return "in each customer's own time" if time_zone == "customer" else f"in {time_zone} time"


def span(text: str) -> str:
    """A duration such as `7d` in words."""
    return count(int(text[:-1]), _UNITS[text[-1]])


def count(number: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listing(names: Sequence[str], word: str) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _named(name: str) -> str:
    """A name as it is, in quotation marks where it could be taken for several, or for words of the sentence."""
    plain = all(sign.isalnum() or sign in "-_.:>/ " for sign in name) and name == name.strip()
    return (
        name
        if plain and not {"or", "and", "pass"} & set(name.split())
        else f'"{name.replace(chr(34), chr(34) * 2)}"'
    )


def _of(scope: str, names: Sequence[str]) -> str:
    if scope == "customers":
        return f"to {count(len(names), 'named customer')}"
    if scope == "channels":
        return f"on {listing([_named(name) for name in names], 'or')}"
    of = _OF[scope] if len(names) == 1 else _OF[scope].replace("category", "categorie") + "s"
    return f"{of} {listing([_named(name) for name in names], 'or')}"


def _limits(rule: Rule) -> list[str]:
    """What is said behind the rule itself: what is excepted, what becomes of a message, validity."""
    excepted = [_of(scope, names) for scope in SCOPES if (names := getattr(rule, f"except_{scope}"))]
    uncounted = " and do not count" if rule.counts else ""
    limits = [f"those {listing(excepted, 'or')} pass{uncounted}"] if excepted else []
    limits += (
        ["what it holds back waits until it may go, seven days at most"] if rule.on_fail == "defer" else []
    )
    valid = [("from", rule.valid_from), ("until", rule.valid_until)]
    dates = [f"{word} {_moment(at)}" for word, at in valid if at is not None]
    return limits + ([f"in force {' '.join(dates)}"] if dates else [])


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if at.time() == time() else str(iso(at))
