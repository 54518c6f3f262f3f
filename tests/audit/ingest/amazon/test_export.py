"""An export as a whole: wherever it lies, whosever it is, whatever else is in it."""

import pytest

from audit.errors import InputError
from audit.ingest.amazon.archive_members import is_export, stem
from audit.ingest.amazon.reader import AMAZON, read_together
from audit.ingest.format import Options
from audit.ingest.formats import formats
from tests.audit.ingest.amazon import exports as ex

FILES = {
    "OutboundNotifications.SentNotifications.csv": ex.table(
        ex.SENT, ex.sent("a", "04/25/2021 14:09"), ex.sent("b", "04/26/2021 14:09", was="No")
    ),
    "OutboundNotifications.NotificationEngagementEvents.csv": ex.table(
        ex.ENGAGEMENT, ex.engaged("a", "04/25/2021 15:00")
    ),
    "Advertising.OptOut.csv": b"Interest based ads opt out setting per marketplace\n\nIT:OptedOut\n",
}
ORDER = ["ASIN", "Order Date", "Order ID", "Product Name", "Extra"]


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("Retail.OrderHistory.2.csv", "retail.orderhistory"),
        ("PrimeVideo.WatchEvent.2.1.csv", "primevideo.watchevent"),
        (
            "Retail.OutboundNotifications.notificationMetadata_1.csv",
            "retail.outboundnotifications.notificationmetadata",
        ),
        ("Order History-4.csv", "order history"),
        ("Order History (2).csv", "order history"),
        (
            "Kindle.reading-insights-sessions_with_adjustments.csv",
            "kindle.reading-insights-sessions_with_adjustments",
        ),
        ("Advertising.3PAudiences.CSV", "advertising.3paudiences"),
    ],
)
def test_what_a_file_is_called_by(name, bare):
    assert stem(name) == bare


def test_the_same_export_as_folder_zip_and_zip_of_zips(tmp_path):
    inside = {f"{name.removesuffix('.csv')}/{name}": content for name, content in FILES.items()}
    whole = ex.events(ex.zip_of_zips(tmp_path / "a.zip", FILES))
    assert whole.height == 4
    assert whole.equals(ex.events(ex.zipped(tmp_path / "b.zip", inside)))
    undated = ["event_id", "occurred_at"]
    loose = ex.events(ex.folder(tmp_path / "c", inside))
    assert loose.drop(undated).sort("kind").equals(whole.drop(undated).sort("kind"))
    zips = ex.folder(tmp_path / "d", {})
    zips.mkdir()
    for name, content in FILES.items():
        ex.zipped(zips / name.replace(".csv", ".zip"), {name: content})
    assert whole.equals(ex.events(zips))


def test_is_told_by_what_is_in_it(tmp_path):
    assert is_export(ex.zip_of_zips(tmp_path / "a.zip", FILES))
    assert is_export(ex.folder(tmp_path / "c", FILES))
    assert not is_export(ex.zipped(tmp_path / "b.zip", {"events.csv": b"a,b\n1,2\n"}))
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "twice.csv").write_bytes(b"Order ID,Order ID\n")
    assert not is_export(tmp_path / "broken.zip")
    assert not is_export(tmp_path / "twice.csv")
    assert not is_export(tmp_path / "absent.csv")
    assert AMAZON in formats()


@pytest.mark.parametrize("customer", [None, "", "  "])
def test_without_a_customer_it_says_what_to_do(tmp_path, customer):
    path = ex.zipped(tmp_path / "a.zip", FILES)
    with pytest.raises(InputError, match="--customer"):
        list(read_together([path], Options(customer)))


def test_a_truncated_zip_is_refused_by_name(tmp_path):
    path = ex.zip_of_zips(tmp_path / "cut.zip", FILES)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"cut\.zip"):
        ex.batches(path)


def test_files_nobody_knows_are_named_once_a_folder_and_no_error(tmp_path):
    strange = {
        "Digital.Content.Ownership/1.json": b"{}",
        "Digital.Content.Ownership/2.json": b"{}",
        "Wrapper.pdf": b"%PDF",
    }
    made = [
        batch for batch in ex.batches(ex.zipped(tmp_path / "a.zip", {**FILES, **strange})) if not batch.rows
    ]
    assert sorted(reason for batch in made for reason in batch.skipped) == [
        "a.zip!Digital.Content.Ownership/1.json and 1 more beside it: no reader for these files",
        "a.zip!Wrapper.pdf: no reader for this file",
    ]


def test_a_file_without_its_needed_column_is_skipped_and_says_which(tmp_path):
    path = ex.zipped(
        tmp_path / "a.zip", {"Retail.OrderHistory.2.csv": b"Order Date,Item\n03/01/2021 08:00:00 UTC,x\n"}
    )
    (batch,) = ex.batches(path)
    assert (batch.rows, batch.skipped) == (1, {"no column 'Order ID'": 1})


