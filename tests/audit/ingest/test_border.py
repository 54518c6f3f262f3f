"""Direct identifiers go to the vault and nowhere else."""

import json

import pytest

from audit import ingest
from audit.ingest import attributes
from tests.audit.ingest.files import by_source, csv, ndjson

EVENT = {"customer_id": "u1", "occurred_at": "2026-01-05T10:00:00Z", "kind": "products_searched"}


def files_of(ws) -> bytes:
    """Every byte the workspace holds outside the vault."""
    return b"".join(
        path.read_bytes() for path in ws.path.rglob("*") if path.is_file() and path.name != "vault.db"
    )


def test_identifier_columns_go_to_the_vault(ws, tmp_path):
    header = "customer_id,occurred_at,kind,E-Mail,Shipping Address,Customer IP,User-Agent,referrer,colour"
    row = 'u1,2026-01-05,order_completed,Jo.Doe@example.org,"1 Elm St, Utopia",192.0.2.7,Mozilla/5.0,https://a.example/q,red'
    ingest.import_paths(ws, [csv(tmp_path, row, header=header)])
    customer = ws.resolve("jo.doe@EXAMPLE.org")

    assert customer == ws.resolve("u1")
    assert ws.vault.masked(customer)["email"] == "J•••@•••.org"
    assert set(ws.vault.masked(customer)) == {"email", "address", "ip", "user_agent", "referer"}
    assert by_source(ws)["attributes"].to_list() == ['{"colour":"red"}']
    for secret in (b"Doe", b"Elm", b"192.0.2.7", b"Mozilla", b"a.example", b"u1"):
        assert secret not in files_of(ws)


def test_ids_that_are_one_address_are_one_person_who_keeps_what_is_known_of_them(ws, tmp_path):
    header = "customer_id,occurred_at,kind,phone"
    ids = (
        "Jo.Doe@example.org",
        " jo.doe@EXAMPLE.org",
        "jo.\u200bdoe@example.org",
        "\ufeffjo.doe@exam\u00adple.org\u00a0",
    )
    rows = [f"{ident},2026-01-0{day},product_viewed,+49 30 90000{day}" for day, ident in enumerate(ids, 1)]
    report = ingest.import_paths(
        ws,
        [
            csv(
                tmp_path,
                *rows,
                "AB-1,2026-01-01,product_viewed,",
                "ab-1,2026-01-01,product_viewed,",
                header=header,
            )
        ],
    )
    customer = ws.resolve("JO.DOE@example\u200b.org")

    assert (report.customers, ws.info.customers) == (3, 3)
    assert ws.history(customer).height == len(ids)
    assert ws.vault.masked(customer)["phone"] == "•••01, •••02, •••03, •••04"
    assert ws.resolve("AB-1") != ws.resolve("ab-1")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(
            (name, "name")
            for name in ("Nachname", "Vorname", "billing_last_name", "PRÉNOM", "Nom", "Apellidos")
        ),
        *(
            (name, "address")
            for name in ("Straße", "STRASSE", "shippingAddressLine1", "Adresse", "Dirección")
        ),
        *((name, "phone") for name in ("Telefon", "Téléphone", "Te\u0301le\u0301phone", "teléfono")),
        *((name, "other") for name in ("Geburtsdatum", "birthdate", "Date of Birth", "SSN", "IBAN")),
        ("X-Forwarded-For", "ip"),
        *((name, None) for name in ("product_name", "Produktname", "campaign_name", "Ort", "nom_du_produit")),
    ],
)
def test_a_column_is_a_persons_by_its_name_in_any_of_the_languages(name, field):
    assert attributes.field_of(name) == field


def test_no_identifier_of_any_column_is_outside_the_vault(ws, tmp_path):
    """A canary in every kind of column."""
    names = [name for names in attributes.identifier_words()["columns"].values() for name in names]
    spelled = [*names, "Straße", "Prénom", "Téléphone", "Dirección"]
    row = {name: f"canary{number}x" for number, name in enumerate(spelled)}
    ingest.import_paths(
        ws, [ndjson(tmp_path, {**EVENT, **row, "colour": "red", "attributes": {"customer": row}})]
    )

    assert by_source(ws)["attributes"][0] == '{"colour":"red","customer":{}}'
    assert b"canary" not in files_of(ws)


