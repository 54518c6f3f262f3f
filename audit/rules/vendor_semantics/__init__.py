"""Senders' own semantics: how Braze, Klaviyo and others would carry out the caps of a rule set.

A preset is a file beside this one: what the sender does, each line with the sentence that says so and where it stands.
`translate` gives the rule that the sender would keep instead of ours, or says why it has none. Where a sender does what
none of our rules can say, the preset says that in words (`differs`) and the translation is as near as a rule can be.
"""

from audit.rules.vendor_semantics.catalogue import CapSemantics, Preset, ReadyRule, preset, presets, rule_file
from audit.rules.vendor_semantics.translate import Translation, translate

__all__ = [
    "CapSemantics",
    "Preset",
    "ReadyRule",
    "Translation",
    "preset",
    "presets",
    "rule_file",
    "translate",
]
