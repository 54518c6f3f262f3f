"""What we mean by a trigger, and which acts of a customer satisfy it at a message.

The definitions are data: `triggers.toml`. Everything here works on frames of any number of customers.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib.resources import files

import polars as pl

from audit.events import first_levels
from audit.times import duration

LIVE: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "message": pl.String(),
    "act": pl.String(),
    "act_at": pl.Datetime("us", "UTC"),
    "ended_by": pl.String(),
}
"""A row for each act that could have brought a message about; `ended_by` is the event before the message that
ended it, null where nothing did."""

MESSAGE = ("event_id", "occurred_at", "item_id", "category", "topics", "segment_id")
"""What `acts` reads of a message beside its customer_id."""

_ACT = ("customer_id", "event_id", "occurred_at", "item_id", "category", "topics", "segment_id")

READ = (*_ACT, "kind", "campaign_id", "campaign_name")
"""The columns that `acts` reads of events, beside those that a `where` names."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A definition out of `triggers.toml`; the file says what its fields mean."""

    id: str
    title: str
    source: str
    aliases: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    same: str = "nothing"
    depth: int = 2
    window: timedelta = timedelta(0)
    ended_by: tuple[str, ...] = ()
    waits: bool = False
    quiet: tuple[str, ...] = ()
    quiet_for: timedelta = timedelta(0)
    broadcast: bool = False
    campaign: str | None = None
    where: str | None = None

    @property
    def read(self) -> tuple[str, ...]:
        """The kinds of events that decide whether it is satisfied."""
        return tuple(dict.fromkeys((*self.kinds, *self.ended_by, *self.quiet)))


@cache
def definitions() -> dict[str, Trigger]:
    """Every trigger we define, by id."""
    text = files("audit.flows").joinpath("triggers.toml").read_text(encoding="utf-8")
    return {name: _trigger(name, fields) for name, fields in tomllib.loads(text).items()}


def named(text: str | None) -> Trigger | None:
    """The definition that a sender's or a map's word stands for, such as `Abandoned Cart` or `cart:B00X`."""
    if text is None:
        return None
    known = _by_name()
    for part in (text, text.partition(":")[0]):
        found = known.get(re.sub(r"[\s\-]+", "_", part.strip().lower()))
        if found is not None:
            return found
    return None


def acts(events: pl.DataFrame, messages: pl.DataFrame, trigger: Trigger) -> pl.DataFrame:
    """The acts that bring each of `messages` about under `trigger`, in the shape of `LIVE`.

    `messages` are rows of the same customers as `events`; an act lies before its message in order and in
    `(t − window, t]`. Where the definition asks for quiet and there was none, there is no act.
    """
    rows = _pairs(
        messages, events.filter(pl.col("kind").is_in(trigger.kinds), *_narrower(trigger)), trigger.window
    )
    rows = rows.filter(_agrees(trigger))
    if trigger.quiet:
        noise = _pairs(messages, events.filter(pl.col("kind").is_in(trigger.quiet)), trigger.quiet_for)
        rows = rows.join(noise, on=("customer_id", "message"), how="anti")
    return (
        rows.join(_ends(events, rows, trigger), on=("customer_id", "message", "act"), how="left")
        .select(*LIVE)
        .sort("customer_id", "message", "act_at", "act")
    )


def _narrower(trigger: Trigger) -> list[pl.Expr]:
    """What an act must be beside its kind."""
    made = [] if trigger.where is None else [pl.sql_expr(trigger.where).fill_null(value=False)]
    if trigger.campaign is not None:
        made.append(pl.coalesce("campaign_id", "campaign_name") == trigger.campaign)
    return made


def _ends(events: pl.DataFrame, rows: pl.DataFrame, trigger: Trigger) -> pl.DataFrame:
    """The first event after each act and before its message that ended it: `customer_id, message, act, ended_by`.

    The first after an act is the same for every message, so it is looked for once.
    """
    ends = events.filter(pl.col("kind").is_in(trigger.ended_by)).select(
        "customer_id",
        pl.col("event_id").alias("ended_by"),
        pl.col("occurred_at").alias("end_at"),
        pl.col("item_id").alias("end_item"),
        first_levels(pl.col("category"), trigger.depth).alias("end_area"),
        pl.col("segment_id").alias("end_segment"),
    )
    after = _before("act_at", "act", "end_at", "ended_by")
    before = _before("end_at", "ended_by", "t", "message")
    acts = rows.unique(("customer_id", "act")).select(
        "customer_id",
        "act",
        "act_at",
        "item_id",
        "segment_id",
        first_levels(pl.col("category"), trigger.depth).alias("area"),
    )
    both_items = pl.col("end_item").is_not_null() & pl.col("item_id").is_not_null()
    item = pl.col("end_item") == pl.col("item_id")
    category = pl.col("end_area") == pl.col("area")
    of_it = {
        "item": pl.when(both_items).then(item).otherwise(category),
        "category": item.fill_null(value=False) | category.fill_null(value=False),
        "segment": pl.col("end_segment") == pl.col("segment_id"),
        "nothing": pl.lit(value=True),
    }[trigger.same]
    firsts = (
        acts.join(ends, on="customer_id")
        .filter(after & of_it)
        .sort("end_at", "ended_by")
        .unique(("customer_id", "act"), keep="first", maintain_order=True)
        .select("customer_id", "act", "end_at", "ended_by")
    )
    ended = rows.join(firsts, on=("customer_id", "act")).filter(before)
    return ended.select("customer_id", "message", "act", "ended_by")


def _pairs(messages: pl.DataFrame, rows: pl.DataFrame, window: timedelta) -> pl.DataFrame:
    """Each message with each of `rows` that lies before it in order and inside the half-open window."""
    asked = messages.select(
        "customer_id",
        pl.col("event_id").alias("message"),
        pl.col("occurred_at").alias("t"),
        pl.col("item_id").alias("m_item"),
        pl.col("category").alias("m_category"),
        pl.col("topics").alias("m_topics"),
        pl.col("segment_id").alias("m_segment"),
    )
    found = rows.select(_ACT).rename({"event_id": "act", "occurred_at": "act_at"})
    return asked.join(found, on="customer_id").filter(
        _before("act_at", "act", "t", "message") & (pl.col("act_at") > pl.col("t") - window)
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
        "nothing": pl.lit(value=True),
    }[trigger.same]


def _before(at: str, event: str, other_at: str, other: str) -> pl.Expr:
    """Whether one event lies before another in order `(occurred_at, event_id)`."""
    return (pl.col(at) < pl.col(other_at)) | (
        (pl.col(at) == pl.col(other_at)) & (pl.col(event) < pl.col(other))
    )


def changed(trigger: Trigger, fields: dict[str, object]) -> Trigger:
    """`trigger` with these fields, as a file writes them."""
    return replace(trigger, **_values(fields))  # type: ignore[arg-type]


@cache
def _by_name() -> dict[str, Trigger]:
    return {name: trigger for trigger in definitions().values() for name in (trigger.id, *trigger.aliases)}


def _values(fields: dict[str, object]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in fields.items():
        if key in {"window", "quiet_for"}:
            made[key] = duration(str(value))
        else:
            made[key] = tuple(value) if isinstance(value, list) else value
    return made


def _trigger(name: str, fields: dict[str, object]) -> Trigger:
    return Trigger(id=name, **_values(fields))  # type: ignore[arg-type]
