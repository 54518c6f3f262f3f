"""What whysent must say of each customer of the scenes, as `fixtures/scenes` has it."""

import polars as pl
import pytest

from audit import findings
from audit.flows import campaign_map
from fixtures import demo, scenes
from tests import build


@pytest.fixture(scope="module")
def found():
    events, campaigns = scenes.events(), demo.demo_campaigns()
    mapped = campaign_map.fill(events.lazy(), campaigns).collect()
    return findings.find(mapped, build.context(mapped, campaigns=campaigns))


@pytest.mark.parametrize("customer", scenes.expected())
def test_scene(found, customer):
    expected = scenes.expected()[customer]
    own = found.filter(pl.col("customer") == customer)
    checks = set(own["check"])
    assert set(expected["finds"]) <= checks
    assert checks <= {*expected["finds"], *expected.get("may", ())}
    for check, count in expected.get("counts", {}).items():
        assert own.filter(pl.col("check") == check)["count"].max() == count
    opt_out = own.filter(pl.col("check") == "after-opt-out")
    for column in ("case", "verdict"):
        if column in expected:
            assert opt_out[column].to_list() == [expected[column]]


def test_a_span_is_that_of_the_messages(found):
    """Where all messages count, it is theirs to the second; no act before the first stretches it."""
    sent = scenes.events().select(
        pl.col("event_id").alias("messages"), customer="customer_id", at="occurred_at"
    )
    told = (
        found.filter(pl.col("excess").is_null()).explode("messages").join(sent, on=["customer", "messages"])
    )
    spans = told.group_by("id", "from", "to").agg(
        pl.col("at").min().alias("first"), pl.col("at").max().alias("last")
    )
    assert spans.height > 20
    assert spans.filter((pl.col("from") != pl.col("first")) | (pl.col("to") != pl.col("last"))).is_empty()
