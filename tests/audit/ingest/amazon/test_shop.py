"""Searches, views, carts, orders and what came back; audiences and advertising."""

import json
from datetime import UTC, datetime

import pytest

from audit import ingest
from audit.ingest.amazon.dataset_rules import keywords
from tests.audit.ingest.amazon import exports as ex


def order(number="400-1", *, status="Closed", shipped="03/02/2021 08:00:00 UTC", gift=""):
    before = ["Amazon.it", number, "03/01/2021 08:00:00 UTC", "EUR", "9.90", "B1", "1", status, shipped]
    return [*before, "Jo Doe, Musterweg 1", "Nail clipper", gift, ""]


def test_an_order_in_several_regions_is_one_and_two_shipments_are_two(tmp_path):
    files = {
        "Retail.OrderHistory.1/Retail.OrderHistory.1.csv": ex.table(ex.ORDERS, order(), order("400-2")),
        "Retail.OrderHistory.2/Retail.OrderHistory.2.csv": ex.table(
            ex.ORDERS, order(), order(shipped="03/05/2021 08:00:00 UTC")
        ),
    }
    made = ex.events(ex.zipped(tmp_path / "e.zip", files))
    assert sorted(made["order_id"]) == ["400-1", "400-1", "400-2"]
    assert set(made["kind"]) == {"order_completed"}
    assert made.select("item_id", "item_name", "price", "quantity", "currency").row(0) == (
        "B1",
        "Nail clipper",
        9.9,
        1.0,
        "EUR",
    )


@pytest.mark.parametrize("word", ["Cancelled", "cancelled", "Canceled"])
def test_a_cancelled_order_was_not_completed(tmp_path, word):
    made = ex.one(tmp_path, "Retail.OrderHistory.2.csv", ex.table(ex.ORDERS, order(status=word)))
    assert made.select("kind", "reason").rows() == [("order_cancelled", word)]


def test_a_status_in_another_language_is_told_and_no_purchase(ws, tmp_path):
    export = ex.zipped(
        tmp_path / "e.zip",
        {"Retail.OrderHistory.2.csv": ex.table(ex.ORDERS, order(), order("400-2", status="Storniert"))},
    )
    report = ingest.import_paths(ws, [export], customer="me")
    made = ws.events().sort("order_id")
    assert made.select("kind", "reason").rows() == [("order_completed", None), ("other", "Storniert")]
    assert report.document().other_kinds == {"Storniert": 1}


def test_orders_in_json_are_the_same_events_as_in_csv(ws, tmp_path):
    rows = [order(), order("400-2", gift="All the best")]
    objects = [dict(zip(ex.ORDERS, row, strict=True)) for row in rows]
    objects[0] |= {"Unit Price": 9.90, "Quantity": 1, "Gift Message": None}
    listed = tmp_path / "Retail.OrderHistory.1.json"
    listed.write_text(json.dumps([*objects, {"Order ID": "400-3", "Strange": 1}]), encoding="utf-8")
    export = ex.zipped(tmp_path / "e.zip", {"Retail.OrderHistory.2.csv": ex.table(ex.ORDERS, *rows)})
    report = ingest.import_paths(ws, [listed], customer="me")
    assert (report.total("accepted"), report.total("quarantined")) == (2, 1)
    assert report.refused_by_reason == {"a field that the first object does not have": 1}
    assert ingest.import_paths(ws, [export], customer="me").total("accepted") == 0


def test_a_gift_message_marks_a_gift(tmp_path):
    made = ex.one(
        tmp_path,
        "Retail.OrderHistory.2.csv",
        ex.table(ex.ORDERS, order(), order("400-2", gift="All the best")),
    )
    assert made.sort("order_id")["gift"].to_list() == [None, True]


def test_the_same_order_in_the_form_of_2021_and_of_2025_is_the_same_event(tmp_path):
    old = ex.zipped(tmp_path / "old.zip", {"Retail.OrderHistory.2.csv": ex.table(ex.ORDERS, order())})
    header = [
        "ASIN",
        "Currency",
        "Department",
        "Order Date",
        "Order ID",
        "Order Status",
        "Original Quantity",
        "Product Name",
        "Ship Date",
        "Shipping Address",
        "Unit Price",
        "Website",
    ]
    row = [
        "B1",
        "EUR",
        "Beauty",
        "2021-03-01T08:00:00Z",
        "400-1",
        "Closed",
        "1",
        "Nail clipper",
        "2021-03-02T08:00:00Z",
        "Not Available",
        "9.90",
        "Amazon.it",
    ]
    new = ex.zipped(tmp_path / "new.zip", {"Your Amazon Orders/Order History.csv": ex.table(header, row)})
    assert ex.events(old)["event_id"].to_list() == ex.events(new)["event_id"].to_list()
    assert ex.events(new)["category"].to_list() == ["Beauty"]


