"""What the kernel knows, to be asked without loading it."""

KINDS = ("mute", "cooldown", "min_gap", "frequency_cap", "quiet_hours")
"""The kinds of rules that it decides by."""

MOST_RULES = 62
"""Rules that fit into one int64, a bit each."""
