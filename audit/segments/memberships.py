"""What a customer is in: the segments others logged and those our definitions give, held together."""

import polars as pl

from audit.events.schema import TIME
from audit.events.sensitive_topics import in_name
from audit.population.context import Context
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.derive import derive
from audit.segments.event_selection import Selected
from audit.segments.logged import logged
from audit.segments.model import Definition
from audit.segments.names import known, normal, of_groups
from audit.segments.possible_causes import could_be

MEMBERSHIPS: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "id": pl.String(),
    "title": pl.String(),
    "basis": pl.String(),
    "standing": pl.String(),
    "logged": pl.Boolean(),
    "derived": pl.Boolean(),
    "since": TIME,
    "until": TIME,
    "sensitive": pl.Boolean(),
    "purpose": pl.String(),
    "evidence": pl.List(pl.String()),
    "logged_as": pl.String(),
    "logged_events": pl.List(pl.String()),
    "source": pl.String(),
    "reason": pl.String(),
    "absent": pl.String(),
}
"""The columns of `memberships`: those of a segment in `whysent show`, and what stands behind them."""


def memberships(
    events: pl.DataFrame, ctx: Context, definitions: tuple[Definition, ...] | None = None
) -> pl.DataFrame:
    """Every segment the whole customers in `events` are in at `ctx.at`, in the columns of `MEMBERSHIPS`.

    A logged and a derived segment are one row where a name of the definition is the logged one; `id` is then ours.
    `standing`: stated (the log says why), derived (our definition gives it), inferred (something the customer did
    could be behind it), unexplained. `since` is the log's where there is one, `until` ours. `evidence`: the events
    of our definition, else those that logged it. `basis` is null where nobody says. Logged ones first.
    """
    chosen = (ctx.definitions or our_definitions()) if definitions is None else definitions
    ours = derive(events, ctx, chosen)
    theirs = _met(logged(events, ctx), ours, chosen)
    causes = theirs.select("customer_id", "segment_id").clear()
    if not theirs.is_empty():
        causes = could_be(events, Selected(events, ctx.at), theirs, chosen)
    theirs = theirs.join(causes.with_columns(could_be=True), on=("customer_id", "segment_id"), how="left")
    both = _one_each(theirs).join(
        ours, left_on=("customer_id", "id"), right_on=("customer_id", "segment_id"),
        how="full", coalesce=True, suffix="_ours",
    )  # fmt: skip
    return _described(both, chosen)


def _met(theirs: pl.DataFrame, ours: pl.DataFrame, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """Add `id` (ours where a name meets, else as logged) and `definition`."""
    named = theirs.with_columns(normal(pl.col("segment_id")).alias("name")).join(
        known(chosen), on="name", how="left"
    )
    grouped = [_groups(ours, one) for one in chosen if one.grouped]
    if grouped:
        named = named.join(
            pl.concat(grouped), on=("customer_id", "name"), how="left", maintain_order="left"
        ).with_columns(pl.coalesce("definition", "group_definition").alias("definition"))
    else:
        named = named.with_columns(pl.lit(None, pl.String).alias("group_id"))
    return named.with_columns(pl.coalesce("group_id", "definition", "segment_id").alias("id"))


def _groups(ours: pl.DataFrame, one: Definition) -> pl.DataFrame:
    """The names of the groups that each customer is in: `customer_id, name, group_id, group_definition`."""
    mine = ours.filter(pl.col("definition") == one.id)
    names = of_groups(one, mine["segment_id"].str.strip_prefix(f"{one.id}:"))
    return (
        mine.select("customer_id", "segment_id")
        .join(names, on="segment_id")
        .select(
            "customer_id",
            "name",
            pl.col("segment_id").alias("group_id"),
            pl.lit(one.id).alias("group_definition"),
        )
        .unique(("customer_id", "name"), keep="first", maintain_order=True)
    )


def _one_each(theirs: pl.DataFrame) -> pl.DataFrame:
    """Several logged names of one segment are one membership, since the first of them."""
    firsts = ("segment_id", "since", "source", "purpose", "definition")
    return theirs.group_by("customer_id", "id", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().first() for name in firsts),
        pl.col("states_why").any(),
        pl.col("could_be").fill_null(value=False).any(),
        pl.col("events").explode(empty_as_null=True),
    )


def _described(both: pl.DataFrame, chosen: tuple[Definition, ...]) -> pl.DataFrame:
    known_as = pl.coalesce("definition", "definition_ours")
    rows = both.with_columns(known_as.alias("definition")).join(_about(chosen), on="definition", how="left")
    return (
        rows.with_columns(
            pl.col("segment_id").is_not_null().alias("logged"),
            pl.col("definition_ours").is_not_null().alias("derived"),
            pl.coalesce("since", "since_ours").alias("since"),
        )
        .with_columns(
            pl.coalesce("title", "our_title", "id").alias("title"),
            _basis().alias("basis"),
            _standing().alias("standing"),
            (pl.col("our_sensitive").fill_null(value=False) | in_name(pl.col("id"))).alias("sensitive"),
            pl.coalesce("purpose", "our_purpose").alias("purpose"),
            pl.coalesce("evidence", "events").alias("evidence"),
            pl.col("segment_id").alias("logged_as"),
            pl.col("events").alias("logged_events"),
        )
        .sort(
            "customer_id",
            "logged",
            "place",
            "since",
            "id",
            descending=[False, True, False, False, False],
            nulls_last=True,
        )
        .select(*MEMBERSHIPS)
    )


def _about(chosen: tuple[Definition, ...]) -> pl.DataFrame:
    """What definitions say of themselves, grouped ones without a title (it is made with the group)."""
    rows = [
        (place, one.id, None if one.grouped else one.title, one.basis, one.sensitive, one.purpose)
        for place, one in enumerate(chosen)
    ]
    schema: dict[str, type[pl.DataType]] = {
        "place": pl.UInt16, "definition": pl.String, "our_title": pl.String, "our_basis": pl.String,
        "our_sensitive": pl.Boolean, "our_purpose": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _basis() -> pl.Expr:
    bought = (pl.col("source") == "third_party") & ~pl.col("derived")
    return pl.when(bought).then(pl.lit("third_party")).otherwise(pl.col("our_basis"))


def _standing() -> pl.Expr:
    return (
        pl.when(pl.col("states_why"))
        .then(pl.lit("stated"))
        .when("derived")
        .then(pl.lit("derived"))
        .when((pl.col("source") == "third_party") | ~pl.col("could_be").fill_null(value=False))
        .then(pl.lit("unexplained"))
        .otherwise(pl.lit("inferred"))
    )
