"""The `attributes` column: every source column that is neither ours nor a direct identifier, as one JSON object."""

from collections.abc import Mapping, Sequence

import polars as pl

from audit.ingest import strict_json

_TEXT = r'"[^"\\\x00-\x1f]*"'
_FLAT = rf"^\{{({_TEXT}: ?({_TEXT}|-?\d{{1,30}}(\.\d{{1,30}})?|true|false|null)(, ?{_TEXT}: ?({_TEXT}|-?\d{{1,30}}(\.\d{{1,30}})?|true|false|null))*)?\}}$"


def read(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Attributes as given, and a mask of those that are no JSON object; an empty text or object is null.

    Objects other than one level of plain values are parsed and written anew.
    """
    from audit.privacy.clean import clean_column

    text = clean_column(text)
    plain = text.str.contains(_FLAT)
    odd = (~plain).fill_null(value=False)
    made, bad = text, pl.Series("bad", [False]).new_from_index(0, len(text))
    if odd.any():
        known, unread = _parsed(text.filter(odd).unique())
        made = (
            text.to_frame("text")
            .with_columns(pl.col("text").replace(known) if known else pl.col("text"))["text"]
            .alias(text.name)
        )
        bad = text.is_in(unread).fill_null(value=False)
        made = made.set(bad, None) if bad.any() else made
    empty = (made == "{}") | (made == "")
    return (made.set(empty, None) if empty.any() else made), bad


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
    both = pl.concat_str(one.str.slice(0, one.str.len_chars() - 1), pl.lit(","), rest.str.slice(1))
    return pl.when(one.is_null()).then(rest).when(rest.is_null()).then(one).otherwise(both)


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
    from audit.privacy.clean import clean_column

    return clean_column(column)


def _parsed(values: pl.Series) -> tuple[dict[str, str], list[str]]:
    known, unread = {}, []
    for value in values:
        if value == "":
            continue
        try:
            made = strict_json.loads(value)
        except ValueError:
            unread.append(value)
            continue
        if isinstance(made, dict):
            known[value] = strict_json.dumps({key: each for key, each in made.items() if each is not None})
        else:
            unread.append(value)
    return known, unread
