"""Segments that were learned from all customers: groups by what they do and buy, and what a customer is worth."""

from audit.segments.learned.definitions import definitions
from audit.segments.learned.evidence import passed_over
from audit.segments.learned.model import Groups, Lifetime, Models, from_json

__all__ = ["Groups", "Lifetime", "Models", "definitions", "from_json", "passed_over"]
