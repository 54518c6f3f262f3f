"""A rule in plain words, as one would enter it into a system that has the setting but takes no list of people."""

from audit.events.times import iso
from audit.rules.model import SCOPES, Rule

_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_CHANNELS = {"email": "e-mails", "sms": "text messages", "push": "push notifications"}


def sentence(rule: Rule) -> str:
    """Such as `At most 3 marketing e-mails in any 7 days, counted per customer; leave out: campaigns cart.`"""
    return "; ".join([rule.description(), *_limits(rule)]) + "."


def messages(rule: Rule) -> str:
    """The messages it judges by class and channel: `marketing e-mails`."""
    classes = " and ".join(rule.message_classes)
    if not rule.channels:
        return f"{classes} messages"
    channels = " or ".join(_CHANNELS.get(channel, f"{channel} messages") for channel in rule.channels)
    return f"{classes} {channels}"


def clock(time_zone: str) -> str:
    """Whose clock it reads."""
    return "in each customer's own time" if time_zone == "customer" else f"in {time_zone} time"


def span(text: str) -> str:
    """A duration such as `7d` in words."""
    return count(int(text[:-1]), _UNITS[text[-1]])


def count(number: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _limits(rule: Rule) -> list[str]:
    """What is said behind the rule itself: scopes, what becomes of a message, validity."""
    only = [text for scope in SCOPES if scope != "channels" and (text := _scope(scope, getattr(rule, scope)))]
    excluded = [text for scope in SCOPES if (text := _scope(scope, getattr(rule, f"except_{scope}")))]
    limits = [f"only: {', '.join(only)}"] if only else []
    limits += [f"leave out: {', '.join(excluded)}"] if excluded else []
    limits += (
        ["what it holds back waits until it may go, seven days at most"] if rule.on_fail == "defer" else []
    )
    limits += [f"from {iso(rule.valid_from)}"] if rule.valid_from else []
    limits += [f"until {iso(rule.valid_until)}"] if rule.valid_until else []
    return limits


def _scope(scope: str, names: tuple[str, ...]) -> str:
    if scope == "customers" and names:
        return count(len(names), "named customer")
    return f"{scope} {' and '.join(names)}" if names else ""
