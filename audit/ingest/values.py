"""Values as people write them: numbers, yes and no, zones, countries, lists. What cannot be read is null, with a flag that
says why; the words are data, `values.toml`.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

import polars as pl

from audit.ingest import strict_json
from audit.privacy.clean import clean
from audit.storage import toml_input

UNREAD = "unread"
"""It is nothing that this field can hold."""

AMBIGUOUS = "ambiguous"
"""`1,234` is a thousand and more or one and a bit, and nothing in its column says which."""

OUT_OF_RANGE = "out_of_range"
"""A number beyond `LARGEST`."""

NOT_READ = (UNREAD, AMBIGUOUS, OUT_OF_RANGE)
"""Flags of a value that was left out; a zone read out of less than its name is flagged too, as `offset` or `abbreviation`."""

LARGEST = 1e12


class Read(NamedTuple):
    """A column, read; `flags` (text): why a value was left out, or how it was meant. None where there is none at all."""

    values: pl.Series
    flags: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class Conventions:
    """How one file writes what can be written in several ways.

    - `time_zone`: where times without an offset are read; `decimal`: the decimal sign, where somebody said it;
    - `decimals`: by column, the decimal signs that its values have shown so far.
    """

    time_zone: str = "UTC"
    decimal: str | None = None
    decimals: dict[str, set[str]] = field(default_factory=dict)


@cache
def words() -> dict[str, Any]:
    """What `values.toml` holds."""
    return toml_input.shipped("audit.ingest", "values.toml")


def as_text(column: pl.Series) -> pl.Series:
    """A column of any type as text: what lies inside one value is JSON, and bytes that are no text show it."""
    if column.dtype == pl.String:
        return column
    if column.dtype.is_nested():
        wrapped = column.to_frame("v").select(pl.struct("v").struct.json_encode()).to_series()
        text = wrapped.str.slice(5, wrapped.str.len_chars() - 6).alias(column.name)
        return text.set(column.is_null(), None)
    if column.dtype == pl.Binary:
        texts = [None if value is None else value.decode("utf-8", "replace") for value in column]
        return pl.Series(column.name, texts, dtype=pl.String)
    if column.dtype.is_float():  # 7.0 is how a table that lacks some ids writes 7
        return column.cast(pl.String).str.strip_suffix(".0")
    if column.dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.cast(pl.String, strict=False)


def nobodies(column: pl.Series) -> pl.Series | None:
    """Where an id is a word for nothing, such as `NULL`; None where no id is."""
    found = as_text(column).str.strip_chars().is_in(words()["nobody"]["ids"]).fill_null(value=False)
    return found if found.any() else None


def folded(text: str) -> str:
    """A word without case, outer blanks, and differences between blanks, `_` and `-`."""
    return re.sub(r"[\s_-]+", " ", text.strip()).casefold()


# -- one text after another ---------------------------------------------------------------------------


class _Value(NamedTuple):
    value: object
    flag: str | None = None


def _each(column: pl.Series, reader: Callable[[str], _Value], dtype: pl.DataType) -> Read:
    """Read each different text once."""
    texts = column.unique().drop_nulls()
    answers = [reader(text) for text in texts]
    if column.dtype == dtype and all(text == each.value for text, each in zip(texts, answers, strict=True)):
        return Read(column)
    table = pl.DataFrame(
        {"text": texts, "value": [each.value for each in answers], "flag": [each.flag for each in answers]},
        schema={"text": pl.String(), "value": dtype, "flag": pl.String()},
    )
    joined = column.to_frame("text").join(table, on="text", how="left", maintain_order="left")
    flags = joined["flag"]
    return Read(joined["value"].alias(column.name), flags if flags.null_count() < len(flags) else None)


def truth(column: pl.Series) -> Read:
    """`yes`, `Ja`, `1` and their like as true and false."""
    known = {word: meaning == "true" for meaning, listed in words()["truth"].items() for word in listed}

    def read(text: str) -> _Value:
        value = known.get(folded(text))
        return _Value(value, UNREAD if value is None and text.strip() else None)

    return _each(column, read, pl.Boolean())


def listed(column: pl.Series) -> Read:
    """JSON lists, single words, and words parted by commas, semicolons or upright strokes."""
    return _each(column, _list, pl.List(pl.String()))


def _list(text: str) -> _Value:
    if not text.strip():
        return _Value(None)
    if not text.lstrip().startswith("["):
        parted = [part.strip() for part in re.split(r"[,;|]", text)]
        return _Value([clean(part) for part in parted if part])
    try:
        parsed = strict_json.loads(text)
    except ValueError:
        return _Value(None, UNREAD)
    if not all(isinstance(element, str) for element in parsed):
        return _Value(None, UNREAD)
    return _Value([clean(element) for element in parsed])


def known_words(column: pl.Series) -> Read:
    """The words of a column that has but a few, and what else they are called."""
    ours = words()["words"][column.name]
    known = {folded(word): ours_ for ours_, others in ours.items() for word in (ours_, *others)}
    return _each(column, lambda text: _known(known.get(folded(text))), pl.String())


def zone(column: pl.Series) -> Read:
    """Zones as IANA has them: in any case, with blanks, as an offset, or by an abbreviation that means but one."""
    return _each(column, _zone, pl.String())


def country(column: pl.Series) -> Read:
    """Countries as ISO 3166 has them in two letters, read from their codes and names."""
    return _each(column, lambda text: _known(_countries().get(_letters(text))), pl.String())


def _known(value: str | None) -> _Value:
    return _Value(value, UNREAD if value is None else None)


def zone_named(name: str) -> str | None:
    """The zone of IANA of this name, whatever its case and signs."""
    return name if name in available_timezones() else _zone_names().get(_zone_key(name))


@cache
def _zone_names() -> Mapping[str, str]:
    return {_zone_key(name): name for name in available_timezones()}


def _zone_key(name: str) -> str:
    return re.sub(r"[\s_/-]+", " ", name.strip()).casefold()


_OFFSET = re.compile(r"^(?:UTC|GMT)?\s*([+\N{MINUS SIGN}-])(\d{1,2})(?::?(\d{2}))?$", re.IGNORECASE)
_BEFORE_NAME = re.compile(r"^\(((?:UTC|GMT)[^)]*)\)\s*(.*)$", re.IGNORECASE)  # (GMT+01:00) Europe/Berlin


def _zone(text: str) -> _Value:
    offset_first = _BEFORE_NAME.match(text.strip())
    offset, name = offset_first.groups() if offset_first else (text.strip(), text)
    known = zone_named(name)
    if known:
        return _Value(known)
    abbreviated = words()["zones"].get(name.strip().casefold())
    if abbreviated:
        return _Value(abbreviated, "abbreviation")
    fixed = _fixed(offset)
    return _Value(fixed, "offset") if fixed else _Value(None, UNREAD)


def _fixed(offset: str) -> str | None:
    """The zone that always has an offset; those of Etc count the other way round."""
    parts = _OFFSET.match(offset)
    if not parts:
        return None
    sign, hours, minutes = parts[1] if parts[1] == "+" else "-", int(parts[2]), int(parts[3] or 0)
    if minutes:
        names: Mapping[str, str] = words()["offsets"]
        return names.get(f"{sign}{hours:02}:{minutes:02}")
    name = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}" if hours else "UTC"
    return name if name in available_timezones() else None


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(
        r"[^a-z0-9]+", " ", "".join(sign for sign in plain if not unicodedata.combining(sign))
    ).strip()


@cache
def _countries() -> Mapping[str, str]:
    return {
        name: code
        for code, names in words()["countries"].items()
        for name in (code.casefold(), *names.split(", "))
    }


# -- numbers ------------------------------------------------------------------------------------------

_THREE = r"\d{1,3}(?:,\d{2,3})*,\d{3}"
_GROUPED_BY_COMMA = rf"^[+-]?{_THREE}\.\d*$|^[+-]?\d{{1,3}}(?:,\d{{3}}){{2,}}$"
_GROUPED_BY_DOT = r"^[+-]?\d{1,3}(?:\.\d{3})+,\d*$|^[+-]?\d{1,3}(?:\.\d{3}){2,}$"
_ONE_COMMA, _ONE_DOT = r"^[+-]?\d*,\d*$", r"^[+-]?\d*\.\d*$"
_EITHER = r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"
_GROUPED_BY_BLANKS = r"^[+-]?\d{1,3}(?:[\s'’]\d{3})+(?:[.,]\d+)?$"
_MINUS = "[\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}]"


@cache
def _beside() -> str:
    """A pattern of what may stand beside a number: signs, codes and words of currencies, and units."""
    given = words()["numbers"]
    texts = [*given["currencies"].split(), *given["currency_words"], *given["units"]]
    listed_words = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    return rf"(?:[A-Za-z]{{0,2}}\p{{Sc}}|(?i:{listed_words})\.?)"


def number(column: pl.Series, conventions: Conventions) -> Read:
    """Numbers with what people write beside and inside them.

    The decimal sign is the one that somebody said, else that of the column as a whole: where every value that leaves no
    choice has the same. A value that can be read in two ways and does not say which is `AMBIGUOUS`.
    """
    seen = conventions.decimals.setdefault(column.name, set())
    is_typed = column.dtype.is_numeric()
    text = column if is_typed else as_text(column).str.strip_chars()
    plain = text.cast(pl.Float64, strict=False)
    present = text.is_not_null() if is_typed else text != ""
    lacking = present & ~(plain.abs() <= LARGEST).fill_null(value=False)
    if not lacking.any() and (is_typed or (conventions.decimal != "," and "," not in seen)):
        return Read(plain)
    text = as_text(text)
    table = _numbers(text.filter(present).unique(), conventions.decimal, seen)
    joined = text.to_frame("text").join(table, on="text", how="left", maintain_order="left")
    flags = joined["flag"]
    return Read(joined["value"].alias(column.name), flags if flags.null_count() < len(flags) else None)


def _numbers(texts: pl.Series, declared: str | None, seen: set[str]) -> pl.DataFrame:
    """Each of `texts` with its `value` and `flag`; what they show of the decimal sign is added to `seen`."""
    digits, sign = pl.col("digits"), pl.col("sign")
    table = texts.to_frame("text").with_columns(digits=_bare(pl.col("text")))
    table = table.with_columns(
        sign=pl.when(digits.str.contains(_EITHER))
        .then(pl.lit("?"))
        .when(digits.str.contains(_GROUPED_BY_COMMA) | digits.str.contains(_ONE_DOT))
        .then(pl.lit("."))
        .when(digits.str.contains(_GROUPED_BY_DOT) | digits.str.contains(_ONE_COMMA))
        .then(pl.lit(","))
    )
    seen.update(set(table["sign"].drop_nulls()) - {"?"})
    known_sign = declared or (next(iter(seen)) if len(seen) == 1 else None)
    if known_sign:
        meant = pl.when(sign == "?").then(pl.lit(known_sign)).otherwise(sign)
        meant = pl.when(meant == known_sign).then(meant) if declared else meant
    else:  # 1.234 is our own way to write it, unless this column has another as well
        meant = pl.when(~((sign == "?") & ((digits.str.contains(",")) | pl.lit(bool(seen))))).then(
            pl.when(sign == "?").then(pl.lit(".")).otherwise(sign)
        )
    in_dots = (
        pl.when(meant == ".")
        .then(digits.str.replace_all(",", "", literal=True))
        .when(meant == ",")
        .then(digits.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .when(sign.is_null())
        .then(digits)
    )
    value = in_dots.cast(pl.Float64, strict=False)
    fits = (value.abs() <= LARGEST).fill_null(value=False)
    either = (sign == "?") & in_dots.is_null()
    flag = (
        pl.when(either.fill_null(value=False))
        .then(pl.lit(AMBIGUOUS))
        .when(value.is_finite() & ~fits)
        .then(pl.lit(OUT_OF_RANGE))
        .when(~fits)
        .then(pl.lit(UNREAD))
    )
    return table.select("text", value=pl.when(fits).then(value), flag=flag)


def _bare(text: pl.Expr) -> pl.Expr:
    """What is left of a number without what stands beside it, and without blanks and apostrophes between its thousands."""
    beside = _beside()
    bare = (
        text.str.replace_all(_MINUS, "-")
        .str.replace(r"^\((.*)\)$", "-${1}")
        .str.replace(rf"^([+-]?)\s*{beside}\s*([+-]?)\s*", "${1}${2}")
        .str.replace(rf"\s*{beside}$", "")
        .str.replace(r"([.,])\s*-{1,2}$", "${1}")
        .str.replace(r"^(\d.*)-$", "-${1}")
        .str.strip_chars()
    )
    return (
        pl.when(bare.str.contains(_GROUPED_BY_BLANKS))
        .then(bare.str.replace_all(r"[\s'’]", ""))
        .otherwise(bare)
    )
