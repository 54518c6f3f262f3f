"""Segments: our definitions and what they give, what others logged, and the two held together."""

from audit.segments.derive import DERIVED, derive
from audit.segments.files import definitions, parse, read
from audit.segments.model import Condition, Definition, Selection

__all__ = ["DERIVED", "Condition", "Definition", "Selection", "definitions", "derive", "parse", "read"]
