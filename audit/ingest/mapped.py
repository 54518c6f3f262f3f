"""Any table, and JSON of any shape, as a map says how to read it (`map_language`): the one given, or one that ships."""

import re
from collections.abc import Iterator, Mapping
from itertools import repeat

import polars as pl

from audit.events.schema import KINDS, OTHER, SCHEMA, TIME
from audit.events.vocabulary import LOOKS_LIKE_AN_OPT_OUT
from audit.ingest import canonical, normalise, timestamps
from audit.ingest.attributes import identifier_field
from audit.ingest.format import SAME_PERSON, Batch
from audit.ingest.map_conditions import Origin, filled
from audit.ingest.map_language import KEEP, OTHERWISE, SKIP, Map
from audit.ingest.paths import EACH, FIRST, unfold
from audit.ingest.readers import Table
from audit.ingest.values import as_text, nobodies
from audit.privacy import scan
from audit.privacy.clean import clean_column

_ONCE = "is told once"
"""The column that marks events which are no news about one that is known."""

_UNLISTED = (pl.col("kind").is_not_null() & ~pl.col("kind").is_in(KINDS)).fill_null(value=False)

_WORD = 60
"""Characters of a kind's word that are told, at most."""

NO_KIND = "a kind of event that the map leaves out"
MAY_BE_A_NO = f"{NO_KIND}, and that looks like a no, a complaint or a bounce"
"""Why a row is skipped whose kind is not listed under [kinds]."""


def batch(mapping: Map, table: Table) -> Batch:
    """The events of rows as a map says."""
    columns = mapping.theirs()
    rows = (
        table.rows
        if table.form == "ndjson"
        else unfold(table.rows, columns, mapping.drop, every_list=mapping.lists == "each")
    )
    absent = [pl.lit(None, pl.String).alias(name) for name in columns if name not in rows.columns]
    nested = [as_text(rows[name]).alias(name) for name in mapping.judged_by() if _is_nested(rows, name)]
    rows, skipped = _skipped(mapping, _without_nobodies(mapping, rows.with_columns(*absent, *nested)))
    to_vault = _identifiers(mapping, rows)
    of_persons = {name for same_person in mapping.same_person for name in same_person.ids}
    events = rows.select(
        "row",
        *(_own(mapping, name, to_vault).alias(f"to the vault: {name}") for name in to_vault),
        *_left_over(mapping, rows, {*to_vault, *mapping.drop, *of_persons}),
        *(_value(origin, rows).alias(column) for column, origin in mapping.columns.items()),
        *(pl.lit(value).alias(column) for column, value in mapping.constants.items()),
        *_same_person(mapping),
    )
    events = _with_further(mapping, rows, _chosen(mapping, rows, events))
    other_kinds = _other_kinds(mapping, events)
    events, skipped = _with_kinds(mapping, events, skipped)
    events = _keyed(mapping, events).drop(_ONCE, "@line", strict=False)
    return canonical.batch(
        Table(
            table.path,
            mapping.format.name if mapping.format else table.form,
            _timed(mapping, events),
            table.read,
            table.size,
            table.rejected,
        ),
        identifier_columns={f"to the vault: {name}": field for name, field in to_vault.items()},
        source=table.rows,
        rows=table.count,
        skipped=skipped,
        other_kinds=other_kinds,
        time_zone=mapping.time.zone and timestamps.zone(mapping.time.zone),
        decimal=mapping.numbers.decimal,
        distinct=mapping.rows == "distinct",
        kept=mapping.keep,
    )


