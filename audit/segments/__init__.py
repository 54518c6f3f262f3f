"""Segments: our definitions and what they give, what others logged, and the two held together."""

from audit.segments.definition_files import concerning, definitions, parse, read, resolved, with_ours
from audit.segments.derive import DERIVED, derive, members
from audit.segments.evidence import excluded_events
from audit.segments.history import history
from audit.segments.logged import logged, logged_history
from audit.segments.memberships import MEMBERSHIPS, memberships
from audit.segments.model import Definition
from audit.segments.versions import periods

__all__ = [
    "DERIVED",
    "MEMBERSHIPS",
    "Definition",
    "concerning",
    "definitions",
    "derive",
    "excluded_events",
    "history",
    "logged",
    "logged_history",
    "members",
    "memberships",
    "parse",
    "periods",
    "read",
    "resolved",
    "with_ours",
]
