"""The check catalogue: every check, its thresholds, its sources and how far its verdict may go."""

import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from audit.errors import InputError, NotFoundError

SEVERITIES = ("high", "medium", "low", "info")
"""Worst first."""

VERDICTS = ("breach", "risk", "cannot_tell")
"""Strongest first."""

_WEAK_BASES = ("industry", "house")


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the catalogue.

    `jurisdiction`: ISO country codes or names of groups in `jurisdictions.toml`; empty applies everywhere.
    `effective_from`, `effective_until`: the first and the last day on which it applies; None leaves that side open.
    `reported_as`: the check whose findings name this row as a source; None for a check of its own.
    `basis_kind`: statute | ruling | regulator | industry | house.
    """

    id: str
    title: str
    severity: str
    jurisdiction: tuple[str, ...]
    basis_kind: str
    text_read: bool
    max_verdict: str
    sources: tuple[str, ...]
    needs: tuple[str, ...]
    thresholds: dict[str, Any] = field(default_factory=dict)
    effective_from: date | None = None
    effective_until: date | None = None
    reported_as: str | None = None


@cache
def checks() -> tuple[Check, ...]:
    """Every row of the catalogue, in its order. Raises InputError where the file contradicts itself."""
    return tuple(_row(row) for row in data("checks.toml")["check"])


def check(check_id: str) -> Check:
    """The row of that id. Raises NotFoundError."""
    for row in checks():
        if row.id == check_id:
            return row
    raise NotFoundError(f"no check {check_id!r} in the catalogue")


@cache
def countries(check_id: str) -> frozenset[str]:
    """The ISO codes of the countries where a row applies; empty: everywhere."""
    groups = data("jurisdictions.toml")
    names = check(check_id).jurisdiction
    return frozenset(code for name in names for code in groups.get(name, {"countries": [name]})["countries"])


@cache
def data(name: str) -> dict[str, Any]:
    """A data file of this package, read once."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _row(row: dict[str, Any]) -> Check:
    values: dict[str, Any] = {name: tuple(it) if isinstance(it, list) else it for name, it in row.items()}
    made = Check(**values)
    for value, allowed in ((made.severity, SEVERITIES), (made.max_verdict, VERDICTS)):
        if value not in allowed:
            raise InputError(f"checks.toml: {made.id}: {value!r} is none of {', '.join(allowed)}")
    if made.max_verdict == "breach" and (not made.text_read or made.basis_kind in _WEAK_BASES):
        raise InputError(
            f"checks.toml: {made.id}: a source that is unread, industry or house never says breach"
        )
    return made
