"""The segments that our definitions give customers, with their evidence and when they end."""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import polars as pl

from audit.events.schema import TIME
from audit.segments import transitions
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.definition_files import resolved
from audit.segments.event_selection import SelectedEvents
from audit.segments.evidence import evidence
from audit.segments.logged import KINDS as LOGGED
from audit.segments.logged import filled, names_of, normal
from audit.segments.model import BETWEEN, TOLD_BETWEEN, Condition, Definition, SegmentContext
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


def derive(
    events: pl.DataFrame, ctx: SegmentContext, definitions: tuple[Definition, ...] | None = None
) -> pl.DataFrame:
    """The segments that hold at `ctx.at` for the whole customers in `events`, in the columns of `DERIVED`.

    `segment_id` is the definition's id, with `:` and the category where one exists for each category. `since`
    (µs, UTC): when the present unbroken membership began; `until`: when it ends if nothing new happens, null if
    nothing ends it. `evidence`: event_ids, oldest first. `absent`: JSON `{"kind": [...], "since": time, "item_id" or "lists": of which}` of what did
    not happen, else null. `reason`: one sentence. In order of customer, then of the definitions.

    A sensitive definition is evaluated only for customers of whom somebody else logged that segment; a category of
    the sensitive map makes no segment.
    """
    held = _held(events, ctx, ctx.definitions or our_definitions() if definitions is None else definitions)
    if held.holding.is_empty():
        return pl.DataFrame(schema=DERIVED)
    reasons = evidence(held.selected, held.definitions, held.holding, ctx.at)
    return _worded(
        _spells(held, ctx).join(reasons, on=AT_SEGMENT, how="left"), held.selected, held.definitions
    )


def members(events: pl.DataFrame, ctx: SegmentContext, definitions: tuple[Definition, ...]) -> dict[str, int]:
    """Of each definition, how many of the customers in `events` it gives a segment, as `derive` does, whatever the group."""
    held = _held(events, ctx, definitions)
    counted = held.holding.group_by("position").agg(pl.col("person").n_unique())
    numbers = {held.definitions[position].id: number for position, number in counted.iter_rows()}
    return {definition.id: numbers.get(definition.id, 0) for definition in definitions}


class _Held(NamedTuple):
    """What holds at one moment (see `transitions.holding`), of which definitions with the numbers that the facts put in."""

    selected: SelectedEvents
    definitions: tuple[Definition, ...]
    allowed: dict[str, pl.Series]
    holding: pl.DataFrame


def _held(events: pl.DataFrame, ctx: SegmentContext, definitions: tuple[Definition, ...]) -> _Held:
    definitions = resolved(definitions, ctx.facts)
    selected = SelectedEvents(events, ctx.at, ctx.facts.prices, ctx.models, ctx.coverage)
    allowed = may_be_asked(events, selected, definitions)
    definitions = tuple(each for each in definitions if not each.sensitive or each.id in allowed)
    holding = transitions.holding(selected, definitions, allowed, ctx.at)
    return _Held(selected, definitions, allowed, _without_divided(holding, definitions))


def may_be_asked(
    events: pl.DataFrame, selected: SelectedEvents, definitions: tuple[Definition, ...]
) -> dict[str, pl.Series]:
    """Of sensitive definitions, by id, the persons of whom that segment was logged: only of them may it be asked."""
    sensitive = tuple(definition for definition in definitions if definition.sensitive)
    logged = events.select("customer_id", "kind", "segment_id").filter(pl.col("kind").is_in(LOGGED))
    if logged.is_empty():
        return {}
    by_definition = (
        logged.select("customer_id", name=normal(pl.col("segment_id")))
        .join(names_of(sensitive), on="name")
        .select("customer_id", "definition")
        .unique()
    )
    return {
        definition.id: selected.persons(customers)
        for definition in sensitive
        if not (
            customers := by_definition.filter(pl.col("definition") == definition.id)["customer_id"]
        ).is_empty()
    }


