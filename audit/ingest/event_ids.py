"""What is in a row: ids made from it where there are none, and free text without what tells who somebody is."""

import hashlib
from typing import TYPE_CHECKING, Any

import polars as pl

from audit.events.schema import SCHEMA
from audit.ingest import strict_json

if TYPE_CHECKING:
    from audit.privacy.vault import Vault

FREE_TEXT = ("query", "subject", "item_name", "campaign_name", "reason", "recipient", "attributes")
"""Columns in which people write what they like."""

_SEPARATOR = "\x1f"
_ABSENT = "\x1e"


def with_ids(events: pl.DataFrame, vault: "Vault") -> pl.DataFrame:
    """Fill absent event_ids with `x` and a hash of the row under a key of the vault: equal rows, equal ids."""
    if not events["event_id"].null_count():
        return events
    named = [name for name in SCHEMA if name != "event_id"]
    text = (
        events.lazy()
        .filter(pl.col("event_id").is_null())
        .select(pl.concat_str([_written(name, events.columns) for name in named], separator=_SEPARATOR))
        .collect()
        .to_series()
    )
    key = vault.purpose_key("event_id")
    made = [hashlib.blake2b(row.encode(), key=key, digest_size=12).hexdigest() for row in text]
    places = events["event_id"].is_null().arg_true()
    return events.with_columns(
        events["event_id"].scatter(places, pl.Series([f"x{each}" for each in made], dtype=pl.String))
    )


def scrubbed(events: pl.DataFrame) -> pl.DataFrame:
    """Free text with e-mail addresses, phone and card numbers replaced by what they are."""
    from audit.privacy import scan

    present = [name for name in FREE_TEXT if name in events.columns]
    made = events.with_columns(scan.scrub(events[name]) for name in present)
    return (
        made.with_columns(_scrubbed_json(events["attributes"], made["attributes"]))
        if "attributes" in present
        else made
    )


def _scrubbed_json(given: pl.Series, scrubbed_text: pl.Series) -> pl.Series:
    """JSON objects with their texts and numbers scrubbed one by one, so that they stay JSON."""
    touched = given.filter((given != scrubbed_text).fill_null(value=False)).unique()
    return (
        given.replace({text: strict_json.dumps(_scrubbed(strict_json.parse(text))) for text in touched})
        if len(touched)
        else given
    )


def _scrubbed(value: Any) -> Any:
    from audit.privacy import scan

    if isinstance(value, dict):
        return {key: _scrubbed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_scrubbed(each) for each in value]
    if not isinstance(value, str):
        return value
    clear = scan.scrubbed(value)
    return value if clear == value else clear


def first_of_each(events: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """`events` with only the first row of each value of the columns `key`, in the order given."""
    hashed = events.select(pl.struct(key).hash()).to_series()
    if hashed.n_unique() == events.height:
        return events
    return events.unique(key, keep="first", maintain_order=True)


def _written(name: str, present: list[str]) -> pl.Expr:
    if name not in present:
        return pl.lit(_ABSENT)
    column = pl.col(name)
    if SCHEMA[name] == pl.List(pl.String()):
        column = column.list.join("\x1d")
    elif SCHEMA[name] != pl.String():
        column = column.cast(pl.String)
    return column.fill_null(_ABSENT)
