"""What decisions are derived from and explained by, beside the events."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.flows.model import Flow
from audit.rules.model import Rule
from audit.segments.model import SegmentContext


@dataclass(frozen=True, slots=True)
class Context(SegmentContext):
    """`flows`: what campaigns are defined to do. `declared`: the rules that senders say they keep to, naming customers by pseudonym."""

    flows: Sequence[Flow] = ()
    declared: Sequence[Rule] = ()