def test_an_order_report_of_before_2023_is_told_by_its_columns(tmp_path):
    header = [
        "Order Date",
        "Order ID",
        "Title",
        "Category",
        "ASIN/ISBN",
        "UNSPSC Code",
        "Website",
        "Purchase Price Per Unit",
        "Quantity",
        "Buyer Name",
    ]
    path = tmp_path / "01-Jan-2019_to_31-Dec-2019.csv"
    path.write_bytes(
        ex.table(
            header,
            ["01/02/2019", "113-1", "Clipper", "BEAUTY", "B1", "", "Amazon.com", "$1,217.80", "2", "Jo Doe"],
            mark=False,
            newline="\r\n",
        )
    )
    made = ex.events(path)
    assert made.select("order_id", "price", "quantity", "category", "occurred_at").row(0) == (
        "113-1", 1217.8, 2.0, "BEAUTY", datetime(2019, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    assert json.loads(made["attributes"][0])["occurred_at_is"] == "a date without a time of day"
    assert ex.batches(path)[0].identifiers.select("field", "value").rows() == [("name", "Jo Doe")]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("k=nail+clipper&ref=nb", "nail clipper"),
        ("/s?k=caff%C3%A8&i=grocery", "caffè"),
        ("https://www.amazon.it/s/ref=nb?url=x&field-keywords=usb+cable", "usb cable"),
        ("rh=n%3A1", None),
        ("", None),
    ],
)
def test_keywords_inside_an_address(address, words):
    assert keywords(address) == words


def test_a_search_by_its_keywords_or_those_in_its_address_without_identifiers(tmp_path):
    rows = (
        ["2021-03-01 08:00:00", "s1", "q1", "1", "k=other", "203.0.113.9", "usb cable", "0"],
        ["2021-03-01 08:01:00", "s1", "q2", "Yes", "k=baby+names", "203.0.113.9", "", "No"],
        ["2021-03-01 08:02:00", "s1", "q3", "Y", "k=jo%40example.de", "203.0.113.9", "", "N"],
    )
    path = ex.zipped(
        tmp_path / "e.zip",
        {"Search-Data.Customer-Engagement.csv": ex.table(ex.SEARCH, *rows, newline="\r\n")},
    )
    made = ex.events(path)
    assert made["query"].to_list() == ["usb cable", "baby names", "[e-mail]"]
    for attributes in map(json.loads, made["attributes"]):
        assert attributes["Prime Customer (Y/N)"] == "true"
        assert attributes["Clicked Any Item (Y/N)"] == "false"
    assert ex.batches(path)[0].identifiers.rows() == [("me", "ip", "203.0.113.9")]


def test_search_product_metrics_are_counted_and_said_why_not(tmp_path):
    path = ex.zipped(
        tmp_path / "e.zip", {"Search-Data.Product-Metrics.csv": ex.table(["Clicked Items"], ["B1"], ["B2"])}
    )
    (batch,) = ex.batches(path)
    assert batch.rows == 2
    assert batch.skipped == {"has no time and no query id, so it joins no search": 2}


VIEW = [
    "marketplace_id",
    "ASIN",
    "product_name",
    "customer_country_code",
    "customer_city",
    "customer_postal_code",
    "creation_date",
    "device_type",
    "website_list_price",
    "website_list_price_currency_code",
    "user_agent",
    "http_referer",
]


