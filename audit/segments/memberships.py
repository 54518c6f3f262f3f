"""What a customer is in: the segments others logged and those our definitions give, held together."""

from functools import cache

import polars as pl

from audit.events.schema import BEHAVIOUR, TIME, first_label
from audit.events.sensitive_topics import in_name
from audit.population.coverage import Coverage, would_explain
from audit.segments.definition_files import definitions as our_definitions
from audit.segments.derive import derive
from audit.segments.event_selection import SelectedEvents
from audit.segments.logged import logged, names_of, names_of_groups, normal
from audit.segments.model import Definition, SegmentContext
from audit.storage import toml_input

MEMBERSHIPS: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "id": pl.String(),
    "title": pl.String(),
    "basis": pl.String(),
    "standing": pl.String(),
    "logged": pl.Boolean(),
    "derived": pl.Boolean(),
    "since": TIME,
    "of_export": pl.Boolean(),
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

_MEMBERSHIP = ("customer_id", "segment_id")
_WORD = r"\p{L}{4,}"


def memberships(
    events: pl.DataFrame, ctx: SegmentContext, definitions: tuple[Definition, ...] | None = None
) -> pl.DataFrame:
    """Every segment the whole customers in `events` are in at `ctx.at`, in the columns of `MEMBERSHIPS`.

    A logged and a derived segment are one row where a name of the definition is the logged one; `id` is then ours.
    `standing`: stated (the log says why), derived (our definition gives it), inferred (something the customer did
    could be behind it), unexplained, or cannot_tell where the data does not cover what would explain it. `since` is the log's where there is one, `until` ours. `evidence`: the events
    of our definition, else those that logged it. `basis` is null where nobody says. Logged ones first.
    """
    if definitions is None:
        definitions = ctx.definitions or our_definitions()
    derived = derive(events, ctx, definitions)
    log = _identified(logged(events, ctx), derived, definitions)
    causes = log.select(_MEMBERSHIP).clear()
    if not log.is_empty():
        causes = _with_possible_cause(events, SelectedEvents(events, ctx.at), log, definitions)
    log = log.join(causes.with_columns(could_be=True), on=_MEMBERSHIP, how="left")
    paired = _by_id(log).join(
        derived, left_on=("customer_id", "id"), right_on=("customer_id", "segment_id"),
        how="full", coalesce=True, suffix="_ours",
    )  # fmt: skip
    return _described(_without_coarser(paired, definitions), definitions, ctx.coverage)


