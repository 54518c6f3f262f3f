"""Who was in which segment when: every spell of the past, with the events that began and ended it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from audit.events.schema import TIME
from audit.population.context import Context
from audit.segments import transitions
from audit.segments.contributions import contributions
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.definition_periods import Era
from audit.segments.derive import asked_for, titled
from audit.segments.event_selection import Selected
from audit.segments.logged import KINDS
from audit.segments.model import LEARNED, Condition, Definition
from audit.segments.quantile_thresholds import resolved
from audit.segments.transitions import AT_SEGMENT

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

LOG: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "segment_id": pl.String(),
    "entered": TIME,
    "left": TIME,
    "entered_by": pl.List(pl.String()),
    "left_by": pl.List(pl.String()),
}
"""The columns of `logged_history`."""


def history(events: pl.DataFrame, ctx: Context, given: Sequence[Era] | None = None) -> pl.DataFrame:
    """Every spell until `ctx.at` in which our definitions gave the whole customers in `events` a segment: `HISTORY`.

    `given`: which definition gave a segment when (`eras.eras`); those of `ctx` for all time, if None.
    `entered` and `left` (µs, UTC; null: still in, or in until more than is known). `entered_by`: the events that tipped
    it, for something that did not happen the last act before; `left_by`: the events that ended it, empty where a window
    ran out. `entered_by_change`, `left_by_change`: another definition came into force then. `version`: of the definition
    that held at `entered`. A finer definition hides no other here. Sensitive definitions as in `derive`. In order of
    customer, `entered` and definition.
    """
    spans = given or tuple(Era(one) for one in ctx.definitions or our_definitions())
    said = {
        one: each
        for each in dict.fromkeys(era.definition for era in spans)
        for one in resolved((each,), ctx.facts)
    }
    selected = Selected(events, ctx.at, ctx.facts.prices, ctx.models)
    asked = asked_for(events, selected, tuple(said))
    chosen = tuple(one for one in said if not one.sensitive or one.id in asked)
    contributed = transitions.contributed(selected, chosen, asked)
    if contributed.is_empty():
        return pl.DataFrame(schema=HISTORY)
    spells = _within(_spells(selected, chosen, contributed, ctx), _spans(chosen, said, spans), ctx)
    empty = [pl.lit(None, pl.String).alias(name) for name in ("count", "item", "why")]
    dated = spells.with_columns(*empty, pl.col("entered").alias("first"), pl.col("entered").alias("last"))
    parts = [
        titled(dated.filter(pl.col("place") == place), one).with_columns(
            pl.lit(said[one].version).alias("version")
        )
        for place, one in enumerate(chosen)
    ]
    return (
        _joined(pl.concat(parts))
        .join(selected.people, on="person")
        .sort("customer_id", "entered", "place", "group")
        .select(*HISTORY)
    )


def _spells(
    selected: Selected, chosen: tuple[Definition, ...], contributed: pl.DataFrame, ctx: Context
) -> pl.DataFrame:
    """What each of `chosen` gives for all time, with the events at both ends: `AT_SEGMENT, entered, left, *_by`."""
    turned = transitions.segments(contributed, chosen).filter(pl.col("time") <= ctx.at)
    spells = turned.with_columns(pl.col("time").shift(-1).over(AT_SEGMENT).alias("left")).filter("on")
    spells = spells.rename({"time": "entered"}).drop("on")
    for column, moments in (("entered_by", _begins(selected, chosen)), ("left_by", _ends(selected, chosen))):
        spells = _by(spells, moments, column)
    return spells


def _spans(
    chosen: tuple[Definition, ...], said: Mapping[Definition, Definition], given: Sequence[Era]
) -> pl.DataFrame:
    """When each of `chosen` was in force: `place, since, until`."""
    rows = [
        (place, era.since, era.until)
        for place, one in enumerate(chosen)
        for era in given
        if era.definition == said[one]
    ]
    return pl.DataFrame(rows, schema={"place": pl.UInt16, "since": TIME, "until": TIME}, orient="row")


def _within(spells: pl.DataFrame, spans: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """The parts of `spells` in which their definition was in force, and whether its coming or going bounds them."""
    nothing = pl.lit([], pl.List(pl.String))
    known = spans.with_columns(pl.when(pl.col("until") <= ctx.at).then("until"))
    late, early = (
        pl.col("entered") < pl.col("since"),
        pl.col("left").is_null() | (pl.col("left") > pl.col("until")),
    )
    return (
        spells.join(known, on="place")
        .with_columns(
            late.fill_null(value=False).alias("entered_by_change"),
            (early & pl.col("until").is_not_null()).alias("left_by_change"),
        )
        .with_columns(
            pl.when("entered_by_change").then("since").otherwise("entered").alias("entered"),
            pl.when("left_by_change").then("until").otherwise("left").alias("left"),
            pl.when("entered_by_change").then(nothing).otherwise("entered_by").alias("entered_by"),
            pl.when("left_by_change").then(nothing).otherwise("left_by").alias("left_by"),
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
        parts.sort(*key, "entered", "place")
        .with_columns((~goes_on).cum_sum().over(key).alias("spell"))
        .group_by(*key, "spell", maintain_order=True)
        .agg(pl.all().exclude(ends).first(), pl.col(ends).last())
    )


def logged_history(events: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """Every spell until `ctx.at` that somebody else logged, in the columns of `LOG`, in order of customer and entry.

    A spell goes from the first row that puts the customer in (or finds them in) to the next that takes them out.
    """
    rows = events.filter(
        pl.col("kind").is_in(KINDS), pl.col("segment_id").is_not_null(), pl.col("occurred_at") <= ctx.at
    )
    by = ("customer_id", "segment_id")
    out = pl.col("kind") == "segment_left"
    number = out.shift(1).fill_null(value=False).cum_sum().over(by)
    return (
        rows.with_columns(number.alias("spell"), out.alias("out"))
        .group_by(*by, "spell", maintain_order=True)
        .agg(
            pl.col("occurred_at").filter(~pl.col("out")).first().alias("entered"),
            pl.col("occurred_at").filter("out").first().alias("left"),
            pl.col("event_id").filter(~pl.col("out")).alias("entered_by"),
            pl.col("event_id").filter("out").alias("left_by"),
        )
        .sort("customer_id", pl.coalesce("entered", "left"), "segment_id")
        .select(*LOG)
    )


def _by(spells: pl.DataFrame, moments: pl.DataFrame, column: str) -> pl.DataFrame:
    """Add the event_ids of `moments` (`place, person, group, time, event_id`) at a boundary of each spell."""
    at = column.removesuffix("_by")
    named = moments.group_by(*AT_SEGMENT, "time").agg(
        pl.col("event_id").unique(maintain_order=True).alias(column)
    )
    return spells.join(
        named.rename({"time": at}), on=(*AT_SEGMENT, at), how="left", maintain_order="left"
    ).with_columns(pl.col(column).fill_null(pl.lit([], pl.List(pl.String))))


def _begins(selected: Selected, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """When events begin to count: at once, or as long after as the condition waits."""
    return pl.concat(
        _placed(_looked_at(selected, condition), place, _waits(condition))
        for place, one in enumerate(chosen)
        for condition in one.when
    )


def _ends(selected: Selected, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """The events that can end a spell in the moment they happen: what closes it, and what says otherwise."""
    found = []
    for place, one in enumerate(chosen):
        for condition in one.when:
            if condition.test == "open":
                found.append(_placed(selected.ending(condition.ends).with_columns(group=pl.lit("")), place))
            elif condition.test in ("absent", "state"):
                rows = selected.rows(condition.events).drop("group", strict=False)
                groups = selected.grouped(condition).select("person", "group").unique()
                found.append(_placed(rows.join(groups, on="person"), place))
    return pl.concat(found) if found else _begins(selected, chosen).clear()


def _looked_at(selected: Selected, condition: Condition) -> pl.DataFrame:
    """The events of a condition; of a learned one, which nobody groups by hand, in every group it gives."""
    if condition.test not in LEARNED:
        return selected.grouped(condition)
    given = contributions(selected, condition).select("person", "group").unique()
    return selected.rows(condition.events).join(given, on="person")


def _waits(condition: Condition) -> timedelta:
    if condition.test == "absent" and condition.window is not None:
        return condition.window
    return condition.after


def _placed(rows: pl.DataFrame, place: int, waits: timedelta = timedelta(0)) -> pl.DataFrame:
    return rows.select(
        pl.lit(place, pl.UInt16).alias("place"),
        "person",
        "group",
        (pl.col("occurred_at") + waits).alias("time"),
        "event_id",
    )
