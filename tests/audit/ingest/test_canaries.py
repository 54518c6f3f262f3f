"""No identifier is outside the vault: canaries in every format, sought in every byte of a workspace and in every output."""

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit import ingest
from audit.events.schema import SCHEMA
from audit.ingest import formats, map_formats, map_language, preview
from audit.workspace.workspace import Workspace
from tests.audit.ingest import files
from tests.audit.ingest.amazon import exports as ex
from tests.audit.ingest.canaries import NAMED, UNCAUGHT, Planter, Sample
from tests.audit.ingest.files import by_source, csv, raw
from tests.audit.ingest.test_shipped_formats import SAMPLES
from tests.audit.ingest.test_shipped_tables import SHIPPED
from tui import commands
from tui.cli import run


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


READ = {
    "import", "formats", "formats show", "map", "customers", "show", "why", "audit", "link", "segments list",
    "segments history", "reconcile", "rules list", "rules show", "rules check", "rules history", "rules diff", "rules export",
    "rules inbox", "rules handover", "rules kept", "rules presets", "simulate", "sweep", "report", "doctor", "audience",
}  # fmt: skip
"""Commands whose answer is looked at."""

NOT_LOOKED_AT = {
    "demo", "open", "case", "unlink", "gate", "formats new", "formats check", "segments define", "segments learn", "rules add", "rules set", "rules enable",
    "rules disable", "rules remove", "rules undo", "rules import", "rules draft", "rules propose", "rules approve", "rules reject",
    "rules withdraw", "rules policy", "rules presets show",
}  # fmt: skip
"""Those that show a screen, change something, or say nothing of a workspace's data."""

CAP = '[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimit = 1\nwindow = "7d"\n'

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


def _amazon(sample: Sample, folder: Path) -> Path:
    """Files of an Amazon export: what they say of a person, and columns that no generation of them had."""

    def canary(place: str, kind: str) -> str:
        return sample.planter.canary("amazon", place, kind)

    tables = {
        "OutboundNotifications.SentNotifications": (ex.SENT, ex.sent("a", "04/25/2021 14:09")),
        "OutboundNotifications.PushSentData": (
            ex.PUSH,
            [
                "Amazon.de",
                "EU",
                "Yes",
                "p",
                "1",
                "04/26/2021 14:09",
                "04/26/2021 14:09",
                canary("Device", "device"),
            ],
        ),
        "OutboundNotifications.EmailDeliveryStatusFeedback": (
            ex.FEEDBACK,
            [
                "a",
                "1",
                "BOUNCED",
                "x",
                f"550 no {canary('Bounce Reason', 'e-mail')}",
                "EU",
                "04/25/2021 15:00",
            ],
        ),
        "Retail.OrderHistory.1": (
            ex.ORDERS,
            [
                *("Amazon.de", "400-1", "03/01/2021 08:00:00 UTC", "EUR", "9.90", "B1", "1", "Closed", ""),
                f"{canary('Shipping Address', 'name')}, {canary('Shipping Address', 'address')}",
                f"Clipper {canary('Product Name', 'phone')}",
                f"from {canary('Gift Message', 'e-mail')}",
                canary("Gift Sender Name", "name"),
            ],
        ),
        "Search-Data.Customer-Engagement": (
            ex.SEARCH,
            [
                *("2021-03-01 08:00:00", "s1", "q1", "1"),
                f"k={canary('a query', 'e-mail percent-encoded')}",
                canary("Customer IP", "IPv4"),
                f"call {canary('Keywords', 'phone')}",
                "0",
            ],
        ),
    }
    files = {}
    for name, (header, row) in tables.items():
        unread = ["soon" if re.match(r"\d\d/\d\d/|\d{4}-\d\d", value) else value for value in row]
        more = sample.columns()
        files[f"{name}.csv"] = ex.table(
            [*header, *more], [*row, *more.values()], [*unread, canary("a refused row", "e-mail")]
        )
    return ex.folder(folder, files)


