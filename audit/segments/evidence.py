"""The events a segment rests on, what did not happen, and the events that a definition looks at and that do not count."""

from collections.abc import Collection
from datetime import datetime

import polars as pl

from audit.events.purchases import ORDER_OF, without_undone
from audit.events.schema import TIME
from audit.segments.contributions import contributions, fits, known_again, live, openings, runs, says
from audit.segments.event_selection import SelectedEvents
from audit.segments.model import LEARNED, Condition, Definition, SegmentContext
from audit.segments.models import explain as learned
from audit.segments.transitions import AT_SEGMENT

EXCLUDED: dict[str, pl.DataType] = {"event_id": pl.String(), "why": pl.String()}
"""The columns of `excluded_events`."""

_EXCLUDED_ROWS = {"row": pl.UInt32, "why": pl.String}

_NEVER_COUNTS = {"first": "only the first of them counts", "absent": "a newer one stands for them"}
"""Test → what is said of events it looks at and does not rest on, whenever they were."""

_CLOSED = {
    "order_completed": "bought since",
    "product_removed": "taken out since",
    "registry_closed": "closed since",
    "customer_deceased": "the customer died since",
    "unsubscribed": "left since",
    "objected": "objected since",
    "consent_withdrawn": "consent withdrawn since",
    "message_complained": "complained since",
}
"""Kind → what is said of what one of it closed."""

_VERBS = {
    "looked at": ("product_viewed",),
    "chose": ("product_added", "wishlist_added"),
    "bought": ("order_completed",),
}
"""What acts with goods are called."""

_UNDONE = "sent back or cancelled since"

_ROWS = pl.lit(2**32, pl.UInt64)
"""More than a frame has rows."""


def evidence(
    selected: SelectedEvents, definitions: tuple[Definition, ...], holding: pl.DataFrame, at: datetime
) -> pl.DataFrame:
    """What stands behind the conditions that hold (`condition, position, person, group, value`).

    Columns `position, person, group, evidence, count, part, acts, first, last, item, absent`: event_ids oldest first; the value of
    the first condition that holds, and the part of it that carries what a share asks for; times (UTC) of the oldest and newest event and the newest item's name; JSON.
    """
    conditions = [condition for definition in definitions for condition in definition.when]
    segments = holding.select(AT_SEGMENT).unique(maintain_order=True).with_row_index("segment")
    holding_numbers = set(holding["condition"].unique())
    of_segment = holding.join(segments, on=AT_SEGMENT)
    rows = pl.concat(
        _rows(selected, condition, at)
        .select("row", *_key(condition))
        .join(
            of_segment.filter(pl.col("condition") == number).select("segment", *_key(condition)),
            on=_key(condition),
        )
        .select("segment", "row")
        for number, condition in enumerate(conditions)
        if number in holding_numbers
    )
    events = (
        selected.described(_each_once(rows))
        .group_by("segment", maintain_order=True)
        .agg(
            pl.col("event_id").alias("evidence"),
            pl.col("occurred_at").first().alias("first"),
            pl.col("occurred_at").last().alias("last"),
            _acts().alias("acts"),
            pl.col("item_name").drop_nulls().last().alias("item"),
            pl.col("item_id").drop_nulls().last().alias("item_id"),
            pl.col("list_id").drop_nulls().unique(maintain_order=True).alias("lists"),
        )
    )
    none = pl.lit([], pl.List(pl.String))  # of a learned group that rests on what was seldom done
    return (
        segments.join(events, on="segment", how="left", maintain_order="left")
        .with_columns(pl.col("evidence").fill_null(none))
        .join(_counts(holding), on=AT_SEGMENT, how="left")
        .with_columns(_absent(selected, definitions, at).alias("absent"))
        .join(
            _reasons(selected, definitions, at), on=("position", "person"), how="left", maintain_order="left"
        )
    )


