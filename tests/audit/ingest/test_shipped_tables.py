"""Exports of several files and tables that ship as maps: a folder of each in `shipped/`, and the events agreed on."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from audit import ingest
from audit.ingest import formats
from audit.privacy import vault_tables
from audit.workspace.workspace import Workspace
from tests import golden
from tests.audit.ingest.files import by_source, counts, raw

SHIPPED = Path(__file__).parent / "shipped"
NAMES = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())
WITHOUT_UNKNOWN_COLUMNS = {"cdnow", "mailbox"}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def imported(name, tmp_path_factory):
    """A workspace with the folder of a format in it, and the account of that import."""
    folder = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHYSENT_KEY_FILE", str(folder / "key"))
        ws = Workspace.create(folder / "workspace")
        yield ws, ingest.import_paths(ws, [SHIPPED / name])


def told(ws):
    """Every event, without what is empty; ids are hashes of what stands there."""
    rows = by_source(ws).drop("event_id").sort("customer_id", "occurred_at", "kind", "attributes").to_dicts()
    filled = [{key: value for key, value in row.items() if value not in (None, [])} for row in rows]
    return "".join(sorted(json.dumps(row, default=str) + "\n" for row in filled))


def files(name):
    return sorted(path for path in (SHIPPED / name).iterdir() if path.suffix != ".golden")


def test_a_folder_is_known_by_what_is_in_it_and_becomes_these_events(imported, name):
    ws, report = imported
    assert {file.format for file in report.files} == {name}
    rows, accepted, duplicates, quarantined, skipped = counts(report)
    account = f"rows {rows}, accepted {accepted}, known {duplicates}, quarantined {quarantined}, skipped {skipped}\n"
    reasons = "".join(f"{number} {reason}\n" for reason, number in sorted(report.skipped_by_reason.items()))
    refused = "".join(f"{number} {reason}\n" for reason, number in sorted(report.refused_by_reason.items()))
    golden.hold(SHIPPED / f"{name}.golden", account + reasons + refused + told(ws))
    gives = set(next(each for each in formats.formats() if each.name == name).gives)
    assert set(by_source(ws)["kind"]) <= gives
    assert vault_tables.namesakes(ws.path / "vault.db", ws.generation.persons()) == {}


def test_identifiers_are_nowhere_but_in_the_vault_and_unknown_columns_are_kept(imported, name):
    ws, _ = imported
    stored = ws.scan().collect().write_ndjson()
    held = [path for path in ws.path.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    for secret in ("anary", "203.0.113.77", "5550123", "5550199"):
        assert secret not in stored
        assert [path.name for path in held if secret.encode() in path.read_bytes()] == []
    assert ("kept-as-it-is" in stored) == (name not in WITHOUT_UNKNOWN_COLUMNS)


def test_taken_again_zipped_or_packed_nothing_doubles(imported, tmp_path, name):
    ws, _ = imported
    first = told(ws)
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files(name):
            archive.write(file, f"export/{file.name}")
    again = ingest.import_paths(ws, [tmp_path / "export.zip"])
    assert (again.total("accepted"), again.updated, told(ws)) == (0, 0, first)
    other = Workspace.create(tmp_path / "other")
    ingest.import_paths(other, [tmp_path / "export.zip"])
    assert told(other) == first
    if len(files(name)) == 1:
        packed = raw(tmp_path, gzip.compress(files(name)[0].read_bytes()), f"{files(name)[0].name}.gz")
        assert ingest.import_paths(ws, [packed]).total("accepted") == 0


def test_headers_alone_hold_nothing_and_a_cut_file_loses_no_other_row(imported, ws, tmp_path, name):
    folder = tmp_path / "cut"
    folder.mkdir()
    for file in files(name):
        text = file.read_bytes()
        raw(folder, text[:-7] if b'"' not in text[-200:] or text[:1] == b"{" else text, file.name)
    cut = ingest.import_paths(ws, [folder], format=name)
    _, report = imported
    assert counts(cut)[0] == counts(report)[0] == sum(counts(cut)[1:])
    assert counts(cut)[3] <= counts(report)[3] + len(files(name))