def _without_nobodies(mapping: Map, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without words for nobody in columns of ids, where another of them may say who it is."""
    origin = mapping.columns.get("customer_id")
    several = origin.column if origin is not None and len(origin.column) > 1 else ()
    empty = {}
    for name in {*several, *(name for same_person in mapping.same_person for name in same_person.ids)}:
        if rows.schema[name] == pl.String and (nobody := nobodies(rows[name])) is not None:
            empty[name] = rows[name].set(nobody, None)
    return rows.with_columns(**empty)


def _is_nested(rows: pl.DataFrame, name: str) -> bool:
    return name in rows.columns and rows.schema[name].is_nested()


def _identifiers(mapping: Map, rows: pl.DataFrame) -> dict[str, str]:
    """What goes to the vault: what the map says, and what paths that nothing uses lead to if it is called so."""
    used = {name for origin in mapping.columns.values() for name in origin.column[:1]}
    called = {
        name: identifier_field(name)
        for name in rows.columns
        if name not in SCHEMA and name not in used and name not in mapping.drop
    }
    return {**{name: field for name, field in called.items() if field}, **mapping.identifiers}


def _own(mapping: Map, name: str, to_vault: Mapping[str, str]) -> pl.Expr:
    """An identifier, where it is of the customer: an event made of one of a list of people takes nothing of the others."""
    own = pl.lit(value=True)
    for told_by in reversed(
        mapping.columns["customer_id"].column if "customer_id" in mapping.columns else ()
    ):
        element = re.sub(r"(.*\[0?\]).*", r"\1", told_by)
        of_another = to_vault.get(told_by) == to_vault[name] and (EACH in told_by + name or FIRST in name)
        fits = not of_another or name.startswith(element)
        own = pl.when(filled([told_by]).is_not_null()).then(fits).otherwise(own)
    return pl.when(own).then(name)


def _same_person(mapping: Map) -> Iterator[pl.Expr]:
    """Another id of the customer, where the row names one, and whether the source says that both are one."""
    if not mapping.same_person:
        return
    ident, merge = pl.lit(None, pl.String), pl.lit(None, pl.Boolean)
    for same_person in reversed(mapping.same_person):
        fits = same_person.fits() if same_person.tests else pl.lit(value=True)
        fits &= filled(same_person.ids).is_not_null()
        ident = pl.when(fits).then(filled(same_person.ids)).otherwise(ident)
        merge = pl.when(fits).then(pl.lit(same_person.merge)).otherwise(merge)
    yield ident.alias(SAME_PERSON[0])
    yield merge.alias(SAME_PERSON[1])


def _left_over(mapping: Map, rows: pl.DataFrame, without: set[str]) -> Iterator[pl.Expr]:
    """The columns that are kept in the attributes: those not mapped, and of several for one of ours those not taken."""
    columns = mapping.theirs()
    inside = tuple(columns)
    taken_apart = {
        name for name in columns if any(map(str.startswith, inside, repeat((f"{name}{EACH}", f"{name}."))))
    }
    earlier: dict[str, tuple[str, ...]] = {}
    for origin in mapping.columns.values():
        for position, name in enumerate(origin.column):
            earlier[name] = () if not position else earlier.get(name, origin.column[:position])
    for name in sorted(rows.columns, key=SCHEMA.__contains__):  # theirs, then those that only sound like ours
        if name in ("row", "@file", "@customer") or name in without | taken_apart or earlier.get(name) == ():
            continue
        value = pl.col(name)
        if name in earlier:
            value = pl.when(filled(earlier[name]).is_not_null()).then(value)
        yield value.alias(f"{name}_" if name in SCHEMA and name != "attributes" else name)


def _value(origin: Origin, rows: pl.DataFrame) -> pl.Expr:
    if origin.pattern is not None:
        return filled(origin.column).str.extract(origin.pattern, min(re.compile(origin.pattern).groups, 1))
    if len(origin.column) == 1:
        return pl.col(origin.column[0])
    types = {rows.schema[name] for name in origin.column}
    return (
        pl.coalesce(*origin.column) if len(types) == 1 and pl.String not in types else filled(origin.column)
    )


def _skipped(mapping: Map, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    counts: dict[str, int] = {}
    for condition in mapping.skip:
        remaining = rows.filter(~condition.fits())
        _count(counts, condition.reason, rows, remaining)
        rows = remaining
    return rows, counts


def _count(counts: dict[str, int], reason: str, before: pl.DataFrame, after: pl.DataFrame) -> None:
    """Count the rows that have no event any more."""
    lost = before["row"].n_unique() - after["row"].n_unique() if after.height < before.height else 0
    if lost:
        counts[reason] = counts.get(reason, 0) + lost


def _chosen(mapping: Map, rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Kinds in our words, and the values that conditions set."""
    if mapping.kinds and "kind" in events.columns:
        words = {word: kind for word, kind in mapping.kinds.items() if word != OTHERWISE}
        events = events.with_columns(pl.col("kind").cast(pl.String).replace(words))
    stated = events
    for condition in reversed(mapping.when):
        fits = rows.select(condition.fits().alias("fits")).to_series()
        for column, value in condition.set.items():
            before = pl.col(column).cast(pl.String) if column in events.columns else pl.lit(None, pl.String)
            events = events.with_columns(pl.when(fits).then(pl.lit(value)).otherwise(before).alias(column))
    changed = {name for condition in mapping.when for name in condition.set if name in mapping.columns}
    for column in sorted(changed - {"kind"}):  # their word stays, in the attributes
        several = mapping.columns[column].column
        name = several[0] if len(several) == 1 else f"{column}_stated"
        stated_words = stated[column].cast(pl.String)
        word = stated_words.set((events[column] == stated_words).fill_null(value=True), None)
        events = events.with_columns(word.alias(f"{name}_" if name in SCHEMA else name))
    return events


def _with_further(mapping: Map, rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The events, and behind each those that its row gives besides."""
    parts = [events]
    for further in mapping.event:
        values = [_value(origin, rows).alias(column) for column, origin in further.columns.items()]
        event = events.with_columns(
            *rows.select(values).get_columns(),
            *(pl.lit(value).alias(column) for column, value in further.set.items()),
            pl.lit(further.once).alias(_ONCE),
        )
        if further.tests:
            event = event.filter(rows.select(further.fits().alias("fits")).to_series())
        if "event_id" in event.columns and not mapping.key:
            event = event.with_columns(pl.format("{}:{}", "event_id", "kind").alias("event_id"))
        parts.append(event)
    return (
        pl.concat(parts, how="diagonal_relaxed").sort("row", maintain_order=True) if mapping.event else events
    )


def _keyed(mapping: Map, events: pl.DataFrame) -> pl.DataFrame:
    """Ids made of what the map says makes a row the same; `normalise.with_ids` hashes them."""
    if not mapping.key:
        return events
    key = pl.lit(None, pl.String)
    for kind, several in mapping.key.items():
        columns = [pl.col(_place(mapping, name)).cast(pl.String) for name in several]
        values = [value.fill_null("") for value in columns]
        identity = pl.concat_str(
            [pl.col("kind") if kind else pl.lit(""), *values], separator=normalise.SEPARATOR
        )
        fits = pl.any_horizontal(value.is_not_null() for value in columns)
        if kind not in ("", OTHERWISE):
            fits = columns[0].is_not_null() & (pl.col("kind") == kind)
        key = pl.when(fits & key.is_null()).then(identity).otherwise(key)
    once = pl.col(_ONCE).fill_null(value=False) if _ONCE in events.columns else pl.lit(value=False)
    prefix = pl.when(once).then(pl.lit(normalise.KEY_ONCE)).otherwise(pl.lit(normalise.KEY))
    return events.with_columns(pl.concat_str(prefix, key).alias("event_id"))


def _place(mapping: Map, name: str) -> str:
    """The column of the events that a name in a key means: ours, or where theirs went."""
    if name in mapping.columns or name in mapping.constants:
        return name
    mapped = (column for column, origin in mapping.columns.items() if name in origin.column[:1])
    return next(mapped, f"{name}_" if name in SCHEMA else name)


def _other_kinds(mapping: Map, events: pl.DataFrame) -> dict[str, int]:
    """The words of kinds that are kept as `other`, without what tells who somebody is, and how many events each has."""
    if mapping.other_kinds != KEEP:
        return {}
    words = scan.scrub(clean_column(events.filter(_UNLISTED)["kind"].str.slice(0, _WORD)))
    return dict(words.value_counts().sort("count", "kind", descending=[True, False]).rows())


def _with_kinds(
    mapping: Map, events: pl.DataFrame, skipped: dict[str, int]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """What the map says of kinds that it does not list: leave them out, or keep them with their word in the attributes."""
    unlisted_kind = mapping.other_kinds
    if unlisted_kind is None:
        return events, skipped
    if unlisted_kind == SKIP:
        is_no = pl.col("kind").str.contains(LOOKS_LIKE_AN_OPT_OUT).fill_null(value=False)
        for reason, unlisted in ((NO_KIND, _UNLISTED & ~is_no), (MAY_BE_A_NO, _UNLISTED)):
            remaining = events.filter(~unlisted)
            _count(skipped, reason, events, remaining)
            events = remaining
        return events, skipped
    column = mapping.columns["kind"].column[0] if "kind" in mapping.columns else "kind"
    name = f"{column}_" if column in SCHEMA else column
    new_kind = pl.lit(OTHER if unlisted_kind == KEEP else unlisted_kind)
    return (
        events.with_columns(
            pl.when(_UNLISTED).then(new_kind).otherwise("kind").alias("kind"),
            pl.when(_UNLISTED).then("kind").alias(name),
        ),
        skipped,
    )


def _timed(mapping: Map, events: pl.DataFrame) -> pl.DataFrame:
    """Times as ISO 8601; those in no form of the map's stay as they are, and are refused."""
    names = [name for name, dtype in SCHEMA.items() if dtype == TIME and name in mapping.columns]
    return events.with_columns(timestamps.written(events[name], mapping.time.format) for name in names)
