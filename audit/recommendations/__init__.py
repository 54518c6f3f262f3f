"""Recommendations: the placements that were shown, and those that our strategies would make of the same events."""

from audit.recommendations.by_pairs import excluded_items
from audit.recommendations.derive import (
    chosen_items,
    customers_given,
    derive,
    evidence_for,
    titled,
)
from audit.recommendations.incremental import Holds, by_sums
from audit.recommendations.placements import PLACEMENTS, STANDINGS, Reconstruction, placements, told_once
from audit.recommendations.strategies import PLACEMENT, title

__all__ = [
    "PLACEMENT",
    "PLACEMENTS",
    "STANDINGS",
    "Holds",
    "Reconstruction",
    "by_sums",
    "chosen_items",
    "customers_given",
    "derive",
    "evidence_for",
    "excluded_items",
    "placements",
    "title",
    "titled",
    "told_once",
]
