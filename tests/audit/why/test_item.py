"""Why an item is recommended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit import recommendations, why
from audit.errors import NotFoundError
from audit.population.co_purchase import PAIRS
from audit.population.stats import REPEATS, none
from audit.why.model import InItsPlace
from audit.why.wording import added_in_words
from tests.build import context, events

CAMERA = {"item_id": "x100", "item_name": "Camera X100", "category": "Electronics > Cameras"}
VIEWED = {"kind": "product_viewed", "event_id": "v", "at": "2026-03-01T10:00", **CAMERA}


def test_what_only_we_derive_is_called_our_reconstruction_and_falls_away_without_its_cause() -> None:
    frame = events(VIEWED, {**VIEWED, "event_id": "v2", "at": "2026-03-02T10:00"})
    ctx = context(frame, "2026-03-03")
    made = why.item(frame, ctx, "x100")
    assert made.standing == "derived"
    assert "our reconstruction; what was shown is not in this data" in made.because[0].text
    other = {"kind": "recommendation_shown", "at": "2026-03-01T10:00", "event_id": "s", "item_id": "other"}
    logged = context(events(VIEWED, other), "2026-03-03")
    assert (
        "our reconstruction; the customer did not see this" in why.item(frame, logged, "x100").because[0].text
    )
    assert made.until is not None
    proof = made.counterfactual
    assert proof is not None
    assert (proof.add[0]["kind"], proof.add[0]["item_name"]) == ("order_completed", "Camera X100")
    assert added_in_words(proof.add[0]) == "an order of “Camera X100” on 2026-03-03 00:00"
    for put_back in (None, *proof.remove):
        rest = frame.filter(~pl.col("event_id").is_in([one for one in proof.remove if one != put_back]))
        assert recommendations.derive(rest, ctx).is_empty() is (put_back is None)


def test_without_its_cause_another_item_stands_in_its_place() -> None:
    looks = [
        {
            **VIEWED,
            "event_id": f"v{n}",
            "at": f"2026-03-0{n}T10:00",
            "item_id": f"i{n}",
            "item_name": f"Camera {n}",
        }
        for n in range(1, 8)
    ]
    frame = events(*looks)
    ctx = context(frame, "2026-03-08")
    strip = recommendations.derive(frame, ctx)["item_id"].to_list()
    assert len(strip) == 5, "two of the seven find no room"
    made = why.item(frame, ctx, strip[1])
    assert made.counterfactual is not None
    rest = frame.filter(~pl.col("event_id").is_in(made.counterfactual.remove))
    (new,) = [row for row in recommendations.derive(rest, ctx).to_dicts() if row["item_id"] not in strip]
    assert made.counterfactual.instead == (
        InItsPlace(strategy="inspired_by_browsing", item_id=new["item_id"], title=new["title"]),
    ), "what stood below it only moves up"


def test_what_would_step_in_is_named_beside_the_events_that_it_rests_on() -> None:
    """Without its own orders the item goes with another thing that was bought: that has to go too, and it is said why."""
    bought = {"kind": "order_completed", **CAMERA}
    frame = events(
        {**bought, "event_id": "a", "at": "2026-01-01"},
        {**bought, "event_id": "b", "at": "2026-02-01"},
        {
            "kind": "order_completed",
            "event_id": "s",
            "at": "2026-02-01",
            "item_id": "strap",
            "item_name": "Strap",
        },
    )
    pairs = pl.DataFrame([("strap", "x100", 20, 1.0, 0.9, 20)], schema=PAIRS, orient="row")
    again = pl.DataFrame(
        [("x100", datetime(2025, 1, 1, tzinfo=UTC), 40, 20, timedelta(days=30))], schema=REPEATS, orient="row"
    )
    ctx = context(frame, "2026-03-01", facts=replace(none(), pairs=lambda: pairs, repeats=again))
    proof = why.item(frame, ctx, "x100").counterfactual
    assert proof is not None
    assert set(proof.remove) == {"a", "b", "s"}
    assert [(one.text, one.events) for one in proof.besides] == [
        (
            "besides, as “Customers who bought this also bought” would step in: bought Strap on 2026-02-01 00:00",
            ("s",),
        )
    ]
    alone = why.item(frame.filter(pl.col("event_id") != "s"), ctx, "x100").counterfactual
    assert alone is not None
    assert alone.besides == ()


def test_where_no_other_item_is_known_nothing_stands_instead() -> None:
    frame = events(VIEWED)
    made = why.item(frame, context(frame, "2026-03-03"), "x100")
    assert made.counterfactual is not None
    assert made.counterfactual.instead == ()


def test_what_was_shown_lists_what_could_be_behind_it_and_has_no_counterfactual() -> None:
    shown = {
        "kind": "recommendation_shown",
        "event_id": "s",
        "at": "2026-03-05T10:00",
        "reason": "Picked for you",
    }
    bought = {"kind": "order_completed", "event_id": "o", "at": "2026-03-02T10:00", **CAMERA}
    frame = events(VIEWED, bought, {**shown, **CAMERA})
    made = why.item(frame, context(frame), "x100")
    assert made.standing == "stated"
    assert made.counterfactual is None
    assert [reason.text for reason in made.because[1:]] == [
        "could be: bought Camera X100 on 2026-03-02 10:00 (the same item)",
        "could be: viewed Camera X100 on 2026-03-01 10:00 (the same item)",
    ]
    assert "Picked for you" in made.because[0].text


def test_what_nobody_recommends_is_not_found() -> None:
    frame = events(VIEWED)
    with pytest.raises(NotFoundError, match="not recommended"):
        why.item(frame, context(frame), "other")
