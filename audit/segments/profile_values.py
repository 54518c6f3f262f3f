"""What a row says of somebody: the attributes and columns that a condition reads."""

import re

import polars as pl

from audit.segments.model import Condition

_NOTHING = ("", "unknown", "none", "null")
"""What stands in a profile where nothing is known."""


def carries(keys: tuple[str, ...]) -> pl.Expr:
    """Whether an event carries one of the attributes `keys` with something in it: not empty, 0, false or null.

    Works on the JSON as text, in two passes: attributes with nothing in them are taken away, then any is left or none.
    """
    key = f'"(?:{"|".join(map(re.escape, keys))})"\\s*:\\s*'
    nothing = rf'(?i){key}(?:""|"?(?:false|null|none|no)"?|\[\]|\{{\}}|"?-?0*\.?0*"?)\s*([,}}])'
    return pl.col("attributes").str.replace_all(nothing, "$1").str.contains(key).fill_null(value=False)


def values(condition: Condition) -> list[pl.Expr]:
    """The values of the condition's columns and attributes, as text in lower case.

    JSON is parsed only where a key is written at all.
    """
    mentioned = pl.col("attributes").str.contains_any([f'"{key}"' for key in condition.keys or (" ",)])
    json = pl.when(mentioned).then("attributes")
    attributes = [json.str.json_path_match(f'$["{key}"]') for key in condition.keys]
    columns = [pl.col(name) for name in condition.columns]
    return [value.str.to_lowercase() for value in (*columns, *attributes)]


def said(condition: Condition) -> pl.Expr:
    """The first of the condition's values that says something, a column as it is written; null where none does."""
    columns = [pl.col(name) for name in condition.columns]
    written = [*columns, *values(condition)[len(columns) :]]
    return pl.coalesce(
        pl.when(~value.str.to_lowercase().str.strip_chars().is_in(_NOTHING)).then(value.str.strip_chars())
        for value in written
    )
