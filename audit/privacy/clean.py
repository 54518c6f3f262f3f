"""Hostile text is data: the one helper that makes it harmless, at ingest and again at render.

Control characters (C0, DEL) become their visible pictures; C1 controls, bidirectional marks and isolates,
line and paragraph separators, zero-width space, byte order mark and lone surrogates become U+FFFD. What
is left can be printed on any terminal without moving its cursor, writing its clipboard or turning its text.
Console markup such as `[/]` is no concern of this module: it is harmless once it reaches a widget as
`rich.text.Text` or `textual.content.Content`, never as a bare string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    import polars as pl

    hostile = column.str.contains(_POLARS_PATTERN)
    if not hostile.any():
        return column
    unique = column.filter(hostile).unique()
    return column.replace(unique, pl.Series([clean(text) for text in unique], dtype=pl.String))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
