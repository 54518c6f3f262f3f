"""Rule files: TOML with one `[[rule]]` a rule, read whole or not at all, written with nothing lost."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from audit.errors import InputError
from audit.rules.model import Rule, from_dicts, refuse_too_many, to_dict
from audit.storage import toml_input

_UNPRINTABLE = re.compile(r'[\x00-\x1f\x7f"\\]')
_MOMENTS = ("valid_from", "valid_until")


def read(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, in its order. Raises InputError naming the file, and rule and key or the line."""
    document = toml_input.read(path)
    try:
        return _rules(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def loads(text: str) -> tuple[Rule, ...]:
    """The rules that `text` holds, in its order. Raises InputError."""
    return _rules(toml_input.parsed(text))


def _rules(document: Mapping[str, Any]) -> tuple[Rule, ...]:
    for key in document:
        if key != "rule":
            raise InputError(f"{key}: unknown key; a rule file holds [[rule]] tables and nothing else")
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError("rule: has to be tables, each under [[rule]]")
    refuse_too_many(len(tables))
    return from_dicts(tables)


def dump(rules: Iterable[Rule]) -> str:
    """`rules` as the text of a rule file: `loads` gives the same rules back."""
    return "\n".join(_table(rule) for rule in rules)


def _table(rule: Rule) -> str:
    lines = [f"{key} = {_written(key, value)}" for key, value in to_dict(rule).items()]
    return "\n".join(("[[rule]]", *lines, ""))


def _written(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_written('', entry) for entry in value)}]"
    if isinstance(value, int) or key in _MOMENTS:
        return str(value)
    return '"' + _UNPRINTABLE.sub(_escaped, value) + '"'


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}" if match[0] in '"\\' else f"\\u{ord(match[0]):04X}"
