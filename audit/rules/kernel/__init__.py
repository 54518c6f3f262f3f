"""The kernel: the rules' one semantics for fleets, in compiled code.

It decides as `reference` does, to the last message, over arrays instead of objects. It is an optional extra
(`whysent[fast]`), used where a replay has at least `MIN_MESSAGES` or takes many parts, and leaves to the reference what it
does not know: kinds of rules that are not in `KINDS`, the calendar days of a preset, rules as they stood at each moment,
sets of more than `MOST_RULES`, and single customers whose rules look too far ahead.
"""

from importlib.util import find_spec

from audit.rules.kinds.frequency_cap import FrequencyCap
from audit.rules.scopes import RuleSet

KINDS = (
    "consent", "mute", "sensitive", "exclude_event", "cooldown", "sunset", "min_gap", "frequency_cap", "quiet_hours",
)  # fmt: skip
"""The kinds of rules that it knows."""

MOST_RULES = 62
"""Rules that fit into one int64, a bit each."""

MIN_MESSAGES = 200_000
"""Messages from which on it is used: the reference takes about five seconds for so many. Loading numba and the compiled
code takes one to two, which break even at some 60,000; compiling, once after an installation, about fifteen
(`tests/bench/bench_kernel.py`)."""


def installed() -> bool:
    """Whether the optional extra is there."""
    return find_spec("numba") is not None


def knows(rules: RuleSet) -> bool:
    """Whether it can decide by these rules."""
    if len(rules.rules) > MOST_RULES or not rules.steady:
        return False
    days = any(isinstance(rule, FrequencyCap) and rule.window_kind == "days" for rule in rules.rules)
    return not days and all(rule.kind in KINDS for rule in rules.rules)
