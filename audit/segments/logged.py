"""The segments that others put customers into, as their log has it: at one moment, and over time; how their names meet ours."""

from collections.abc import Mapping
from string import Formatter

import polars as pl

from audit.events.schema import TIME
from audit.events.vocabulary import FILE_DATE
from audit.population.stats import PopulationContext
from audit.segments.model import Definition

KINDS = ("segment_entered", "segment_left", "segment_snapshot")

LOGGED: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "segment_id": pl.String(),
    "since": TIME,
    "source": pl.String(),
    "source_name": pl.String(),
    "purpose": pl.String(),
    "category": pl.String(),
    "states_why": pl.Boolean(),
    "of_export": pl.Boolean(),
    "events": pl.List(pl.String()),
}
"""The columns of `logged`."""

LOG = ("customer_id", "segment_id", "entered", "left", "entered_by", "left_by")
"""The columns of `logged_history`."""

_BY = ("customer_id", "segment_id")


def _rows(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What the log says of segments until `ctx.at`."""
    return events.filter(
        pl.col("kind").is_in(KINDS), pl.col("segment_id").is_not_null(), pl.col("occurred_at") <= ctx.at
    )


def logged(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """The segments that the newest logged row says a customer is in, at `ctx.at`: one row a customer and segment.

    `since` (µs, UTC): the first row of the present run, after any `segment_left`; `events`: the event_ids of that
    run, oldest first; the other columns are its newest that say something. `states_why`: a row of it names a
    trigger, or an entry names a reason; a snapshot tells no reason. `of_export`: `since` is the date of the file alone. In order of customer, since and segment_id.
    """
    left = pl.col("kind") == "segment_left"
    run = (
        _rows(events, ctx)
        .with_columns(left.cum_sum(reverse=True).over(_BY).alias("leaving_after"))
        .filter((pl.col("leaving_after") == 0) & ~left)
    )
    why = pl.col("trigger").is_not_null() | (
        (pl.col("kind") == "segment_entered") & pl.col("reason").is_not_null()
    )
    newest = ("source", "source_name", "purpose", "category")
    return (
        run.group_by(_BY, maintain_order=True)
        .agg(
            pl.col("occurred_at").first().alias("since"),
            *(pl.col(name).drop_nulls().last() for name in newest),
            why.any().alias("states_why"),
            pl.col("attributes")
            .first()
            .str.contains(FILE_DATE, literal=True)
            .fill_null(value=False)
            .alias("of_export"),
            pl.col("event_id").alias("events"),
        )
        .sort("customer_id", "since", "segment_id")
        .select(*LOGGED)
    )


def logged_history(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Every spell until `ctx.at` that somebody else logged, in the columns of `LOG`, in order of customer and entry.

    A spell goes from the first row that puts the customer in (or finds them in) to the next that takes them out.
    """
    out = pl.col("kind") == "segment_left"
    number = out.shift(1).fill_null(value=False).cum_sum().over(_BY)
    return (
        _rows(events, ctx)
        .with_columns(number.alias("spell"), out.alias("out"))
        .group_by(*_BY, "spell", maintain_order=True)
        .agg(
            pl.col("occurred_at").filter(~pl.col("out")).first().alias("entered"),
            pl.col("occurred_at").filter("out").first().alias("left"),
            pl.col("event_id").filter(~pl.col("out")).alias("entered_by"),
            pl.col("event_id").filter("out").alias("left_by"),
        )
        .sort("customer_id", pl.coalesce("entered", "left"), "segment_id")
        .select(*LOG)
    )


def normal(name: pl.Expr) -> pl.Expr:
    """A name without case, and with one space for each run of anything but letters, digits and plus signs."""
    return name.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}+]+", " ").str.strip_chars()


def names_of(definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """The names of definitions that exist once: `name` (normal), `definition`; the first to claim a name has it."""
    pairs = [
        (name, definition.id)
        for definition in definitions
        if not definition.grouped
        for name in (definition.id, definition.title, *definition.aliases)
    ]
    frame = pl.DataFrame(pairs, schema={"name": pl.String(), "definition": pl.String()}, orient="row")
    return frame.with_columns(normal(pl.col("name"))).unique("name", keep="first", maintain_order=True)


def names_of_groups(definition: Definition, groups: pl.Series) -> pl.DataFrame:
    """The names of a definition that exists once a group: `name` (normal), `segment_id`, `group`."""
    different = pl.DataFrame({"group": groups.unique(maintain_order=True)})
    fields = {"group": pl.col("group"), "leaf": pl.col("group").str.split(" > ").list.last()}
    names = [
        different.select(filled(template, fields).alias("name"), "group")
        for template in (definition.title, *definition.aliases)
    ]
    segment_id = pl.concat_str(pl.lit(f"{definition.id}:"), "group").alias("segment_id")
    return pl.concat(names).select(normal(pl.col("name")), segment_id, "group")


def filled(template: str, fields: Mapping[str, pl.Expr]) -> pl.Expr:
    """A template with its `{fields}` put in; what is unknown reads as a question mark."""
    parts: list[pl.Expr] = []
    for text, name, _, _ in Formatter().parse(template):
        parts.append(pl.lit(text))
        if name is not None:
            parts.append(fields[name].fill_null("?"))
    return pl.concat_str(parts)
