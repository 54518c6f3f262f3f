"""The `attributes` column: every source column that is neither ours nor a direct identifier, as one JSON object.

Direct identifiers are found by the names that sources give to columns and to keys inside JSON objects.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import polars as pl

from audit.events import scanners
from audit.events.schema import SCHEMA
from audit.ingest import strict_json
from audit.ingest.values import NOT_READ, as_text
from audit.privacy.clean import clean_column, is_repetitive
from audit.privacy.lookup import unaccented
from audit.storage import toml_input

_LINE = re.compile(r"([^\S\n]*)([^:\n␊␍;]{1,60}?)(\s?:\s+)([^\n␊␍;]*[^\s␊␍;])")
"""A line `key: value`; ends of lines stand as `clean` shows them, or as they are."""

_LONGEST_NAME = 100

_TEXT = r'"[^"\\\x00-\x1f]*"'
_FLAT = rf"^\{{({_TEXT}: ?({_TEXT}|-?\d{{1,30}}(\.\d{{1,30}})?|true|false|null)(, ?{_TEXT}: ?({_TEXT}|-?\d{{1,30}}(\.\d{{1,30}})?|true|false|null))*)?\}}$"

_NO_JSON = (pl.Binary, pl.Duration)
_UNREAD_FLAG = rf'"({"|".join(SCHEMA)})_flag":"({"|".join(NOT_READ)})"'


@dataclass(frozen=True, slots=True)
class Attributes:
    """A column of attributes, read: `text` without direct identifiers, `bad` where it was no JSON object, and the
    `identifiers` that were in it: the text as given, `field`, `value`.
    """

    text: pl.Series
    bad: pl.Series
    identifiers: pl.DataFrame


def read(column: pl.Series) -> Attributes:
    """Read a column of JSON objects; an empty text or object is null.

    Objects other than one level of plain values, and such as may name a person, are parsed and written anew.
    """
    if not is_repetitive(column):
        return _read(column)
    different = column.unique()
    read_once = _read(different)
    return replace(
        read_once,
        text=column.replace_strict(different, read_once.text),
        bad=column.replace_strict(different, read_once.bad),
    )


def _read(column: pl.Series) -> Attributes:
    odd = (column.str.contains(_FLAT).not_() | column.str.contains(key_pattern())).fill_null(value=False)
    cleaned = clean_column(column)
    if cleaned is not column:
        odd |= (cleaned != column).fill_null(value=False)
    rewritten: dict[str, str] = {}
    unread: list[str] = []
    identifiers: list[tuple[str, str, str]] = []
    for value in column.filter(odd & (column != "")).unique():
        try:
            rewritten[value], persons = _parsed(value)
        except ValueError:
            unread.append(value)
        else:
            identifiers += [(value, field, identifier) for field, identifier in persons]
    text = column.replace(rewritten) if rewritten else column
    bad = column.is_in(unread).fill_null(value=False)
    absent = (bad | (text == "{}") | (text == "")).fill_null(value=False)
    schema = {"text": pl.String(), "field": pl.String(), "value": pl.String()}
    return Attributes(text.set(absent, None), bad, pl.DataFrame(identifiers, schema=schema, orient="row"))


def mark(events: pl.DataFrame, flags: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Note in the attributes where a time was settled: `"occurred_at_flag":"ambiguous"`."""
    for name, flag in flags.items():
        if "attributes" not in events.columns:
            events = events.with_columns(pl.lit(None, pl.String).alias("attributes"))
        note = '{"' + name + '_flag":"' + flag + '"}'
        events = events.with_columns(merged(pl.col("attributes"), note.alias("note")).alias("attributes"))
    return events


def keep(events: pl.DataFrame, kept: Mapping[str, tuple[pl.Series, pl.Series]]) -> pl.DataFrame:
    """Keep texts in the attributes under their column's name, with a flag: `"price":"5 or 6","price_flag":"unread"`."""
    for name, (texts, flags) in kept.items():
        if "attributes" not in events.columns:
            events = events.with_columns(pl.lit(None, pl.String).alias("attributes"))
        note = of_columns(texts.alias(name).to_frame(), [name])
        events = events.with_columns(merged(pl.col("attributes"), note.alias("note")).alias("attributes"))
        events = mark(events, {name: flags})
    return events


