"""Direct identifiers, found by the names that sources give to columns and to keys inside JSON objects."""

import re
from functools import cache
from typing import Any

from audit.ingest import strict_json
from audit.storage import toml_input


def field_of(name: str) -> str | None:
    """The field of the vault that a column or key of this name belongs to, or None."""
    return _fields().get(normal(name))


def normal(name: str) -> str:
    """One spelling of a name: `E-Mail Address`, `eMailAddress` and `e_mail_address` are the same."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")


@cache
def words() -> dict[str, Any]:
    """The word lists of `identifiers.toml`."""
    return toml_input.shipped("audit.ingest", "identifiers.toml")


@cache
def _fields() -> dict[str, str]:
    return {name: field for field, names in words()["columns"].items() for name in names}


@cache
def pattern() -> str:
    """A regular expression that is found in every JSON text with such a key."""
    names = [name for names in words()["columns"].values() for name in names]
    spelled = "|".join(sorted({r'[^a-z0-9"]*'.join(map(re.escape, name.split("_"))) for name in names}))
    return rf'(?i)"[^a-z0-9"]*({spelled})[^a-z0-9"]*"\s*:'


def apart(attributes: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The object without direct identifiers, and those as `(field, value)`."""
    identifiers: list[tuple[str, str]] = []
    return _object(attributes, identifiers, person=True), identifiers


def _object(fields: dict[str, Any], identifiers: list[tuple[str, str]], *, person: bool) -> dict[str, Any]:
    plain = {}
    for key, value in fields.items():
        field = field_of(key)
        if (
            field
            and (person or normal(key) not in words()["attributes"]["ambiguous"])
            and not isinstance(value, dict)
        ):
            if value not in (None, ""):
                identifiers.append((field, value if type(value) is str else strict_json.dumps(value)))
        else:
            plain[key] = _inside(value, identifiers, person=normal(key) in words()["attributes"]["people"])
    return plain


def _inside(value: Any, identifiers: list[tuple[str, str]], *, person: bool) -> Any:
    if isinstance(value, dict):
        return _object(value, identifiers, person=person)
    if isinstance(value, list):
        return [_inside(element, identifiers, person=person) for element in value]
    return value
