"""The kernel: the rules' one semantics for fleets, in compiled code.

It decides as `reference` does, to the last message, over arrays instead of objects. It is an optional extra
(`whysent[fast]`), used where a replay has at least `MANY` messages or takes many parts, and leaves to the reference what it does not
know: kinds of rules that are not in `KINDS`, the calendar days of a preset, rules as they stood at each moment, sets of more rules than fit into one number, and single customers whose
rules look too far ahead.
"""

from importlib.util import find_spec

from audit.rules.kernel.supported import KINDS, MOST_RULES
from audit.rules.kinds.frequency_cap import FrequencyCap
from audit.rules.scopes import RuleSet

MANY = 200_000
"""Messages from which on it is used: so many take the reference about five seconds. Loading numba and the kept code
takes one to two, which break even at some 60,000; compiling, once after an installation, about fifteen
(`tests/bench/bench_kernel.py`)."""


def installed() -> bool:
    """Whether the optional extra is there."""
    return find_spec("numba") is not None


def knows(rules: RuleSet) -> bool:
    """Whether it can decide by these rules."""
    few = len(rules.rules) <= MOST_RULES
    kinds = all(rule.kind in KINDS for rule in rules.rules)
    days = any(isinstance(rule, FrequencyCap) and rule.window_kind == "days" for rule in rules.rules)
    return few and rules.steady and kinds and not days
