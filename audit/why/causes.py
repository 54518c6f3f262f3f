"""What brought each message about, for whole customers at once: what an explanation names as its causes.

The same answer as explaining every message by itself, as columns that rules can read.
"""

import polars as pl

from audit import campaigns, sensitive
from audit.context import Context
from audit.messages import sent_messages
from audit.why import triggers
from audit.why.kinship import akin
from audit.why.triggers import definitions, named

CAUSES: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "event_id": pl.String(),
    "causes": pl.List(pl.String()),
    "sensitive": pl.List(pl.String()),
}
"""A row for each message that was sent. `causes`: event_ids in order; `sensitive`: ids of sensitive topics."""

_PAIR = ("message", "act")


def causes(events: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The causes of every message sent, and the sensitive topics among them and its own, in the shape of `CAUSES`.

    `events` are whole customers, in order. Of a message whose sender states a trigger that we define: the acts that
    satisfy it, else those that did before something ended them. Else the acts that satisfy the trigger that the
    campaign map names. Else, unless it went to everybody on a list, every act before it that has to do with what it
    is about. Its own topics are those of its row and of the trigger that the map names.
    """
    placed = events.with_row_index("act")
    sent = _sent(placed, context)
    stated = _given(placed, sent, "stated")
    live = stated.filter("live")
    by_sender = pl.concat([live, stated.join(live, on="message", how="anti")]).select(_PAIR)
    unstated = sent.filter(~pl.col("is_stated"))
    by_map = _given(placed, unstated, "mapped").filter("live").select(_PAIR)
    rest = unstated.filter(~pl.col("is_broadcast")).join(by_map, on="message", how="anti")
    pairs = pl.concat([by_sender, by_map, akin(placed, rest)]).unique().sort(_PAIR)
    return _columns(events, sent, pairs)


def _sent(placed: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The messages sent. Added: `message` (position of its row), `stated`, `mapped` (ids of the triggers that we
    define, else null), `says` (what the sender states), `map_says`, `is_stated`, `is_broadcast`.
    """
    entries = context.campaigns.with_row_index("_entry").select("_entry", pl.col("trigger").alias("map_says"))
    segment = pl.format("segment:{}", _filled("segment_id"))
    sent = (
        campaigns.with_entries(sent_messages(placed).lazy(), context.campaigns)
        .join(entries.lazy(), on="_entry", how="left", maintain_order="left")
        .with_columns(pl.coalesce(_filled("trigger"), segment).alias("says"))
        .drop("_by_id")
        .rename({"act": "message"})
        .collect()
    )
    known = sent.with_columns(
        _defined(sent["says"]).alias("stated"), _defined(sent["map_says"]).alias("mapped")
    )
    everybody = [name for name, trigger in definitions().items() if trigger.broadcast]
    by_list = pl.col("stated").is_in(everybody).fill_null(value=False)
    return known.with_columns(
        (pl.col("says").is_not_null() & ~by_list).alias("is_stated"),
        (
            _filled("list_id").is_not_null()
            | by_list
            | pl.col("mapped").is_in(everybody).fill_null(value=False)
        ).alias("is_broadcast"),
    )


def _filled(column: str) -> pl.Expr:
    """The text of a column; null where it is empty."""
    return pl.when(pl.col(column) != "").then(pl.col(column))


def _defined(texts: pl.Series) -> pl.Series:
    """The id of the trigger that each text stands for, null where we define none."""
    triggered = {
        text: trigger.id for text in texts.drop_nulls().unique() if (trigger := named(text)) is not None
    }
    return texts.replace_strict(triggered, default=None, return_dtype=pl.String)


def _given(placed: pl.DataFrame, sent: pl.DataFrame, column: str) -> pl.DataFrame:
    """The acts that satisfy the trigger `column` names of each of `sent`: `message, act` (positions), `live`."""
    made = [pl.DataFrame(schema={"message": pl.UInt32, "act": pl.UInt32, "live": pl.Boolean})]
    audience = pl.coalesce(_filled("segment_id"), _filled("_after_colon"))
    for trigger in definitions().values():
        asked = sent.filter(pl.col(column) == trigger.id)
        if trigger.broadcast or asked.is_empty():
            continue
        if trigger.same == "segment":
            after = pl.col("says").str.splitn(":", 2).struct.field("field_1")
            asked = asked.with_columns(after.alias("_after_colon")).with_columns(audience.alias("segment_id"))
        rows = triggers.acts(placed, asked, trigger)
        by_id = placed.select("customer_id", "event_id", "act")
        made.append(
            rows.select(
                "customer_id", "act", pl.col("message").alias("_id"), live=pl.col("ended_by").is_null()
            )
            .join(by_id.rename({"event_id": "_id", "act": "message"}), on=["customer_id", "_id"])
            .rename({"act": "_act"})
            .join(by_id.rename({"event_id": "_act"}), on=["customer_id", "_act"])
            .select("message", "act", "live")
        )
    return pl.concat(made)


def _columns(events: pl.DataFrame, sent: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit([], pl.List(pl.String))
    event_ids = events["event_id"]
    acts = pairs.with_columns(event_ids.gather(pairs["act"]).alias("causes"))
    listed = acts.group_by("message", maintain_order=True).agg("causes")
    return (
        sent.select("customer_id", "event_id", "message")
        .join(listed, on="message", how="left", maintain_order="left")
        .join(_topics(events, sent, pairs), on="message", how="left", maintain_order="left")
        .select("customer_id", "event_id", pl.col("causes", "sensitive").fill_null(nothing))
    )


def _topics(events: pl.DataFrame, sent: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The sensitive topics among the causes and its own of each message that has some: `message, sensitive`."""
    used = pairs.select("act").unique().sort("act")
    touched = sensitive.touched(events[used["act"]])
    of_acts = touched.select("topic", act=used["act"].gather(touched["row"]))
    by_row, by_map = (
        found.select("topic", message=sent["message"].gather(found["row"]))
        for found in (
            sensitive.touched(sent), sensitive.touched(sent.with_columns(pl.col("map_says").alias("trigger")))
        )
    )  # fmt: skip
    found = pl.concat([pairs.join(of_acts, on="act").select("topic", "message"), by_row, by_map])
    return (
        found.unique()
        .sort("message", "topic")
        .group_by("message", maintain_order=True)
        .agg(sensitive="topic")
    )
