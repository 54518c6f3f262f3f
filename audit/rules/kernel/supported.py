"""What the kernel knows, to be asked without loading it."""

KINDS = (
    "consent", "mute", "sensitive", "exclude_event", "cooldown", "sunset", "min_gap", "frequency_cap", "quiet_hours",
)  # fmt: skip
"""The kinds of rules that it decides by."""

MOST_RULES = 62
"""Rules that fit into one int64, a bit each."""
