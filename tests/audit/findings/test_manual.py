"""docs/checks.md is the catalogue, told by the checks themselves."""

import inspect
import sys
from datetime import date
from pathlib import Path
from typing import Any

from audit.findings import catalogue, registry
from audit.findings.catalogue import CatalogueRow
from tests import golden

INTRODUCTION = """\
# Checks

*What `whysent audit` looks for.* Every number below stands in `audit/findings/checks.toml`, beside where it comes from; those
called "house" are ours, and yours may differ. A verdict is **breach**, **risk**, **cannot tell** or, of messages that a check
looked at and that may go, **allowed**. Breach is said only on a statute, ruling or regulator whose text was read; where the
data lacks what a check needs, it is silent or says that it cannot tell, never that all is well. Nothing here is legal advice.
"""


def page() -> str:
    """The catalogue as Markdown: a chapter a check, with the rows that lend it their sources."""
    return "\n".join([INTRODUCTION, *(_chapter(check_id) for check_id in registry.CHECKS)])


def _chapter(check_id: str) -> str:
    row = catalogue.row(check_id)
    check = registry.CHECKS[check_id]
    lent = [source for source in catalogue.rows() if source.reported_as == check_id]
    lines = [
        f"## {row.title}",
        f"`{row.id}` · {row.severity} · at most {row.max_verdict.replace('_', ' ')}",
        "",
        (sys.modules[type(check).__module__].__doc__ or "").strip(),
        "",
        inspect.getdoc(check.detect) or "",
        "",
        f"- needs: {'; '.join(need.in_words() for need in row.needs)}",
        *(f"- `{name}`: {_value(value)}" for name, value in row.thresholds.items()),
        *(f"- source: {source}" for source in row.sources),
        "",
    ]
    return "\n".join(lines + (_sources(lent) if lent else []))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def _sources(rows: list[CatalogueRow]) -> list[str]:
    head = ["| source | | where | since | at most |", "|---|---|---|---|---|"]
    made = [
        f"| {', '.join(row.sources)} | {row.title} (`{row.id}`) | {', '.join(row.jurisdiction) or 'everywhere'} "
        f"| {_since(row.effective_from)} | {row.max_verdict}{'' if row.text_read else ' (text not read)'} |"
        for row in rows
    ]
    return [*head, *made, ""]


def _since(day: date | None) -> str:
    return day.isoformat() if day else ""


def test_the_manual_of_the_checks_is_up_to_date() -> None:
    golden.hold(Path(__file__).parents[3] / "docs" / "checks.md", page())


def test_it_names_every_row_of_the_catalogue_with_its_thresholds_and_sources() -> None:
    written = page()
    for row in catalogue.rows():
        assert f"`{row.id}`" in written
        assert row.title in written
        assert all(f"`{name}`" in written for name in row.thresholds)
        assert all(source in written for source in row.sources)
