"""The whole path: an export into a workspace."""

import pytest

from audit.events.messages import messages
from audit.ingest.run import import_paths
from audit.workspace.workspace import Workspace
from tests.audit.ingest.amazon import exports as ex
from tests.audit.ingest.amazon.test_export import FILES

SECRETS = ("jo@example.de", "203.0.113.9", "Musterweg", "friend@example.de")
SEARCHES = [
    "2021-03-01 08:00:00",
    "s1",
    "q1",
    "1",
    "k=jo%40example.de",
    "203.0.113.9",
    "call me +49 171 1234567",
    "0",
]
ORDERED = [
    "Amazon.it",
    "400-1",
    "03/01/2021 08:00:00 UTC",
    "EUR",
    "9.90",
    "B1",
    "1",
    "Closed",
    "",
    "Jo Doe, Musterweg 1",
    "Nail clipper",
    "from jo@example.de",
    "Jo Doe",
]
MORE = {
    "Search-Data.Customer-Engagement.csv": ex.table(ex.SEARCH, SEARCHES),
    "Retail.OrderHistory.2.csv": ex.table(ex.ORDERS, ORDERED),
}


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    return Workspace.create(tmp_path / "workspace")


def test_twice_adds_nothing(ws, tmp_path):
    path = ex.zip_of_zips(tmp_path / "e.zip", FILES)
    first = import_paths(ws, [path], customer="me").document().to_json()
    assert (first["rows"], first["accepted"], first["customers"]) == (4, 4, 1)
    again = import_paths(ws, [path], customer="me").document().to_json()
    assert (again["accepted"], again["duplicates"]) == (0, 4)
    assert messages(ws.history(ws.resolve("me"))).select("message_id", "sent", "opened").rows() == [
        ("a", True, True),
        ("b", False, False),
    ]


def test_identifiers_reach_the_vault_and_nothing_else(ws, tmp_path):
    import_paths(ws, [ex.zip_of_zips(tmp_path / "e.zip", MORE)], customer="jo@example.de")
    history = ws.history(ws.resolve("JO@example.de"))
    assert history.height == 2
    assert not any(secret in str(history.rows()) for secret in (*SECRETS, "jo%40", "171 1234567", "Jo Doe"))
    for file in (ws.path / "events").rglob("*.parquet"):
        assert not any(secret.encode() in file.read_bytes() for secret in SECRETS)
    assert ws.vault.masked(ws.resolve("jo@example.de")) == {
        "email": "j•••@•••.de",
        "ip": "•••",
        "address": "•••",
        "other": "•••",
    }


def test_several_exports_join_one_customer_however_named(ws, tmp_path):
    import_paths(ws, [ex.zip_of_zips(tmp_path / "a.zip", FILES)], customer="jo@example.de")
    customer = ws.resolve("jo@example.de")
    import_paths(ws, [ex.zip_of_zips(tmp_path / "b.zip", MORE)], customer=customer)
    again = import_paths(ws, [tmp_path / "b.zip"], customer=" JO@example.de ").document().to_json()
    assert again["accepted"] == 0
    assert ws.history(customer).height == 6
    assert ws.resolve("Jo@Example.DE") == customer
