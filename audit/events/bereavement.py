"""What tells that a life has changed through a death: one list, for explanations and checks alike."""

import re
import tomllib
from functools import cache
from importlib.resources import files

import polars as pl


def changed() -> pl.Expr:
    """Whether an event (columns `kind`, `reason`) says so."""
    kinds, _ = _words()
    return pl.col("kind").is_in(list(kinds)) | by_reason()


def by_reason() -> pl.Expr:
    """Whether an event's `reason` says so: a word of it begins like one of the list."""
    _, begins = _words()
    return pl.col("reason").str.contains(begins).fill_null(value=False)


@cache
def _words() -> tuple[tuple[str, ...], str]:
    fields = tomllib.loads(files("audit.events").joinpath("bereavement.toml").read_text(encoding="utf-8"))
    return tuple(fields["kinds"]), rf"(?i)(?:^|[^\p{{L}}])(?:{'|'.join(map(re.escape, fields['reasons']))})"
