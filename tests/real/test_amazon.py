"""Amazon's two sample exports hold what they are known to hold."""

import json
from pathlib import Path

import polars as pl
import pytest

from audit.events.messages import messages, orphans
from audit.ingest.run import import_paths
from audit.workspace.workspace import Workspace
from tests.real import data

DATA = data.folder("amazon_export") or Path()
EXPORTS = {"2021": "amazon_2021_nested_SYNTHETIC.zip", "2026": "All Data Categories.1.SYNTHETIC.zip"}

pytestmark = pytest.mark.skipif(
    Path() == DATA, reason="no sample exports; name their folder with WHYSENT_DATA"
)


def imported(tmp_path_factory, year):
    folder = tmp_path_factory.mktemp(f"amazon{year}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHYSENT_KEY_FILE", str(folder / "key"))
        ws = Workspace.create(folder / "workspace")
        report = import_paths(ws, [DATA / EXPORTS[year]], customer="me").document().to_json()
        again = import_paths(ws, [DATA / EXPORTS[year]], customer="me").document().to_json()
        return ws.history(ws.resolve("me")), report, again


@pytest.fixture(scope="module")
def expected():
    return json.loads((DATA / "EXPECTED.json").read_text())


@pytest.fixture(scope="module")
def of_2021(tmp_path_factory):
    return imported(tmp_path_factory, "2021")


@pytest.fixture(scope="module")
def of_2026(tmp_path_factory):
    return imported(tmp_path_factory, "2026")


def file_of(report, name):
    return next(file for file in report["files"] if name in file["path"])


def of_kind(history, *kinds):
    return history.filter(pl.col("kind").is_in(kinds))


def test_messages(of_2021, expected):
    history, report, _ = of_2021
    sent = messages(history)
    assert sent.height == expected["attempted"]
    assert sent["sent"].sum() == expected["sent"]
    assert (sent["suppressed"] & ~sent["sent"]).sum() == expected["suppressed_by_amazon"]
    assert sent["opened"].sum() == expected["open_messages"]
    assert of_kind(history, "message_clicked").height == sent["clicked"].sum() == expected["clicks"]
    assert orphans(history).height == expected["orphan_engagement_ids"]
    rows = file_of(report, "SentNotifications.csv")
    assert (rows["rows"], rows["duplicates"]) == (
        expected["sent_rows_in_file"],
        expected["exact_duplicate_sent_rows"],
    )


def test_engagement(of_2021, expected):
    history, report, _ = of_2021
    rows = file_of(report, "NotificationEngagementEvents.csv")
    assert rows["rows"] == expected["engagement_rows_in_file"]
    assert rows["duplicates"] == expected["exact_duplicate_engagement_rows"]
    known = messages(history)["message_id"]
    opens = of_kind(history, "message_opened").filter(pl.col("message_id").is_in(known.to_list()))
    assert opens.height + rows["duplicates"] == expected["opens_raw"]


def test_device_rows_of_pushes_are_accounted_for_and_no_messages(of_2021, expected):
    _, report, _ = of_2021
    rows = file_of(report, "PushSentData.csv")
    assert (rows["rows"], rows["skipped"]) == (expected["push_device_rows"], expected["push_device_rows"])


def test_notification_metadata_is_apart(of_2021, expected):
    history, _, _ = of_2021
    apart = history.filter(pl.col("source_name") == "Amazon notification metadata")
    assert apart.height == expected["notification_metadata_rows"]
    assert not set(apart["message_id"]) & set(messages(history)["message_id"])


def test_orders_searches_preferences_and_audiences_of_2021(of_2021, expected):
    history, _, _ = of_2021
    orders = of_kind(history, "order_completed", "order_cancelled")
    assert orders["order_id"].n_unique() == expected["orders_2021"]
    assert of_kind(history, "order_cancelled").height == expected["cancelled_2021"]
    assert of_kind(history, "products_searched").height == expected["searches_2021"]
    assert of_kind(history, "subscribed", "unsubscribed").height == expected["preferences"]
    snapshots = of_kind(history, "segment_snapshot")["source_name"].value_counts()
    assert dict(snapshots.rows()) == {
        "Amazon audiences": expected["amazon_audiences"],
        "Amazon advertiser audiences": expected["advertiser_audiences"],
    }
    assert of_kind(history, "ad_clicked").height == expected["advertiser_clicks"]


def test_orders_cart_and_views_of_2026(of_2026, expected):
    history, _, _ = of_2026
    orders = of_kind(history, "order_completed", "order_cancelled")
    assert orders["order_id"].n_unique() == expected["orders_2026"]
    assert of_kind(history, "product_added").height == expected["cart_2026"]
    assert of_kind(history, "product_viewed").height == expected["views_2026"]


@pytest.mark.parametrize("export", ["of_2021", "of_2026"])
def test_every_row_is_accounted_for_and_a_second_import_adds_nothing(request, export):
    _, report, again = request.getfixturevalue(export)
    for file in (report, *report["files"]):
        assert file["rows"] == file["accepted"] + file["duplicates"] + file["quarantined"] + file["skipped"]
    assert report["quarantined"] == 0
    assert again["accepted"] == 0
    assert again["duplicates"] == report["accepted"] + report["duplicates"]
