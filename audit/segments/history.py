"""Who was in which segment when: every spell of the past, with the events that began and ended it."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from audit.events.schema import TIME
from audit.segments import transitions
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.definition_files import resolved
from audit.segments.derive import may_be_asked, titled
from audit.segments.event_selection import SelectedEvents
from audit.segments.model import LEARNED, Condition, Definition, SegmentContext, Selection
from audit.segments.transitions import AT_SEGMENT, condition_contributions
from audit.segments.versions import Period

HISTORY: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "segment_id": pl.String(),
    "title": pl.String(),
    "definition": pl.String(),
    "version": pl.String(),
    "entered": TIME,
    "left": TIME,
    "entered_by": pl.List(pl.String()),
    "left_by": pl.List(pl.String()),
    "entered_by_change": pl.Boolean(),
    "left_by_change": pl.Boolean(),
}
"""The columns of `history`."""


def history(
    events: pl.DataFrame, ctx: SegmentContext, periods: Sequence[Period] | None = None
) -> pl.DataFrame:
    """Every spell until `ctx.at` in which our definitions gave the whole customers in `events` a segment: `HISTORY`.

    `periods`: which definition gave a segment when (`versions.periods`); those of `ctx` for all time, if None.
    `entered` and `left` (µs, UTC; null: still in, or in until more than is known). `entered_by`: the events that tipped
    it, for something that did not happen the last act before; `left_by`: the events that ended it, empty where a window
    ran out. `entered_by_change`, `left_by_change`: another definition came into force then. `version`: of the definition
    that held at `entered`. A finer definition hides no other here. Sensitive definitions as in `derive`. In order of
    customer, `entered` and definition.
    """
    periods = periods or tuple(map(Period, ctx.definitions or our_definitions()))
    as_written = {
        with_numbers: definition
        for definition in dict.fromkeys(period.definition for period in periods)
        for with_numbers in resolved((definition,), ctx.facts)
    }
    selected = SelectedEvents(events, ctx.at, ctx.facts.prices, ctx.models, ctx.coverage)
    allowed = may_be_asked(events, selected, tuple(as_written))
    definitions = tuple(each for each in as_written if not each.sensitive or each.id in allowed)
    contributed = transitions.contributed(selected, definitions, allowed)
    if contributed.is_empty():
        return pl.DataFrame(schema=HISTORY)
    in_force = _in_force([as_written[definition] for definition in definitions], periods)
    spells = _within(_spells(selected, definitions, contributed, ctx), in_force, ctx)
    empty = [pl.lit(None, pl.String).alias(name) for name in ("count", "part", "acts", "item", "why")]
    dated = spells.with_columns(*empty, pl.col("entered").alias("first"), pl.col("entered").alias("last"))
    version = pl.lit(pl.Series([as_written[definition].version for definition in definitions]))
    return (
        _joined(titled(dated, definitions).with_columns(version.gather(pl.col("position")).alias("version")))
        .join(selected.people, on="person")
        .sort("customer_id", "entered", "position", "group")
        .select(*HISTORY)
    )


def _spells(
    selected: SelectedEvents,
    definitions: tuple[Definition, ...],
    contributed: pl.DataFrame,
    ctx: SegmentContext,
) -> pl.DataFrame:
    """What each of `definitions` gives for all time, with the events at both ends: `AT_SEGMENT, entered, left, *_by`."""
    turned = transitions.segments(contributed, definitions).filter(pl.col("time") <= ctx.at)
    spells = turned.with_columns(pl.col("time").shift(-1).over(AT_SEGMENT).alias("left")).filter("on")
    spells = spells.rename({"time": "entered"}).drop("on")
    for column, moments in (
        ("entered_by", _begins(selected, definitions)),
        ("left_by", _ends(selected, definitions)),
    ):
        spells = _by(spells, moments, column)
    return spells


def _in_force(definitions: Sequence[Definition], periods: Sequence[Period]) -> pl.DataFrame:
    """When each of `definitions` was in force: `position, since, until`."""
    rows = [
        (position, period.since, period.until)
        for position, definition in enumerate(definitions)
        for period in periods
        if period.definition == definition
    ]
    return pl.DataFrame(rows, schema={"position": pl.UInt16, "since": TIME, "until": TIME}, orient="row")


def _within(spells: pl.DataFrame, in_force: pl.DataFrame, ctx: SegmentContext) -> pl.DataFrame:
    """The parts of `spells` in which their definition was in force, and whether its coming or going bounds them."""
    none = pl.lit([], pl.List(pl.String))
    until_now = in_force.with_columns(pl.when(pl.col("until") <= ctx.at).then("until"))
    late = pl.col("entered") < pl.col("since")
    early = pl.col("left").is_null() | (pl.col("left") > pl.col("until"))
    return (
        spells.join(until_now, on="position")
        .with_columns(
            late.fill_null(value=False).alias("entered_by_change"),
            (early & pl.col("until").is_not_null()).alias("left_by_change"),
        )
        .with_columns(
            pl.when("entered_by_change").then("since").otherwise("entered").alias("entered"),
            pl.when("left_by_change").then("until").otherwise("left").alias("left"),
            pl.when("entered_by_change").then(none).otherwise("entered_by").alias("entered_by"),
            pl.when("left_by_change").then(none).otherwise("left_by").alias("left_by"),
        )
        .filter(pl.col("entered") <= ctx.at, pl.col("left").is_null() | (pl.col("entered") < pl.col("left")))
        .drop("since", "until")
    )


def _joined(parts: pl.DataFrame) -> pl.DataFrame:
    """A spell that goes on under the next definition is one spell, of the version that it began with."""
    key = ("person", "segment_id")
    goes_on = (
        pl.col("entered_by_change")
        & pl.col("left_by_change").shift(1).over(key)
        & (pl.col("entered") == pl.col("left").shift(1).over(key))
    ).fill_null(value=False)
    ends = ("left", "left_by", "left_by_change")
    return (
        parts.sort(*key, "entered", "position")
        .with_columns((~goes_on).cum_sum().over(key).alias("spell"))
        .group_by(*key, "spell", maintain_order=True)
        .agg(pl.all().exclude(ends).first(), pl.col(ends).last())
    )


def _by(spells: pl.DataFrame, moments: pl.DataFrame, column: str) -> pl.DataFrame:
    """Add the event_ids of `moments` (`position, person, group, time, event_id`) at a boundary of each spell."""
    at = column.removesuffix("_by")
    tipping = moments.group_by(*AT_SEGMENT, "time").agg(
        pl.col("event_id").unique(maintain_order=True).alias(column)
    )
    return spells.join(
        tipping.rename({"time": at}), on=(*AT_SEGMENT, at), how="left", maintain_order="left"
    ).with_columns(pl.col(column).fill_null(pl.lit([], pl.List(pl.String))))


def _begins(selected: SelectedEvents, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """When events begin to count: at once, or as long after as the condition waits."""
    return pl.concat(
        _dated(_looked_at(selected, condition), position, _waits(condition))
        for position, definition in enumerate(definitions)
        for condition in definition.when
    )


def _ends(selected: SelectedEvents, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """The events that can end a spell in the moment they happen: what closes it, and what says otherwise."""
    ends = []
    for position, definition in enumerate(definitions):
        for condition in definition.when:
            if condition.test == "open":
                closing = selected.rows(Selection(condition.ends)).with_columns(group=pl.lit(""))
                ends.append(_dated(closing, position))
            elif condition.test in ("absent", "state"):
                groups = selected.grouped(condition).select("person", "group").unique()
                ends.append(_dated(selected.rows(condition.events).join(groups, on="person"), position))
    return pl.concat(ends) if ends else _begins(selected, definitions).clear()


def _looked_at(selected: SelectedEvents, condition: Condition) -> pl.DataFrame:
    """The events of a condition; of a learned one, which nobody groups by hand, in every group it gives."""
    if condition.test not in LEARNED:
        return selected.grouped(condition)
    groups = condition_contributions(selected, condition).select("person", "group").unique()
    return selected.rows(condition.events).join(groups, on="person")


def _waits(condition: Condition) -> timedelta:
    if condition.test == "absent" and condition.window is not None:
        return condition.window
    return condition.after


def _dated(rows: pl.DataFrame, position: int, waits: timedelta = timedelta(0)) -> pl.DataFrame:
    return rows.select(
        pl.lit(position, pl.UInt16).alias("position"),
        "person",
        "group",
        (pl.col("occurred_at") + waits).alias("time"),
        "event_id",
    )
