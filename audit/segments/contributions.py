"""When a condition holds: every matching event adds its weight from one moment until another.

A frame of *contributions* has `person, group, enter, leave, weight, part`: from `enter` on and before `leave`
(null: without end) the event adds `weight` to what the condition counts, and `part` to what it holds against it.
So windows `(t - w, t]` are exact, ties included, and the moments after the present say when it will end.
"""

import re
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar

import polars as pl

from audit.events.purchases import ORDER_OF
from audit.events.schema import TIME
from audit.events.vocabulary import (
    COMPLAINT,
    KEY,
    NOES,
    carries,
    may_cover_expr,
    says_no_expr,
    with_addresses,
)
from audit.segments.event_selection import SelectedEvents
from audit.segments.groups import mentions, profile_values
from audit.segments.model import Condition, Selection
from audit.storage import toml_input

CENTS = 100
"""Money is summed in whole hundredths, so that adding and taking away leave nothing over."""

WHOLE = {"weight": pl.lit(1, pl.Int64), "part": pl.lit(0, pl.Int64)}
"""What a contribution adds that is all a condition asks for."""

Rows = TypeVar("Rows", pl.DataFrame, pl.LazyFrame)

_KEYS = ("person", "group")
_ONE, _NOTHING = pl.lit(1), pl.lit(0)

_APART = ("count", "sum", "share", "first", "absent")
"""Tests for which the events of one group say nothing about another."""


