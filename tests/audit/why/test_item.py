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


def test_what_the_sentence_says_already_is_not_said_again_below_it() -> None:
    bought = {
        "kind": "order_completed",
        "item_id": "food",
        "item_name": "Dog food",
        "category": "Pets > Dogs",
    }
    frame = events(*({**bought, "event_id": f"o{n}", "at": f"2026-0{n}-01T10:00"} for n in (1, 2, 3)))
    (reason,) = why.item(frame, context(frame, "2026-04-02"), "food").because
    assert "Ordered 3 times" in reason.text
    assert (set(reason.events), reason.because) == ({"o1", "o2", "o3"}, ())


def test_without_its_cause_another_item_stands_in_its_place() -> None:
    looks = [
        {
            **VIEWED,
            "event_id": f"v{n}",
            "at": f"2026-03-0{n}T10:00",
            "item_id": f"i{n}",
            "item_name": f"Camera {n % 3}",
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


STRAP = {"item_id": "strap", "item_name": "Strap"}
BAG = {"item_id": "bag", "item_name": "Bag"}
SHOWN = {
    "kind": "recommendation_shown",
    "event_id": "s",
    "at": "2026-03-05T10:00",
    **CAMERA,
    "reason": "Inspired by your browsing",
}
GO_TOGETHER = pl.DataFrame(
    [("strap", "x100", 20, 1.0, 0.9, 20), ("bag", "x100", 10, 1.0, 0.5, 10)], schema=PAIRS, orient="row"
)


def _look(event_id: str, at: str, kind: str = "product_viewed", **item: str) -> dict[str, str]:
    return {"kind": kind, "event_id": event_id, "at": at, **item}


def _why_shown(*rows: dict[str, str]) -> why.Explanation:
    frame = events(SHOWN, *rows)
    items = pl.DataFrame(
        [(item, name, None, 40) for item, name in (("strap", "Strap"), ("bag", "Bag"))],
        schema=none().items.schema,
        orient="row",
    )
    return why.item(
        frame,
        context(frame, "2026-03-09", facts=replace(none(), pairs=lambda: GO_TOGETHER, items=items)),
        "x100",
    )


def test_a_showing_rests_on_the_acts_before_it_and_ours_of_today_is_told_apart() -> None:
    made = _why_shown(
        _look("b", "2026-03-04", **BAG),
        _look("t", "2026-03-05T09:59", **STRAP),
        _look("o", "2026-02-01", kind="order_completed", **BAG),
        _look("later", "2026-03-08", **CAMERA),
    )
    told = [(reason.text, [leaf.text for leaf in reason.because]) for reason in made.because]
    assert told == [
        (
            (
                'the sender recorded that it was shown: The log says: "Inspired by your browsing". Our definition gave it on '
                "2026-03-05: The customer looked at Strap on 2026-03-05; people who buy that also buy this."
            ),
            [
                "was shown Camera X100 on 2026-03-05 10:00",
                "viewed Strap on 2026-03-05 09:59",
                "goes with it too: viewed Bag on 2026-03-04 00:00",
            ],
        ),
        (
            (
                "our definition gives it on 2026-03-09 too: The customer had looked at it and not bought it since, the last look "
                "on 2026-03-08. (our reconstruction, after it was shown)"
            ),
            [
                "viewed Camera X100 on 2026-03-08 00:00",
                "goes with it too: viewed Strap on 2026-03-05 09:59",
                "goes with it too: viewed Bag on 2026-03-04 00:00",
            ],
        ),
        (
            (
                "our definition gives it on 2026-03-09 too: The customer bought Bag; 10 people bought both, 10 times as many as by "
                "chance. (our reconstruction, after it was shown)"
            ),
            ["bought Bag on 2026-02-01 00:00"],
        ),
    ]
    assert made.left_out == ()


def test_what_the_logged_strip_goes_by_is_not_among_what_does_not_count() -> None:
    """As found: the look seconds before it stood there, as our strip of today goes by orders."""
    made = _why_shown(
        _look("t", "2026-03-05T09:59", **STRAP), _look("o", "2026-03-02", kind="order_completed", **BAG)
    )
    assert [(one.text, one.events) for one in made.left_out] == [
        (
            "bought Bag on 2026-03-02 00:00: goes with it, and “Inspired by your browsing” goes by other acts",
            ("o",),
        )
    ]


def test_of_a_showing_that_our_strip_did_not_give_the_nearest_looks_come_first_and_no_orders() -> None:
    bought = _look("o", "2026-03-01", kind="order_completed", **CAMERA)
    old = _look("v", "2026-02-01", **CAMERA)
    made = _why_shown(
        bought, old, _look("t", "2026-03-05T09:59", **STRAP), _look("c", "2026-02-20", **CAMERA)
    )
    assert [reason.text for reason in made.because[1:]] == [
        "could be: viewed Strap on 2026-03-05 09:59 (goes with it: bought by the same people)",
        "could be: viewed Camera X100 on 2026-02-20 00:00 (the same item)",
    ]


def test_what_nobody_recommends_is_not_found() -> None:
    frame = events(VIEWED)
    with pytest.raises(NotFoundError, match="not recommended"):
        why.item(frame, context(frame), "other")
