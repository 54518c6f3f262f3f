"""Findings: what should not have happened to a customer, each with its events, its verdict and a rule."""

from audit.findings.catalogue import SEVERITIES
from audit.findings.explain import finding
from audit.findings.registry import CHECKS, check, find, ranked, triage
from audit.findings.schema import SCHEMA, severity_rank
from audit.findings.suggested_rule import rule_from_json
from audit.findings.unanswered import Unanswered, by_lack, unanswered_checks

__all__ = [
    "CHECKS",
    "SCHEMA",
    "SEVERITIES",
    "Unanswered",
    "by_lack",
    "check",
    "find",
    "finding",
    "ranked",
    "rule_from_json",
    "severity_rank",
    "triage",
    "unanswered_checks",
]