def unread(events: pl.DataFrame) -> pl.DataFrame:
    """The values of events that could not be read, as their flags tell: `customer_id, column, reason`, a row for each."""
    if "attributes" not in events.columns:
        return pl.DataFrame(schema=dict.fromkeys(("customer_id", "column", "reason"), pl.String()))
    flags = (
        events.filter(pl.col("attributes").str.contains('_flag":"', literal=True))
        .select("customer_id", flag=pl.col("attributes").str.extract_all(_UNREAD_FLAG))
        .explode("flag")
        .drop_nulls("flag")
    )
    return flags.select(
        "customer_id",
        column=pl.col("flag").str.extract(_UNREAD_FLAG, 1),
        reason=pl.col("flag").str.extract(_UNREAD_FLAG, 2),
    )


def merged(first_object: "pl.Expr", second_object: "pl.Expr | pl.Series") -> pl.Expr:
    """Two columns of JSON objects as one; null is an empty object."""
    second = second_object if isinstance(second_object, pl.Expr) else pl.lit(second_object)
    first_object = first_object.str.strip_chars()
    joined = pl.concat_str(
        first_object.str.slice(0, first_object.str.len_chars() - 1), pl.lit(","), second.str.slice(1)
    )
    return (
        pl.when(first_object.is_null() | first_object.is_in(["", "{}"]))
        .then(second)
        .when(second.is_null())
        .then(first_object)
        .otherwise(joined)
    )


def of_columns(rows: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """The columns `names` as one JSON object a row; absent values are left out, all absent is null."""
    rows = rows.with_columns(as_text(rows[name]) for name in names if rows.schema[name] in _NO_JSON)
    pieces = [_piece(rows[name], name) for name in names]
    joined = pl.concat_str(pieces, separator=",", ignore_nulls=True)
    return rows.select(
        pl.when(joined == "")
        .then(None)
        .otherwise(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))
        .alias("attributes")
    ).to_series()


def _piece(column: pl.Series, name: str) -> pl.Expr | pl.Series:
    if column.dtype == pl.String and is_repetitive(column):
        different = column.unique().to_frame(name)
        written = different.select(_written(different[name], name)).to_series()
        return column.replace_strict(different[name], written)
    return _written(column, name)


def _written(column: pl.Series, name: str) -> pl.Expr:
    key = strict_json.dumps(name) + ":"
    value = pl.col(name)
    if column.dtype == pl.String:
        text = value.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        written = pl.concat_str(
            pl.lit('"'), text.map_batches(clean_column, return_dtype=pl.String), pl.lit('"')
        )
        return pl.when(value != "").then(pl.concat_str(pl.lit(key), written))
    if column.dtype.is_float():
        return pl.when(value.is_finite()).then(pl.concat_str(pl.lit(key), value.cast(pl.String)))
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return pl.concat_str(pl.lit(key), value.cast(pl.String))
    if column.dtype.is_nested():
        wrapped = pl.struct(value.alias("v")).struct.json_encode()
        return pl.when(value.is_not_null()).then(
            pl.concat_str(pl.lit(key), wrapped.str.slice(5, wrapped.str.len_chars() - 6))
        )
    return pl.concat_str(pl.lit(key + '"'), value.cast(pl.String), pl.lit('"'))


def _parsed(value: str) -> tuple[str, list[tuple[str, str]]]:
    parsed = strict_json.loads(value)
    if not isinstance(parsed, dict):
        raise ValueError("no object")  # noqa: TRY004  bad input, whatever its type
    plain, persons = apart(parsed)
    return strict_json.dumps({key: field for key, field in plain.items() if field is not None}), persons


@lru_cache(maxsize=20_000)
def field_of(name: str) -> str | None:
    """The field of the vault that a column or key of this name belongs to, or None."""
    if len(name) > _LONGEST_NAME:
        return None
    plain = normal(name)
    fields = _fields()
    if plain in fields:
        return fields[plain]
    words = plain.rstrip("0123456789_").split("_")
    while words and words[0] in _people():
        words.pop(0)
    meant = fields.get("_".join(words))
    return meant or next((_words()[word] for word in words if word in _words()), None)


def identifier_field(path: str) -> str | None:
    """The field of the vault that a column or the last key of a path belongs to; a product's name is nobody's."""
    last = path.replace("[]", "").replace("[0]", "").rsplit(".", 1)[-1]
    inside = last != path and normal(last) not in identifier_words()["attributes"]["ambiguous"]
    return field_of(path) or (field_of(last) if inside else None)


