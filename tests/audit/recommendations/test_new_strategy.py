"""A new strategy is a table of numbers and one `Recommender`: everything else asks for it."""

import polars as pl

from audit import recommendations, why
from audit.recommendations.derive import RECOMMENDERS
from audit.recommendations.strategies import Recommender, Strategy, best, strategies
from tests.build import context, events


def reviewed_well(acts, ctx):
    """Items that the customer reviewed, the newest first."""
    window = strategies()["reviewed_well"].window
    reviews = acts.filter(pl.col("kind") == "product_viewed", pl.col("occurred_at") > ctx.at - window)
    items = reviews.group_by("customer_id", "item_id").agg(
        pl.len().cast(pl.Float64).alias("score"),
        pl.col("event_id").alias("evidence"),
        (pl.col("occurred_at").max() + window).alias("until"),
    )
    return best(items).with_columns(reason=pl.lit("Looked at again and again."))


def test_a_new_strategy_is_shown_explained_and_ended(monkeypatch):
    settings = Strategy(
        "reviewed_well", "Again and again", ("again and again",), window=strategies()["buy_again"].window
    )
    monkeypatch.setitem(strategies(), "reviewed_well", settings)
    monkeypatch.setitem(RECOMMENDERS, "reviewed_well", Recommender(("product_viewed",), reviewed_well))
    frame = events(
        {"kind": "product_viewed", "at": "2026-01-05", "item_id": "kettle", "item_name": "Kettle"},
        {"kind": "product_viewed", "at": "2026-01-06", "item_id": "kettle", "item_name": "Kettle"},
        {
            "kind": "recommendation_shown",
            "at": "2026-01-07",
            "item_id": "kettle",
            "reason": "Again and again",
        },
    )
    ctx = context(frame)
    (row,) = (
        recommendations.Reconstruction(frame, ctx)
        .placements.filter(pl.col("strategy") == "reviewed_well")
        .iter_rows(named=True)
    )
    assert (row["logged"], row["derived"], row["standing"]) == (True, True, "stated")
    assert row["evidence"] == ["e1", "e2"]
    explanation = why.item(frame, ctx, "kettle")
    assert "Looked at again and again." in "".join(reason.text for reason in explanation.because)
    assert set(explanation.counterfactual.remove) == {"e1", "e2"}
