"""Segments: our definitions and what they give, what others logged, and the two held together."""

from audit.segments.derive import DERIVED, derive
from audit.segments.files import definitions, parse, read
from audit.segments.logged import LOGGED, logged
from audit.segments.memberships import MEMBERSHIPS, memberships
from audit.segments.model import Condition, Definition, Selection

__all__ = [
    "DERIVED",
    "LOGGED",
    "MEMBERSHIPS",
    "Condition",
    "Definition",
    "Selection",
    "definitions",
    "derive",
    "logged",
    "memberships",
    "parse",
    "read",
]