def contributions(
    selected: SelectedEvents, condition: Condition, only: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The contributions of the events that `condition`, which no model answers, looks at; `row` where one stands for itself.

    `only`: the groups of persons (`person, group`) that are asked for, if not all.
    """
    if only is None:
        return selected.once(_contributions, condition)
    if condition.test not in _APART:
        return selected.once(_contributions, condition).join(
            only, on=_KEYS, how="semi", maintain_order="left"
        )
    rows = selected.grouped(condition).join(only, on=_KEYS, how="semi", maintain_order="left")
    return _by_test(rows, condition, selected)


def _contributions(selected: SelectedEvents, condition: Condition) -> pl.DataFrame:
    return _by_test(selected.grouped(condition), condition, selected)


def _by_test(rows: pl.DataFrame, condition: Condition, selected: SelectedEvents) -> pl.DataFrame:
    contributed = _OF_TEST[condition.test](rows.lazy(), condition, selected)
    return contributed.filter(pl.col("leave").is_null() | (pl.col("enter") < pl.col("leave"))).collect()


def live(at: datetime) -> pl.Expr:
    """Whether a contribution has entered at `at` and not left."""
    return (pl.col("enter") <= at) & (pl.col("leave").is_null() | (pl.col("leave") > at))


def least(condition: Condition) -> int:
    """What the weights of `condition` must reach."""
    if condition.test in ("count", "share"):
        return int(-(-condition.at_least // 1))
    return round(condition.at_least * CENTS) if condition.test == "sum" else 1


def _count(rows: pl.LazyFrame, condition: Condition, _: SelectedEvents) -> pl.LazyFrame:
    if condition.things == "event":
        return _windowed(rows, condition.window)
    leave = pl.col("again")
    if condition.window is not None:
        leave = pl.min_horizontal(pl.col("occurred_at") + condition.window, leave)
    units = _units(rows, condition.things).with_columns(leave.alias("leave"))
    return _contribution(units, pl.col("occurred_at"), pl.col("leave"))


def _sum(rows: pl.LazyFrame, condition: Condition, _: SelectedEvents) -> pl.LazyFrame:
    at_once = rows.group_by(*_KEYS, "occurred_at").agg(spent().sum().alias("weight"))
    return _windowed(at_once, condition.window, weight=pl.col("weight"))


def _share(rows: pl.LazyFrame, condition: Condition, _: SelectedEvents) -> pl.LazyFrame:
    at_once = rows.group_by(*_KEYS, "occurred_at").agg(
        pl.len().alias("weight"), carries(condition.keys).sum().alias("part")
    )
    return _windowed(at_once, condition.window, weight=pl.col("weight"), part=pl.col("part"))


def _first(rows: pl.LazyFrame, condition: Condition, _: SelectedEvents) -> pl.LazyFrame:
    first = rows.select(*_KEYS, "occurred_at").unique(_KEYS, keep="first", maintain_order=True)
    return _windowed(first, condition.window)


def _absent(rows: pl.LazyFrame, condition: Condition, selected: SelectedEvents) -> pl.LazyFrame:
    """Of the dead nothing is expected; what is not known is not taken for absent: after a gap the window begins anew."""
    acts = rows.select(*_KEYS, "occurred_at")
    gap_ends = pl.LazyFrame({"ends": known_again(condition.events.kinds, selected)}, schema={"ends": TIME})
    after_gaps = acts.group_by(_KEYS).agg(pl.col("occurred_at").min()).join(gap_ends, how="cross")
    anew = after_gaps.filter(pl.col("ends") > pl.col("occurred_at")).select(*_KEYS, occurred_at="ends")
    moments = pl.concat([acts, anew]).unique().sort(*_KEYS, "occurred_at")
    deaths = (
        selected.rows(Selection(("customer_deceased",)))
        .lazy()
        .group_by("person")
        .agg(died=pl.col("occurred_at").min())
    )
    ends = pl.min_horizontal(
        _next(*_KEYS), "died", _known_through(_recorded(condition.events.kinds, selected), selected)
    )
    with_next = moments.join(deaths, on="person", how="left", maintain_order="left").with_columns(
        ends.alias("leave")
    )
    return _contribution(with_next, pl.col("occurred_at") + condition.window, pl.col("leave"))


def _known_through(kinds: tuple[str, ...], selected: SelectedEvents) -> pl.Expr:
    """Up to when after `occurred_at` an event of each of `kinds` would be in the data; null where that is known up to now."""
    if selected.coverage is None:
        return pl.lit(None, TIME)
    return selected.coverage.known_through_expr(kinds, pl.col("occurred_at"))


def known_again(kinds: tuple[str, ...], selected: SelectedEvents) -> list[datetime]:
    """When gaps are over in which an event of `kinds` may be missing, as far as the data holds them."""
    unknown = () if selected.coverage is None else selected.coverage.unknown(_recorded(kinds, selected))
    return [end for _, end in unknown if end is not None]


def _recorded(kinds: tuple[str, ...], selected: SelectedEvents) -> tuple[str, ...]:
    """Those of `kinds` that the data holds: one of them is enough to show that somebody is still there."""
    return tuple(kind for kind in kinds if selected.coverage is None or kind in selected.coverage.kinds)


def _open(rows: pl.LazyFrame, condition: Condition, selected: SelectedEvents) -> pl.LazyFrame:
    opening = openings(rows.collect(), condition, selected).lazy()
    opening = opening.with_columns(leave=pl.min_horizontal("closed", "known", "stale"))
    if condition.same == "item_id":
        opening = opening.drop_nulls("item_id")
    return _contribution(opening, pl.col("occurred_at") + condition.after, pl.col("leave"), "row")


def openings(rows: pl.DataFrame, condition: Condition, selected: SelectedEvents) -> pl.DataFrame:
    """`rows` with what can end each (times, null where nothing does): `closed` by which `kind_closing`; `known`, up to when an end would be in
    the data; `stale`, when its window is over.
    """
    ending = selected.rows(Selection(condition.ends)).with_columns(pl.lit("").alias("group"))
    if not {*NOES}.isdisjoint(condition.ends):
        ending = _addressed(ending.filter(says_no_expr() | ~pl.col("kind").is_in(NOES)), selected)
        parts = [
            _closed(own, ending.filter(_may_end(channel, sender)), condition, selected)
            for (channel, sender), own in rows.group_by("channel", "sender", maintain_order=True)
        ]
        return pl.concat(parts).sort("row") if parts else _closed(rows, ending, condition, selected)
    return _closed(rows, ending, condition, selected)


def _addressed(ending: pl.DataFrame, selected: SelectedEvents) -> pl.DataFrame:
    """`ending` with complaints about the channel and sender of their message."""
    messages = selected.rows(Selection(("message_sent",))).rename({"person": "customer_id"})
    sent = messages.with_columns(KEY).unique(
        ("customer_id", "message_key"), keep="first", maintain_order=True
    )
    return with_addresses(ending.rename({"person": "customer_id"}), sent).rename({"customer_id": "person"})


def _may_end(channel: object, sender: object) -> pl.Expr:
    """Whether an event can end what goes on over a channel from a sender: a no names none, the same, or nobody can tell."""
    of_opening = ((name, pl.lit(own, pl.String)) for name, own in (("channel", channel), ("sender", sender)))
    covers = [may_cover_expr(name, own) for name, own in of_opening]
    return ~pl.col("kind").is_in(NOES) | pl.all_horizontal(covers)


def _closed(
    rows: pl.DataFrame, ending: pl.DataFrame, condition: Condition, selected: SelectedEvents
) -> pl.DataFrame:
    acts = pl.concat([rows.with_columns(opens=True), ending.with_columns(opens=False)]).sort("row", "opens")
    closing = pl.when(~pl.col("opens")).then("row")
    if condition.same is None:
        closes = closing.backward_fill().over("person")
    else:
        names_none = pl.col(condition.same).is_null()
        closes_all = pl.when(names_none).then(closing).backward_fill().over("person")
        closes = pl.min_horizontal(closing.backward_fill().over("person", condition.same), closes_all)
    telling = tuple(kind for kind in condition.ends if kind != COMPLAINT)  # nobody has to complain to leave
    stale = pl.lit(None, TIME) if condition.window is None else pl.col("occurred_at") + condition.window
    ends = ending.select(closes="row", closed="occurred_at", kind_closing="kind")
    return (
        acts.with_columns(closes=closes, known=_known_through(telling, selected), stale=stale)
        .filter("opens")
        .join(ends, on="closes", how="left", maintain_order="left")
    )


def _state(rows: pl.LazyFrame, condition: Condition, _: SelectedEvents) -> pl.LazyFrame:
    """Of a profile the newest row that says something stands; so does each group of what it says."""
    telling = says(rows, condition)
    if condition.by:
        return _steady(telling)
    dated = telling.with_columns(_next("person").alias("leave"))
    return _contribution(dated.filter(fits(condition)), pl.col("occurred_at"), pl.col("leave"), "row")


def says(rows: Rows, condition: Condition) -> Rows:
    """Those of `rows` that say anything of what the state `condition` asks."""
    says_any = pl.any_horizontal(value.is_not_null() for value in profile_values(condition))
    return rows.filter(mentions(condition)).filter(says_any)


def _steady(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One contribution for each run of rows that say the same, from its first row until another says otherwise."""
    begins = rows.filter(runs() != runs().shift(1).over("person").fill_null(0))
    return _contribution(
        begins.with_columns(_next("person").alias("leave")), pl.col("occurred_at"), pl.col("leave"), "row"
    )


def runs() -> pl.Expr:
    """Numbers from 1 on, for each customer, the runs of rows that are in one group."""
    return (pl.col("group") != pl.col("group").shift(1)).fill_null(value=True).cum_sum().over("person")


def fits(condition: Condition) -> pl.Expr:
    """Whether what the profile says is what the condition asks."""
    values = profile_values(condition)
    if condition.equals:
        fitting = [value.is_in(condition.equals) for value in values]
    elif condition.starts:
        country = pl.concat_str(pl.col("country").str.to_lowercase(), pl.lit(":"))
        starts = f"^(?:{'|'.join(map(re.escape, condition.starts))})"
        fitting = [pl.concat_str(country, value).str.contains(starts) for value in values]
    else:
        numbers = (value.str.extract(r"^\s*(\d+(?:\.\d+)?)").cast(pl.Float64) for value in values)
        fitting = [number >= condition.at_least for number in numbers]
    return pl.any_horizontal(fits.fill_null(value=False) for fits in fitting)


_OF_TEST = {
    "count": _count,
    "sum": _sum,
    "share": _share,
    "first": _first,
    "absent": _absent,
    "open": _open,
    "state": _state,
}


def _next(*by: str) -> pl.Expr:
    """The time of the next row with the same `by`, in a frame where those stand together."""
    together = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in by)
    return pl.when(together).then(pl.col("occurred_at").shift(-1))


