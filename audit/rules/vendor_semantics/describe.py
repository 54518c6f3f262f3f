"""A cap in a few words: how many, over what, where the clock is read, what is counted together."""

from audit.rules.kinds.counting import Cap
from audit.rules.kinds.frequency_cap import FrequencyCap

_CALENDAR = {"1h": "a clock hour", "1d": "a calendar day", "1w": "a calendar week", "1mo": "a calendar month"}


def words(rule: Cap) -> str:
    """Such as `3 in 7d`, or `3 in 7 calendar days, customer's zone, each channel by itself`."""
    said = [f"{rule.most} in {rule.window}"]
    if isinstance(rule, FrequencyCap) and rule.reads_clock:
        if rule.window_kind == "days":
            said = [f"{rule.most} in {rule.window.removesuffix('d')} calendar days"]
        else:
            said = [f"{rule.most} {_CALENDAR[rule.window]}"]
            said += [f"from {rule.week_start.capitalize()}"] if rule.window == "1w" else []
        said.append("customer's zone" if rule.reads_customers_clock else rule.time_zone)
    said += [f"each {' and '.join(rule.counted_per)} by itself"] if rule.counted_per else []
    said += ["put off when full"] if rule.on_fail == "defer" else []
    return ", ".join(said)
