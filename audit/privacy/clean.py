"""What may be shown of a text. Hostile text is data: the one helper that makes it harmless, at ingest and again at render; and
masks of direct identifiers.

Control characters (C0, DEL) become their visible pictures; C1 controls, bidirectional marks and isolates,
line and paragraph separators, zero-width space, byte order mark and lone surrogates become U+FFFD. What
is left can be printed on any terminal without moving its cursor, writing its clipboard or turning its text.
Console markup such as `[/]` is no concern of this module: it is harmless once it reaches a widget as
`rich.text.Text` or `textual.content.Content`, never as a bare string.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl  # a screen cleans what it shows before polars is loaded

HOSTILE = (
    "\x00-\x1f\x7f"  # C0, DEL
    "\x80-\x9f"  # C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, embeddings, overrides, isolates
    "\u2028\u2029\u200b\ufeff"  # separators, zero-width space, byte order mark
)
_PATTERN = re.compile(f"[{HOSTILE}\ud800-\udfff]")
_POLARS_PATTERN = f"[{HOSTILE}]"  # a polars string is UTF-8 and cannot hold a surrogate


def clean(text: str) -> str:
    """Return `text` with every character that could act on a terminal made visible or replaced."""
    return _PATTERN.sub(_picture, text)


def clean_column(column: pl.Series) -> pl.Series:
    """`clean` over a String column; columns without a hostile character cost one scan."""
    if not column.str.contains(_POLARS_PATTERN).any():
        return column
    return column.str.replace_many(_pictures())


@cache
def _pictures() -> dict[str, str]:
    """What stands for each character that could act on a terminal."""
    return {sign: clean(sign) for sign in map(chr, range(0x10000)) if re.match(_POLARS_PATTERN, sign)}


_FIRST = 2_000
"""Values of a column that are looked at to find out what it is like."""


def is_repetitive(column: pl.Series) -> bool:
    """Whether the same few values stand in a long column again and again, so that each is better looked at once."""
    return len(column) > _FIRST and 8 * column.head(_FIRST).n_unique() < _FIRST


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


# -- masks: enough of a direct identifier to tell two tickets apart, too little to write to somebody ------------------------

HIDDEN = "•••"


def mask(field: str, value: str) -> str:
    """`value` as anybody may see it.

    An e-mail address keeps its first letter and top-level domain (`m•••@•••.de`), a name its initials, a phone
    number its last two digits, an address its country if it ends with one; of all else nothing is shown.
    """
    masker = {"email": _email, "name": _name, "phone": _phone, "address": _address}.get(field)
    return masker(value.strip()) if masker is not None else HIDDEN


def mask_all(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Field → the masks of its values, each once, in the order they came."""
    by_field: dict[str, dict[str, None]] = {}
    for field, value in values:
        by_field.setdefault(field, {})[mask(field, value)] = None
    return {field: ", ".join(masks) for field, masks in by_field.items()}


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    _, dot, top = domain.rpartition(".")
    if not (local and at and dot and top.isalpha()):
        return HIDDEN
    return f"{local[0]}{HIDDEN}@{HIDDEN}.{top}"


def _name(value: str) -> str:
    return " ".join(f"{word[0]}." for word in value.split() if word[0].isalpha()) or HIDDEN


def _phone(value: str) -> str:
    digits = [character for character in value if character.isdigit()]
    return HIDDEN + "".join(digits[-2:]) if len(digits) > 4 else HIDDEN


def _address(value: str) -> str:
    _, comma, ending = value.replace("\n", ",").rpartition(",")
    country = ending.strip()
    return f"{HIDDEN}, {country}" if comma and country.casefold() in _countries() else HIDDEN


@cache
def _countries() -> frozenset[str]:
    from audit.storage import toml_input

    return frozenset(
        name.casefold() for name in toml_input.shipped("audit.privacy", "countries.toml")["names"]
    )
