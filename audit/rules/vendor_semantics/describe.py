"""A cap in a few words: how many, over what, where the clock is read, what is counted together."""

from audit.rules.model import Rule

_CALENDAR = {"1h": "a clock hour", "1d": "a calendar day", "1w": "a calendar week", "1mo": "a calendar month"}


def words(rule: Rule) -> str:
    """Such as `3 in 7d`, or `3 in 7 calendar days, customer's zone, each channel by itself`."""
    limit = 1 if rule.limit is None else rule.limit
    window = rule.window or ""
    if rule.window_kind == "calendar":
        said = [f"{limit} {_CALENDAR[window]}"]
        said += [f"from {rule.week_start.capitalize()}"] if window == "1w" else []
    elif rule.window_kind == "days":
        said = [f"{limit} in {window.removesuffix('d')} calendar days"]
    else:
        said = [f"{limit} in {window}"]
    if rule.window_kind != "rolling":
        said.append("customer's zone" if rule.time_zone == "customer" else rule.time_zone)
    apart = [name for name in rule.per if name != "customer"]
    said += [f"each {' and '.join(apart)} by itself"] if apart else []
    said += ["put off when full"] if rule.on_fail == "defer" else []
    return ", ".join(said)