def _acts() -> pl.Expr:
    """What the customer did, as a sentence begins: those of `_VERBS` of which there is an event."""
    verbs = [
        pl.when(pl.col("kind").is_in(list(kinds)).any()).then(pl.lit(verb)) for verb, kinds in _VERBS.items()
    ]
    text = pl.concat_str(verbs, separator=", ", ignore_nulls=True).str.replace(r", ([^,]*)$", " or $1")
    return pl.concat_str(text.str.slice(0, 1).str.to_uppercase(), text.str.slice(1))


def _each_once(rows: pl.DataFrame) -> pl.DataFrame:
    """The pairs of `segment` and `row` in order, sorted as one number."""
    pair = (pl.col("segment").cast(pl.UInt64) * _ROWS + pl.col("row")).alias("pair")
    pairs = rows.select(pair).sort("pair")
    return pairs.filter(pl.col("pair").ne_missing(pl.col("pair").shift(1))).select(
        (pl.col("pair") // _ROWS).cast(pl.UInt32).alias("segment"),
        (pl.col("pair") % _ROWS).cast(pl.UInt32).alias("row"),
    )


def _key(condition: Condition) -> tuple[str, ...]:
    return ("person", "group") if condition.by and condition.test not in LEARNED else ("person",)


def _reasons(selected: SelectedEvents, definitions: tuple[Definition, ...], at: datetime) -> pl.DataFrame:
    """What a model says of why: `position, person, why`."""
    reasons = [
        learned.reasons(selected, condition, at).select(
            pl.lit(position, pl.UInt16).alias("position"), "person", "why"
        )
        for position, definition in enumerate(definitions)
        for condition in definition.when
        if condition.test in LEARNED and not selected.rows(condition.events).is_empty()
    ]
    schema = {"position": pl.UInt16, "person": pl.UInt32, "why": pl.String}
    return pl.concat(reasons) if reasons else pl.DataFrame(schema=schema)


def _rows(selected: SelectedEvents, condition: Condition, at: datetime) -> pl.DataFrame:
    """The events that `condition` rests on at `at`: `row, person, group`."""
    if condition.test in LEARNED:
        return learned.deciding_events(selected, condition, at)
    if condition.test == "state" and condition.by:
        rows = selected.grouped(condition).with_columns(runs().alias("run"))
        return rows.filter(pl.col("run") == pl.col("run").max().over("person"))
    if condition.test in ("open", "state"):
        return contributions(selected, condition).filter(live(at))
    rows = selected.grouped(condition)
    if condition.test == "first":
        return rows.filter(ORDER_OF.first().over("person", "group") == ORDER_OF)
    if condition.test == "absent":
        newest = pl.col("occurred_at").max()
        return rows.filter(newest.over("person", "group", ORDER_OF) == newest.over("person", "group"))
    if condition.window is not None:
        rows = rows.filter(pl.col("occurred_at") > at - condition.window)
    if condition.test == "sum":
        return rows.drop_nulls("price")
    return rows.drop_nulls("item_id") if condition.things == "item" else rows


def _counts(holding: pl.DataFrame) -> pl.DataFrame:
    return (
        holding.sort("condition")
        .unique(AT_SEGMENT, keep="first", maintain_order=True)
        .select(*AT_SEGMENT, pl.col("value").alias("count"), "part")
    )


def _absent(selected: SelectedEvents, definitions: tuple[Definition, ...], at: datetime) -> pl.Expr:
    """What did not happen since the newest evidence, or the last gap after it, as JSON; null for what rests on acts alone."""
    absent = pl.lit(None, pl.String)
    for position, definition in enumerate(definitions):
        for condition in definition.when:
            kinds = {"absent": condition.events.kinds, "open": condition.ends}.get(condition.test)
            if kinds:
                ends = known_again(kinds, selected) if condition.test == "absent" else []
                since = pl.max_horizontal("last", *(pl.lit(end, TIME) for end in ends if end <= at))
                fields = [pl.lit(list(kinds), pl.List(pl.String)).alias("kind"), _iso(since).alias("since")]
                fields += [pl.col("item_id")] if condition.same == "item_id" else []
                fields += [pl.col("lists")] if condition.same == "list_id" else []
                as_json = pl.struct(fields).struct.json_encode()
                absent = pl.when(pl.col("position") == position).then(as_json).otherwise(absent)
    return absent


def _iso(time: pl.Expr) -> pl.Expr:
    whole = time.dt.microsecond() == 0
    return (
        pl.when(whole)
        .then(time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .otherwise(time.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    )


def excluded_events(
    events: pl.DataFrame,
    ctx: SegmentContext,
    definition: Definition,
    segment_id: str,
    rests_on: Collection[str],
) -> pl.DataFrame:
    """Of one customer's `events`, those that `definition` looks at for the segment `segment_id` and does not rest on, each
    with what keeps it from counting: `EXCLUDED`, in order.

    `rests_on`: the event_ids that it rests on.
    """
    until_now = events.filter(pl.col("occurred_at") <= ctx.at)
    gone = until_now.join(
        without_undone(until_now), on=("customer_id", "event_id"), how="anti", maintain_order="left"
    )
    group = segment_id.partition(":")[2]
    described = []
    for part, why in ((until_now, None), (gone, pl.lit(_UNDONE))):
        selected = SelectedEvents(part, ctx.at, ctx.facts.prices, ctx.models, ctx.coverage)
        parts = [_excluded_rows(selected, condition, group, ctx) for condition in definition.when]
        rows = pl.concat([pl.DataFrame(schema=_EXCLUDED_ROWS), *parts]).unique("row", keep="first")
        described.append(selected.described(rows if why is None else rows.with_columns(why=why)))
    excluded = pl.concat(described).sort("occurred_at", "event_id")
    return excluded.filter(~pl.col("event_id").is_in(list(rests_on))).select(*EXCLUDED)


def _excluded_rows(
    selected: SelectedEvents, condition: Condition, group: str, ctx: SegmentContext
) -> pl.DataFrame:
    if selected.rows(condition.events).is_empty():
        return pl.DataFrame(schema=_EXCLUDED_ROWS)
    if condition.test in LEARNED:
        return learned.excluded_events(selected, condition, ctx.at)
    rows = selected.grouped(condition)
    if condition.by and condition.test != "state":
        rows = rows.filter(pl.col("group") == group)
    if condition.test == "open":
        rows = openings(rows, condition, selected)
    elif condition.test == "state":  # a row that says nothing of it is none that is looked at
        rows = says(rows, condition)
    return rows.select("row", _exclusion(condition, ctx).alias("why")).drop_nulls()


def _exclusion(condition: Condition, ctx: SegmentContext) -> pl.Expr:
    """What keeps an event that a condition looks at from counting; null where nothing does."""
    if condition.test in _NEVER_COUNTS:
        return pl.lit(_NEVER_COUNTS[condition.test])
    if condition.test == "state":
        newer = pl.lit("a newer one says what is so now")
        return (
            newer
            if condition.by
            else pl.when(fits(condition)).then(newer).otherwise(pl.lit("says something else"))
        )
    if condition.test == "open":
        return _not_open(condition, ctx.at)
    lacking = pl.lit("its row lacks what is counted")
    if condition.window is None:
        return lacking
    return (
        pl.when(pl.col("occurred_at") <= ctx.at - condition.window)
        .then(_too_long(condition))
        .otherwise(lacking)
    )


def _not_open(condition: Condition, at: datetime) -> pl.Expr:
    closed = pl.col("kind_closing").replace_strict(
        _CLOSED, default=pl.format("{} since", pl.col("kind_closing").str.replace_all("_", " "))
    )
    return (
        pl.when(pl.col("closed").is_not_null())
        .then(closed)
        .when(pl.col("stale") <= at)
        .then(_too_long(condition))
        .when(pl.col("occurred_at") + condition.after > at)
        .then(pl.lit("too short a time ago"))
        .when(pl.col("known") <= at)
        .then(pl.lit("whether it has ended since is not in the data"))
        .when(pl.col(condition.same or "event_id").is_null())
        .then(pl.lit("its row does not say of what"))
    )


def _too_long(condition: Condition) -> pl.Expr:
    days = 0 if condition.window is None else condition.window.days
    return pl.lit(f"more than {days} days ago: too long" if days > 1 else "too long ago")