def _windowed(
    rows: pl.LazyFrame, window: timedelta | None, weight: pl.Expr = _ONE, part: pl.Expr = _NOTHING
) -> pl.LazyFrame:
    leave = pl.lit(None, TIME) if window is None else pl.col("occurred_at") + window
    return _contribution(rows, pl.col("occurred_at"), leave, weight=weight, part=part)


def _contribution(
    rows: pl.LazyFrame,
    enter: pl.Expr,
    leave: pl.Expr,
    *columns: str,
    weight: pl.Expr = _ONE,
    part: pl.Expr = _NOTHING,
) -> pl.LazyFrame:
    return rows.select(
        *_KEYS,
        *columns,
        enter.alias("enter"),
        leave.alias("leave"),
        weight.cast(pl.Int64).alias("weight"),
        part.cast(pl.Int64).alias("part"),
    )


def values(contributed: pl.DataFrame) -> pl.DataFrame:
    """What is counted from each moment of change on: `key, time, value, part`, sorted.

    `contributed` has one `key`, a number, for all that is counted together.
    """
    start = contributed.select("key", pl.col("enter").alias("time"), "weight", "part")
    stop = contributed.drop_nulls("leave").select(
        "key", pl.col("leave").alias("time"), -pl.col("weight"), -pl.col("part")
    )
    changes = pl.concat([start, stop]).sort("key", "time")
    settled = (pl.col("key") != pl.col("key").shift(-1)) | (pl.col("time") != pl.col("time").shift(-1))
    return changes.select(
        "key",
        "time",
        pl.col("weight").cum_sum().over("key").alias("value"),
        pl.col("part").cum_sum().over("key"),
    ).filter(settled.fill_null(value=True))


