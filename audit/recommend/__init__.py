"""Recommendations: the strips that were shown, and those that our strategies would make of the same events."""

from audit.recommend.by_sums import Holds, by_pairs
from audit.recommend.derive import chosen_of, derive, given, given_to, made, prepared, titled
from audit.recommend.logged import SHOWN, logged
from audit.recommend.passed_over import passed_over
from audit.recommend.reconstruction import Reconstruction
from audit.recommend.strip import STRIP
from audit.recommend.strips import STRIPS, strips
from audit.recommend.vying import vying, vying_beside

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
