"""Findings: what should not have happened to a customer, each with its events, its verdict and a rule."""

from audit.findings.catalogue import SEVERITIES, Check, check, checks
from audit.findings.explain import finding
from audit.findings.registry import CHECKS, find
from audit.findings.schema import (
    SCHEMA,
    severity_rank,
    suggested_rule,
    worded,
)
from audit.findings.triage import headline, triage

__all__ = [
    "CHECKS",
    "SCHEMA",
    "SEVERITIES",
    "Check",
    "check",
    "checks",
    "find",
    "finding",
    "headline",
    "severity_rank",
    "suggested_rule",
    "triage",
    "worded",
]
