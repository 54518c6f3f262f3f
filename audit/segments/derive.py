"""The segments that our definitions give customers, with their evidence and when they end."""

from dataclasses import dataclass

import polars as pl

from audit.events.schema import TIME
from audit.population.context import Context
from audit.segments import transitions
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.event_selection import Selected
from audit.segments.evidence import evidence
from audit.segments.logged import KINDS as LOGGED
from audit.segments.model import BETWEEN, Definition
from audit.segments.names import filled, known, normal
from audit.segments.quantile_thresholds import resolved
from audit.segments.transitions import AT_SEGMENT

DERIVED: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "segment_id": pl.String(),
    "title": pl.String(),
    "definition": pl.String(),
    "since": TIME,
    "until": TIME,
    "evidence": pl.List(pl.String()),
    "absent": pl.String(),
    "reason": pl.String(),
}
"""The columns of `derive`."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What holds now.

    `segments`: `place, person, group, since, until`; `conditions`: `condition, place, person, group, value`.
    """

    segments: pl.DataFrame
    conditions: pl.DataFrame


def derive(
    events: pl.DataFrame, ctx: Context, definitions: tuple[Definition, ...] | None = None
) -> pl.DataFrame:
    """The segments that hold at `ctx.at` for the whole customers in `events`, in the columns of `DERIVED`.

    `segment_id` is the definition's id, with `:` and the category where one exists for each category. `since`
    (µs, UTC): when the present unbroken membership began; `until`: when it ends if nothing new happens, null if
    nothing ends it. `evidence`: event_ids, oldest first. `absent`: JSON `{"kind": [...], "since": time}` of what did
    not happen, else null. `reason`: one sentence. In order of customer, then of the definitions.

    A sensitive definition is evaluated only for customers of whom somebody else logged that segment; a category of
    the sensitive map makes no segment.
    """
    chosen = resolved(ctx.definitions or our_definitions() if definitions is None else definitions, ctx.facts)
    selected = Selected(events, ctx.at, ctx.facts.prices, ctx.models)
    asked = asked_for(events, selected, chosen)
    chosen = tuple(one for one in chosen if not one.sensitive or one.id in asked)
    if not chosen:
        return pl.DataFrame(schema=DERIVED)
    standing = _stand(selected, chosen, asked, ctx)
    if standing is None:
        return pl.DataFrame(schema=DERIVED)
    known_by = evidence(selected, chosen, standing.conditions, ctx.at)
    return _worded(standing.segments.join(known_by, on=AT_SEGMENT, how="left"), selected, chosen)


def asked_for(
    events: pl.DataFrame, selected: Selected, chosen: tuple[Definition, ...]
) -> dict[str, pl.Series]:
    """Of sensitive definitions, the persons of whom that segment was logged."""
    sensitive = tuple(one for one in chosen if one.sensitive)
    logged = (
        events.lazy()
        .filter(pl.col("kind").is_in(LOGGED))
        .select("customer_id", name=normal(pl.col("segment_id")))
    )
    met = (
        logged.join(known(sensitive).lazy(), on="name").select("customer_id", "definition").unique().collect()
    )
    return {
        one.id: selected.persons(customers)
        for one in sensitive
        if not (customers := met.filter(pl.col("definition") == one.id)["customer_id"]).is_empty()
    }


def _stand(
    selected: Selected, chosen: tuple[Definition, ...], asked: dict[str, pl.Series], ctx: Context
) -> _Standing | None:
    """Which conditions and segments hold at `ctx.at`, and the spell each segment is in; None if none holds.

    What does not hold now has no spell that matters: its past is not counted.
    """
    now = _finest(transitions.holding(selected, chosen, asked, ctx.at), chosen)
    if now.is_empty():
        return None
    kept = transitions.contributed(selected, chosen, asked, now.select(AT_SEGMENT).unique())
    turned = transitions.segments(kept, chosen)
    began = turned.filter(pl.col("time") <= ctx.at).unique(AT_SEGMENT, keep="last", maintain_order=True)
    ends = turned.filter(pl.col("time") > ctx.at).unique(AT_SEGMENT, keep="first", maintain_order=True)
    spells = (
        began.filter("on")
        .select(*AT_SEGMENT, pl.col("time").alias("since"))
        .join(ends.select(*AT_SEGMENT, pl.col("time").alias("until")), on=AT_SEGMENT, how="left")
    )
    return _Standing(spells, now)


def _finest(now: pl.DataFrame, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """Of what holds now, all but the groups that a finer definition divides further for the same customer."""
    places = {one.id: place for place, one in enumerate(chosen)}
    finer = [
        now.filter(pl.col("place") == place).select(
            pl.lit(places[one.finer_than], pl.UInt16).alias("place"), "person", pl.col("group").alias("finer")
        )
        for place, one in enumerate(chosen)
        if one.finer_than in places
    ]
    if not finer:
        return now
    within = pl.col("finer").str.starts_with(pl.col("group"))
    rest = pl.col("finer").str.strip_prefix(pl.col("group"))
    divided = (
        now.join(pl.concat(finer), on=("place", "person"))
        .filter(within & ((rest == "") | rest.str.starts_with(" > ") | rest.str.starts_with(BETWEEN)))
        .select(AT_SEGMENT)
        .unique()
    )
    return now.join(divided, on=AT_SEGMENT, how="anti", maintain_order="left")


def _worded(rows: pl.DataFrame, selected: Selected, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    parts = [titled(rows.filter(pl.col("place") == place), one) for place, one in enumerate(chosen)]
    return (
        pl.concat(parts).join(selected.people, on="person").sort("person", "place", "group").select(*DERIVED)
    )


def titled(rows: pl.DataFrame, one: Definition) -> pl.DataFrame:
    segment_id = pl.lit(one.id) if not one.grouped else pl.concat_str(pl.lit(f"{one.id}:"), "group")
    return rows.with_columns(
        segment_id.alias("segment_id"),
        filled(one.title, _FIELDS).alias("title"),
        pl.lit(one.id).alias("definition"),
        filled(one.reason, _FIELDS).alias("reason"),
    )


_FIELDS = {
    "group": pl.col("group"),
    "count": pl.col("count").cast(pl.String),
    "first": pl.col("first").dt.strftime("%Y-%m-%d"),
    "last": pl.col("last").dt.strftime("%Y-%m-%d"),
    "item": pl.col("item").fill_null("An item"),
    "why": pl.col("why"),
}
