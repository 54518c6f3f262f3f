"""Handing over: whom the rules suppress now, and what to set where no list is taken, for the system that sends."""

from audit.enforcement.handover.export import FORMATS, Handover, approval, hand_over, harmless, in_words

__all__ = ["FORMATS", "Handover", "approval", "hand_over", "harmless", "in_words"]
