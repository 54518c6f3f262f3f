"""Recommendations: the strips that were shown, and those that our strategies would make of the same events."""

from audit.recommendations.derive import (
    chosen_of,
    derive,
    given,
    given_to,
    made,
    prepared,
    titled,
)
from audit.recommendations.excluded_items import passed_over
from audit.recommendations.incremental import Holds, by_pairs
from audit.recommendations.logged import SHOWN, logged
from audit.recommendations.placement_schema import STRIP
from audit.recommendations.placements import STRIPS, strips
from audit.recommendations.reconstruction import Reconstruction
from audit.recommendations.relevant_acts import vying, vying_beside

__all__ = [
    "SHOWN",
    "STRIP",
    "STRIPS",
    "Holds",
    "Reconstruction",
    "by_pairs",
    "chosen_of",
    "derive",
    "given",
    "given_to",
    "logged",
    "made",
    "passed_over",
    "prepared",
    "strips",
    "titled",
    "vying",
    "vying_beside",
]
