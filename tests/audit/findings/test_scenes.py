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