def test_the_curated_folder_wins_over_its_repeat_in_another_zip(tmp_path):
    one = ex.zipped(
        tmp_path / "All Data Categories.1.zip",
        {
            "Additional Data/Retail.OrderHistory.1/Retail.OrderHistory.1.csv": ex.table(
                ORDER, ["B1", "2025-04-09T08:00:00Z", "400-1", "Clipper", ""]
            )
        },
    )
    two = ex.zipped(
        tmp_path / "All Data Categories.2.zip",
        {
            "Your Amazon Orders/Order History.csv": ex.table(
                ORDER, ["B1", "2025-04-09T08:00:00Z", "400-1", "Nail clipper", ""]
            )
        },
    )
    assert ex.events(one, two)["item_name"].to_list() == ["Nail clipper"]
    (skipped,) = [batch.skipped for batch in ex.batches(one, two) if batch.skipped]
    assert skipped == {"the same as All Data Categories.2.zip!Your Amazon Orders/Order History.csv": 1}


def test_an_older_export_given_together_with_a_newer_one_loses_nothing(tmp_path):
    def export(name, file, number):
        rows = [["B1", "2025-04-09T08:00:00Z", each, "Clipper", ""] for each in ("both", number)]
        return ex.zipped(tmp_path / name, {file: ex.table(ORDER, *rows)})

    old = export("old.zip", "Retail.OrderHistory.2/Retail.OrderHistory.2.csv", "only in the old")
    new = export("new.zip", "Your Amazon Orders/Order History.csv", "only in the new")
    assert sorted(ex.events(old, new)["order_id"]) == ["both", "only in the new", "only in the old"]


def test_of_versions_the_highest_is_read(tmp_path):
    files = {
        f"Your Amazon Orders/Order History{suffix}.csv": ex.table(
            ORDER, ["B1", "2025-04-09T08:00:00Z", "400-1", "Clipper", suffix]
        )
        for suffix in ("", "-2", "-10")
    }
    made = ex.events(ex.zipped(tmp_path / "a.zip", files))
    assert made.height == 1
    assert '"-10"' in made["attributes"][0]


def test_unknown_columns_are_kept_unless_they_are_named_like_an_identifier(tmp_path):
    header = [*ORDER, "Recipient Phone", "Billing Address 2", "Customer Email Address"]
    path = ex.zipped(
        tmp_path / "a.zip",
        {
            "Order History.csv": ex.table(
                header,
                [
                    "B1",
                    "2025-04-09T08:00:00Z",
                    "400-1",
                    "Clipper",
                    "kept",
                    "+49 171 1",
                    "Hidden Road",
                    "jo@example.de",
                ],
            )
        },
    )
    (batch,) = ex.batches(path)
    assert '"Extra":"kept"' in batch.events["attributes"][0]
    assert not any(secret in str(batch.events.rows()) for secret in ("171", "Hidden Road", "jo@"))
    assert set(batch.identifiers["value"]) == {"+49 171 1", "Hidden Road", "jo@example.de"}


def test_columns_are_found_in_any_order_and_case(tmp_path):
    content = b"product name,ORDER ID,order date,Asin\nClipper,007,2025-04-09T08:00:00Z,B1\n"
    made = ex.one(tmp_path, "Order History.csv", content)
    assert made.select("order_id", "item_id", "item_name").row(0) == ("007", "B1", "Clipper")


def test_hostile_text_is_made_harmless(tmp_path):
    row = ["B1", "2025-04-09T08:00:00Z", "400-1", "[/]\x1b]52;c;aGk=\x07[@click=app.quit]\u202e", "\x1b[2J"]
    made = ex.one(tmp_path, "Order History.csv", ex.table(ORDER, row))
    assert not any(sign in str(made.rows()) for sign in ("\x1b", "\x07", "\u202e"))
    assert "[@click=app.quit]" in made["item_name"][0]


def test_a_row_without_a_time_is_refused_and_the_rest_goes_in(tmp_path):
    path = ex.zipped(
        tmp_path / "a.zip",
        {
            "Order History.csv": ex.table(
                ORDER,
                ["B1", "soon", "400-1", "x", ""],
                ["B1", "", "400-1", "x", ""],
                ["B1", "2025-04-09", "400-1", "x", ""],
            )
        },
    )
    (batch,) = ex.batches(path)
    assert batch.rejected.select("row", "reason").rows() == [
        (1, "Order Date is no time"),
        (2, "no Order Date"),
    ]
    assert batch.events["row"].to_list() == [3]
    assert batch.rows == batch.events.height + batch.rejected.height


def test_tells_how_far_it_is(tmp_path):
    told = []
    path = ex.zipped(tmp_path / "a.zip", FILES)
    list(read_together([path], Options("me", progress=lambda *step: told.append(step))))
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == told[-1][1] == sum(len(content) for content in FILES.values())


def test_a_customer_named_by_an_address_is_found_by_it(tmp_path):
    batch = next(iter(ex.batches(ex.zipped(tmp_path / "a.zip", FILES), customer="Jo@Example.de")))
    assert ("Jo@Example.de", "email", "Jo@Example.de") in batch.identifiers.rows()
