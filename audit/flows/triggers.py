"""What we mean by a trigger, and which acts of a customer satisfy it at a message.

The definitions are data: `triggers.toml`. Everything here works on frames of any number of customers.
"""

import re
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

import polars as pl
from msgspec import Meta, Struct

from audit.errors import InputError
from audit.events import purchases
from audit.events.purchases import TAKEN_BACK, still_bought_expr, with_return
from audit.events.schema import KINDS, first_levels
from audit.events.times import duration
from audit.events.vocabulary import campaign_expr, comes_before_expr
from audit.flows import predicate
from audit.storage.toml_input import Text, convert, nearest, one_of, read_by, shipped

LIVE: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "message": pl.String(),
    "act": pl.String(),
    "act_at": pl.Datetime("us", "UTC"),
    "ended_by": pl.String(),
}
"""A row for each act that could have brought a message about; `ended_by` is the event before the message that
ended it, null where nothing did."""

MESSAGE = ("event_id", "occurred_at", "item_id", "category", "topics", "segment_id", "order_id")
"""What `acts` reads of a message beside its customer_id."""

_ACT = ("customer_id", *MESSAGE)

READ = tuple(dict.fromkeys((*_ACT, *purchases.READ, "campaign_id", "campaign_name")))
"""The columns that `acts` reads of events, beside those that a `where` names."""


def _kinds(written: Any) -> tuple[str, ...]:
    if not isinstance(written, list) or not all(isinstance(kind, str) and kind for kind in written):
        raise InputError("must be a list of texts")
    return tuple(map(kind_of_event, written))


def kind_of_event(written: Any) -> str:
    """A kind of event as people write it. Raises InputError naming the nearest."""
    if not isinstance(written, str):
        raise InputError("must be one kind of event")
    if written not in KINDS:
        raise InputError(f"unknown kind {written!r}{nearest(written, KINDS)}")
    return written


def _length(written: Any) -> timedelta:
    length = duration(written)
    if not length:
        raise InputError("must be longer than nothing")
    return length


Kinds = Annotated[tuple[str, ...], read_by(_kinds)]
Length = Annotated[timedelta, read_by(_length)]


class Acts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which acts set a message off, how long they count and what ends them; `triggers.toml` says what its fields mean."""

    kinds: Kinds = ()
    same: Annotated[str, one_of(("item", "category", "segment", "order", "nothing"))] = "nothing"
    depth: Annotated[int, Meta(ge=1, description="must be a number of levels, 1 or more")] = 2
    window: Length = timedelta(0)
    ended_by: Kinds = ()
    quiet: Kinds = ()
    quiet_for: Length = timedelta(0)
    campaign: Text | None = None
    where: Annotated[str | None, read_by(predicate.checked)] = None

    @property
    def ending(self) -> tuple[str, ...]:
        """The kinds of events that decide whether an act was ended: an order that is undone has ended nothing."""
        return (*self.ended_by, *(TAKEN_BACK if "order_completed" in self.ended_by else ()))


class Trigger(Acts, frozen=True, kw_only=True):
    """A definition out of `triggers.toml`; the file says what its fields mean."""

    id: str
    title: str
    source: str
    aliases: tuple[str, ...] = ()
    waits: bool = False
    broadcast: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """The kinds of events that decide whether it is satisfied."""
        return tuple(dict.fromkeys((*self.kinds, *self.ending, *self.quiet)))


@cache
def definitions() -> dict[str, Trigger]:
    """Every trigger we define, by id."""
    tables = shipped("audit.flows", "triggers.toml")
    return {name: convert({"id": name, **fields}, Trigger) for name, fields in tables.items()}


def named(text: str | None) -> Trigger | None:
    """The definition that a sender's or a map's word stands for, such as `Abandoned Cart` or `cart:B00X`."""
    if text is None:
        return None
    triggers = _by_name()
    for part in (text, text.partition(":")[0]):
        trigger = triggers.get(re.sub(r"[\s\-]+", "_", part.strip().lower()))
        if trigger is not None:
            return trigger
    return None


def acts(events: pl.DataFrame, messages: pl.DataFrame, trigger: Trigger) -> pl.DataFrame:
    """The acts that bring each of `messages` about under `trigger`, in the shape of `LIVE`.

    `messages` are rows of the same customers as `events`; an act lies before its message in order and in
    `(t − window, t]`. Where the definition asks for quiet and there was none, there is no act.
    """
    if trigger.quiet:
        noise = events.filter(pl.col("kind").is_in(trigger.quiet))
        messages = messages.join(
            _noisy(messages, noise, trigger.quiet_for), on=("customer_id", "event_id"), how="anti"
        )
    rows = _pairs(
        messages, events.filter(pl.col("kind").is_in(trigger.kinds), *_narrower(trigger)), trigger.window
    )
    rows = rows.filter(_agrees(trigger))
    if trigger.same == "order":
        rows = _of_its_order(rows)
    return (
        rows.join(_ends(events, rows, trigger), on=("customer_id", "message", "act"), how="left")
        .select(*LIVE)
        .sort("customer_id", "message", "act_at", "act")
    )


def _of_its_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Of the acts before each message those of the order that it names; where it names none of them, of the newest."""
    message = ["customer_id", "message"]
    named = (pl.col("order_id") == pl.col("m_order")).fill_null(value=False)
    newest = pl.col("act_at") == pl.col("act_at").max().over(message)
    its_own = pl.when(named.any().over(message)).then(named).otherwise(newest)
    chosen = rows.filter(its_own).select(*message, "act_at", "order_id").unique()
    same_order = rows.join(chosen, on=[*message, "order_id"], how="semi")
    same_moment = rows.filter(pl.col("order_id").is_null()).join(chosen, on=[*message, "act_at"], how="semi")
    return pl.concat([same_order, same_moment])


