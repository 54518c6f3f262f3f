"""What the invented customers of the scenes are in, and what may be said of it."""

from functools import cache

import polars as pl
import pytest

from audit import segments
from audit.events.schema import in_order
from fixtures import scenes
from tests.build import context


@cache
def found():
    frame = in_order(scenes.events())
    return segments.memberships(frame, context(frame))


def of(customer, segment):
    return found().filter((pl.col("customer_id") == customer) & (pl.col("id") == segment)).row(0, named=True)


@pytest.mark.parametrize(
    ("customer", "segment", "standing", "sensitive"),
    [
        ("scene-03-expecting-mother", "expecting-parent", "derived", True),
        ("scene-03-father-to-be", "expecting-parent", "unexplained", True),
        ("scene-03-friend-by-likeness", "expecting-parent", "unexplained", True),
        ("scene-04-bereaved-parents", "new-parent", "inferred", False),
        ("scene-11-rural-maker", "rural-micro-entrepreneur", "derived", False),
        ("scene-12-third-party", "in-market:autos", "unexplained", False),
    ],
)
def test_the_scenes_segments_have_their_standing(customer, segment, standing, sensitive):
    row = of(customer, segment)
    assert (row["standing"], row["sensitive"], row["logged"]) == (standing, sensitive, True)


def test_the_rural_maker_is_explained_by_place_and_orders():
    frame = scenes.events()
    evidence = of("scene-11-rural-maker", "rural-micro-entrepreneur")["evidence"]
    kinds = frame.filter(
        (pl.col("customer_id") == "scene-11-rural-maker") & pl.col("event_id").is_in(evidence)
    )["kind"]
    assert set(kinds) == {"profile_updated", "order_completed"}


def test_a_closed_registry_gives_no_new_parent():
    assert not of("scene-04-bereaved-parents", "new-parent")["derived"]


def test_nobody_is_taken_to_expect_a_child_whom_nobody_else_put_there():
    expecting = found().filter(pl.col("id") == "expecting-parent")
    assert expecting["logged"].all()
    assert expecting.height == 3
