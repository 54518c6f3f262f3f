"""What an act must be, written as a condition over its columns: `price >= 20 AND category LIKE 'Beauty > %'`."""

import warnings
from datetime import UTC, datetime
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.schema import SCHEMA, TIME
from audit.storage.toml_input import nearest

_VALUES: dict[pl.DataType, tuple[Any, ...]] = {
    pl.String(): ("", "7", "[(%", "ä > b", None),
    pl.Float64(): (0.0, -1.5, 1e300, 7.0, None),
    pl.Boolean(): (True, False, True, None, None),
    pl.List(pl.String()): ([], ["7"], ["a", "b"], [None], None),
    TIME: (*(datetime(year, 1, 2, tzinfo=UTC) for year in (1970, 2024, 2026, 2100)), None),
}
"""What stands in columns of events, for a condition to be tried on."""


def checked(written: Any) -> str:
    """`written`, where it is a condition on one event. Raises InputError saying why it is none."""
    if not isinstance(written, str) or not written.strip():
        raise InputError("must be a text")
    refusal = _refusal(written)
    if refusal:
        raise InputError(refusal)
    return written


def _refusal(text: str) -> str | None:
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
    try:
        with warnings.catch_warnings(record=True) as doubtful:
            warnings.simplefilter("always")
            is_one = bool(columns) and _decides_each(condition)
    except pl.exceptions.PolarsError as error:
        return _cannot(text, error)
    if doubtful:
        return _cannot(text, doubtful[0].message)
    return None if is_one else f"{text!r} is no condition that one event meets or does not meet"


def _cannot(text: str, error: Warning | Exception | str) -> str:
    return f"{text!r} cannot be told of every event: {str(error).splitlines()[0]}"


def _decides_each(condition: pl.Expr) -> bool:
    """Whether it says yes or no of each event, whatever others there are."""
    examples = pl.DataFrame({name: _VALUES[dtype] for name, dtype in SCHEMA.items()}, schema=SCHEMA)
    together = examples.select(condition.alias("holds"))
    if together.schema["holds"] != pl.Boolean or together.height != examples.height:
        return False
    alone = [row.select(condition.alias("holds")) for row in examples.iter_slices(1)]
    return together.equals(pl.concat(alone))


def columns(condition: str) -> list[str]:
    """The columns that a condition reads."""
    return sorted(set(pl.sql_expr(condition).meta.root_names()))
