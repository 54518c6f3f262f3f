"""The forms in which it is handed over: tables that are safe to open, a document, sentences."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from audit.enforcement.handover.suppression_list import Suppressed
from audit.errors import InputError
from audit.events.times import iso
from audit.rules.describe import sentence
from audit.rules.model import Rule, to_dict

FORMATS = ("csv", "json", "braze", "klaviyo")
"""`braze`: the column of its CSV import for people it knows already, `external_id` alone
(https://www.braze.com/docs/user_guide/data/unification/user_data/import_users/csv/): they become a segment to leave out.
`klaviyo`: the column that it takes for people, with the header `Email` alone
(https://help.klaviyo.com/hc/en-us/articles/115005073867)."""

BY_EMAIL = ("klaviyo",)
"""Those that name people by their e-mail addresses."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


def check(form: str) -> None:
    """Raises InputError for what is none of `FORMATS`."""
    if form not in FORMATS:
        raise InputError(f"--format {form}: one of {', '.join((*FORMATS, 'words'))}")


def written(found: Sequence[Suppressed], rules: Iterable[Rule], at: datetime, form: str) -> str:
    """What is handed over, `customer` of `found` being what the sender knows them by. Raises InputError."""
    check(form)
    if form == "json":
        import json

        return json.dumps(document(found, rules, at), ensure_ascii=False, indent=2) + "\n"
    if form == "csv":
        rows = [(one.customer, one.rule, one.about, iso(one.until) or "") for one in found]
        return _csv([("customer_id", "rule", "about", "until"), *rows])
    head = "external_id" if form == "braze" else "Email"
    return _csv([(head,), *((name,) for name in dict.fromkeys(one.customer for one in found))])


def document(found: Iterable[Suppressed], rules: Iterable[Rule], at: datetime) -> dict[str, Any]:
    """The document `whysent.handover/1`: the active set as in a rule file and in words, and the people."""
    return {
        "schema": "whysent.handover/1",
        "at": iso(at),
        "rules": [{**to_dict(rule), "version": rule.version, "words": sentence(rule)} for rule in rules],
        "people": [
            {"customer": one.customer, "rule": one.rule, "about": one.about or None, "until": iso(one.until)}
            for one in found
        ],
    }


def in_words(rules: Iterable[Rule]) -> str:
    """A line a rule: what to enter where the sender has a setting for it and takes no list."""
    return "".join(f"{rule.id} (v{rule.version}): {sentence(rule)}\n" for rule in rules)


def formula(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula."""
    return cell.startswith(_FORMULA)


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what would begin one gets a `'` before it."""
    return f"'{cell}" if formula(cell) else cell


def _csv(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return file.getvalue()
