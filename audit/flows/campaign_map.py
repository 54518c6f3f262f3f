"""The campaign map: what people know about a campaign and most send logs do not say."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from msgspec import Meta, Struct
from msgspec.structs import asdict

from audit.errors import InputError
from audit.events.schema import MESSAGE_CLASSES, MESSAGING
from audit.events.vocabulary import KEY
from audit.storage import toml_input
from audit.storage.toml_input import TableError, UnknownKeyError

_Text = Annotated[str, Meta(min_length=1, description="is a text; put it in quotes")]
_CLASS = f"is one of {', '.join(MESSAGE_CLASSES)}"
_CAP = "is a number of messages and a time, such as 3/7d"


class _Campaign(Struct, kw_only=True, forbid_unknown_fields=True):
    """One `[[campaign]]` table: found by `campaign_id`, or by `match`, a glob on campaign name or subject.

    `declared_cap` is what the sender says it keeps to, such as `3/7d`.
    """

    campaign_id: _Text | None = None
    match: _Text | None = None
    campaign_name: _Text | None = None
    category: _Text | None = None
    topics: Annotated[tuple[str, ...] | None, Meta(description="is a list of texts")] = None
    message_class: Annotated[Literal[MESSAGE_CLASSES] | None, Meta(description=_CLASS)] = None  # type: ignore[valid-type]
    trigger: _Text | None = None
    list_id: _Text | None = None
    sender: _Text | None = None
    declared_cap: Annotated[
        Annotated[str, Meta(pattern=r"^\d{1,6}/\d{1,6}[mhdw]\Z")] | None, Meta(description=_CAP)
    ] = None


SCHEMA: dict[str, pl.DataType] = {
    name: pl.List(pl.String()) if name == "topics" else pl.String() for name in _Campaign.__struct_fields__
}
"""One row a campaign, with the keys of its table."""

FILLED = ("campaign_name", "category", "topics", "message_class", "list_id", "sender")
"""What the map says of a message whose log does not. Not `trigger`: in an event that is what the sender states."""

_TABLES = ("campaign", "flow")


def read(path: Path) -> pl.DataFrame | None:
    """The campaign map in a TOML file of `[[campaign]]` tables, in the shape of `SCHEMA`; None if it holds only flows.

    Raises InputError for unknown keys (naming the nearest), wrong values, and a campaign that is named twice.
    """
    document = toml_input.read(path)
    for key in document:
        if key not in _TABLES:
            raise InputError(f"{path}: unknown table {key!r}; write [[campaign]] or [[flow]]")
    if "flow" in document and "campaign" not in document:
        return None
    tables = document.get("campaign")
    if not toml_input.are_tables(tables) or not tables:
        raise InputError(f"{path}: no [[campaign]] and no [[flow]] in it; write one (docs/campaigns.md)")
    rows = [_campaign(f"{path}: campaign {number}", table) for number, table in enumerate(tables, start=1)]
    campaigns = pl.DataFrame(rows, schema=SCHEMA)
    for name in ("campaign_id", "match"):
        twice = campaigns.filter(pl.col(name).is_not_null() & pl.col(name).is_duplicated())
        if twice.height:
            raise InputError(f"{path}: {name} {twice[name][0]!r} stands twice; leave one away")
    return campaigns


def _campaign(where: str, table: Mapping[str, Any]) -> dict[str, Any]:
    try:
        campaign = toml_input.convert(table, _Campaign)
    except UnknownKeyError as error:
        raise InputError(
            f"{where}: unknown key {error.key!r}{toml_input.nearest(error.key, SCHEMA)}"
        ) from error
    except TableError as error:
        raise InputError(f"{where}: {error.key} {error.problem}") from error
    if campaign.campaign_id is None and campaign.match is None:
        raise InputError(f"{where}: give it a campaign_id, or a match")
    return asdict(campaign)


def fill(events: pl.LazyFrame, campaigns: pl.DataFrame) -> pl.LazyFrame:
    """Fill what message rows leave open from the map, by campaign_id, else by the first `match` that fits.

    What the log says itself is never overwritten.
    """
    if campaigns.is_empty():
        return events
    names = events.collect_schema().names()
    entries = (
        campaigns.with_row_index("_entry")
        .lazy()
        .select("_entry", *(pl.col(name).alias(f"_map_{name}") for name in FILLED))
    )
    return (
        with_entries(events, campaigns)
        .join(entries, on="_entry", how="left", maintain_order="left")
        .with_columns(pl.coalesce(name, f"_map_{name}").alias(name) for name in FILLED)
        .select(names)
    )


def lookup(campaigns: pl.DataFrame) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """What `fill` does, for one row at a time: a function from a row to the row with what it leaves open filled."""
    entries = campaigns.select("campaign_id", "match", *FILLED).to_dicts()
    by_id = {entry["campaign_id"]: entry for entry in reversed(entries) if entry["campaign_id"] is not None}
    globs = [(re.compile(pattern(entry["match"])), entry) for entry in entries if entry["match"] is not None]

    def filled(row: Mapping[str, Any]) -> Mapping[str, Any]:
        if row["kind"] not in MESSAGING:
            return row
        texts = [text for name in ("campaign_name", "subject") if (text := row.get(name)) is not None]
        fitting = (entry for glob, entry in globs if any(map(glob.search, texts)))
        entry = by_id.get(row["campaign_id"]) or next(fitting, None)
        if entry is None:
            return row
        return {**row, **{name: entry[name] for name in FILLED if row.get(name) is None}}

    return filled


def volumes(events: pl.LazyFrame, campaigns: pl.DataFrame) -> pl.DataFrame:
    """The campaigns of the messages sent among `events`, with their volume, mapped or not, the largest first.

    Columns `campaign_id, campaign_name, channel, messages` (distinct), `customers, first, last` (UTC), `mapped`.
    """
    sent = events.filter(pl.col("kind") == "message_sent")
    return (
        with_entries(sent, campaigns)
        .with_columns(pl.col("_entry").is_not_null().alias("mapped"), KEY)
        .group_by(
            "campaign_id", pl.when(pl.col("campaign_id").is_null()).then("campaign_name").alias("_name")
        )
        .agg(
            pl.col("campaign_name").drop_nulls().last(),
            pl.col("channel").drop_nulls().mode().sort().first(),
            pl.struct("customer_id", "message_key").n_unique().alias("messages"),
            pl.col("customer_id").n_unique().alias("customers"),
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("mapped").any(),
        )
        .drop("_name")
        .sort(["messages", "campaign_id", "campaign_name"], descending=[True, False, False])
        .collect()
    )


def with_entries(events: pl.LazyFrame, campaigns: pl.DataFrame) -> pl.LazyFrame:
    """`events` in their order with `_entry` (UInt32): the row of the map that speaks of a message.

    By campaign_id, else the first `match` that fits; null where none does, and on events that are no messages.
    """
    by_id = (
        campaigns.with_row_index("_by_id").drop_nulls("campaign_id").select("campaign_id", "_by_id").lazy()
    )
    entry = pl.coalesce("_by_id", _matching(campaigns))
    return events.join(by_id, on="campaign_id", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("kind").is_in(MESSAGING)).then(entry).alias("_entry")
    )


def _matching(campaigns: pl.DataFrame) -> pl.Expr:
    """The index of the first map row whose glob fits the campaign name or the subject."""
    globs = [(entry, glob) for entry, glob in enumerate(campaigns["match"]) if glob is not None]
    entry_of_match: pl.Expr = pl.lit(None, pl.UInt32)
    for entry, glob in reversed(globs):
        entry_of_match = _one_glob(entry, glob, entry_of_match)
    return entry_of_match


def pattern(glob: str) -> str:
    """The regular expression that a `match` stands for: `*` any text, `?` any sign, case does not matter."""
    return "(?is)^" + "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in glob) + "$"


def _one_glob(entry: int, glob: str, otherwise: pl.Expr) -> pl.Expr:
    fits = pl.any_horizontal(
        pl.col(name).str.contains(pattern(glob)).fill_null(value=False)
        for name in ("campaign_name", "subject")
    )
    return pl.when(fits).then(pl.lit(entry, pl.UInt32)).otherwise(otherwise)