def turns(changes: pl.DataFrame, holds: pl.Expr, *keys: str) -> pl.DataFrame:
    """The moments at which `holds` becomes true or false: `*keys, time, on`."""
    on = changes.with_columns(holds.alias("on"))
    before = pl.col("on").shift(1).over(*keys).fill_null(value=False)
    return on.filter(pl.col("on") != before).select(*keys, "time", "on")


def spent() -> pl.Expr:
    """What an event cost, in whole hundredths."""
    return (pl.col("quantity").fill_null(1.0) * pl.col("price") * CENTS).round().cast(pl.Int64)


def _units(rows: pl.LazyFrame, things: str) -> pl.LazyFrame:
    """When an event of each order, item or day happened, and when the next of the same one did: `person, group, occurred_at, again`."""
    units = rows.select(*_KEYS, unit(things).alias("unit"), "occurred_at").drop_nulls("unit")
    units = units.filter(_new("person", "group", "unit", "occurred_at"))  # most repeats stand together
    numbered = pl.col("unit") if things == "day" else _number("unit")
    units = units.with_columns(_number("group").alias("name"), numbered)
    units = units.sort("person", "name", "unit", "occurred_at")
    units = units.filter(_new("person", "name", "unit", "occurred_at"))
    following = ~_new("person", "name", "unit").shift(-1, fill_value=True)
    return units.select(
        *_KEYS, "occurred_at", pl.when(following).then(pl.col("occurred_at").shift(-1)).alias("again")
    )


def unit(things: str) -> pl.Expr:
    """The order, item (in whatever colour or size) or day (UTC) of an event: what counts once."""
    if things == "order":
        return ORDER_OF
    return _good() if things == "item" else pl.col("occurred_at").dt.date()


def _good() -> pl.Expr:
    """The item without its colour and size, by the name it had first; by its id where less than two words are left."""
    name = pl.col("item_name").drop_nulls().first().over("person", "item_id").str.to_lowercase()
    plain = name.str.replace_all(_varieties(), " ").str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    named = plain.str.contains(" ", literal=True) & pl.col("item_id").is_not_null()
    return pl.when(named).then(plain).otherwise("item_id")


@cache
def _varieties() -> str:
    words = toml_input.shipped("audit.segments", "common_words.toml")["varieties"]
    return rf"\b(?:{'|'.join(map(re.escape, words))})(?:e[mnrs]?)?\b"


def _new(*columns: str) -> pl.Expr:
    """Whether a row differs from the one before it."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in columns)


def _number(name: str) -> pl.Expr:
    """A number for each different text: it sorts faster, in an order of its own."""
    return pl.col(name).cast(pl.Categorical).to_physical()
