"""A rule in plain words, as one would enter it into a system that has the setting but takes no list of people."""

from audit.events.times import iso
from audit.rules.model import SCOPES, Rule

_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_CALENDAR = {"1h": "clock hour", "1d": "calendar day", "1w": "calendar week", "1mo": "calendar month"}
_CHANNELS = {"email": "e-mails", "sms": "text messages", "push": "push notifications"}
_ANSWERS = {"click": "a click", "open": "an open"}


def sentence(rule: Rule) -> str:
    """Such as `At most 3 marketing e-mails in any 7 days, counted per customer; leave out: campaigns cart.`"""
    said = {
        "consent": _consent,
        "mute": _mute,
        "sensitive": _sensitive,
        "exclude_event": _exclude_event,
        "cooldown": _cooldown,
        "sunset": _sunset,
        "min_gap": _min_gap,
        "frequency_cap": _frequency_cap,
        "quiet_hours": _quiet_hours,
    }[rule.kind](rule)
    return "; ".join([said, *_limits(rule)]) + "."


def _consent(rule: Rule) -> str:
    grace = f", from {_span(rule.grace)} after it on" if rule.grace_span else ""
    return f"No {_messages(rule)} to whom said no (unsubscribed, objected, consent withdrawn){grace}, until they say yes"


def _mute(rule: Rule) -> str:
    return f"No {_messages(rule)}"


def _sensitive(rule: Rule) -> str:
    return f"No {_messages(rule)} brought about by a sensitive topic, or about one, without a consent that names it"


def _exclude_event(rule: Rule) -> str:
    return f"No {_messages(rule)} brought about by nothing but {len(rule.events)} named events of a customer"


def _cooldown(rule: Rule) -> str:
    acts = " or ".join(one.replace("_", " ") for one in rule.after)
    about = "" if rule.same == "nothing" else f" about the same {rule.same}"
    deep = f" (its first {_count(rule.depth, 'level')})" if rule.depth and rule.same == "category" else ""
    if rule.window == "repurchase":
        ends = f"until the customer is due to buy again; where that is not known, for {_span(rule.fallback)}"
    else:
        ends = f"for {_span(rule.window or '')}"
    return f"No {_messages(rule)}{about}{deep} after {acts}, {ends}"


def _sunset(rule: Rule) -> str:
    streak = f"{rule.unengaged} in a row without {_ANSWERS[rule.engagement]} and without an order"
    return f"No further {_messages(rule)} after {streak}{_per(rule)}"


def _min_gap(rule: Rule) -> str:
    return f"At least {_span(rule.window or '')} between {_messages(rule)}{_per(rule)}"


def _frequency_cap(rule: Rule) -> str:
    if rule.limit == 0:
        return f"No {_messages(rule)}"
    messages = _messages(rule).removesuffix("s") if rule.limit == 1 else _messages(rule)
    said = f"At most {rule.limit} {messages} {_window(rule)}{_per(rule)}"
    return (
        f"{said}; messages of other classes count too, though they always go out"
        if rule.exempt_counts
        else said
    )


def _quiet_hours(rule: Rule) -> str:
    start, _, end = (rule.quiet or "").partition("-")
    return f"No {_messages(rule)} from {start} to {end}, {_clock(rule)}"


def _limits(rule: Rule) -> list[str]:
    """What is said behind the rule itself: scopes, what becomes of a message, validity."""
    only = [said for scope in SCOPES if scope != "channels" and (said := _named(scope, getattr(rule, scope)))]
    left_out = [said for scope in SCOPES if (said := _named(scope, getattr(rule, f"except_{scope}")))]
    told = [f"only: {', '.join(only)}"] if only else []
    told += [f"leave out: {', '.join(left_out)}"] if left_out else []
    told += (
        ["what it holds back waits until it may go, seven days at most"] if rule.on_fail == "defer" else []
    )
    told += [f"from {iso(rule.valid_from)}"] if rule.valid_from else []
    told += [f"until {iso(rule.valid_until)}"] if rule.valid_until else []
    return told


def _named(scope: str, names: tuple[str, ...]) -> str:
    if scope == "customers" and names:
        return _count(len(names), "named customer")
    return f"{scope} {' and '.join(names)}" if names else ""


def _messages(rule: Rule) -> str:
    classes = " and ".join(rule.message_classes)
    if not rule.channels:
        return f"{classes} messages"
    return f"{classes} {' or '.join(_CHANNELS.get(one, f'{one} messages') for one in rule.channels)}"


def _window(rule: Rule) -> str:
    if rule.window_kind != "calendar":
        return f"in any {_span(rule.window or '')}"
    starts = f" from {rule.week_start.capitalize()}" if rule.window == "1w" else ""
    return f"in a {_CALENDAR[rule.window or '']}{starts}, {_clock(rule)}"


def _clock(rule: Rule) -> str:
    return "in each customer's own time" if rule.time_zone == "customer" else f"in {rule.time_zone} time"


def _per(rule: Rule) -> str:
    return f", counted per {' and '.join(rule.per)}"


def _span(text: str) -> str:
    return _count(int(text[:-1]), _UNITS[text[-1]])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