def test_views_and_buy_again_strips(tmp_path):
    view = [
        "www.amazon.it",
        "B1",
        "Clipper",
        "IT",
        "Roma",
        "00100",
        "2025-04-09T08:00:00Z",
        "Desktop",
        "9.99",
        "EUR",
        "Mozilla/5.0",
        "https://x.example",
    ]
    shown = ["B2", "Diapers", "2025-04-10T08:00:00Z", "Mobile", "19.99", "EUR"]
    base = "Additional Data/Request All Your Data."
    files = {
        f"{base}Detail Page Glance View Impressions/Request All Your Data.Detail Page Glance View Impressions.csv": ex.table(
            VIEW, view
        ),
        f"{base}Buy Again Customer Shopping Impressions/Request All Your Data.Buy Again Customer Shopping Impressions.csv": ex.table(
            [
                "ASIN",
                "product_name",
                "creation_date",
                "device_type",
                "list_price_amount",
                "list_price_currency_code",
            ],
            shown,
        ),
    }
    path = ex.zipped(tmp_path / "e.zip", files)
    assert ex.events(path).select("kind", "item_id", "price", "country", "placement").rows() == [
        ("product_viewed", "B1", 9.99, "IT", None),
        ("recommendation_shown", "B2", 19.99, None, "Buy Again"),
    ]
    fields = {field for batch in ex.batches(path) for field in batch.identifiers["field"]}
    assert fields == {"address", "user_agent", "referer"}


@pytest.mark.parametrize(
    ("name", "header", "row", "expected"),
    [
        ("Retail.CartItems.1.csv", "DateAddedToCart,Source,ASIN,CartDomain,CartList,Quantity", ["03/29/2020 17:13:28 UTC", "Retail", "B1", "Not Applicable", "active", "2"],
         {"kind": "product_added", "item_id": "B1", "list_id": "active", "quantity": 2.0}),
        ("Retail.CustomerReturns.1.csv", "OrderId,ContractId,DateOfReturn,ReturnAmount,ReturnAmountCurrency,ReturnReason,Resolution", ["400-1", "c", "03/29/2020", "9,90", "EUR", "too small", "Refund"],
         {"kind": "order_refunded", "order_id": "400-1", "price": 9.9, "reason": "too small"}),
        ("Your Returns & Refunds/Refund Details.csv", "Creation Date,Currency,Order ID,Refund Amount,Refund Date,Reversal Reason", ["2025-04-09T08:00:00Z", "EUR", "400-1", "9.90", "2025-04-10T08:00:00Z", "Customer Return"],
         {"kind": "order_refunded", "order_id": "400-1", "price": 9.9, "occurred_at": datetime(2025, 4, 9, 8, tzinfo=UTC)}),
        ("Digital Items.csv", "ASIN,Title,OrderId,DigitalOrderItemId,OrderDate,OurPrice,OurPriceCurrencyCode,QuantityOrdered,GiftItem,RecipientEmail", ["B1", "A book", "D01-1", "x", "2021-03-01", "2.99", "EUR", "1", "No", "friend@example.de"],
         {"kind": "order_completed", "order_id": "D01-1", "item_name": "A book", "price": 2.99, "placement": "digital", "gift": False}),
        ("Your Amazon Orders/Digital Content Orders.csv", "ASIN,Order Date,Order ID,Order Status,Price,Price Currency Code,Product Name,Quantity Ordered", ["B1", "2025-04-09T08:00:00Z", "D01-2", "Cancelled", "2.99", "EUR", "A book", "1"],
         {"kind": "order_cancelled", "order_id": "D01-2", "item_name": "A book"}),
        ("Digital.Orders.Returns.Transaction.2.csv", "OrderId,Asin,Title,ReturnStatus,ReturnDate,AmountRefunded,BaseCurrencyCode,PaymentInformation", ["D01-1", "B1", "A book", "Done", "2021-03-01", "2.99", "EUR", "Visa"],
         {"kind": "order_refunded", "order_id": "D01-1", "item_id": "B1", "price": 2.99}),
        ("Retail.CustomerReviews.ReviewsVersions2.csv", "ASIN,StarRating,SubmissionTime,Text,VersionID", ["B1", "5", "03/29/2020 17:13", "sharp", "1"],
         {"kind": "product_reviewed", "item_id": "B1"}),
        ("PrimeVideo.WatchEvent.2.1.csv", "TitleName,SecondsWatched,MostRecentWatchDate", ["A film", "60", "11/11/2021 22:32:48 UTC"],
         {"kind": "content_consumed", "item_name": "A film"}),
        ("Digital.PrimeVideo.Viewinghistory.csv", "Playback Hour,City,Title", ["11/11/2021 22:32:48", "Roma", "One", " two", " and three"],
         {"kind": "content_consumed", "item_name": "One, two, and three"}),
        ("Kindle.Devices.ReadingSession.csv", "start_timestamp,end_timestamp,ASIN,total_reading_millis", ["Not Available", "2024-08-15T12:30:00Z", "B1", "5"],
         {"kind": "content_consumed", "item_id": "B1", "occurred_at": datetime(2024, 8, 15, 12, 30, tzinfo=UTC)}),
        ("Audible.Listening.csv", "StartDate,Title,Asin", ["02-Jan-2020", "A book", "B1"], {"kind": "content_consumed", "item_name": "A book"}),
        ("Digital.PrimeVideo.Watchlist.csv", "itemAddedDate,catalogTitle", ["03/29/2020 17:13", "A film"], {"kind": "wishlist_added", "item_name": "A film"}),
        ("Rufus.Conversation.Queries.csv", "Typed Query,Request Date,ASIN", ["is it sharp?", "2025-04-09T08:00:00Z", "B1"], {"kind": "products_searched", "query": "is it sharp?"}),
    ],
)  # fmt: skip
def test_the_other_files(tmp_path, name, header, row, expected):
    (made,) = ex.one(tmp_path, name, ex.table(header.split(","), row)).iter_rows(named=True)
    assert {column: made[column] for column in expected} == expected