def _without_coarser(paired: pl.DataFrame, definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """Without what only our definitions give and one without groups says more exactly of the same customer."""
    coarser = {each.id: each.finer_than for each in definitions if each.finer_than and not each.grouped}
    finer = paired.select(
        "customer_id", pl.col("definition_ours").replace_strict(coarser, default=None, return_dtype=pl.String)
    )
    stays = pl.col("segment_id").is_not_null() | pl.col("definition_ours").is_null()
    said = paired.filter(~stays).join(
        finer.drop_nulls().unique(), on=("customer_id", "definition_ours"), how="anti"
    )
    return pl.concat([paired.filter(stays), said])


def _identified(
    log: pl.DataFrame, derived: pl.DataFrame, definitions: tuple[Definition, ...]
) -> pl.DataFrame:
    """Add `id` (ours where a name meets, else as logged) and `definition` to logged segments."""
    rows = log.with_columns(normal(pl.col("segment_id")).alias("name")).join(
        names_of(definitions), on="name", how="left"
    )
    held = set(derived["definition"])
    grouped = [_group_names(derived, each) for each in definitions if each.grouped and each.id in held]
    if grouped:
        rows = rows.join(
            pl.concat(grouped), on=("customer_id", "name"), how="left", maintain_order="left"
        ).with_columns(pl.coalesce("definition", "group_definition").alias("definition"))
    else:
        rows = rows.with_columns(pl.lit(None, pl.String).alias("group_id"))
    return rows.with_columns(pl.coalesce("group_id", "definition", "segment_id").alias("id"))


def _group_names(derived: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    """The names of the groups that each customer is in: `customer_id, name, group_id, group_definition`."""
    segments = derived.filter(pl.col("definition") == definition.id)
    names = names_of_groups(definition, segments["segment_id"].str.strip_prefix(f"{definition.id}:"))
    return (
        segments.select("customer_id", "segment_id")
        .join(names, on="segment_id")
        .select(
            "customer_id",
            "name",
            pl.col("segment_id").alias("group_id"),
            pl.lit(definition.id).alias("group_definition"),
        )
        .unique(("customer_id", "name"), keep="first", maintain_order=True)
    )


def _with_possible_cause(
    events: pl.DataFrame, selected: SelectedEvents, log: pl.DataFrame, definitions: tuple[Definition, ...]
) -> pl.DataFrame:
    """Of logged memberships (`customer_id, segment_id, definition, since, category`), those with a possible cause.

    That is an act of the customer at or before `since` which the definition looks at or, where none is met, whose
    words or category are those of the segment's name. Columns `customer_id, segment_id`.
    """
    by_definition = [_cause_by_definition(selected, log, definition) for definition in definitions]
    by_words = _cause_by_words(events, log.filter(pl.col("definition").is_null()))
    return pl.concat([*by_definition, by_words]).unique()


def _cause_by_definition(selected: SelectedEvents, log: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    segments = log.filter(pl.col("definition") == definition.id)
    if segments.is_empty():
        return log.select(_MEMBERSHIP).clear()
    acts = pl.concat(
        selected.rows(condition.events).select("person", "occurred_at") for condition in definition.when
    )
    acts = acts.join(selected.people, on="person").select("customer_id", "occurred_at")
    earlier = pl.col("occurred_at") <= pl.col("since")
    return segments.join(acts, on="customer_id").filter(earlier).select(_MEMBERSHIP)


def _cause_by_words(events: pl.DataFrame, log: pl.DataFrame) -> pl.DataFrame:
    segments = log.with_columns(_stems(pl.col("segment_id")).alias("stem")).explode(
        "stem", empty_as_null=True
    )
    texts = pl.concat_str(
        ("category", "item_name", "query", pl.col("topics").list.join(" ")), separator=" ", ignore_nulls=True
    )
    acts = (
        events.filter(pl.col("kind").is_in(BEHAVIOUR))
        .join(segments.select("customer_id").unique(), on="customer_id", how="semi")
        .select("customer_id", "occurred_at", "category", texts.alias("text"))
        .group_by("customer_id", "category", "text")
        .agg(pl.col("occurred_at").min())
        .with_columns(pl.col("text").str.to_lowercase().str.extract_all(_WORD).alias("word"))
        .explode("word", empty_as_null=True)
    )
    says = pl.col("word").str.starts_with(pl.col("stem"))
    under = (pl.col("category_right") + " > ").str.starts_with(pl.col("category") + " > ")
    return (
        segments.join(acts, on="customer_id")
        .filter(pl.col("occurred_at") <= pl.col("since"))
        .filter(says.fill_null(value=False) | under.fill_null(value=False))
        .select(_MEMBERSHIP)
    )


def _stems(name: pl.Expr) -> pl.Expr:
    """The telling words of a segment's name, without a plural s."""
    words = name.str.to_lowercase().str.extract_all(_WORD)
    telling = words.list.eval(pl.element().filter(~pl.element().is_in(list(_common_words()))))
    return telling.list.eval(pl.element().str.strip_suffix("s"))


@cache
def _common_words() -> tuple[str, ...]:
    return tuple(toml_input.shipped("audit.segments", "common_words.toml")["words"])


def _by_id(log: pl.DataFrame) -> pl.DataFrame:
    """Several logged names of one segment are one membership, since the first of them."""
    columns = ("segment_id", "since", "source", "source_name", "purpose", "definition")
    return log.group_by("customer_id", "id", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().first() for name in columns),
        pl.col("states_why").any(),
        pl.col("could_be").fill_null(value=False).any(),
        pl.col("of_export").first(),
        pl.col("events").explode(empty_as_null=True),
    )


def _described(paired: pl.DataFrame, definitions: tuple[Definition, ...], covered: Coverage) -> pl.DataFrame:
    definition = pl.coalesce("definition", "definition_ours").alias("definition")
    rows = paired.with_columns(definition).join(_properties(definitions), on="definition", how="left")
    return (
        rows.with_columns(
            pl.col("segment_id").is_not_null().alias("logged"),
            pl.col("definition_ours").is_not_null().alias("derived"),
            pl.coalesce("since", "since_ours").alias("since"),
            pl.col("of_export").fill_null(value=False),
        )
        .with_columns(
            pl.coalesce("title", "our_title", "id").alias("title"),
            _basis().alias("basis"),
            _standing(covered).alias("standing"),
            (pl.col("our_sensitive").fill_null(value=False) | in_name(pl.col("id"))).alias("sensitive"),
            pl.coalesce("purpose", "our_purpose").alias("purpose"),
            pl.coalesce("evidence", "events").alias("evidence"),
            pl.col("segment_id").alias("logged_as"),
            pl.col("events").alias("logged_events"),
            pl.coalesce("reason", _recorded()).alias("reason"),
        )
        .sort(
            "customer_id",
            "logged",
            "position",
            "since",
            "id",
            descending=[False, True, False, False, False],
            nulls_last=True,
        )
        .select(*MEMBERSHIPS)
    )


def _recorded() -> pl.Expr:
    """What is known of a segment that only the log gives: since when, or as of which export, and from whom."""
    origins = {
        "third_party": pl.format(", from a third party{}", pl.format(" ({})", "source_name").fill_null("")),
        "inferred": pl.lit("; whoever recorded it had inferred it"),
    }
    origin = pl.lit("")
    for source, text in origins.items():
        origin = pl.when(pl.col("source").eq_missing(pl.lit(source))).then(text).otherwise(origin)
    lead = (
        pl.when("of_export")
        .then(pl.lit("In the log as of the export of"))
        .otherwise(pl.lit("In the log since"))
    )
    return pl.format("{} {}{}.", lead, pl.col("since").dt.strftime("%Y-%m-%d"), origin)


def _properties(definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """What definitions say of themselves, grouped ones without a title (it is made with the group)."""
    rows = [
        (position, each.id, None if each.grouped else each.title, each.basis, each.sensitive, each.purpose)
        for position, each in enumerate(definitions)
    ]
    schema: dict[str, type[pl.DataType]] = {
        "position": pl.UInt16, "definition": pl.String, "our_title": pl.String, "our_basis": pl.String,
        "our_sensitive": pl.Boolean, "our_purpose": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _basis() -> pl.Expr:
    bought = (pl.col("source") == "third_party") & ~pl.col("derived")
    return pl.when(bought).then(pl.lit("third_party")).otherwise(pl.col("our_basis"))


def _standing(covered: Coverage) -> pl.Expr:
    standings = {
        "stated": pl.col("states_why"),
        "derived": pl.col("derived"),
        "inferred": pl.col("source").ne_missing("third_party") & pl.col("could_be"),
        "unexplained": would_explain(covered, pl.col("since")),
    }
    return first_label(standings, "cannot_tell")
