"""Direct identifiers inside JSON objects: found by their keys, as columns are by their names."""

import re
from functools import cache
from typing import Any

from audit.ingest import strict_json
from audit.ingest.identifier_names import field_of, normal, words


@cache
def pattern() -> str:
    """A regular expression that is found in every JSON text with such a key."""
    names = [name for names in words()["columns"].values() for name in names]
    spelled = "|".join(sorted({r'[^a-z0-9"]*'.join(map(re.escape, name.split("_"))) for name in names}))
    return rf'(?i)"[^a-z0-9"]*({spelled})[^a-z0-9"]*"\s*:'


def apart(attributes: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The object without direct identifiers, and those as `(field, value)`."""
    found: list[tuple[str, str]] = []
    return _object(attributes, found, person=True), found


def _object(given: dict[str, Any], found: list[tuple[str, str]], *, person: bool) -> dict[str, Any]:
    kept = {}
    for key, value in given.items():
        field = field_of(key)
        if (
            field
            and (person or normal(key) not in words()["attributes"]["ambiguous"])
            and not isinstance(value, dict)
        ):
            if value not in (None, ""):
                found.append((field, value if type(value) is str else strict_json.dumps(value)))
        else:
            kept[key] = _inside(value, found, person=normal(key) in words()["attributes"]["people"])
    return kept


def _inside(value: Any, found: list[tuple[str, str]], *, person: bool) -> Any:
    if isinstance(value, dict):
        return _object(value, found, person=person)
    if isinstance(value, list):
        return [_inside(each, found, person=person) for each in value]
    return value
