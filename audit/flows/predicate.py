"""What an act must be, written as a condition over its columns: `price >= 20 AND category LIKE 'Beauty > %'`."""

import polars as pl

from audit.events import SCHEMA
from audit.toml_file import nearest


def problem(text: str) -> str | None:
    """Why `text` is no condition on one event, in words; None where it is one."""
    try:
        condition = pl.sql_expr(text)
    except pl.exceptions.PolarsError:
        return (
            f"{text!r} does not parse; write a condition such as price >= 20 AND category LIKE 'Beauty > %'"
        )
    columns = condition.meta.root_names()
    for name in columns:
        if name not in SCHEMA:
            return f"{text!r} names the column {name!r}, which events do not have{nearest(name, SCHEMA)}"
    two = pl.DataFrame({name: [None, None] for name in SCHEMA}, schema=SCHEMA)
    try:
        told = two.select(condition.alias("told"))
    except pl.exceptions.PolarsError as error:
        return f"{text!r} compares what cannot be compared: {str(error).splitlines()[0]}"
    if told.schema["told"] != pl.Boolean or told.height != two.height or not columns:
        return f"{text!r} is no condition that one event meets or does not meet"
    return None


def columns(text: str | None) -> list[str]:
    """The columns that a condition reads."""
    return [] if text is None else sorted(set(pl.sql_expr(text).meta.root_names()))
