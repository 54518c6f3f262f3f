"""What brought each message about, for whole customers at once: what an explanation names as its causes.

The same answer as explaining every message by itself, as columns that rules can read.
"""

from collections.abc import Sequence

import polars as pl

from audit.events import sensitive_topics
from audit.events.messages import sent_messages
from audit.flows import Flow, campaign_map, of_campaign, of_trigger
from audit.flows.eligibility import audience, fits, given
from audit.flows.triggers import definitions, named
from audit.population.context import Context
from audit.why.bulk_candidates import akin
from audit.why.message_context import chosen

CAUSES: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "event_id": pl.String(),
    "causes": pl.List(pl.String()),
    "sensitive": pl.List(pl.String()),
}
"""A row for each message that was sent. `causes`: event_ids in order; `sensitive`: ids of sensitive topics."""

_PAIR = ("message", "act")
_KEY = ("says", "map_says", "campaign_id", "campaign_name")


def causes(events: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The causes of every message sent, and the sensitive topics among them and its own, in the shape of `CAUSES`.

    `events` are whole customers, in order. Of a message whose sender states a trigger that we define: the acts that
    satisfy it, else those that did before something ended them. Else the acts that satisfy the trigger that the
    campaign map names. Else, unless it went to everybody on a list, every act before it that has to do with what it
    is about. Where a flow is defined for its campaign, that is the definition. Its own topics are those of its row and of the trigger that the map names.
    """
    placed = events.with_row_index("act")
    sent = _sent(placed, context)
    stated = _given(placed, sent, sent.filter("is_stated"), "stated", context.flows)
    live = stated.filter("live")
    by_sender = pl.concat([live, stated.join(live, on="message", how="anti")]).select(_PAIR)
    unstated = sent.filter(~pl.col("is_stated"))
    by_map = _given(placed, sent, unstated, "mapped", context.flows).filter("fits").select(_PAIR)
    rest = unstated.filter(~pl.col("is_broadcast")).join(by_map, on="message", how="anti")
    pairs = pl.concat([by_sender, by_map, akin(placed, rest)]).unique().sort(_PAIR)
    return _columns(events, sent, pairs)


def _sent(placed: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The messages sent. Added: `message` (position of its row), `stated`, `mapped` (names of the definitions, else
    null), `says` (what the sender states), `map_says`, `by_list`, `is_stated`, `is_broadcast`.
    """
    entries = context.campaigns.with_row_index("_entry").select("_entry", pl.col("trigger").alias("map_says"))
    segment = pl.format("segment:{}", _filled("segment_id"))
    sent = (
        campaign_map.with_entries(sent_messages(placed).lazy(), context.campaigns)
        .join(entries.lazy(), on="_entry", how="left", maintain_order="left")
        .with_columns(pl.coalesce(_filled("trigger"), segment).alias("says"))
        .drop("_by_id")
        .rename({"act": "message"})
        .collect()
    )
    defined = _defined(sent.select(_KEY).unique(maintain_order=True), context.flows)
    listed = _filled("list_id").is_not_null() | pl.col("by_list")
    return sent.join(defined, on=_KEY, how="left", nulls_equal=True, maintain_order="left").with_columns(
        listed.alias("is_broadcast")
    )


def _filled(column: str) -> pl.Expr:
    """The text of a column; null where it is empty."""
    return pl.when(pl.col(column) != "").then(pl.col(column))


def _defined(keys: pl.DataFrame, flows: Sequence[Flow]) -> pl.DataFrame:
    """For each of `keys` (`_KEY`): the name of the definition that the stated reason is held against (`stated`) and of
    the one that can give the message (`mapped`), whether it goes to a list (`by_list`), whether a reason is stated.
    """
    made = [(*key, *_definitions(*key, flows=flows)) for key in keys.iter_rows()]
    schema = dict.fromkeys((*_KEY, "stated", "mapped"), pl.String()) | dict.fromkeys(
        ("by_list", "is_stated"), pl.Boolean()
    )
    return pl.DataFrame(made, schema=schema, orient="row")


def _definitions(
    says: str | None,
    map_says: str | None,
    campaign_id: str | None,
    campaign_name: str | None,
    *,
    flows: Sequence[Flow],
) -> tuple[str | None, str | None, bool, bool]:
    flow = of_campaign(flows, {"campaign_id": campaign_id, "campaign_name": campaign_name})
    by_word, by_map = named(says), named(map_says)
    stated = None if says is None else chosen(flow, says)
    if flow is not None:
        mapped = flow if flow.trigger is not None else None
    else:
        mapped = None if by_map is None or by_map.broadcast else of_trigger(by_map)
    lists = [trigger is not None and trigger.broadcast for trigger in (by_word, by_map)]
    by_list = any(lists) or (flow is not None and flow.trigger is None)
    return _name(stated), _name(mapped), by_list, says is not None and (stated is not None or by_word is None)


def _name(flow: Flow | None) -> str | None:
    """What a definition is called here: a flow's id and a trigger's can be the same."""
    return None if flow is None else f"{'flow' if flow.own else 'trigger'}:{flow.id}"


def _given(
    placed: pl.DataFrame, sent: pl.DataFrame, rows: pl.DataFrame, column: str, flows: Sequence[Flow]
) -> pl.DataFrame:
    """The acts that the definition `column` names of each of `rows` rests on: `message, act` (positions), `live`,
    `fits`.
    """
    made = [
        pl.DataFrame(schema={"message": pl.UInt32, "act": pl.UInt32, "live": pl.Boolean, "fits": pl.Boolean})
    ]
    by_id = placed.select("customer_id", "event_id", "act")
    wanted = rows.select("customer_id", pl.col("event_id").alias("_id"), pl.col(column).alias("_name"))
    present = set(wanted["_name"].drop_nulls())
    for flow in (*flows, *map(of_trigger, definitions().values())):
        if _name(flow) not in present:
            continue
        asked = wanted.filter(pl.col("_name") == _name(flow)).drop("_name")
        whose = asked.select("customer_id").unique()
        own = flow.belongs() if flow.own else pl.col(column) == _name(flow)
        messages = _with_audience(sent.filter(own).join(whose, on="customer_id", how="semi"), flow)
        events = placed.join(whose, on="customer_id", how="semi", maintain_order="left")
        given_rows = given(events, messages, flow).rename({"message": "_id", "act": "_act"})
        outside = audience(events, messages, flow).filter(~pl.col("holds")).rename({"message": "_id"})
        inside = asked.join(outside, on=["customer_id", "_id"], how="anti").with_columns(inside=True)
        made.append(
            given_rows.join(asked, on=["customer_id", "_id"], how="semi")
            .join(inside, on=["customer_id", "_id"], how="left")
            .with_columns(
                pl.col("ended_by").is_null().alias("live"),
                (fits() & pl.col("inside").fill_null(value=False)).alias("fits"),
            )
            .join(by_id.rename({"event_id": "_id", "act": "message"}), on=["customer_id", "_id"])
            .join(by_id.rename({"event_id": "_act"}), on=["customer_id", "_act"])
            .select("message", "act", "live", "fits")
        )
    return pl.concat(made)


def _with_audience(messages: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """Messages whose `segment_id` is the audience that the sender names, where that sets them off."""
    if flow.trigger is None or flow.trigger.same != "segment":
        return messages
    after = pl.col("says").str.splitn(":", 2).struct.field("field_1")
    named_there = messages.with_columns(after.alias("_after_colon"))
    return named_there.with_columns(
        pl.coalesce(_filled("segment_id"), _filled("_after_colon")).alias("segment_id")
    )


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
    touched = sensitive_topics.touched(events[used["act"]])
    of_acts = touched.select("topic", act=used["act"].gather(touched["row"]))
    by_row, by_map = (
        found.select("topic", message=sent["message"].gather(found["row"]))
        for found in (
            sensitive_topics.touched(sent), sensitive_topics.touched(sent.with_columns(pl.col("map_says").alias("trigger")))
        )
    )  # fmt: skip
    found = pl.concat([pairs.join(of_acts, on="act").select("topic", "message"), by_row, by_map])
    return (
        found.unique()
        .sort("message", "topic")
        .group_by("message", maintain_order=True)
        .agg(sensitive="topic")
    )
