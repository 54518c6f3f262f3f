"""The check catalogue: every check, its thresholds, its sources and how far its verdict may go."""

from datetime import date
from functools import cache
from typing import Any

from msgspec import Struct, convert, field

from audit.errors import InputError, NotFoundError
from audit.storage import toml_input

SEVERITIES = ("high", "medium", "low", "info")
"""Worst first."""

VERDICTS = ("breach", "risk", "cannot_tell", "allowed")
"""Strongest first."""

OWN_YARDSTICK = "our own yardstick; no law or study behind it"
"""The source of a finding that rests on nobody's text but ours."""

_WEAK_BASES = ("industry", "house")


class Need(Struct, frozen=True, forbid_unknown_fields=True):
    """What a check cannot answer without: one of `kinds` of events, and of each of them one of `columns` where some are named.

    `somewhere`: one event of all customers is enough, as such columns are filled only where there is something to say, or as
    what it says of others is what is asked for; else a history without such kinds is not checked. `mapped`:
    keys of the campaign map that stand in for the columns. `declared`: a declared rule in the book instead; without one
    there is no question.
    """

    kinds: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    somewhere: bool = False
    mapped: tuple[str, ...] = ()
    declared: bool = False

    def in_words(self) -> str:
        """`category or item_id of message_sent, else the campaign map`."""
        if self.declared:
            return "a declared rule in the book"
        kinds = " or ".join(self.kinds)
        map_too = ", else the campaign map" if self.mapped else ""
        return f"{' or '.join(self.columns)} of {kinds}{map_too}" if self.columns else kinds


class CatalogueRow(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the catalogue: a check, or a law or industry rule that lends its sources to one.

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
    needs: tuple[Need, ...]
    thresholds: dict[str, Any] = field(default_factory=dict)
    effective_from: date | None = None
    effective_until: date | None = None
    reported_as: str | None = None


@cache
def rows() -> tuple[CatalogueRow, ...]:
    """Every row of the catalogue, in its order. Raises InputError where the file contradicts itself."""
    return tuple(parse_row(fields) for fields in data("checks.toml")["check"])


def row(row_id: str) -> CatalogueRow:
    """The row of that id. Raises NotFoundError."""
    for candidate in rows():
        if candidate.id == row_id:
            return candidate
    raise NotFoundError(f"no check {row_id!r} in the catalogue")


@cache
def countries(row_id: str) -> frozenset[str]:
    """The ISO codes of the countries where a row applies; empty: everywhere."""
    groups = data("jurisdictions.toml")
    names = row(row_id).jurisdiction
    return frozenset(code for name in names for code in groups.get(name, {"countries": [name]})["countries"])


@cache
def data(name: str) -> dict[str, Any]:
    """A data file of this package, read once."""
    return toml_input.shipped(__package__, name)


def parse_row(fields: dict[str, Any]) -> CatalogueRow:
    """A row out of its TOML table. Raises InputError where its verdict is stronger than its sources allow."""
    parsed = convert(fields, CatalogueRow)
    for value, allowed in ((parsed.severity, SEVERITIES), (parsed.max_verdict, VERDICTS)):
        if value not in allowed:
            raise InputError(f"checks.toml: {parsed.id}: {value!r} is none of {', '.join(allowed)}")
    if parsed.max_verdict == "breach" and (not parsed.text_read or parsed.basis_kind in _WEAK_BASES):
        raise InputError(
            f"checks.toml: {parsed.id}: a source that is unread, industry or house never says breach"
        )
    return parsed
