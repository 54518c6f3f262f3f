"""No identifier is outside the vault: canaries in every format, sought in every byte of a workspace and in every output."""

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from audit import ingest
from audit.events.schema import SCHEMA
from audit.ingest import map_formats, map_language
from audit.workspace.workspace import Workspace
from tests.audit.ingest.canaries import NAMED, UNCAUGHT, Planter, Sample
from tests.audit.ingest.files import by_source, csv, raw
from tests.audit.ingest.test_shipped_formats import SAMPLES
from tests.audit.ingest.test_shipped_tables import SHIPPED
from tests.tui.command import Command


def texts(ws: Path) -> str:
    """Each file of a workspace but the vault: its bytes, and what they say where they are packed."""
    found = []
    for path in sorted(path for path in ws.rglob("*") if path.is_file() and "vault" not in path.name):
        found.append(path.read_bytes().decode("utf-8", "replace"))
        if path.suffix == ".parquet":
            found.append(pl.read_parquet(path).select(pl.exclude(pl.Binary)).write_ndjson())
        elif path.suffix == ".db":
            with sqlite3.connect(path) as db:
                found += db.iterdump()
    return "\n".join(found)


OURS = map_language.made({"columns": {name: name for name in SCHEMA if name != "attributes"}})


def _canonical(folder: Path) -> Path:
    """A file in our own columns, with a text in each."""
    row = dict.fromkeys(SCHEMA, "words") | {
        "customer_id": "p",
        "occurred_at": "2026-01-05T10:00:00Z",
        "kind": "message_sent",
    }
    row |= {
        "attributes": "",
        "topics": '["words"]',
        "quantity": "1",
        "price": "2",
        "gift": "",
        "machine": "",
        "country": "DE",
    }
    row |= {"recorded_at": "", "time_zone": "", "message_class": "", "source": "", "currency": "EUR"}
    path = folder.parent / "ours.csv"
    pl.DataFrame([row]).write_csv(path)
    return path


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Files of every format with canaries in them."""
    planter, folders = Planter(), {}
    for each in map_formats.shipped():
        folder = tmp_path_factory.mktemp("given") / each.name
        folder.mkdir()
        sample = Sample(planter, each.name)
        if each.name in SAMPLES:
            sample.posts(list(SAMPLES[each.name].rows), folder / "posts.ndjson")
        else:
            for source in sorted((SHIPPED / each.name).iterdir()):
                sample.file(source, folder)
        folders[each.name] = folder
    folders["csv"] = tmp_path_factory.mktemp("given") / planter.canary(
        "a file", "the name of a file", "e-mail"
    )
    folders["csv"].mkdir()
    Sample(planter, "csv", OURS).file(_canonical(folders["shopify"]), folders["csv"])
    return planter, folders


@pytest.fixture(scope="module")
def imported(planted, tmp_path_factory):
    """A workspace with all of them in it, and the account of that import."""
    _, folders = planted
    place = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHYSENT_KEY_FILE", str(place / "key"))
        ws = Workspace.create(place / "workspace")
        yield ws, ingest.import_paths(ws, list(folders.values()))


def test_every_format_is_planted_and_taken(imported, planted):
    planter, folders = planted
    taken = {file.format for file in imported[1].files if file.accepted}
    assert taken == {*folders}
    assert {name for name, _, _ in planter.planted.values()} == {*folders, "a file"} - {"cdnow", "snowplow"}
    assert {kind for _, _, kind in planter.planted.values()} == {*NAMED, *UNCAUGHT}


def test_no_byte_of_a_workspace_holds_an_identifier(imported, planted):
    ws, _ = imported
    found = set(planted[0].leaks(texts(ws.path)))
    assert sorted(leak for leak in found if leak[2] not in UNCAUGHT) == []
    assert {kind for _, _, kind in found} == {*UNCAUGHT}, "the documents say what cannot be caught"


def test_no_output_says_an_identifier(planted, imported, tmp_path, monkeypatch, capsys):
    planter, folders = planted
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    whysent = Command(tmp_path / "workspace", capsys, monkeypatch)
    outputs = [
        whysent("import", folders["csv"], folders["shopify"]),
        whysent("import", folders["csv"], "--json"),
    ]
    ws = Workspace.open(tmp_path / "workspace")
    events = ws.scan().collect()
    for customer in events["customer_id"].unique().sort().to_list()[:1]:
        message = events.filter((pl.col("customer_id") == customer) & pl.col("message_id").is_not_null())[
            "event_id"
        ]
        outputs += [whysent(*words, "--json") for words in (["show", customer], ["audit", customer])]
        outputs += [whysent("report", customer), whysent("show", customer)]
        outputs += [whysent("why", customer, "--message", each, "--json") for each in message.head(1)]
    outputs += [whysent("customers", "--json"), whysent("audit", "--all")]
    said = "".join(done.out + done.err for done in outputs)
    assert sorted(leak for leak in planter.leaks(said) if leak[2] not in UNCAUGHT) == []


def test_unknown_columns_that_look_like_identifiers_are_held_back_until_a_map_says_otherwise(tmp_path, ws):
    lines = [
        f"p,2026-01-0{day}T10:00:00Z,order_completed,+49 171 555000{day},{day}00 x" for day in range(1, 8)
    ]
    header = "customer_id,occurred_at,kind,x1,x2"
    report = ingest.import_paths(ws, [csv(tmp_path, *lines, header=header)])
    assert report.document().to_json()["held_back"] == [{"column": "x1", "looks_like": "phone", "rows": 7}]
    assert "".join(by_source(ws)["attributes"]).count("x1") == 0
    for said, stored in (("keep", 7), ("identifiers", 0), ("drop", 0)):
        mapping = raw(
            tmp_path,
            f'{said} = ["x1"]\n[columns]\ncustomer_id = "customer_id"\noccurred_at = "occurred_at"\nkind = "kind"\n'.encode(),
            "map.toml",
        )
        other = Workspace.create(tmp_path / said)
        assert not ingest.import_paths(other, [tmp_path / "events.csv"], map_file=mapping).held_back
        assert "".join(by_source(other)["attributes"]).count("+49 171 555000") == stored
