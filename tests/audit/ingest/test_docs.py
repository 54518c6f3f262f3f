"""What docs/formats.md shows can be used as it stands."""

import re
from pathlib import Path

import pytest

from audit import ingest
from audit.flows import campaign_map
from audit.ingest import mapped
from audit.ingest.amazon.datasets import book
from audit.ingest.amazon.reader import gives
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import by_source, counts

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")


def shown(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def written(place, text, name="map.toml"):
    path = place / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_table_map_is_a_table_map_and_uses_every_key(tmp_path):
    text = shown("toml")[0]
    made = mapped.read_map(written(tmp_path, text))
    assert made.theirs() == {"User", "When", "What", "Title", "Contact"}
    assert all(f"\n{key}" in f"\n{text}".replace("[", "") for key in mapped.KEYS)


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
