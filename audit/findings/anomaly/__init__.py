"""Anomaly detection in one account: baskets and sessions out of its usual pattern. A hint, never a verdict."""

from audit.findings.anomaly.describe import OutOfPattern, out_of_pattern
from audit.findings.anomaly.score import LISTED, listed

__all__ = ["LISTED", "OutOfPattern", "listed", "out_of_pattern"]