def _noisy(messages: pl.DataFrame, noise: pl.DataFrame, length: timedelta) -> pl.DataFrame:
    """The messages (`customer_id, event_id`) with any of `noise` before them in order and inside the half-open window."""
    sent = messages.select("customer_id", "event_id", "occurred_at").sort("occurred_at")
    noises = noise.select("customer_id", "occurred_at", act="event_id", act_at="occurred_at").sort("act_at")
    sooner = sent.join_asof(
        noises, on="occurred_at", by="customer_id", allow_exact_matches=False, check_sortedness=False
    ).filter(pl.col("act_at") > pl.col("occurred_at") - length)
    at_once = sent.join(noises, on=("customer_id", "occurred_at")).filter(
        (pl.col("act") < pl.col("event_id")) & pl.lit(length > timedelta(0))
    )
    return pl.concat([rows.select("customer_id", "event_id") for rows in (sooner, at_once)])


def _narrower(trigger: Trigger) -> list[pl.Expr]:
    """What an act must be beside its kind."""
    conditions = [] if trigger.where is None else [pl.sql_expr(trigger.where).fill_null(value=False)]
    if trigger.campaign is not None:
        conditions.append(campaign_expr() == trigger.campaign)
    return conditions


def _ends(events: pl.DataFrame, rows: pl.DataFrame, trigger: Trigger) -> pl.DataFrame:
    """The first event after each act and before its message that ended it: `customer_id, message, act, ended_by`.

    An order that was undone before the message has ended nothing. Which of the others is the first after an act, no
    message changes; so each act is looked at once for them.
    """
    ends = with_return(events.filter(pl.col("kind").is_in(trigger.ended_by)), events).select(
        "customer_id",
        "returned_at",
        "returned_id",
        pl.col("event_id").alias("ended_by"),
        pl.col("occurred_at").alias("end_at"),
        pl.col("item_id").alias("end_item_id"),
        pl.col("category").alias("end_category"),
        pl.col("segment_id").alias("end_segment_id"),
        pl.col("order_id").alias("end_order_id"),
    )
    if rows.is_empty() or ends.is_empty():
        return rows.clear().select("customer_id", "message", "act", ended_by=pl.lit(None, pl.String))
    acts = rows.unique(("customer_id", "act")).drop("message", "t")
    both_items = pl.col("end_item_id").is_not_null() & pl.col("item_id").is_not_null()
    item = pl.col("end_item_id") == pl.col("item_id")
    category = first_levels(pl.col("end_category"), trigger.depth) == first_levels(
        pl.col("category"), trigger.depth
    )
    of_it = {
        "item": pl.when(both_items).then(item).otherwise(category),
        "category": item.fill_null(value=False) | category.fill_null(value=False),
        "segment": pl.col("end_segment_id") == pl.col("segment_id"),
        "order": pl.coalesce(pl.col("end_order_id") == pl.col("order_id"), item),
        "nothing": pl.lit(value=True),
    }[trigger.same]
    ended = (
        _met(acts, "", trigger)
        .join(_met(ends, "end_", trigger), on=("customer_id", "met"))
        .filter(comes_before_expr("act_at", "act", "end_at", "ended_by") & of_it)
        .select("customer_id", "act", "ended_by", "end_at", "returned_at", "returned_id")
        .sort("end_at", "ended_by")
    )
    by_act = ("customer_id", "act")
    for_good = ended.filter(pl.col("returned_at").is_null()).unique(by_act, keep="first", maintain_order=True)
    undone_later = ended.filter(pl.col("returned_at").is_not_null())
    return (
        rows.join(pl.concat([for_good, undone_later]), on=by_act)
        .filter(comes_before_expr("end_at", "ended_by", "t", "message"), still_bought_expr("t", "message"))
        .sort("end_at", "ended_by")
        .unique((*by_act, "message"), keep="first", maintain_order=True)
        .select("customer_id", "message", "act", "ended_by")
    )


