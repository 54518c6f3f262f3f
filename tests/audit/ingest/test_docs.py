"""What docs/import.md shows can be used as it stands."""

import re
from pathlib import Path

from audit import campaigns
from audit.ingest import mapped

BLOCKS = re.findall(
    r"```toml\n(.*?)```", (Path(__file__).parents[3] / "docs" / "import.md").read_text("utf-8"), re.DOTALL
)


def written(place, text):
    path = place / "map.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_table_map_is_a_table_map_and_uses_every_key(tmp_path):
    made = mapped.read_map(written(tmp_path, BLOCKS[0]))
    assert made.theirs() == {"User", "When", "What", "Title", "Contact"}
    assert all(f"\n{key}" in f"\n{BLOCKS[0]}".replace("[", "") for key in mapped.KEYS)


def test_the_campaign_map_is_a_campaign_map(tmp_path):
    assert campaigns.read(written(tmp_path, BLOCKS[1])).height == 2
