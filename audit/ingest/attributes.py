"""The `attributes` column: every source column that is neither ours nor a direct identifier, as one JSON object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from audit.ingest import identifiers_in_json, strict_json
from audit.privacy.clean import clean_column

_TEXT = r'"[^"\\\x00-\x1f]*"'
_FLAT = rf"^\{{({_TEXT}: ?({_TEXT}|-?\d{{1,30}}(\.\d{{1,30}})?|true|false|null)(, ?{_TEXT}: ?({_TEXT}|-?\d{{1,30}}(\.\d{{1,30}})?|true|false|null))*)?\}}$"


@dataclass(frozen=True, slots=True)
class Attributes:
    """A column of attributes, read: `text` without direct identifiers, `bad` where it was no JSON object, and the
    `identifiers` that were in it: the text as given, `field`, `value`.
    """

    text: pl.Series
    bad: pl.Series
    identifiers: pl.DataFrame


def read(given: pl.Series) -> Attributes:
    """Read a column of JSON objects; an empty text or object is null.

    Objects other than one level of plain values, and such as may name a person, are parsed and written anew.
    """
    odd = (given.str.contains(_FLAT).not_() | given.str.contains(identifiers_in_json.pattern())).fill_null(
        value=False
    )
    cleaned = clean_column(given)
    if cleaned is not given:
        odd |= (cleaned != given).fill_null(value=False)
    known: dict[str, str] = {}
    unread: list[str] = []
    found: list[tuple[str, str, str]] = []
    for value in given.filter(odd & (given != "")).unique():
        try:
            known[value], persons = _parsed(value)
        except ValueError:
            unread.append(value)
        else:
            found += [(value, field, each) for field, each in persons]
    text = given.replace(known) if known else given
    bad = given.is_in(unread).fill_null(value=False)
    absent = (bad | (text == "{}") | (text == "")).fill_null(value=False)
    schema = {"text": pl.String(), "field": pl.String(), "value": pl.String()}
    return Attributes(text.set(absent, None), bad, pl.DataFrame(found, schema=schema, orient="row"))


def mark(made: pl.DataFrame, flags: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Note in the attributes where a time was settled: `"occurred_at_flag":"ambiguous"`."""
    for name, flag in flags.items():
        if "attributes" not in made.columns:
            made = made.with_columns(pl.lit(None, pl.String).alias("attributes"))
        note = '{"' + name + '_flag":"' + flag + '"}'
        made = made.with_columns(merged(pl.col("attributes"), note.alias("note")).alias("attributes"))
    return made


def merged(one: "pl.Expr", other: "pl.Expr | pl.Series") -> pl.Expr:
    """Two columns of JSON objects as one; null is an empty object."""
    rest = other if isinstance(other, pl.Expr) else pl.lit(other)
    one = one.str.strip_chars()
    both = pl.concat_str(one.str.slice(0, one.str.len_chars() - 1), pl.lit(","), rest.str.slice(1))
    return (
        pl.when(one.is_null() | one.is_in(["", "{}"]))
        .then(rest)
        .when(rest.is_null())
        .then(one)
        .otherwise(both)
    )


def of_columns(rows: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """The columns `names` as one JSON object a row; absent values are left out, all absent is null."""
    pieces = [_piece(rows[name], name) for name in names]
    joined = pl.concat_str(pieces, separator=",", ignore_nulls=True)
    return rows.select(
        pl.when(joined == "")
        .then(None)
        .otherwise(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))
        .alias("attributes")
    ).to_series()


def _piece(column: pl.Series, name: str) -> pl.Expr:
    key = strict_json.dumps(name) + ":"
    value = pl.col(name)
    if column.dtype == pl.String:
        text = value.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        written = pl.concat_str(pl.lit('"'), text.map_batches(_cleaned, return_dtype=pl.String), pl.lit('"'))
        return pl.when(value != "").then(pl.concat_str(pl.lit(key), written))
    if column.dtype.is_float():
        return pl.when(value.is_finite()).then(pl.concat_str(pl.lit(key), value.cast(pl.String)))
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return pl.concat_str(pl.lit(key), value.cast(pl.String))
    if column.dtype.is_nested():
        whole = pl.struct(value.alias("v")).struct.json_encode()
        return pl.when(value.is_not_null()).then(
            pl.concat_str(pl.lit(key), whole.str.slice(5, whole.str.len_chars() - 6))
        )
    return pl.concat_str(pl.lit(key + '"'), value.cast(pl.String), pl.lit('"'))


def _cleaned(column: pl.Series) -> pl.Series:
    return clean_column(column)


def _parsed(value: str) -> tuple[str, list[tuple[str, str]]]:
    made = strict_json.loads(value)
    if not isinstance(made, dict):
        raise ValueError("no object")  # noqa: TRY004  bad input, whatever its type
    kept, persons = identifiers_in_json.apart(made)
    return strict_json.dumps({key: each for key, each in kept.items() if each is not None}), persons
