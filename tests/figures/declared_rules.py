"""The figures of what broke a rule that the sender declares: a cap, or a gap between two, over some channels."""

from datetime import timedelta

from audit.queries.findings_documents import Finding
from tests.figures.history import History, Row, order
from tests.figures.reading import figures, span


def figures_of(finding: Finding, history: History, _: Row) -> list[str]:
    """What went out though as many as a cap allows, or one within a gap, had come before it."""
    rule = history.declared[str(finding.subject)]
    assert rule["kind"] in {"frequency_cap", "min_gap"}
    window, most = _length(rule["window"]), rule.get("limit", 1)
    rows = [row for row in history.mailings if row["channel"] in rule.get("channels", [row["channel"]])]
    recent = [
        [one for one in rows if row["occurred_at"] - window < one["occurred_at"] and order(one) <= order(row)]
        for row in rows
    ]
    against = [counted for counted in recent if len(counted) > most]
    first, last = against[0][0]["occurred_at"], against[-1][-1]["occurred_at"]
    total = sum(first <= row["occurred_at"] <= last for row in rows)
    peak = max(map(len, against))
    return [str(len(against)), str(total), *span(first, last), *figures(rule["title"]), str(peak), str(most)]


def _length(text: str) -> timedelta:
    return int(text[:-1]) * {"h": timedelta(hours=1), "d": timedelta(days=1)}[text[-1]]