def _met(rows: pl.DataFrame, lead: str, trigger: Trigger) -> pl.DataFrame:
    """Each row once for everything in which another may meet it, as `met`: so nothing else is held against it.

    `lead`: what the names of its columns begin with.
    """
    item = pl.format("item {}", f"{lead}item_id")
    level = first_levels(pl.col(f"{lead}category"), trigger.depth)
    met = {
        "segment": [pl.col(f"{lead}segment_id")],
        "order": [pl.format("order {}", f"{lead}order_id"), item],
        "nothing": [pl.lit("")],
    }.get(trigger.same, [item, pl.format("category {}", level)])
    copies = [rows.with_columns(expression.alias("met")) for expression in met]
    return pl.concat(copies).drop_nulls("met")


def _pairs(messages: pl.DataFrame, rows: pl.DataFrame, window: timedelta) -> pl.DataFrame:
    """Each message with each of `rows` that lies before it in order and inside the half-open window."""
    sent = messages.select(
        "customer_id",
        pl.col("event_id").alias("message"),
        pl.col("occurred_at").alias("t"),
        pl.col("item_id").alias("m_item"),
        pl.col("category").alias("m_category"),
        pl.col("topics").alias("m_topics"),
        pl.col("segment_id").alias("m_segment"),
        pl.col("order_id").alias("m_order"),
    )
    acts = rows.select(_ACT).rename({"event_id": "act", "occurred_at": "act_at"})
    span = pl.col("t").dt.epoch("us") // _microseconds(
        window
    )  # what lies in its window is of this span or the one before
    spans = pl.concat([sent.with_columns(span=number) for number in (span, span - 1)])
    within = acts.with_columns(span=pl.col("act_at").dt.epoch("us") // _microseconds(window))
    return (
        spans.join(within, on=("customer_id", "span"))
        .filter(
            comes_before_expr("act_at", "act", "t", "message") & (pl.col("act_at") > pl.col("t") - window)
        )
        .drop("span")
    )


def _agrees(trigger: Trigger) -> pl.Expr:
    item = pl.col("item_id") == pl.col("m_item")
    category = first_levels(pl.col("category"), trigger.depth) == first_levels(
        pl.col("m_category"), trigger.depth
    )
    topics = pl.col("topics").list.set_intersection("m_topics").list.len() > 0
    unsaid = pl.col("m_item").is_null() & pl.col("m_category").is_null()
    like = category.fill_null(value=False) | topics.fill_null(value=False)
    both_items = pl.col("item_id").is_not_null() & pl.col("m_item").is_not_null()
    return {
        "item": unsaid | pl.when(both_items).then(item).otherwise(like),
        "category": unsaid | item.fill_null(value=False) | like,
        "segment": pl.col("m_segment").is_null() | (pl.col("segment_id") == pl.col("m_segment")),
        **dict.fromkeys(("order", "nothing"), pl.lit(value=True)),
    }[trigger.same]


def _microseconds(length: timedelta) -> int:
    """How many there are in `length`; 1 in none."""
    return max(length // timedelta(microseconds=1), 1)


@cache
def _by_name() -> dict[str, Trigger]:
    return {name: trigger for trigger in definitions().values() for name in (trigger.id, *trigger.aliases)}
