"""Whether events are canonical: what everything that makes events is held to."""

from collections.abc import Iterable

import polars as pl

from audit.errors import InputError
from audit.events.schema import KINDS, MESSAGE_CLASSES, NEEDED, ORDER, SCHEMA, SOURCES, in_order


def validate(events: pl.DataFrame) -> pl.DataFrame:
    """Return `events` unchanged if they are canonical: columns, dtypes, needed values, vocabulary, order.

    Raises InputError naming the first thing that is not.
    """
    if dict(events.schema) != dict(SCHEMA):
        raise InputError(f"events: columns or dtypes differ: {_schema_difference(events)}")
    for name in ("event_id", *NEEDED):
        if events[name].null_count():
            raise InputError(f"events: {name} is absent in {events[name].null_count()} rows")
    for name, allowed in (("kind", KINDS), ("message_class", MESSAGE_CLASSES), ("source", SOURCES)):
        _refuse_unknown(events[name], allowed)
    if events.select(pl.struct("customer_id", "event_id").is_duplicated().any()).item():
        raise InputError("events: an event_id stands twice for one customer")
    if not events.equals(in_order(events)):
        raise InputError(f"events: not in the order {', '.join(ORDER)}")
    return events


def _schema_difference(events: pl.DataFrame) -> str:
    for name, dtype in SCHEMA.items():
        if events.schema.get(name) != dtype:
            return f"{name} should be {dtype}, is {events.schema.get(name, 'missing')}"
    return "unknown or misplaced column " + ", ".join(n for n in events.columns if n not in SCHEMA)


def _refuse_unknown(column: pl.Series, allowed: Iterable[str]) -> None:
    unknown = column.drop_nulls().unique().sort().to_list()
    unknown = [value for value in unknown if value not in set(allowed)]
    if unknown:
        raise InputError(f"events: unknown {column.name} {unknown[0]!r}")