@pytest.mark.parametrize(
    ("given", "kept", "fields"),
    [
        ({"traits": {"email": "jo@example.org", "plan": "a"}}, '{"traits":{"plan":"a"}}', {"email"}),
        ({"user": {"name": "Jo Doe"}, "n": 1.50}, '{"user":{},"n":1.5}', {"name"}),
        ({"item": {"name": "Jo's soap"}}, '{"item":{"name":"Jo\'s soap"}}', set()),
        ({"visits": [{"ipAddress": "192.0.2.7", "ok": True}]}, '{"visits":[{"ok":true}]}', {"ip"}),
        ({"email": "jo@example.org"}, None, {"email"}),
        ({"Prénom": "Jo", "plan": "a"}, '{"plan":"a"}', {"name"}),
        ({"Kunde": {"Straße": "Elm 1"}, "n": 1}, '{"Kunde":{},"n":1}', {"address"}),
        ({"producto": {"nombre": "jabón"}}, '{"producto":{"nombre":"jabón"}}', set()),
    ],
)
def test_identifiers_inside_attributes_go_to_the_vault(ws, tmp_path, given, kept, fields):
    ingest.import_paths(ws, [ndjson(tmp_path, {**EVENT, "attributes": given})])

    assert set(ws.vault.masked(ws.resolve("u1"))) == fields
    assert by_source(ws)["attributes"][0] == kept
    assert b"example.org" not in files_of(ws)


def test_free_text_is_scrubbed(ws, tmp_path):
    card = 4111111111111111
    row = {
        **EVENT,
        "query": "order of jo@example.org",
        "subject": "call +49 170 1234567",
        "text": f"card {card}",
        "number": card,
    }
    ingest.import_paths(ws, [ndjson(tmp_path, row)])
    event = by_source(ws).row(0, named=True)

    assert event["query"] == "order of [e-mail]"
    assert event["subject"] == "call [phone]"
    assert event["attributes"] == '{"text":"card [card]","number":"[card]"}'


SAID = "First name: Ana\nLast name: Example\nAddress: Long Street 1\nIP address: 203.0.113.7\nUTM campaign: spring"


def test_a_note_is_for_the_vault_alone_and_lines_of_key_and_value_are_told_apart(ws, tmp_path):
    header = "customer_id,occurred_at,kind,Note Attributes,Notes,extra,remarks"
    row = f'u1,2026-05-14,order_completed,"{SAID}",please ring at Bo Other,"{SAID}",for Ana Example'
    ingest.import_paths(ws, [csv(tmp_path, row, header=header)])
    kept = json.loads(by_source(ws)["attributes"][0])
    assert kept == {"extra": kept["extra"], "remarks": "for [name] [name]"}
    assert kept["extra"].endswith(
        "Last name: [name]␊Address: [address]␊IP address: [ip]␊UTM campaign: spring"
    )
    assert set(ws.vault.masked(ws.resolve("u1"))) == {"name", "address", "ip", "other"}
    stored = files_of(ws)
    assert [name for name in (b"Bo Other", b"Ana", b"Long Street", b"203.0.113.7") if name in stored] == []


def test_pseudonyms_are_random_and_stay(ws, tmp_path):
    file = ndjson(tmp_path, EVENT)
    ingest.import_paths(ws, [file])
    first = ws.resolve("u1")
    ingest.import_paths(ws, [ndjson(tmp_path, {**EVENT, "query": "other"})])

    assert ws.resolve("u1") == first
    assert ws.history(first).height == 2
    assert first.startswith("c_")


def test_an_id_that_is_an_address_is_only_in_the_vault(ws, tmp_path):
    ingest.import_paths(ws, [ndjson(tmp_path, {**EVENT, "customer_id": "jo@example.org"})])
    assert ws.resolve("jo@example.org") == ws.scan().collect()["customer_id"][0]
    assert b"jo@example" not in files_of(ws)


def test_identifiers_of_refused_rows_are_not_taken(ws, tmp_path):
    ingest.import_paths(ws, [ndjson(tmp_path, {**EVENT, "kind": "none", "email": "jo@example.org"})])
    assert ws.vault.resolve("jo@example.org") is None
    assert b"jo@example" not in files_of(ws)


def test_the_quarantine_keeps_what_a_row_said_sealed(ws, tmp_path):
    import polars as pl

    report = ingest.import_paths(ws, [ndjson(tmp_path, {**EVENT, "kind": "none", "email": "jo@example.org"})])
    held = ws.vault.unseal(pl.read_parquet(report.quarantine)["raw"][0]).decode()
    assert "jo@example.org" in held