def test_a_refund_and_its_payment_are_one_event(tmp_path):
    files = {
        "Retail.OrdersReturned.2.csv": ex.table(["ReversalID", "OrderID", "CreationDate", "Quantity", "ReversalReason"], ["r1", "400-1", "03/29/2020 17:13:28 UTC", "1", "damaged"]),
        "Retail.OrdersReturned.Payments.2.csv": ex.table(["OrderID", "ReversalID", "RefundCompletionDate", "AmountRefunded"], ["400-1", "r1", "04/02/2020 17:13:28 UTC", "9.90"]),
    }  # fmt: skip
    made = ex.events(ex.zip_of_zips(tmp_path / "e.zip", files))
    assert made.select("kind", "reason").rows() == [("order_refunded", "damaged")]


@pytest.mark.parametrize(
    ("name", "header", "source", "category"),
    [
        (
            "Advertising.AmazonAudiences",
            "Amazon Audiences in which you are included",
            "inferred",
            "In-Market",
        ),
        (
            "Advertising.3PAudiences",
            "Audiences in which you are included via 3rd Parties",
            "third_party",
            "In-Market",
        ),
        (
            "Advertising.AdvertiserAudiences",
            "Advertisers who brought audiences in which you are included",
            "third_party",
            None,
        ),
    ],
)
def test_an_audience_is_a_snapshot_dated_by_its_file(tmp_path, name, header, source, category):
    content = f'\ufeff{header}\n\n"In-Market:Strollers, prams"\n'.encode()
    (made,) = ex.one(tmp_path, f"Advertising.1/{name}.csv", content).iter_rows(named=True)
    assert made["kind"] == "segment_snapshot"
    assert made["segment_id"] == "In-Market:Strollers, prams"
    assert made["source"] == source
    assert made.get("category") == category
    assert made["reason"] == "snapshot, cause not disclosed"
    assert made["occurred_at"] == ex.MADE.replace(hour=0)
    assert json.loads(made["attributes"]) == {"occurred_at_is": "the date of the file in the export"}


def test_an_audience_in_several_regions_is_one(tmp_path):
    content = b'Amazon Audiences in which you are included\n\n"In-Market:Prams"\n'
    one = ex.zipped(tmp_path / "1.zip", {"Advertising.1/Advertising.AmazonAudiences.csv": content})
    later = ex.MADE.replace(minute=7)
    two = ex.zipped(
        tmp_path / "2.zip", {"Advertising.2/Advertising.AmazonAudiences.csv": content}, made=later
    )
    assert ex.events(one, two).height == 1


def test_a_clicked_advertiser_and_the_advertising_opt_out(tmp_path):
    files = {
        "Advertising.1/Advertising.AdvertiserClicks.csv": b'Advertisers whose ads you clicked\n\n"Brand A"\n',
        "Advertising.1/Advertising.OptOut.csv": b"Interest based ads opt out setting per marketplace\n\nUK:Not OptedOut\nIT:OptedOut\n",
        "Advertising.1/Advertising.3PAudiences.csv": b"Audiences in which you are included via 3rd Parties\n",
    }
    path = ex.zipped(tmp_path / "e.zip", files)
    made = ex.events(path).sort("kind")
    assert made.select("kind", "sender", "reason").rows() == [
        ("ad_clicked", "Brand A", "snapshot, time not disclosed"),
        ("objected", "IT", "OptedOut"),
        ("profile_updated", "UK", "Not OptedOut"),
    ]
    assert sorted(batch.rows for batch in ex.batches(path)) == [0, 1, 2]
