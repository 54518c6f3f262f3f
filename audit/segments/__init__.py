"""Segments: our definitions and what they give, what others logged, and the two held together."""

from audit.segments.definition_files import concerning, definitions, parse, read, resolved, with_ours
from audit.segments.derive import DERIVED, derive
from audit.segments.evidence import excluded_events
from audit.segments.history import HISTORY, history
from audit.segments.logged import LOGGED, logged, logged_history
from audit.segments.memberships import MEMBERSHIPS, memberships
from audit.segments.model import Condition, Definition, Selection
from audit.segments.versions import Period, periods

__all__ = [
    "DERIVED",
    "HISTORY",
    "LOGGED",
    "MEMBERSHIPS",
    "Condition",
    "Definition",
    "Period",
    "Selection",
    "concerning",
    "definitions",
    "derive",
    "excluded_events",
    "history",
    "logged",
    "logged_history",
    "memberships",
    "parse",
    "periods",
    "read",
    "resolved",
    "with_ours",
]
