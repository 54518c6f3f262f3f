"""The documents as a site: it builds with no link broken, and nothing that we show anybody asks another host."""

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tui.command import Command
from tui import commands as command_line

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

LOADED = re.compile(
    r"""<(?:script|img|image|iframe|source|video|audio|embed|object|use|feimage)\b[^>]*?\b(?:src|srcset|data|href)="?\s*([^\s">]+)"""
    r"""|<link\b(?![^>]*\brel="?(?:canonical|prev|next|alternate)\b)[^>]*?\bhref="?\s*([^\s">]+)"""
    r"""|url\(["']?\s*([^"')]+)|@import\s+["']([^"']+)""",
    re.IGNORECASE,
)
"""Addresses that a browser fetches by itself; a link that a person may follow is none."""


def foreign(text: str) -> list[str]:
    """What showing `text` would ask another host for."""
    loaded = ["".join(found) for found in LOADED.findall(text)]
    return [address for address in loaded if re.match(r"([a-z]+:)?//", address, re.IGNORECASE)]


@pytest.fixture(scope="module")
def site() -> Path:
    if find_spec("zensical") is None:
        pytest.skip(
            "the group docs is not installed: python -m uv run --group docs pytest tests/test_site.py"
        )
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", DOCS / "zensical.toml"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return DOCS / ".site"


def test_every_page_is_on_the_site_and_in_its_contents(site: Path) -> None:
    pages = {page.with_suffix(".html").name for page in DOCS.glob("*.md")}
    assert pages | {"404.html"} == {page.name for page in site.glob("*.html")}


def test_the_site_asks_no_other_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert foreign(text) == [], page
        assert "Content-Security-Policy\" content=\"default-src 'self' " in text, page
    for sheet in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        assert foreign(sheet.read_text(encoding="utf-8")) == [], sheet


def test_the_contents_of_the_site_name_every_page() -> None:
    configured = tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))

    def named(entries: list[dict[str, object]]) -> set[object]:
        below = [value for entry in entries for value in entry.values()]
        return {page for value in below for page in (named(value) if isinstance(value, list) else {value})}

    assert named(configured["project"]["nav"]) == {page.name for page in DOCS.glob("*.md")}
    assert configured["project"]["theme"]["font"] is False


@pytest.mark.parametrize(
    "text",
    [
        '<img src="https://example.org/badge.svg">',
        "<script defer src=//cdn.example.org/x.js></script>",
        '<link rel="stylesheet" href="https://fonts.example.org/a.css">',
        "@font-face { src: url(https://cdn.example.org/a.woff2) }",
        '<image xlink:href="HTTPS://example.org/a.png">',
        '@import "https://example.org/a.css";',
    ],
)  # fmt: skip
def test_what_would_ask_another_host_is_noticed(text: str) -> None:
    assert len(foreign(text)) == 1
    assert foreign('<a href="https://example.org">x</a><img src="pictures/find.svg"><svg xmlns="http://www.w3.org/2000/svg">') == []  # fmt: skip


def test_pages_and_pictures_of_the_repository_ask_no_other_host() -> None:
    shown = [ROOT / "README.md", *DOCS.glob("*.md"), *DOCS.rglob("*.svg")]
    assert len(shown) > 15
    for file in shown:
        text = file.read_text(encoding="utf-8")
        assert foreign(text) == [], file
        assert re.findall(r"!\[[^\]]*\]\(((?:[a-z]+:)?//[^)\s]+)", text) == [], file


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "scene-01-nail-clipper"),
        ("report", "scene-01-nail-clipper", "--kind", "reply"),
        ("report", "scene-01-nail-clipper", "--kind", "reply", "--locale", "de"),
        ("simulate",),
        ("sweep", "--rule", "email-weekly-cap", "--limits", "1..3"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("form", ["html", "md"])
def test_reports_ask_no_other_host(
    scenes: Path,
    form: str,
    arguments: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whysent = Command(scenes, capsys, monkeypatch)
    done = whysent(*arguments, "--format", form)
    assert done.code == 0, done.err
    assert len(done.out) > 300
    assert foreign(done.out) == []
    assert "![" not in done.out
    assert ("<!doctype html>" in done.out.lower()) == (form == "html")


def test_the_container_runs_without_rights_and_fetches_nothing_but_packages() -> None:
    lines = (DOCS / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert {word for word, _ in steps} <= {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "ENV",
        "VOLUME",
        "ENTRYPOINT",
    }
    last = steps[max(at for at, (word, _) in enumerate(steps) if word == "FROM") :]
    assert ["USER", "whysent"] in last
    assert not any(word == "RUN" for word, _ in last[last.index(["USER", "whysent"]) :])
    assert ["ENTRYPOINT", '["whysent"]'] in last
    for word, rest in steps:
        assert "//" not in rest, rest
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    copied = {rest.split()[0] for word, rest in steps if word == "COPY"} | {
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"][
        "targets"
    ]["wheel"]
    needed = {*wheel["packages"], *wheel.get("force-include", {}), *wheel.get("shared-data", {})}
    assert {path.split("/")[0] for path in needed} <= copied


@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_every_command_that_a_page_shows_is_there(page: str) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    known = {words.split()[0] for words in command_line.commands(command_line.tree())}
    named = set(re.findall(r"(?:^|\s)whysent ([a-z]+)\b", "".join(blocks)))
    assert named
    assert named <= known
