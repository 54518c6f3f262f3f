"""Handing over: whom the rules suppress now, and what to set where no list is taken, for the system that sends."""

from audit.enforcement.handover.export import (
    Handover,
    approval,
    hand_over,
    permit,
)
from audit.enforcement.handover.formats import (
    FORMATS,
    document,
    harmless,
    in_words,
    written,
)

__all__ = [
    "FORMATS",
    "Handover",
    "approval",
    "document",
    "hand_over",
    "harmless",
    "in_words",
    "permit",
    "written",
]
