"""Segments: our definitions and what they give, what others logged, and the two held together."""

from audit.segments.definition_files import (
    concerning,
    definitions,
    parse,
    read,
    with_ours,
)
from audit.segments.definition_periods import Era, eras
from audit.segments.derive import DERIVED, derive
from audit.segments.excluded_events import passed_over
from audit.segments.history import HISTORY, history, logged_history
from audit.segments.logged import LOGGED, logged
from audit.segments.memberships import MEMBERSHIPS, memberships
from audit.segments.model import Condition, Definition, Selection
from audit.segments.quantile_thresholds import resolved

__all__ = [
    "DERIVED",
    "HISTORY",
    "LOGGED",
    "MEMBERSHIPS",
    "Condition",
    "Definition",
    "Era",
    "Selection",
    "concerning",
    "definitions",
    "derive",
    "eras",
    "history",
    "logged",
    "logged_history",
    "memberships",
    "parse",
    "passed_over",
    "read",
    "resolved",
    "with_ours",
]
