"""Handing over: whom the rules suppress now, by the source's own ids, and the active set, for the system that sends."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit import answers, sensitive
from audit.errors import InputError
from audit.rules.model import Rule, to_dict
from audit.rules.suppressed import Suppressed, suppressed
from audit.times import iso

if TYPE_CHECKING:
    from audit.workspace import Workspace

FORMATS = ("csv", "json", "braze")
"""`braze`: the column of its CSV import for people it knows already, `external_id` alone
(https://www.braze.com/docs/user_guide/data/unification/user_data/import_users/csv/): they become a segment to leave out."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


def people(
    ws: "Workspace", rules: Sequence[Rule], at: datetime, *, names_sensitive: bool = True
) -> tuple[list[Suppressed], int]:
    """Whom `rules` suppress at `at`, `customer` being the source's own id, and how many rows were left out.

    Left out are those about a sensitive topic, unless `names_sensitive`.
    """
    found = suppressed(ws.events(at), rules, ws.facts(), at, ids=answers.named_in(ws, rules))
    secret = set() if names_sensitive else _sensitive({one.about for one in found})
    shown = [one for one in found if one.about not in secret]
    names = ws.vault.source_ids({one.customer for one in shown})
    named = [one._replace(customer=names[one.customer]) for one in shown]
    named.sort(key=lambda one: one[:3])
    return named, len(found) - len(shown)


def _sensitive(abouts: set[str]) -> set[str]:
    """Those that touch a sensitive topic, by the sensitive map."""
    listed = pl.DataFrame({"about": sorted(abouts)}, schema={"about": pl.String()})
    touched = listed.filter(sensitive.of_category(pl.col("about")).is_not_null())
    return set(touched["about"])


def written(found: Sequence[Suppressed], rules: Iterable[Rule], at: datetime, form: str) -> str:
    """What is handed over, in one of `FORMATS`. Raises InputError for another."""
    if form == "json":
        import json

        return json.dumps(document(found, rules, at), ensure_ascii=False, indent=2) + "\n"
    if form == "csv":
        rows = [(one.customer, one.rule, one.about, iso(one.until) or "") for one in found]
        return _csv([("customer_id", "rule", "about", "until"), *rows])
    if form == "braze":
        return _csv([("external_id",), *((name,) for name in dict.fromkeys(one.customer for one in found))])
    raise InputError(f"--format {form}: one of {', '.join(FORMATS)}")


def document(found: Iterable[Suppressed], rules: Iterable[Rule], at: datetime) -> dict[str, Any]:
    """The document `whysent.handover/1`: the active set as in a rule file, and the people."""
    return {
        "schema": "whysent.handover/1",
        "at": iso(at),
        "rules": [{**to_dict(rule), "version": rule.version} for rule in rules],
        "people": [
            {"customer": one.customer, "rule": one.rule, "about": one.about or None, "until": iso(one.until)}
            for one in found
        ],
    }


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what would begin one gets a `'` before it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _csv(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return file.getvalue()
