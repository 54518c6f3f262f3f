"""Histories that are unusual: none, one event, very many, and decisions about what nobody knows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit import (
    findings,
    flows,
    recommendations,
    segments,
    why,
)
from audit.errors import NotFoundError
from audit.events.schema import SCHEMA, conform, empty
from audit.workspace.context import Context
from tests.build import context, events

SHOWN = {"kind": "recommendation_shown", "event_id": "r", "at": "2026-03-01", "item_id": "unheard-of"}
MAIL = {
    "kind": "message_sent",
    "event_id": "m",
    "at": "2026-03-01",
    "item_id": "unheard-of",
    "campaign_id": "cart",
}
CART = flows.from_json(flows.to_json([{"id": "cart", "like": "cart-series"}]))


def with_flow(frame: pl.DataFrame) -> Context:
    return replace(context(frame), flows=CART)


def test_of_no_event_nothing_is_derived_and_every_question_is_refused_in_one_line() -> None:
    frame = empty()
    ctx = with_flow(frame)
    for made in (
        segments.memberships(frame, ctx),
        recommendations.placements(frame, ctx),
        findings.find(frame, ctx),
    ):
        assert made.is_empty()
    assert why.causes(frame, ctx).is_empty()
    for ask in (why.message, why.segment, why.item, findings.finding):
        with pytest.raises(NotFoundError) as refused:
            ask(frame, ctx, "x")
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "kind", ["message_sent", "order_completed", "segment_entered", "recommendation_shown"]
)
def test_one_event_is_a_history(kind: str) -> None:
    row = {
        "kind": kind,
        "event_id": "e",
        "at": "2026-03-01",
        "item_id": "lamp",
        "segment_id": "vip",
        "campaign_id": "cart",
    }
    frame = events(row)
    ctx = with_flow(frame)
    for ident in segments.memberships(frame, ctx)["id"]:
        assert why.segment(frame, ctx, ident).because
    for ident in recommendations.placements(frame, ctx)["item_id"]:
        assert why.item(frame, ctx, ident).because
    if kind == "message_sent":
        assert why.message(frame, ctx, "e").because


def test_a_logged_decision_about_an_item_that_nobody_knows_is_explained_as_far_as_it_goes() -> None:
    frame = events(
        SHOWN, MAIL, {"kind": "product_viewed", "event_id": "v", "at": "2026-02-01", "item_id": "lamp"}
    )
    ctx = with_flow(frame)
    shown = why.item(frame, ctx, "unheard-of")
    assert (shown.standing, shown.counterfactual) == ("cannot_tell", None)
    mail = why.message(frame, ctx, "m")
    assert mail.standing == "cannot_tell"
    assert mail.reconstruction is None
    assert why.item(frame, ctx, "lamp").standing == "derived"
    with pytest.raises(NotFoundError, match="item 'never-shown' is not recommended to this customer"):
        why.item(frame, ctx, "never-shown")


def test_a_hundred_thousand_events_are_explained_and_what_is_too_much_is_not_said() -> None:
    size = 100_000
    begins = datetime(2024, 1, 1, tzinfo=UTC)
    many = pl.DataFrame({"number": range(size)}).select(
        pl.format("e{}", pl.col("number").cast(pl.String).str.zfill(6)).alias("event_id"),
        pl.lit("c_1").alias("customer_id"),
        (pl.lit(begins) + pl.duration(minutes=pl.col("number") * 10))
        .cast(SCHEMA["occurred_at"])
        .alias("occurred_at"),
        pl.when(pl.col("number") % 4 == 0)
        .then(pl.lit("order_completed"))
        .otherwise(pl.lit("product_viewed"))
        .alias("kind"),
        pl.format("i{}", pl.col("number") % 50).alias("item_id"),
        pl.lit("Home > Lamps").alias("category"),
        pl.lit(10.0).alias("price"),
    )
    last = {"kind": "message_sent", "event_id": "m", "item_id": "i1", "campaign_id": "cart"}
    mail = events({**last, "at": begins + timedelta(minutes=10 * size)})
    frame = pl.concat([conform(many), mail])
    ctx = with_flow(frame)
    made = why.message(frame, ctx, "m")
    assert made.standing == "inferred"
    assert len(made.because) < 30
    for ident in ("frequent-buyer", "high-value"):
        told = why.segment(frame, ctx, ident)
        assert told.standing == "derived"
        assert told.counterfactual is None or told.counterfactual.remove