def _in_our_columns(planter: Planter, folder: Path) -> dict[str, Path]:
    """Our own columns in each form in which they are taken."""
    given = _canonical(folder)
    sample = {name: Sample(planter, name, OURS) for name in ("csv", "ndjson", "parquet", "zip")}
    named = folder / planter.canary("a file", "the name of a file", "e-mail")
    named.mkdir()
    sample["csv"].file(given, named)
    rows = pl.read_csv(given, infer_schema=False).to_dicts()
    sample["ndjson"].posts(rows, folder / "ours.ndjson")
    planted = list(sample["parquet"].rows(rows, nested=True))
    pl.from_dicts(planted, infer_schema_length=None).write_parquet(folder / "ours.parquet")
    with zipfile.ZipFile(folder / "ours.zip", "w") as packed:
        inside = planter.canary("a file", "the name of a file in a zip", "e-mail")
        packed.write(sample["zip"].file(given, folder), f"{inside}/ours.csv")
    (folder / given.name).unlink()
    return {"csv": named, **{name: folder / f"ours.{name}" for name in ("ndjson", "parquet", "zip")}}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Files of every format with canaries in them, and some of them as databases, dumps, Avro and single mails."""
    planter, given = Planter(), {}

    def folder(name):
        given[name] = tmp_path_factory.mktemp("given") / name
        given[name].mkdir()
        return given[name]

    for each in map_formats.shipped():
        sample, place = Sample(planter, each.name), folder(each.name)
        if each.name in SAMPLES:
            sample.posts(list(SAMPLES[each.name].rows), place / "posts.ndjson")
        else:
            for source in sorted((SHIPPED / each.name).iterdir()):
                sample.file(source, place)
    for name, kind, make in (
        ("shopify_tables", "SQLite", files.sqlite),
        ("mautic", "dump of MySQL", files.mysql),
        ("listmonk", "dump of Postgres", files.postgres),
    ):
        label = f"{name}, {kind}"
        make(folder(label), Sample(planter, name, label=label).tables(SHIPPED / name))
    sends = [
        json.loads(line) for line in (SHIPPED / "braze" / "currents.ndjson").read_text().splitlines()[:1]
    ]
    files.raw(
        folder("braze, Avro"), Sample(planter, "braze", label="braze, Avro").records(sends), "send.avro"
    )
    mails = (SHIPPED / "mailbox" / "Inbox.mbox").read_text(encoding="utf-8")
    Sample(planter, "mailbox", label="mailbox, Maildir").maildir(mails, folder("mailbox, Maildir"))
    _amazon(Sample(planter, "amazon", OURS), folder("amazon"))
    return planter, given | _in_our_columns(planter, tmp_path_factory.mktemp("ours"))


def _printed(*words: object) -> str:
    """What a command prints, to people and to scripts."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run([str(word) for word in words])
    assert code in (0, 1), (words, err.getvalue())
    return out.getvalue() + err.getvalue()