def _spells(held: _Held, ctx: SegmentContext) -> pl.DataFrame:
    """The spell that each segment which holds now is in: `position, person, group, since, until`.

    What does not hold now has no spell that matters: its past is not counted.
    """
    segments = held.holding.select(AT_SEGMENT).unique()
    contributed = transitions.contributed(held.selected, held.definitions, held.allowed, segments)
    turns = transitions.segments(contributed, held.definitions)
    began = turns.filter(pl.col("time") <= ctx.at).unique(AT_SEGMENT, keep="last", maintain_order=True)
    ends = turns.filter(pl.col("time") > ctx.at).unique(AT_SEGMENT, keep="first", maintain_order=True)
    return (
        began.filter("on")
        .select(*AT_SEGMENT, pl.col("time").alias("since"))
        .join(ends.select(*AT_SEGMENT, pl.col("time").alias("until")), on=AT_SEGMENT, how="left")
    )


def _without_divided(holding: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """What holds, without the groups that a finer definition, or a deeper category of the same, divides for the same customer."""
    finer = [
        holding.filter(pl.col("position") == position).select(
            pl.lit(coarser, pl.UInt16).alias("position"),
            "person",
            pl.col("group").alias("finer"),
            pl.lit(coarser == position).alias("same"),
        )
        for position, definition in enumerate(definitions)
        if "category" in definition.when[0].by
        for coarser in _coarser(position, definitions)
    ]
    if not finer:
        return holding
    within = pl.col("finer").str.starts_with(pl.col("group"))
    deeper = pl.col("finer").str.strip_prefix(pl.col("group"))
    divides = (
        deeper.str.starts_with(" > ") | deeper.str.starts_with(BETWEEN) | ((deeper == "") & ~pl.col("same"))
    )
    divided = (
        holding.join(pl.concat(finer), on=("position", "person"))
        .filter(within & divides)
        .select(AT_SEGMENT)
        .unique()
    )
    return holding.join(divided, on=AT_SEGMENT, how="anti", maintain_order="left")


def _coarser(position: int, definitions: tuple[Definition, ...]) -> Iterator[int]:
    """The definition at `position`, and those that it divides further, the finest first."""
    positions = {definition.id: number for number, definition in enumerate(definitions)}
    coarser: int | None = position
    while coarser is not None:
        yield coarser
        coarser = positions.get(definitions[coarser].finer_than or "")


def _worded(
    rows: pl.DataFrame, selected: SelectedEvents, definitions: tuple[Definition, ...]
) -> pl.DataFrame:
    return (
        titled(rows, definitions)
        .join(selected.people, on="person")
        .sort("person", "position", "group")
        .select(*DERIVED)
    )


def titled(rows: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """Add `segment_id, title, definition, reason` to rows with a `position` and the columns that templates name."""
    return pl.concat(
        _titled(rows.filter(pl.col("position") == position), definitions[position])
        for position in rows["position"].unique().sort().to_list() or [0]
    )


def _titled(rows: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    fields = _FIELDS
    if len(definition.when[0].by) > 1:
        fields = _FIELDS | {"group": pl.col("group").str.replace_all(BETWEEN, TOLD_BETWEEN, literal=True)}
    raised = [each for each in definition.when if each.above_fifth is not None]
    fields = fields | {"bar": pl.lit(_bar(raised[-1]) if raised else "")}
    grouped_id = pl.concat_str(pl.lit(f"{definition.id}:"), "group")
    return rows.with_columns(
        (grouped_id if definition.grouped else pl.lit(definition.id)).alias("segment_id"),
        filled(definition.title, fields).alias("title"),
        pl.lit(definition.id).alias("definition"),
        filled(definition.reason, fields).alias("reason"),
    )


def _bar(raised: Condition) -> str:
    """What a condition asks for, raised to where a fifth of the customers begins; never more than that."""
    if raised.test == "share":
        return f"{int(1000 * raised.share) / 10:g} %"
    return f"{(ceil if raised.test == 'count' else int)(raised.at_least):,}"


_FIELDS = {
    "group": pl.col("group"),
    "count": pl.col("count").cast(pl.String),
    "acts": pl.col("acts"),
    "part": pl.col("part").cast(pl.String),
    "first": pl.col("first").dt.strftime("%Y-%m-%d"),
    "last": pl.col("last").dt.strftime("%Y-%m-%d"),
    "item": pl.col("item").fill_null("An item"),
    "why": pl.col("why"),
}
