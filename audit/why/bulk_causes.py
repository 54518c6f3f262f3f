"""What brought each message about, for whole customers at once: what an explanation names as its causes.

The same answer as explaining every message by itself, as columns that rules can read.
"""

from collections.abc import Sequence

import polars as pl

from audit.events import sensitive_topics
from audit.events.messages import sent_messages
from audit.events.vocabulary import with_addresses
from audit.flows import Flow, campaign_map, of_campaign, of_trigger, triggers
from audit.flows.eligibility import audience, eligible_acts, gives_message
from audit.why.audience_causes import causing_acts
from audit.why.message_context import definitions
from audit.workspace.context import Context

CAUSES: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "event_id": pl.String(),
    "causes": pl.List(pl.String()),
    "sensitive": pl.List(pl.String()),
}
"""A row for each message that was sent. `causes`: event_ids in order; `sensitive`: ids of sensitive topics."""

_PAIR = ("message", "act")
_KEY = ("stated_trigger", "mapped_trigger", "campaign_id", "campaign_name")


def causes(events: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The causes of every message sent, and the sensitive topics among them and its own, in the shape of `CAUSES`.

    `events` are whole customers, in order. Of a message whose sender states a trigger that we define: the acts that
    satisfy it, else those that did before something ended them. Else the acts that satisfy the trigger that the
    campaign map names. Else, unless it went to everybody on a list, every act before it that sets those who got its
    campaign apart, or where that is not known, that resembles it. Where a flow is defined for its campaign, that is the definition. Its own topics are those of its row and of
    the trigger that the map names.
    """
    placed = with_addresses(events.with_row_index("act"), sent_messages(events))
    sent = _sent(placed, context)
    stated = _eligible_acts(placed, sent, sent.filter("states_reason"), "flow_for_stated_reason", context)
    live = stated.filter("live")
    by_sender = pl.concat([live, stated.join(live, on="message", how="anti")]).select(_PAIR)
    unstated = sent.filter(~pl.col("states_reason"))
    derived = _eligible_acts(placed, sent, unstated, "deriving_flow", context).filter("gives_message")
    by_definition = derived.select(_PAIR)
    open_messages = unstated.filter(~pl.col("is_broadcast")).join(by_definition, on="message", how="anti")
    related = causing_acts(placed, open_messages, context.facts).select(_PAIR)
    pairs = pl.concat([by_sender, by_definition, related]).unique().sort(_PAIR)
    return _columns(events, sent, pairs)


def _sent(placed: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The messages sent. Added: `message` (position of its row), `stated_trigger`, `mapped_trigger`, `is_broadcast`, and
    the columns of `_definitions`.
    """
    entries = context.campaigns.with_row_index("_entry").select(
        "_entry", pl.col("trigger").alias("mapped_trigger")
    )
    segment = pl.format("segment:{}", _filled("segment_id"))
    sent = (
        campaign_map.with_entries(sent_messages(placed).lazy(), context.campaigns)
        .join(entries.lazy(), on="_entry", how="left", maintain_order="left")
        .with_columns(pl.coalesce(_filled("trigger"), segment).alias("stated_trigger"))
        .drop("_by_id")
        .rename({"act": "message"})
        .collect()
    )
    by_key = _definitions(sent.select(_KEY).unique(maintain_order=True), context.flows)
    to_list = _filled("list_id").is_not_null() | pl.col("to_list")
    return sent.join(by_key, on=_KEY, how="left", nulls_equal=True, maintain_order="left").with_columns(
        to_list.alias("is_broadcast")
    )


def _filled(column: str) -> pl.Expr:
    """The text of a column; null where it is empty."""
    return pl.when(pl.col(column) != "").then(pl.col(column))


def _definitions(keys: pl.DataFrame, flows: Sequence[Flow]) -> pl.DataFrame:
    """`message_context.Definitions` for each of `keys` (`_KEY`), flows by `_name`."""
    rows = []
    for row in keys.iter_rows(named=True):
        chosen = definitions(row["stated_trigger"], row["mapped_trigger"], of_campaign(flows, row))
        names = _name(chosen.flow_for_stated_reason), _name(chosen.deriving_flow)
        rows.append((*row.values(), *names, chosen.to_list, chosen.states_reason))
    schema = dict.fromkeys((*_KEY, "flow_for_stated_reason", "deriving_flow"), pl.String()) | dict.fromkeys(
        ("to_list", "states_reason"), pl.Boolean()
    )
    return pl.DataFrame(rows, schema=schema, orient="row")


def _name(flow: Flow | None) -> str | None:
    """What a definition is called here: a flow's id and a trigger's can be the same."""
    return None if flow is None else f"{'flow' if flow.own else 'trigger'}:{flow.id}"


def _eligible_acts(
    placed: pl.DataFrame, sent: pl.DataFrame, messages: pl.DataFrame, column: str, context: Context
) -> pl.DataFrame:
    """The acts that the definition in `column` of each of `messages` rests on: `message, act` (positions), `live`,
    `gives_message`.
    """
    schema = {"message": pl.UInt32, "act": pl.UInt32, "live": pl.Boolean, "gives_message": pl.Boolean}
    parts = [pl.DataFrame(schema=schema)]
    positions = placed.select("customer_id", "event_id", "act")
    ids = messages.select("customer_id", pl.col("event_id").alias("_id"), pl.col(column).alias("_name"))
    present = set(ids["_name"].drop_nulls())
    for flow in (*context.flows, *map(of_trigger, triggers.definitions().values())):
        if _name(flow) not in present:
            continue
        of_flow = ids.filter(pl.col("_name") == _name(flow)).drop("_name")
        customers = of_flow.select("customer_id").unique()
        belongs = flow.belongs() if flow.own else pl.col(column) == _name(flow)
        series = _with_audience(sent.filter(belongs).join(customers, on="customer_id", how="semi"), flow)
        events = placed.join(customers, on="customer_id", how="semi", maintain_order="left")
        acts = eligible_acts(events, series, flow).rename({"message": "_id", "act": "_act"})
        outside = audience(events, series, flow).filter(~pl.col("holds")).rename({"message": "_id"})
        outside = pl.concat([outside.select("customer_id", "_id"), _quiet_unknown(series, flow, context)])
        inside = of_flow.join(outside, on=["customer_id", "_id"], how="anti").with_columns(inside=True)
        parts.append(
            acts.join(of_flow, on=["customer_id", "_id"], how="semi")
            .join(inside, on=["customer_id", "_id"], how="left")
            .with_columns(
                pl.col("ended_by").is_null().alias("live"),
                (gives_message() & pl.col("inside").fill_null(value=False)).alias("gives_message"),
            )
            .join(positions.rename({"event_id": "_id", "act": "message"}), on=["customer_id", "_id"])
            .join(positions.rename({"event_id": "_act"}), on=["customer_id", "_act"])
            .select(*schema)
        )
    return pl.concat(parts)


def _quiet_unknown(messages: pl.DataFrame, flow: Flow, context: Context) -> pl.DataFrame:
    """The `messages` (`customer_id, _id`) of which the data cannot tell whether there was the quiet that `flow` asks for."""
    trigger, sent_at = flow.trigger, pl.col("occurred_at")
    unknown = pl.lit(value=False)
    if trigger is not None and trigger.quiet:
        unknown = context.coverage.known_through_expr(trigger.quiet, sent_at - trigger.quiet_for) < sent_at
    return messages.filter(unknown).select("customer_id", pl.col("event_id").alias("_id"))


def _with_audience(messages: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """Messages whose `segment_id` is the audience that the sender names, where that sets them off."""
    if flow.trigger is None or flow.trigger.same != "segment":
        return messages
    after_colon = pl.col("stated_trigger").str.splitn(":", 2).struct.field("field_1")
    with_audience = messages.with_columns(after_colon.alias("_after_colon"))
    return with_audience.with_columns(
        pl.coalesce(_filled("segment_id"), _filled("_after_colon")).alias("segment_id")
    )


def _columns(events: pl.DataFrame, sent: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit([], pl.List(pl.String))
    acts = pairs.with_columns(events["event_id"].gather(pairs["act"]).alias("causes"))
    by_message = acts.group_by("message", maintain_order=True).agg("causes")
    return (
        sent.select("customer_id", "event_id", "message")
        .join(by_message, on="message", how="left", maintain_order="left")
        .join(_topics(events, sent, pairs), on="message", how="left", maintain_order="left")
        .select("customer_id", "event_id", pl.col("causes", "sensitive").fill_null(nothing))
    )


def _topics(events: pl.DataFrame, sent: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The sensitive topics among the causes and its own of each message that has some: `message, sensitive`."""
    acts = pairs.select("act").unique().sort("act")
    touched = sensitive_topics.touched(events[acts["act"]])
    of_acts = touched.select("topic", act=acts["act"].gather(touched["row"]))
    with_mapped_trigger = sent.with_columns(pl.col("mapped_trigger").alias("trigger"))
    of_messages = [
        topics.select("topic", message=sent["message"].gather(topics["row"]))
        for topics in (sensitive_topics.touched(sent), sensitive_topics.touched(with_mapped_trigger))
    ]
    topics = pl.concat([pairs.join(of_acts, on="act").select("topic", "message"), *of_messages])
    return (
        topics.unique()
        .sort("message", "topic")
        .group_by("message", maintain_order=True)
        .agg(sensitive="topic")
    )
