"""Segments that were learned from all customers: groups by what they do and buy, and what a customer is worth."""

from audit.segments.models.definitions import definitions
from audit.segments.models.explain import passed_over
from audit.segments.models.model import (
    Groups,
    Lifetime,
    Models,
    from_json,
)

__all__ = ["Groups", "Lifetime", "Models", "definitions", "from_json", "passed_over"]