def normal(name: str) -> str:
    """One spelling of a name: `E-Mail Address`, `eMailAddress` and `e_mail_address` are the same; so are `Straße` and `strasse`."""
    return _normal(name) if len(name) <= _LONGEST_NAME else _normal.__wrapped__(name)


@lru_cache(maxsize=20_000)
def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", unaccented(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))).strip("_")


IDENTIFIERS = ("email", "name", "address", "phone", "ip", "device_serial", "user_agent", "referer", "other")
"""The fields of the vault."""


@cache
def identifier_words() -> dict[str, Any]:
    """The word lists of `identifiers.toml`."""
    return toml_input.shipped("audit.ingest", "identifiers.toml")


@cache
def _fields() -> dict[str, str]:
    return {name: field for field, names in identifier_words()["columns"].items() for name in names}


@cache
def _words() -> dict[str, str]:
    return {word: field for field, words in identifier_words()["words"].items() for word in words}


@cache
def _people() -> frozenset[str]:
    return frozenset(identifier_words()["before"]["people"])


@cache
def key_pattern() -> str:
    """A regular expression that is found in every JSON text with such a key, or with one that has an accent; and in one with a
    line `key: value` of such a key.
    """
    names = [name for names in identifier_words()["columns"].values() for name in names]
    spelled = "|".join(sorted({r'[^a-z0-9"]*'.join(map(re.escape, name.split("_"))) for name in names}))
    people = rf'(?:(?:{"|".join(sorted(_people()))})[^a-z0-9"]*)*'
    anywhere = rf'(?:[^":]*[^a-z":])?(?:{"|".join(sorted(_words()))})(?:[^a-z":][^":]*)?'
    key = rf'[^a-z0-9"]*(?:{people}(?:{spelled})[^a-z":]*|{anywhere}|[^":]*[^\x00-\x7f":][^":]*)'
    return rf'(?i)"{key}"\s*:|(?:"|\\[nr]|[;␊␍]){key}:\s'


def apart(attributes: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The object without direct identifiers, and those as `(field, value)`."""
    identifiers: list[tuple[str, str]] = []
    return _without(attributes, identifiers, person=True), identifiers


def _without(fields: dict[str, Any], identifiers: list[tuple[str, str]], *, person: bool) -> dict[str, Any]:
    plain = {}
    for key, value in fields.items():
        field = field_of(key)
        if (
            field
            and (person or normal(key) not in identifier_words()["attributes"]["ambiguous"])
            and not isinstance(value, dict)
        ):
            if value not in (None, ""):
                identifiers.append((field, value if type(value) is str else strict_json.dumps(value)))
        else:
            plain[key] = _inside(
                value, identifiers, person=normal(key) in identifier_words()["attributes"]["people"]
            )
    return plain


def _inside(value: Any, identifiers: list[tuple[str, str]], *, person: bool) -> Any:
    if isinstance(value, dict):
        return _without(value, identifiers, person=person)
    if isinstance(value, list):
        return [_inside(element, identifiers, person=person) for element in value]
    return _text(value, identifiers, person=person) if isinstance(value, str) else value


def _text(text: str, identifiers: list[tuple[str, str]], *, person: bool) -> str:
    """A text that is JSON itself, or has lines of "key: value", without direct identifiers; lines beside a person's are of a person."""
    if text[:1] in ("{", "["):
        try:
            inner = strict_json.loads(text)
        except ValueError:
            return text
        return strict_json.dumps(_inside(inner, identifiers, person=person))

    ambiguous = identifier_words()["attributes"]["ambiguous"]
    of_person = person or any(
        field_of(line[2]) and normal(line[2]) not in ambiguous for line in _LINE.finditer(text)
    )

    def without(match: re.Match[str]) -> str:
        field = field_of(match[2])
        if not field or (not of_person and normal(match[2]) in ambiguous):
            return match[0]
        identifiers.append((field, match[4]))
        return f"{match[1]}{match[2]}{match[3]}[{field}]"

    return _LINE.sub(without, text) if ":" in text else text


def with_scanners(events: pl.DataFrame) -> pl.DataFrame:
    """Mark the clicks that a link scanner likely made as a machine's, and note in the attributes that it is a guess."""
    likely = scanners.burst_clicks(events)
    if not likely.any():
        return events
    guessed = pl.Series("flag", [scanners.LIKELY]).new_from_index(0, events.height).set(~likely, None)
    marked = events.with_columns(machine=pl.when(likely).then(pl.lit(value=True)).otherwise("machine"))
    return mark(marked, {"machine": guessed})
