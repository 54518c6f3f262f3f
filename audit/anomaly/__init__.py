"""Anomaly detection in one account: baskets and sessions out of its usual pattern. A hint, never a verdict."""

from audit.anomaly.listed import LISTED, listed
from audit.anomaly.words import out_of_pattern

__all__ = ["LISTED", "listed", "out_of_pattern"]
