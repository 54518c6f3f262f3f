"""What docs/formats.md shows can be used as it stands."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from audit import ingest
from audit.flows import campaign_map
from audit.ingest import map_language
from audit.ingest.amazon.datasets import book
from audit.ingest.amazon.reader import gives
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import by_source, counts

MAPS = (Path(__file__).parents[3] / "docs" / "maps.md").read_text("utf-8")
EXAMPLES = re.findall(
    r"## ([^\n]*)\n(?:(?!## ).)*?```toml\n(.*?)```\n((?:```[^\n]+\n[^`]*```\n)+?)```json\n(.*?)```\n(?!```)",
    MAPS,
    re.DOTALL,
)
FILES = re.compile(r"```(\w+)(?: ([^\n]+))?\n([^`]*)```\n")
PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")


def shown(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def written(place, text, name="map.toml"):
    path = place / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_table_map_is_a_table_map(tmp_path):
    text = shown("toml")[0]
    made = map_language.read(written(tmp_path, text))
    assert set(made.theirs()) == {"User", "When", "What", "Title", "Contact"}


@pytest.mark.parametrize("example", EXAMPLES, ids=[title for title, *_ in EXAMPLES])
def test_an_example_of_a_map_gives_the_events_it_says(ws, tmp_path, example):
    _, text, files, gives = example
    paths = [
        written(tmp_path, rows, name or f"rows.{language.replace('json', 'ndjson')}")
        for language, name, rows in FILES.findall(files)
    ]
    joined = [path for path in paths if path.name in text]
    ingest.import_paths(ws, [path for path in paths if path not in joined], map_file=written(tmp_path, text))
    said = [json.loads(line) for line in gives.splitlines()]
    events = [{**row, **attributes(row)} for row in by_source(ws).select(*said[0]).to_dicts()]
    expected = [{**row, "occurred_at": datetime.fromisoformat(row["occurred_at"])} for row in said]
    assert sorted(events, key=told) == sorted(expected, key=told)


def told(row):
    return [str(value) for value in row.values()]


def attributes(row):
    return {"attributes": json.loads(row["attributes"])} if row.get("attributes") else {}


def test_every_map_that_is_shown_is_such_an_example():
    assert len(EXAMPLES) == MAPS.count("```toml") > 0


def test_every_word_of_a_map_is_told():
    assert [
        key
        for key in map_language.KEYS
        if key not in ("format", "recognise") and f"`{key}`" not in MAPS.replace("[", "").replace("]", "")
    ] == []


def test_the_campaign_map_is_a_campaign_map_and_uses_every_key(tmp_path):
    made = campaign_map.read(written(tmp_path, shown("toml")[1]))
    assert made.height == 2
    assert [name for name in campaign_map.SCHEMA if made[name].null_count() == made.height] == []


def test_both_examples_of_our_own_columns_come_in_and_say_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    came_in = []
    for name, language in (("events.csv", "csv"), ("events.ndjson", "json")):
        ws = Workspace.create(tmp_path / language)
        report = ingest.import_paths(ws, [written(tmp_path, shown(language)[0], name)])
        assert counts(report) == (3, 3, 0, 0, 0)
        assert ws.resolve("mia@example.com") == ws.resolve("007")
        came_in.append(by_source(ws))
    one, other = came_in
    assert one.equals(other)
    assert one["attributes"].to_list() == ['{"loyalty_tier":"gold"}'] * 3


@pytest.mark.parametrize("name", [each.name for each in book().datasets])
def test_what_becomes_of_each_of_amazons_files_is_told(name):
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    (row,) = (row for row in rows if name in row.split("|")[1].strip().split(", "))
    dataset = next(each for each in book().datasets if each.name == name)
    kind = dataset.constants.get("kind")
    assert f"`{kind}`" in row or kind is None
    assert ("skipped" in row) == (dataset.why_skipped is not None)


def test_every_kind_that_amazons_export_gives_is_told():
    assert [kind for kind in gives() if f"`{kind}`" not in PAGE] == []
