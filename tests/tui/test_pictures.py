"""The pictures of the documents show the program as it is."""

import re
from pathlib import Path

import pytest

from tests import pictures

KEPT = {file.name: file.read_text(encoding="utf-8") for file in pictures.FOLDER.glob("*.svg")}
LIGHT = [name for name in KEPT if name.endswith("-light.svg")]


def lines(picture: str) -> list[str]:
    """What stands in each line of a picture, whatever its colours."""
    return [
        "".join("".join(re.findall(r"<text[^>]*>([^<]*)", line)).split()) for line in picture.splitlines()
    ]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> dict[str, str]:
    """The pictures anew; of the light ones, which take as long again, the one that has all colours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_COLOR", raising=False)
        folder = pictures.small_demo(tmp_path_factory.mktemp("pictures") / "demo")
        return pictures.pictures(folder, light=["customer"])


def test_no_picture_is_stale(drawn: dict[str, str]) -> None:
    stale = {name for name, picture in drawn.items() if KEPT.get(name) != picture}
    stale |= {name for name in KEPT.keys() - set(LIGHT) if name not in drawn}
    dark = {name: name.replace("-light", "-dark") for name in LIGHT}
    stale |= {name for name in LIGHT if lines(KEPT[name]) != lines(drawn.get(dark[name], ""))}
    stale |= {f"{name}-light.svg" for name in pictures.SCREENS} - KEPT.keys()
    assert sorted(stale) == [], "stale pictures in docs/pictures; to make them anew: python -m tests.pictures"


def test_every_picture_is_small_and_moves_without_a_script() -> None:
    for name, picture in KEPT.items():
        assert len(picture) < (400_000 if name == "cast.svg" else 60_000), name
        assert not re.search(r"<script|<animate|<image|@font-face|@import|url\(|\bon[a-z]+=|href|=\"https?://(?!www\.w3\.org/2000/svg)", picture), name  # fmt: skip
        assert ("@keyframes" in picture) == (name == "cast.svg"), name


def test_the_documents_show_every_picture_in_light_and_dark() -> None:
    root = pictures.FOLDER.parents[1]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    shown = re.findall(r"pictures/([\w-]+\.svg)", "".join(page.read_text(encoding="utf-8") for page in pages))
    assert set(shown) == KEPT.keys()