@pytest.fixture(scope="module")
def imported(planted, tmp_path_factory):
    """Two workspaces with all of them in it, so that no row is known from its like in another form; and what the imports printed."""
    _, given = planted
    place = tmp_path_factory.mktemp("imported")
    groups = {
        "one": [path for name, path in given.items() if name != "amazon" and "," not in name],
        "other": [path for name, path in given.items() if name == "amazon" or "," in name],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHYSENT_KEY_FILE", str(place / "key"))
        printed = []
        for name, paths in groups.items():
            Workspace.create(place / name)
            words = ("import", *paths, "--customer", "me", "--limits", "none", "--workspace", place / name)
            printed += [_printed(*words, "--json"), _printed(*words[:2], *words[-6:])]
        yield place, printed


def test_every_format_is_planted_and_taken(imported, planted):
    planter, given = planted
    reports = [json.JSONDecoder().raw_decode(text)[0] for text in imported[1][::2]]
    taken = {file["format"] for report in reports for file in report["files"] if file["accepted"]}
    registered = {each.name for each in formats.formats()}
    assert {name.partition(",")[0] for name in given} == registered == {*taken, "zip"}
    assert {name for name, _, _ in planter.planted.values()} == {*given, "a file"}
    assert {kind for _, _, kind in planter.planted.values()} == {*NAMED, *UNCAUGHT}


def test_no_byte_of_a_workspace_holds_an_identifier(imported, planted):
    found = set(planted[0].leaks(texts(imported[0])))
    assert sorted(leak for leak in found if leak[2] not in UNCAUGHT) == []
    assert {kind for _, _, kind in found} == {*UNCAUGHT}, "the documents say what cannot be caught"


def _every_command(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if inside := getattr(command, "commands", {}):
            yield from _every_command(command, f"{before}{name} ")
        if not inside or command.invoke_without_command:
            yield f"{before}{name}"


def _answers(ws: Path, place: Path) -> Iterator[tuple[str, str]]:
    """Each command that reads a workspace, and what it prints of this one, to people and to scripts."""
    rules = raw(place, CAP.encode(), "rules.toml")
    said = partial(_printed, "--workspace", ws)
    events = Workspace.open(ws).scan().collect().filter(pl.col("kind") == "message_sent")
    events = events.filter(pl.col("campaign_id").is_not_null()).sort("customer_id", "event_id")
    said("rules", "add", rules, "--yes")
    asked = {
        "formats": [], "formats show": ["shopify"], "map": [], "customers": [], "link": ["--list"],
        "segments list": [], "reconcile": [], "rules list": [], "rules show": ["cap"], "rules check": [rules], "rules diff": ["cap"],
        "rules history": [], "rules inbox": [], "rules kept": ["--preset", "klaviyo"], "rules presets": [], "simulate": [], "doctor": [],
        "sweep": ["--rule", "cap", "--limits", "1..2"], "audience": [events["campaign_id"][0]], "audit": ["--all"],
    }  # fmt: skip
    for command, words in asked.items():
        yield command, said(*command.split(), *words, "--json")
    customers = events["customer_id"].unique().sort().head(3)
    message = events.filter(pl.col("customer_id") == customers[0])["event_id"][0]
    for command, words in (
        *(("show", [customer, "--json"]) for customer in customers),
        *((command, [customers[0]]) for command in ("show", "audit", "report")), ("customers", []), ("map", []),
        ("segments history", [customers[0], "--json"]), ("why", [customers[0], "--message", message, "--json"]),
        ("why", [customers[0], "--message", message]), ("report", [customers[0], "--format", "json"]),
        ("report", [customers[0], "--kind", "reply"]),
    ):  # fmt: skip
        yield command, said(*command.split(), *words)
    for form in ("csv", "json", "braze", "words"):
        yield "rules handover", said("rules", "handover", "--format", form)
    yield (
        "rules export",
        said("rules", "export", place / "exported.toml") + (place / "exported.toml").read_text(),
    )
    said("audit", "--all", "--out", place / "findings.parquet")
    yield "audit", pl.read_parquet(place / "findings.parquet").write_ndjson()
    said("simulate", "--decisions", place / "decisions.parquet")
    yield "simulate", pl.read_parquet(place / "decisions.parquet").write_ndjson()


def test_no_output_says_an_identifier(planted, imported, tmp_path):
    place, printed = imported
    answers = [("import", text) for text in printed]
    for group in ("one", "other"):
        answers += _answers(place / group, tmp_path)
    leaks = {(command, *leak) for command, text in answers for leak in planted[0].leaks(text)}
    assert sorted(leak for leak in leaks if leak[3] not in UNCAUGHT) == []
    assert {*_every_command(commands.tree())} == {*READ, *NOT_LOOKED_AT}
    assert {command for command, text in answers if text} == READ


@pytest.mark.parametrize("name", ["ndjson", "mautic, dump of MySQL"])
def test_no_preview_of_a_file_says_an_identifier(planted, tmp_path, monkeypatch, name):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    file = planted[1][name]
    file = file if file.is_file() else next(path for path in file.rglob("*") if path.is_file())
    lines = [(line.name, line.values, line.doubt) for line in preview.form(file, {}).lines]
    events = preview.preview(Workspace.create(tmp_path / "ws"), file).events
    shown = {
        "suggested": _printed("map", "--suggest", file),
        "form": str(lines),
        "events": events.drop("customer_id").write_ndjson(),
    }
    leaks = {(place, *leak) for place, text in shown.items() for leak in planted[0].leaks(text)}
    assert sorted(leak for leak in leaks if leak[3] not in UNCAUGHT) == []
    assert all(text for text in shown.values())


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
